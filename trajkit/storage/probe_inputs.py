"""The inputs of a probe, of any kind: how many samples they hold, and what identifies them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from trajkit.numbers import as_numpy
from trajkit.typing import AnyArray


def parts(inputs: Any) -> Iterator[Any]:
    """Yield the single inputs of nested dicts and tuples.

    Examples
    --------
    >>> list(parts({"a": [1, 2], "b": ("x", "y")}))
    [[1, 2], 'x', 'y']
    """
    if isinstance(inputs, Mapping | tuple):
        for part in inputs.values() if isinstance(inputs, Mapping) else inputs:
            yield from parts(part)
    else:
        yield inputs


def sample_counts(inputs: Any) -> set[int]:
    """Return the numbers of samples that the inputs hold: one if they agree, none if they have no samples to count.

    Raises
    ------
    ValueError
        If an array has no dimension or masked values, a dict or tuple is empty, or so is every sample.

    Examples
    --------
    >>> sample_counts({"a": np.ones((2, 3)), "b": [[1], [2, 3]]}), sample_counts(iter("ab")), sample_counts(None)
    ({2}, set(), set())
    """
    singles = list(parts(inputs))
    if not singles:
        raise ValueError("an empty dict or tuple: wanted samples along the first dimension")
    if all(map(_is_of_empty_samples, singles)):
        raise ValueError("samples without entries: wanted at least one number, token or letter for some sample")
    return {count for single in singles if (count := _count(single)) is not None}


def _is_of_empty_samples(single: Any) -> bool:
    shape = getattr(single, "shape", None)
    if isinstance(shape, tuple):
        return 0 in shape[1:]
    # In lists of texts or tokens some may be empty, not all.
    return isinstance(single, list) and len(single) > 0 and all(hasattr(s, "__len__") and not len(s) for s in single)


def _count(single: Any) -> int | None:
    if np.ma.is_masked(single):
        raise ValueError("masked values, which a model does not see: fill them, such as inputs.filled(0)")
    if getattr(single, "is_nested", False):
        return int(single.size(0))
    if (shape := getattr(single, "shape", None)) is not None and not callable(shape):
        if not len(shape):
            raise ValueError("a single number: wanted samples along the first dimension")
        return int(shape[0])
    # A loader of batches has a length too, but not that of its samples; it has no items.
    return len(single) if hasattr(single, "__len__") and hasattr(single, "__getitem__") else None


def feed(value: Any, digest: Any) -> None:
    """Update a hash with the dtypes, shapes and values of nested inputs.

    Raises
    ------
    TypeError
        If something has no values that can be hashed.

    Examples
    --------
    >>> import hashlib
    >>> one, other = hashlib.sha256(), hashlib.sha256()
    >>> feed({"a": [1, 2], "b": "x"}, one), feed({"b": "x", "a": [1, 2]}, other)
    (None, None)
    >>> one.hexdigest() == other.hexdigest()
    True
    """
    if isinstance(value, Mapping):
        for key in sorted(value, key=str):
            digest.update(f"{key}:".encode())
            feed(value[key], digest)
    elif isinstance(value, list | tuple):
        digest.update(f"[{len(value)}]".encode())
        for item in value:
            feed(item, digest)
    elif value is None or isinstance(value, str | bytes | int | float | bool):
        digest.update(f"{type(value).__name__}{value!r};".encode())
    elif getattr(value, "is_nested", False):
        feed(list(value.unbind()), digest)
    elif is_sparse(value):
        digest.update(f"sparse{tuple(value.shape)}".encode())
        for array in _entries(value):
            feed(array, digest)
    elif hasattr(value, "__array__"):
        array = as_numpy(value)
        if array.dtype == object:
            feed(array.tolist(), digest)
            return
        # Little-endian, so that the hash is the same on every machine.
        little = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False))
        digest.update(f"{little.dtype.str}{little.shape}".encode())
        digest.update(little.tobytes())
    else:
        raise TypeError(
            f"the probe's inputs hold {type(value).__name__}, whose values cannot be hashed: wanted arrays, tensors, "
            "text or numbers. Or pass identity=, a text that changes if the inputs change"
        )


def is_sparse(value: Any) -> bool:
    """Say whether an array of scipy or a tensor of torch stores its nonzero entries only."""
    return hasattr(value, "tocoo") or str(getattr(value, "layout", "")).startswith("torch.sparse")


def _entries(value: Any) -> tuple[AnyArray, AnyArray]:
    """Return coordinates (dimension, entry) and values of the nonzero entries, in the order of a dense array."""
    if hasattr(value, "tocoo"):
        held = value.tocoo(copy=True)
        held.sum_duplicates()
        where, values = np.stack(held.coords), held.data
    else:
        held = value.detach().cpu().to_sparse_coo().coalesce()
        where, values = as_numpy(held.indices()), as_numpy(held.values())
    kept = np.lexsort(where[::-1])
    kept = kept[values[kept] != 0]
    return where[:, kept].astype(np.int64), values[kept]
