"""From settings to a recorded run: what one worker does, and what is kept of it beside its trajectory."""

from __future__ import annotations

import json
import subprocess
import time
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from trajkit.recording import RecordAt, Recorder
from trajkit.storage.atomic import whole
from trajkit.storage.run_file import SUFFIX, file_name
from trajkit.zoo.architectures import ARCHITECTURES
from trajkit.zoo.data import Data, DataSettings, load_data, noisy_labels
from trajkit.zoo.settings import Settings
from trajkit.zoo.train_seeds_together import train_together
from trajkit.zoo.training import Diverged, network, steps, train, updates_per_epoch

Outcome = dict[str, Any]
STATES = ("trained", "diverged", "crashed")
_OUTCOMES = "outcomes"


@dataclass(frozen=True)
class Plan:
    """What all runs of a grid share: its name, the data, how many checkpoints, where to and on what device.

    `checkpoints` is a number, or "published" for the steps of arXiv 2305.01604.
    """

    grid: str
    data: DataSettings
    checkpoints: int | str
    out: str
    device: str = "cpu"

    def describe(self) -> dict[str, Any]:
        """Describe what must agree for runs to be of one grid; folders may move, and machines change."""
        data = {name: value for name, value in asdict(self.data).items() if name not in ("path", "description")}
        return {"grid": self.grid, "data": data, "checkpoints": self.checkpoints}


def run(settings: Sequence[Settings], plan: Plan) -> list[Outcome]:
    """Train and record one network, or several together that differ in their seed alone, and keep what became of them.

    Returns
    -------
    list of dict
        For each network its `state`, "trained", "diverged" or "crashed", and errors, seconds and the reason.
    """
    started = time.perf_counter()
    try:
        outcomes = _train(settings, plan)
    except Exception:  # Whatever goes wrong in one run must not end the others: it is kept, with its traceback.
        outcomes = [{"state": "crashed", "reason": traceback.format_exc()} for _ in settings]
    for s, outcome in zip(settings, outcomes, strict=True):
        outcome["seconds"] = round((time.perf_counter() - started) / len(settings), 3)
        keep(s, plan, outcome)
    return outcomes


def keep(settings: Settings, plan: Plan, outcome: Outcome) -> None:
    """Write what became of a run, whole or not at all: from then on it counts as finished."""
    about = {
        "run": settings.run,
        "settings": asdict(settings),
        "commit": commit(),
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if plan.device == "cuda" else "cpu",
        "description": plan.data.description,
        **plan.describe(),
    }
    path = outcome_file(Path(plan.out), settings.run)
    path.parent.mkdir(exist_ok=True)
    with whole(path, overwrite=True) as part:
        part.write_text(json.dumps(about | outcome, indent=1, ensure_ascii=False), encoding="utf-8")


def outcome_file(out: Path, run: str) -> Path:
    """Name the file that says what became of a run."""
    return out / _OUTCOMES / (file_name(run).removesuffix(SUFFIX) + ".json")


def read_outcomes(out: Path) -> dict[str, Outcome]:
    """Read what became of the finished runs in a folder, by run."""
    read = (json.loads(path.read_text(encoding="utf-8")) for path in sorted((out / _OUTCOMES).glob("[!.]*.json")))
    return {outcome["run"]: outcome for outcome in read}


