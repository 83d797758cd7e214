"""Laws of the Lightning callback: it records each update, and training is not changed."""

from pathlib import Path
from typing import Any

import lightning
import torch
from noted_predictions import INPUTS, LABEL, PROBE, Noted, assert_recorded
from torch.nn import functional
from trainings import Net, by_hand

import trajkit as tk

QUIET: dict[str, Any] = {"logger": False, "accelerator": "cpu", "log_every_n_steps": 1}
QUIET |= {f"enable_{what}": False for what in ("checkpointing", "progress_bar", "model_summary")}


class Module(lightning.LightningModule):  # type: ignore[misc]
    def __init__(self, noted: Noted) -> None:
        super().__init__()
        self.net, self.noted = Net(), noted

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x)

    def training_step(self, batch: list[torch.Tensor], index: int) -> torch.Tensor:
        # Predictions before an update are those after the previous one.
        if self.global_step not in self.noted:
            self.noted[self.global_step] = by_hand(self.net)
        return functional.cross_entropy(self(batch[0]), batch[1])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=0.05)


def train(record: tk.Recorder | None, noted: Noted, **options: Any) -> torch.nn.Module:
    lightning.seed_everything(1, verbose=False)
    module = Module(noted)
    data = torch.utils.data.TensorDataset(torch.from_numpy(INPUTS), torch.from_numpy(LABEL))
    trainer = lightning.Trainer(
        callbacks=[tk.integrations.lightning_callback(record)] if record else [],
        **QUIET,
        **{"max_epochs": 2} | options,
    )
    trainer.fit(module, torch.utils.data.DataLoader(data, batch_size=4, shuffle=True))
    noted[trainer.global_step] = by_hand(module.net)
    return module


def test_lightning__records_each_update_and_leaves_training_as_it_is(tmp_path: Path) -> None:
    noted: Noted = {}
    with tk.Recorder(tmp_path, PROBE, run="lightning") as record:
        recorded = train(record, noted).state_dict()
    assert list(noted) == list(range(7))
    assert_recorded(tk.load(tmp_path), noted, epochs=[k / 3 for k in range(7)])
    alone = train(None, {}).state_dict()
    assert all(torch.equal(weight, alone[name]) for name, weight in recorded.items())


def test_lightning__counts_updates_and_not_batches(tmp_path: Path) -> None:
    noted: Noted = {}
    with tk.Recorder(tmp_path, PROBE, run="lightning") as record:
        train(record, noted, accumulate_grad_batches=2, max_epochs=3)
    # Three batches an epoch: one update after the second, one after the last.
    assert list(noted) == list(range(7))
    assert_recorded(tk.load(tmp_path), noted)


def test_lightning__records_at_chosen_steps_and_resumes(tmp_path: Path) -> None:
    noted: Noted = {}
    at = tk.RecordAt(every=2)
    with tk.Recorder(tmp_path, PROBE, run="lightning", at=at) as record:
        train(record, {}, max_epochs=1)
    assert tk.load(tmp_path).step.values.tolist() == [[0, 2]]
    with tk.Recorder(tmp_path, PROBE, run="lightning", at=at, resume=True) as record:
        train(record, noted, max_epochs=2)
    assert_recorded(tk.load(tmp_path), {step: noted[step] for step in (0, 2, 4, 6)})
