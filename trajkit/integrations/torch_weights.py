"""A loader of saved weights for `record_checkpoints`."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class TorchWeights:
    """Load weights that were saved with torch, safetensors or Lightning into a network.

    Files `.safetensors` need the package safetensors. Other files are read by `torch.load` with `weights_only=True`,
    which executes no code. Of a checkpoint that holds more than weights, such as one of Lightning, `state_dict` or
    `model` is taken. All weights must fit.

    Parameters
    ----------
    build
        A function without arguments that gives a network with the right shapes.
    prefix
        Beginning of the names of the weights in the file that the network's own names lack, such as "model." for a
        Lightning module that holds the network as `self.model`. Weights without it are left out.

    Examples
    --------
    >>> import tempfile, torch, trajkit as tk
    >>> from functools import partial
    >>> load = tk.integrations.TorchWeights(partial(torch.nn.Linear, 2, 3))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     network = torch.nn.Linear(2, 3)
    ...     torch.save(network.state_dict(), f"{folder}/step0.pt")
    ...     bool((load(f"{folder}/step0.pt").weight == network.weight).all())
    True
    """

    build: Callable[[], Any]
    prefix: str = ""

    def __call__(self, path: str | os.PathLike[str]) -> Any:
        """Give the network with the weights of `path`.

        Raises
        ------
        ValueError
            If the file holds no weights, or they do not fit the network.
        """
        held = _read(Path(path))
        weights = {name.removeprefix(self.prefix): w for name, w in held.items() if name.startswith(self.prefix)}
        network = self.build()
        try:
            network.load_state_dict(weights)
        except RuntimeError as error:
            why = " ".join(str(error).split())
            raise ValueError(f"{path}: the weights do not fit the network ({why}); is prefix= right?") from error
        return network


def _read(path: Path) -> dict[str, Any]:
    """Read weights by name."""
    import torch

    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return dict(load_file(path))
    held = torch.load(path, map_location="cpu", weights_only=True)
    for name in ("state_dict", "model"):
        if isinstance(held, dict) and isinstance(held.get(name), dict):
            held = held[name]
    if not isinstance(held, dict) or not all(isinstance(weight, torch.Tensor) for weight in held.values()):
        raise ValueError(f"{path}: wanted weights by name (a state_dict), got {type(held).__name__}")
    return held
