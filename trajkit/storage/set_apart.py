"""What a file format would change, or read as an instruction, is written apart as JSON and put back when it is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from trajkit.storable import name_problem, text_problem

_APART = "trajkit_apart"
# xarray decodes values by these attributes, and takes the attributes away.
_DECODED = {
    *("scale_factor", "add_offset", "_FillValue", "missing_value", "_Unsigned", "_Encoding", "dtype"),
    *("units", "calendar", "coordinates", "grid_mapping", "least_significant_digit"),
}
# HDF5 has its own attributes of these names.
_HDF5 = {"CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST"}


def set_apart(ds: xr.Dataset) -> xr.Dataset:
    """Write down which coordinates have a space in their name, and the attributes that a format does not give back.

    The lists of coordinates in files are cut at spaces. An attribute `scale_factor` would multiply the values, `units`
    such as "days since 2000-01-01" would make dates of them; a list of one entry would come back without the list.

    Examples
    --------
    >>> ds = xr.Dataset(coords={"batch size": ("run", [1, 2], {"scale_factor": 2.0, "tried": [8]})})
    >>> put_back(set_apart(ds)).identical(ds)
    True
    """
    # Any white space, as `str.split` sees it: xarray cuts at a no-break space too.
    spaced = [str(name) for name in ds.coords if str(name).split() != [str(name)]]
    attributes = {"": _apart(ds.attrs), **{str(k): _apart(v.attrs, v.dtype) for k, v in ds.variables.items()}}
    attributes = {name: held for name, held in attributes.items() if held}
    if not spaced and not attributes:
        return ds
    out = ds.copy(deep=False).reset_coords(spaced)
    for name, held in attributes.items():
        changed = out if name == "" else out[name]
        changed.attrs = {key: value for key, value in changed.attrs.items() if key not in held}
    text = json.dumps({"coordinates": spaced, "attributes": attributes}, default=_plain)
    return out.assign_attrs({_APART: text})


def put_back(ds: xr.Dataset) -> xr.Dataset:
    """Undo `set_apart`.

    Raises
    ------
    OSError
        If what was set apart is damaged.

    Examples
    --------
    >>> put_back(xr.Dataset({"x": ("run", [1])})).coords
    Coordinates:
        *empty*
    """
    if _APART not in ds.attrs:
        return ds
    try:
        held = json.loads(ds.attrs[_APART])
        out = ds.set_coords(held["coordinates"])
        del out.attrs[_APART]
        for name, attributes in held["attributes"].items():
            (out if name == "" else out[name]).attrs.update(attributes)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise OSError(f"the attribute {_APART!r} is damaged ({type(error).__name__}: {error})") from error
    return out


def _apart(attributes: Mapping[Any, Any], dtype: Any = None) -> dict[str, Any]:
    # Dates are numbers in a file, and have their own units there.
    lost = {"units"} if getattr(dtype, "kind", "") == "M" else set()
    return {k: v for k, v in attributes.items() if k in lost or not (_keeps_name(k) and _keeps(k, v))}


def _keeps_name(name: str) -> bool:
    return name_problem(name) is None and name[0] != "_" and name not in {*_HDF5, _APART}


def _keeps(name: str, value: Any) -> bool:
    """Say whether netCDF and zarr give this attribute back."""
    if name in _DECODED and not (name == "units" and isinstance(value, str) and " since " not in value):
        return False
    if isinstance(value, str):
        return text_problem([value]) is None
    if isinstance(value, list) and len(value) > 1 and all(isinstance(v, str) for v in value):
        return text_problem(value) is None
    if isinstance(value, list | tuple) and len({type(v) for v in value}) == 1 and not np.ndim(value[0]):
        value = np.asarray(value)
    if isinstance(value, bool) or not isinstance(value, int | float | np.generic | np.ndarray):
        return False
    array = np.asarray(value)
    return array.dtype.str in ("<i8", "<f8", "<f4") and (array.ndim == 0 or (array.ndim == 1 and array.size > 1))


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} in an attribute")