def record_at(settings: Settings, samples: int, checkpoints: int | str) -> RecordAt:
    """Choose the steps at which a run is recorded; of a run from a corner, a third are on the way there.

    Examples
    --------
    >>> sorted(record_at(Settings("linear", "sgd", 0.1, epochs=10, batch_size=10), 100, 6).steps)
    [0, 5, 15, 30, 56, 100]
    """
    if checkpoints == "published":
        after = RecordAt.published(updates_per_epoch(settings, samples), settings.epochs)
    else:
        n = int(checkpoints) - (int(checkpoints) // 3 if settings.corner_steps else 0)
        after = RecordAt.log_spaced(n, last=settings.epochs * updates_per_epoch(settings, samples))
    if not settings.corner_steps:
        return after
    n = len(after.steps) // 2 if checkpoints == "published" else int(checkpoints) // 3
    before = RecordAt.log_spaced(max(n + 1, 2), last=settings.corner_steps)
    return before | RecordAt(settings.corner_steps + step for step in after.steps)


def attributes(settings: Settings, data: Data) -> dict[str, str | int | float | bool]:
    """Attributes of a run, as they are recorded: its settings and the number of its parameters."""
    with torch.device("meta"):  # shapes without numbers: enough to count them
        model = ARCHITECTURES[settings.architecture].build(
            data.shape, len(data.probe.classes), size=settings.size, width=settings.width
        )
    held = {name: value for name, value in asdict(settings).items() if name != "decay" or data.is_sloppy}
    return {"run": settings.run, **held, "parameters": sum(p.numel() for p in model.parameters())}


@cache
def commit() -> str:
    """Name the commit of this program; outside a checkout, the version of trajkit."""
    folder = Path(__file__).parent
    git = ["git", "-c", "safe.directory=*", "-C", str(folder)]
    try:
        head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        changed = subprocess.run([*git, "status", "--porcelain", "--", "."], capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return f"trajkit {version('trajkit')}"
    return head + (" with changes" if changed else "")


def _train(settings: Sequence[Settings], plan: Plan) -> list[Outcome]:
    first = settings[0]
    data = load_data(plan.data, plan.device).with_decay(first.decay)
    label = noisy_labels(data.train_label, first.label_noise, shuffle=first.shuffle_labels)
    classes = len(data.probe.classes)
    models = [network(s, data.shape, classes).to(plan.device) for s in settings]
    at = record_at(first, len(label), plan.checkpoints)
    per_epoch = updates_per_epoch(first, len(label))
    with ExitStack() as stack:
        recorders = []
        for s in settings:
            # What an earlier process left that was killed: a run begins again.
            (Path(plan.out) / file_name(s.run)).unlink(missing_ok=True)
            recorders.append(stack.enter_context(Recorder(plan.out, data.probe, run=attributes(s, data))))
        # That runs diverge is what the outcomes say.
        stack.enter_context(warnings.catch_warnings())
        warnings.filterwarnings("ignore", message=r"run '.*' diverged", category=RuntimeWarning)
        for step, networks in _stream(models, data.train, label, settings):
            for recorder, model in zip(recorders, networks, strict=True):
                if model is None:
                    # It diverged between two checkpoints: the recorder marks a run whose predictions are NaN.
                    recorder(lambda inputs: torch.full((len(inputs), classes), torch.nan), step, step / per_epoch)
                elif step in at:
                    recorder(model, step, step / per_epoch)
            if all(recorder.diverged_at is not None for recorder in recorders):
                break
    return [
        {"state": "diverged", "reason": f"not finite at step {recorder.diverged_at}"}
        if recorder.diverged_at is not None
        else {
            "state": "trained",
            "train_error": error(model, data.train, label),
            "test_error": error(model, data.test, data.test_label),
            "steps": steps(first, len(label)),
        }
        for recorder, model in zip(recorders, models, strict=True)
    ]


def _stream(
    models: list[nn.Module], inputs: Tensor, label: Tensor, settings: Sequence[Settings]
) -> Iterator[tuple[int, Sequence[nn.Module | None]]]:
    """Train one or several networks; None stands for one that diverged."""
    if len(models) > 1:
        yield from train_together(models, inputs, label, settings)
        return
    try:
        for step, model in train(models[0], inputs, label, settings[0]):
            yield step, [model]
    except Diverged as error:
        yield error.step, [None]


@torch.no_grad()
def error(model: nn.Module, inputs: Tensor, label: Tensor, batch_size: int = 500) -> float:
    """Share of samples whose most probable class is not their label."""
    model.eval()
    pieces = zip(torch.split(inputs, batch_size), torch.split(label, batch_size), strict=True)
    wrong = sum(int((model(batch).argmax(1) != truth).sum()) for batch, truth in pieces)
    return wrong / len(label)
