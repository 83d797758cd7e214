"""Types that several modules name: numpy arrays by what they hold."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

AnyArray = NDArray[Any]
Array = NDArray[np.float64]
Indices = NDArray[np.intp]
Labels = NDArray[np.int64]
Mask = NDArray[np.bool_]
