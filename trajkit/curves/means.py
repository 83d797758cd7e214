"""Means of several distributions, sample by sample."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from trajkit.typing import Array

# Each concave-convex step at least halves the error: so many reach rounding from any start.
_STEPS = 200
_HALVINGS = 80


def _log_mean(log_p: Array) -> Array:
    return np.logaddexp.reduce(log_p, axis=0) - np.log(len(log_p))


def _normalized(log_p: Array) -> Array:
    total = np.logaddexp.reduce(log_p, axis=-1, keepdims=True)
    if np.isneginf(total).any():
        raise ValueError(
            "the runs share no class for some sample, so this mean gives every class probability 0; "
            "use mean='arithmetic', 'amplitude' or 'bhattacharyya', which take zeros"
        )
    return log_p - total


def arithmetic(log_p: Array) -> Array:
    """Log of mean_r p_r."""
    return _log_mean(log_p)


def geometric(log_p: Array) -> Array:
    """Log of exp(mean_r log p_r), normalised; a class that any run rules out has probability 0."""
    return _normalized(log_p.mean(0))


def harmonic(log_p: Array) -> Array:
    """Log of 1 / mean_r(1 / p_r), normalised; a class that any run rules out has probability 0."""
    return _normalized(-_log_mean(-log_p))


def amplitude(log_p: Array) -> Array:
    """Log of (mean_r sqrt p_r)^2, normalised: the mean on the sphere of square roots, brought back to it."""
    return _normalized(2 * _log_mean(0.5 * log_p))


def bhattacharyya(log_p: Array) -> Array:
    """Log of argmin_q of mean_r -log sum_c sqrt(p_rc q_c).

    The concave-convex iteration q <- mean_r sqrt(p_r q) / BC(p_r, q) lowers the objective at every step and keeps q
    normalised (Nielsen & Boltz, IEEE Trans. Inf. Theory 57(8), 2011, for multinomials). The objective is convex in
    sqrt q, so what it converges to is the minimum.
    """
    q = amplitude(log_p)
    for _ in range(_STEPS):
        middle = 0.5 * (log_p + q)
        new = _log_mean(middle - np.logaddexp.reduce(middle, axis=-1, keepdims=True))
        # In probabilities: a class at -inf stays there.
        moved = np.abs(np.exp(new) - np.exp(q)).max()
        q = new
        if moved < 1e-15:
            break
    return _normalized(q)


def jeffreys(log_p: Array) -> Array:
    """Log of argmin_q of mean_r sum_c (p_rc - q_c) log(p_rc / q_c) over probabilities q.

    With arithmetic mean a and geometric mean g (not normalised), q_c = a_c / W(exp(1 + lam) a_c / g_c), W Lambert's
    function and lam <= 0 such that sum_c q_c = 1 (Nielsen, IEEE Signal Process. Lett. 20(7), 2013). W(e^y) is Wright's
    omega function of y, and all is done in logarithms, so that nothing overflows; lam is bisected for all samples at
    once.
    """
    from scipy.special import wrightomega

    impossible = np.isneginf(log_p)
    if (impossible.any(0) & ~impossible.all(0)).any():
        raise ValueError(
            "a run gives probability 0 to a class that another allows, an infinite Jeffreys divergence; "
            "use mean='arithmetic', 'amplitude' or 'bhattacharyya', which take zeros"
        )
    log_a, log_g = _log_mean(log_p), log_p.mean(0)
    absent = impossible.all(0)
    # log(a / g) >= 0; where a class is absent it does not matter.
    ratio = np.where(absent, 0.0, np.subtract(log_a, log_g, out=np.zeros_like(log_a), where=~absent))

    def log_q(lam: Array) -> Array:
        y = 1 + lam + ratio
        omega = wrightomega(y)
        # log omega = y - omega, also where omega lies below the smallest float64.
        small = omega < 1
        return np.asarray(log_a - np.where(small, y - omega, np.log(np.where(small, 1.0, omega))))

    def log_total(lam: Array) -> Array:
        return np.logaddexp.reduce(log_q(lam), axis=-1, keepdims=True)

    high = np.zeros((*log_a.shape[:-1], 1))
    # At lam = 0 the sum is at most 1, and it grows without bound as lam falls.
    low = -np.ones_like(high)
    while (short := log_total(low) < 0).any():
        low = np.where(short, 2 * low, low)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        over = log_total(middle) > 0
        low, high = np.where(over, middle, low), np.where(over, high, middle)
    return _normalized(log_q(0.5 * (low + high)))


MEANS: dict[str, Callable[[Array], Array]] = {
    f.__name__: f for f in (arithmetic, geometric, harmonic, amplitude, bhattacharyya, jeffreys)
}
