"""Types of what a user hands to a recorder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

# From a model and inputs to predictions (sample, class), in a tensor or array of any library.
Predict: TypeAlias = Callable[[Any, Any], Any]
# Called after each checkpoint with run, step, epoch or None, and log_prob (sample, class).
Listener: TypeAlias = Callable[[str, int, float | None, NDArray[np.float32]], object]
