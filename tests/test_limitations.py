"""Laws of the reasons that results give for their NaN."""

import numpy as np
import pytest
import xarray as xr
from strategies import distances_of

import trajkit as tk
from trajkit.limitations import with_reasons

STILL = tk.from_arrays(prob=np.full((4, 2, 3, 2), 0.5), label=[0, 1, 0], runs={"group": list("aabb")})


def test_with_reasons__names_what_is_nan_and_keeps_what_was_said() -> None:
    found = xr.Dataset({"a": np.nan, "b": np.nan, "c": 1.0}, attrs={"limitations": "few units"})
    said = with_reasons(found, {"a": "equal", "b": "equal", "c": "never", "d": "absent"}).limitations
    assert said == "few units; a, b: equal"
    assert found.limitations == "few units"
    assert with_reasons(xr.Dataset({"c": 1.0}), {"c": "never"}).limitations == ""


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (lambda: tk.cluster(distances_of(np.zeros((3, 1)))), "cophenetic_correlation: all distances"),
        (lambda: tk.data_map(STILL), "agreement: in some run all samples have equal confidence"),
        (lambda: tk.speed_comparison(STILL, "group"), "lower, upper: a group has too few runs"),
        (lambda: tk.tangent_angles(tk.simulate(runs=2)), "sideways: a run lies on the geodesic"),
    ],
)
def test_nan__has_a_reason(result, said) -> None:
    assert said in result().limitations
