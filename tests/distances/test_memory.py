"""Laws of how much memory a matrix of distances takes."""

import numpy as np
import pytest
from other_process import run
from strategies import point_set

import trajkit as tk


@pytest.mark.parametrize(
    ("metric", "dtype"), [("bhattacharyya", "float32"), ("bhattacharyya", "float64"), ("jeffreys", "float64")]
)
def test_memory__is_the_result_and_256_megabytes(metric: str, dtype: str) -> None:
    code = f"""
    import resource, numpy as np, trajkit as tk
    how = dict(metric="{metric}", dtype="{dtype}")
    peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    logits = np.random.default_rng(0).standard_normal((60, 50, 300, 10), dtype=np.float32)
    ds = tk.from_arrays(logits=logits, label=np.arange(300) % 10, runs=dict(seed=np.arange(60)))
    tk.pairwise(ds.isel(run=[0]), **how)
    # Memory that making the data used once is free by now, but still in the peak: use it up.
    import psutil
    held = np.ones(max(0, int(peak() - psutil.Process().memory_info().rss)) // 8)
    before = peak()
    distance = tk.pairwise(ds, **how)
    print(peak() - before - distance.nbytes)
    """
    done = run(code)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 256e6


def test_pairwise__refuses_a_result_that_memory_cannot_hold() -> None:
    many = point_set(np.full((2_000_000, 1, 2), np.log(0.5), dtype=np.float32))
    with pytest.raises(MemoryError, match=r"2000000 x 2000000 distances need 32000\.0 GB.*float32.*out=.*landmarks"):
        tk.pairwise(many)
