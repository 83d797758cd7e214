"""One job of a grid: train one network, or several seeds together, and record them."""

from __future__ import annotations

import time
import traceback
import warnings
from collections.abc import Container, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn

from trajkit.recording import RecordAt, Recorder
from trajkit.storage.run_file import find_file
from trajkit.zoo.architectures import ARCHITECTURES
from trajkit.zoo.data import Data, load_data, noisy_labels
from trajkit.zoo.divergence import Diverged
from trajkit.zoo.outcomes import Outcome, Plan, write_outcome
from trajkit.zoo.settings import Settings
from trajkit.zoo.time_limit import OutOfTime
from trajkit.zoo.train_seeds_together import train_seeds_together
from trajkit.zoo.training import network, precision, steps, train_network, updates_per_epoch

# `seed` is recorded as `replicate`: it numbers the runs of a configuration, whose seeds are others. `start_step` says
# what `corner_steps` says, and is no setting: the corner and its steps would always differ together.
_NOT_RECORDED = ("seed", "init_seed", "order_seed", "corner_steps")


def run_job(settings: Sequence[Settings], plan: Plan) -> list[Outcome] | None:
    """Train and record one network, or several that differ only in their seed, and write their outcomes.

    Returns
    -------
    list of dict
        For each network its `state` ("trained", "diverged" or "crashed"), errors, seconds and the reason of a failure.
        None if the time limit of the plan ended the job: its runs stay pending.
    """
    started = time.perf_counter()
    try:
        outcomes = _train_and_record(settings, plan)
    except OutOfTime:
        for s in settings:
            _run_file(s, plan).unlink()
        return None
    # An error in one run must not end the others; its traceback is kept.
    except Exception:
        outcomes = [{"state": "crashed", "reason": traceback.format_exc()} for _ in settings]
    for s, outcome in zip(settings, outcomes, strict=True):
        outcome["seconds"] = round((time.perf_counter() - started) / len(settings), 3)
        write_outcome(s, plan, outcome)
    return outcomes


def record_at(settings: Settings, samples: int, checkpoints: int | str) -> RecordAt:
    """Choose the steps at which a run is recorded; a run with a corner is recorded from there on.

    Examples
    --------
    >>> sorted(record_at(Settings("linear", "sgd", 0.1, epochs=10, batch_size=10), 100, 6).steps)
    [0, 5, 15, 30, 56, 100]
    """
    per_epoch = updates_per_epoch(settings, samples)
    if checkpoints == "published":
        after = RecordAt.published(per_epoch, settings.epochs)
    else:
        after = RecordAt.log_spaced(int(checkpoints), last=settings.epochs * per_epoch)
    return RecordAt(settings.corner_steps + step for step in after.steps)


def attributes(settings: Settings, data: Data) -> dict[str, str | int | float | bool]:
    """Attributes of a run, as they are recorded: its settings, seeds, start and number of parameters.

    Examples
    --------
    >>> from trajkit.zoo import DataSettings
    >>> data = load_data(DataSettings("digits"))
    >>> made = attributes(Settings("fc", "adam", 0.001, init="corner-200", corner_steps=90), data)
    >>> made["run"], made["start_step"], made["parameters"]
    ('fc-256-adam-0.001-0-init=corner-200-corner_steps=90', 90, 60202)
    """
    with torch.device("meta"):  # Shapes without numbers are enough to count parameters.
        model = ARCHITECTURES[settings.architecture].build(
            data.shape, len(data.probe.classes), size=settings.size, width=settings.width
        )
    made = {name: value for name, value in asdict(settings).items() if name not in _NOT_RECORDED and value is not None}
    if not data.is_sloppy:
        del made["decay"]
    return {"run": settings.run} | made | {
        "width": settings.width,
        "replicate": settings.seed,
        "init_seed": settings.seeds.init,
        "order_seed": settings.seeds.order,
        "start_step": settings.corner_steps,
        "parameters": sum(p.numel() for p in model.parameters()),
    }  # fmt: skip


def _train_and_record(settings: Sequence[Settings], plan: Plan) -> list[Outcome]:
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
            # A process that was killed may have left a part of the run, which begins again.
            _run_file(s, plan).unlink(missing_ok=True)
            recorders.append(stack.enter_context(Recorder(plan.out, data.probe, run=attributes(s, data))))
        # The outcomes say which runs diverged; a warning would say it twice.
        stack.enter_context(warnings.catch_warnings())
        warnings.filterwarnings("ignore", message=r"run '.*' diverged", category=RuntimeWarning)
        for step, networks in _stream(models, data.train, label, settings, at, plan):
            plan.check_time()
            for recorder, model in zip(recorders, networks, strict=True):
                if isinstance(model, Diverged):
                    # It may have diverged between two checkpoints: the recorder marks a run at its first NaN.
                    recorder(
                        lambda inputs: torch.full((len(inputs), classes), torch.nan), model.step, model.step / per_epoch
                    )
                elif step in at:
                    with precision(data.train.device):
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
            "images": steps(first, len(label)) * first.batch_size,
        }
        for recorder, model in zip(recorders, models, strict=True)
    ]


def _run_file(settings: Settings, plan: Plan) -> Path:
    return find_file(Path(plan.out), settings.run)


def _stream(
    models: list[nn.Module],
    inputs: Tensor,
    label: Tensor,
    settings: Sequence[Settings],
    check_at: Container[int],
    plan: Plan,
) -> Iterator[tuple[int, Sequence[nn.Module | Diverged]]]:
    """Train one or several networks."""
    if len(models) > 1:
        yield from train_seeds_together(models, inputs, label, settings, check_at=check_at)
        return
    stream = train_network(models[0], inputs, label, settings[0], check_at=check_at, compile=plan.compile)
    try:
        yield from ((step, [model]) for step, model in stream)
    except Diverged as error:
        yield error.step, [error]


@torch.no_grad()
def error(model: nn.Module, inputs: Tensor, label: Tensor, batch_size: int = 500) -> float:
    """Share of samples whose most probable class is not their label."""
    model.eval()
    pieces = zip(torch.split(inputs, batch_size), torch.split(label, batch_size), strict=True)
    with precision(inputs.device):
        # Summed on the device, which is waited for once.
        wrong = torch.stack([(model(batch).argmax(1) != truth).sum() for batch, truth in pieces]).sum()
    return int(wrong) / len(label)
