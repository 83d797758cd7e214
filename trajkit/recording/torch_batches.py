"""The inputs of a probe in batches, as a torch module takes them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from trajkit.storage.probe_inputs import is_sparse, parts, sample_counts


def in_batches(model: nn.Module, inputs: Any, batch_size: int) -> Iterator[tuple[slice, Any]]:
    """Yield slices of the inputs and their values: tensors on the device of the module and in its precision.

    What is no tensor stays as it is: text, lists of different lengths, matrices of scipy. What cannot be cut, such as
    a loader or no inputs at all, comes in one piece.

    Examples
    --------
    >>> [(piece.start, batch.tolist()) for piece, batch in in_batches(nn.Linear(1, 2), np.ones((3, 1)), batch_size=2)]
    [(0, [[1.0], [1.0]]), (2, [[1.0]])]
    """
    counts = sample_counts(inputs)
    if len(counts) != 1 or not all(_can_be_cut(part) for part in parts(inputs)):
        yield slice(None), inputs
        return
    (samples,) = counts
    held = chain(model.parameters(), model.buffers())
    like = next((tensor for tensor in held if tensor.is_floating_point()), torch.empty(0))
    # All inputs at once: a batch of equally long lists must not become a tensor if other batches cannot.
    tensors = _mapped(inputs, _as_tensor)
    for start in range(0, samples, batch_size):
        piece = slice(start, min(start + batch_size, samples))
        yield piece, _mapped(tensors, partial(_cut, piece=piece, like=like))


def call_module(model: nn.Module, batch: Any) -> Any:
    """Call a module on a batch; a dict whose keys are parameters of `forward` is passed by name.

    Raises
    ------
    TypeError
        If the module does not take such inputs.

    Examples
    --------
    >>> call_module(nn.Identity(), {"input": torch.ones(2)})
    tensor([1., 1.])
    """
    if isinstance(batch, Tensor) and batch.layout == torch.strided and not batch.is_nested:
        return model(batch)
    try:
        return model(**batch) if _is_named(model, batch) else model(batch)
    except (TypeError, AttributeError, NotImplementedError) as error:
        raise TypeError(
            f"{type(model).__name__} cannot be called on {_described(batch)} ({error}). Pass predict=, a function of "
            "the model and the inputs, such as predict=lambda model, inputs: model(to_tensors(inputs)), where "
            "to_tensors is yours"
        ) from error


def _described(batch: Any) -> str:
    if batch is None:
        return "a probe without inputs"
    keys = f" with the keys {list(batch)}" if isinstance(batch, Mapping) else ""
    return f"the inputs of this probe, {type(batch).__name__}{keys}"


def _is_named(model: nn.Module, batch: Any) -> bool:
    if not isinstance(batch, Mapping):
        return False
    # Wrappers such as `DataParallel` take anything.
    while isinstance(inner := getattr(model, "module", getattr(model, "_orig_mod", None)), nn.Module):
        model = inner
    return set(batch) <= set(inspect.signature(model.forward).parameters)


def _can_be_cut(part: Any) -> bool:
    return isinstance(part, Tensor | list) or hasattr(part, "__array__") or is_sparse(part)


def _mapped(inputs: Any, function: Callable[[Any], Any]) -> Any:
    if isinstance(inputs, Mapping):
        return {key: _mapped(value, function) for key, value in inputs.items()}
    if isinstance(inputs, tuple):
        return tuple(_mapped(value, function) for value in inputs)
    return function(inputs)


def _as_tensor(part: Any) -> Any:
    if isinstance(part, Tensor):
        return part
    if is_sparse(part):
        return part.tocsr()
    if isinstance(part, list) and any(isinstance(item, Tensor) for item in part):
        return torch.stack(part) if len({getattr(item, "shape", None) for item in part}) == 1 else part
    try:
        array = np.asarray(part)
    except ValueError:  # lists of different lengths
        return part
    return torch.from_numpy(array) if array.dtype.kind in "biuf" else part


def _cut(part: Any, piece: slice, like: Tensor) -> Any:
    if isinstance(part, Tensor):
        return _moved(_cut_tensor(part, piece), like)
    if isinstance(part, list):
        return [_moved(item, like) if isinstance(item, Tensor) else item for item in part[piece]]
    return part[piece]


def _cut_tensor(tensor: Tensor, piece: slice) -> Tensor:
    if tensor.is_nested:
        return torch.nested.as_nested_tensor(list(tensor.unbind()[piece]), layout=tensor.layout)
    if tensor.layout == torch.strided:
        return tensor[piece]
    taken = tensor.to_sparse(layout=torch.sparse_coo).index_select(
        0, torch.arange(piece.start, piece.stop, device=tensor.device)
    )
    return taken.to_sparse(layout=tensor.layout)


def _moved(tensor: Tensor, like: Tensor) -> Tensor:
    moved = tensor.to(like.device)
    return moved.to(like.dtype) if moved.is_floating_point() else moved
