"""The outcome of each run: a JSON file beside its trajectory, written when the run has ended."""

from __future__ import annotations

import json
import math
import subprocess
import time
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch

from trajkit.schema import installed_version
from trajkit.storage.atomic import atomic_write
from trajkit.storage.run_file import SUFFIX, file_name
from trajkit.zoo.data import DataSettings
from trajkit.zoo.settings import Settings
from trajkit.zoo.time_limit import OutOfTime

Outcome = dict[str, Any]
STATES = ("trained", "diverged", "crashed")
# Folder of the outcomes, in the folder of the runs.
OUTCOMES = "outcomes"


@dataclass(frozen=True)
class Plan:
    """What all runs of a grid share: its name, the data, the checkpoints, the folder of the runs and the device.

    `checkpoints` is a number, or "published" for the steps of arXiv 2305.01604. `follows` names settings that follow
    from others. `end` is the time, in seconds since 1970, at which training ends, finished or not.
    """

    grid: str
    data: DataSettings
    checkpoints: int | str
    out: str
    device: str = "cpu"
    follows: tuple[str, ...] = ()
    compile: bool = False
    end: float = math.inf

    def check_time(self) -> None:
        """Raise `OutOfTime` at the end."""
        if time.time() > self.end:
            raise OutOfTime

    def describe(self) -> dict[str, Any]:
        """Describe what must agree between runs of one grid; where and how they are trained may differ."""
        data = {name: value for name, value in asdict(self.data).items() if name not in ("path", "description")}
        return {"grid": self.grid, "data": data, "checkpoints": self.checkpoints, "follows": list(self.follows)}


def write_outcome(settings: Settings, plan: Plan, outcome: Outcome) -> None:
    """Write the outcome of a run atomically; a run with this file counts as finished."""
    about = {
        "run": settings.run,
        "settings": asdict(settings),
        "commit": commit(),
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if plan.device == "cuda" else "cpu",
        "description": plan.data.description,
        **plan.describe(),
    }
    path = Path(plan.out, OUTCOMES, file_name(settings.run).removesuffix(SUFFIX) + ".json")
    path.parent.mkdir(exist_ok=True)
    with atomic_write(path, overwrite=True) as part:
        part.write_text(json.dumps(about | outcome, indent=1, ensure_ascii=False), encoding="utf-8")


def read_outcomes(out: Path) -> dict[str, Outcome]:
    """Read the outcomes of the finished runs in a folder, by run."""
    files = sorted(out.glob(f"{OUTCOMES}/[!.]*.json"))
    return {outcome["run"]: outcome for outcome in (json.loads(file.read_text(encoding="utf-8")) for file in files)}


@cache
def commit() -> str:
    """Commit of this program; outside a checkout, the version of trajkit."""
    git = ["git", "-c", "safe.directory=*", "-C", str(Path(__file__).parent)]
    try:
        head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        changed = subprocess.run([*git, "status", "--porcelain", "--", "."], capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return f"trajkit {installed_version()}"
    return head + (" with changes" if changed else "")
