"""Laws of block Lanczos iterations."""

import numpy as np
import pytest
from oracles import within

from trajkit.embedding import eigensolvers


def test_block_lanczos__finds_both_ends_of_a_slow_spectrum_and_restarts() -> None:
    random = np.random.default_rng(3)
    vectors = np.linalg.qr(random.standard_normal((300, 300)))[0]
    values = np.linspace(-1, 0.97, 300)
    a = (vectors * values) @ vectors.T
    start = eigensolvers.block_start(300, 3)[:, :6]
    got, vector = eigensolvers.block_lanczos(lambda x: a @ x, start, a @ start, 3)
    wanted = values[np.argsort(-np.abs(values))[:3]]
    within("block lanczos, eigenvalues", np.abs(got - wanted).max(), 1e-12)
    within("block lanczos, residual", np.abs(a @ vector - vector * got).max(), 1e-11)


def test_block_lanczos__says_when_it_does_not_converge() -> None:
    a = np.diag(np.linspace(0.9, 1, 400))
    start = eigensolvers.block_start(400, 1)
    with pytest.raises(RuntimeError, match="1 components were not found in 3 passes"):
        eigensolvers.block_lanczos(lambda x: a @ x, start, a @ start, 1, most_passes=3)
