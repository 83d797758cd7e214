"""Rounding of log-probabilities to fewer bits, which makes compressed files smaller."""

from __future__ import annotations

import math

import numpy as np

from trajkit.probabilities import ROW_TOLERANCE
from trajkit.typing import AnyArray


def bits_to_keep(classes: int, bits: int | None, precision: float | None) -> int | None:
    """Choose how many bits of the mantissa to keep; None keeps all of them.

    Raises
    ------
    ValueError
        If both `bits` and `precision` are given, or either is out of range.

    Examples
    --------
    >>> bits_to_keep(10, bits=None, precision=1e-4)
    15
    """
    if bits is not None and precision is not None:
        raise ValueError("wanted precision or bits, got both: pass one of them")
    # Rounding changes the sum of a row by at most its entropy, log C or less, times 2^-(bits + 1). `load` checks the
    # sums, so a file of fewer bits could not be read back.
    least = max(1, math.ceil(math.log2(math.log(classes) / ROW_TOLERANCE)) - 1)
    if bits is not None and not least <= bits <= 23:
        raise ValueError(f"bits: wanted {least} to 23 for {classes} classes, got {bits}")
    if precision is None:
        return bits
    finest = 2 * math.log(classes) * 2.0**-24
    if not finest <= precision < 1:
        raise ValueError(f"precision: wanted {finest:.1g} to 1 for {classes} classes, or None, got {precision}")
    return max(least, math.ceil(math.log2(2 * math.log(classes) / precision)) - 1)


def round_mantissa(values: AnyArray, bits: int) -> AnyArray:
    """Round the mantissas of floats to `bits` bits; infinities and NaN stay as they are.

    Examples
    --------
    >>> round_mantissa(np.array([-0.7, -np.inf], np.float32), bits=4)
    array([-0.6875,    -inf], dtype=float32)
    """
    # The same numbers as netCDF's BitRound gives. That one would leave an attribute in the file, and the BitRound of
    # numcodecs comes with zarr alone, which files of netCDF do not need.
    drop = np.finfo(values.dtype).nmant - bits
    if drop == 0:
        return values
    raw: AnyArray = values.view(f"u{values.dtype.itemsize}")
    rounded = (raw + 2 ** (drop - 1)) >> drop << drop
    return np.where(np.isfinite(values), rounded.view(values.dtype), values)
