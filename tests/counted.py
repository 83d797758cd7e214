"""Arrays that count what is read of them, as arrays in files would be read."""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing


class Counted(BackendArray):
    """An array that counts the bytes that are read of it, in all and at a time."""

    def __init__(self, values: NDArray[Any]) -> None:
        self.values, self.shape, self.dtype = values, values.shape, values.dtype
        self.read, self.largest = 0, 0

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._piece)

    def _piece(self, key: tuple[Any, ...]) -> NDArray[Any]:
        out = np.asarray(self.values[key])
        self.read, self.largest = self.read + out.nbytes, max(self.largest, out.nbytes)
        return out

    def lazy(self, like: xr.DataArray) -> xr.DataArray:
        """Give a lazy array with the names of `like`."""
        return xr.DataArray(
            xr.Variable(like.dims, indexing.LazilyIndexedArray(self)), attrs=like.attrs, coords=like.coords
        )
