"""The per-sample formulas, and each as a function of two DataArrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from trajkit.probabilities import ROW_TOLERANCE, normalize
from trajkit.typing import Array


class Metric(NamedTuple):
    """One line of the table of distances.

    `per_sample` takes two arrays of normalised log-probabilities (..., class) and gives (...).
    """

    per_sample: Callable[[Array, Array], Array]
    scale: str
    units: str
    bounded: bool
    symmetric: bool = True

    def attrs(self, name: str) -> dict[str, Any]:
        """Attributes of a result."""
        return {"long_name": f"{name} distance", "metric": name, "scale": self.scale, "units": self.units}


def sample_weights(weights: ArrayLike | None, samples: int) -> Array | None:
    """Check weights over samples: one finite number >= 0 each, not all zero."""
    if weights is None:
        return None
    weight = np.asarray(weights, dtype=np.float64)
    if weight.shape != (samples,) or not np.isfinite(weight).all() or (weight < 0).any() or not weight.any():
        raise ValueError(
            f"weights: wanted {samples} finite numbers of at least 0, one per sample and not all 0, "
            f"got shape {weight.shape}"
        )
    return weight


def check_cap(name: str, cap: float | None) -> float:
    """Give the cap of a metric, inf for none."""
    if cap is None:
        return np.inf
    if METRICS[name].bounded:
        unbounded = [n for n, m in METRICS.items() if not m.bounded]
        raise ValueError(f"{name!r} is bounded and takes no cap; {', '.join(unbounded)} do")
    if not cap > 0:
        raise ValueError(f"cap: wanted a positive number of nats, got {cap}")
    return float(cap)


def bhattacharyya(
    a: xr.DataArray, b: xr.DataArray, *, weights: ArrayLike | None = None, cap: float | None = None
) -> xr.DataArray:
    """Bhattacharyya distance -(1/N) sum_n log sum_c sqrt(p_nc q_nc), in nats: a squared length.

    Near zero it is computed as -log1p(-h), with h = |sqrt p - sqrt q|^2 / 2; far apart from logarithms. It is inf
    where p and q share no class for some sample.

    Parameters
    ----------
    a, b
        Log-probabilities with dimensions `sample` and `class`, broadcast against each other over all others. For
        many points against many use `pairwise`, which never holds all pairs of samples.
    weights
        One number per sample; the mean becomes sum_n w_n d_n / sum_n w_n.
    cap
        In nats: the most that one sample may contribute, applied before the mean.

    Returns
    -------
    xarray.DataArray
        Without `sample` and `class`; NaN where a point is missing.

    Raises
    ------
    ValueError
        If a dimension is missing, the two have different samples or classes, or weights or cap make no sense.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(classes=4)
    >>> round(float(tk.bhattacharyya(tk.ignorance(ds), tk.truth(ds))), 6)  # ln(4) / 2
    0.693147

    References
    ----------
    Mao et al., PNAS 121(12), 2024, arXiv 2305.01604, Eq. 5.
    """
    return _mean_over_samples("bhattacharyya", a, b, weights, cap)


def hellinger(a: xr.DataArray, b: xr.DataArray, *, weights: ArrayLike | None = None) -> xr.DataArray:
    """Squared Hellinger distance (1/N) sum_n (1 - sum_c sqrt(p_nc q_nc)): a squared length, at most 1.

    It is half the squared Euclidean distance between square roots of probabilities.

    Parameters
    ----------
    a, b, weights
        As for `bhattacharyya`.

    Returns
    -------
    xarray.DataArray
        Without `sample` and `class`; NaN where a point is missing.

    Raises
    ------
    ValueError
        As `bhattacharyya` does.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(classes=4)
    >>> float(tk.hellinger(tk.ignorance(ds), tk.truth(ds)))
    0.5

    References
    ----------
    Hellinger, J. reine angew. Math. 136, 1909.
    """
    return _mean_over_samples("hellinger", a, b, weights)


def fisher_rao(a: xr.DataArray, b: xr.DataArray, *, weights: ArrayLike | None = None) -> xr.DataArray:
    """Mean great-circle angle (1/N) sum_n arccos sum_c sqrt(p_nc q_nc), in radians: a length.

    Near zero the angle is computed as 2 arcsin(|sqrt p - sqrt q| / 2). It is half the Fisher-Rao distance on the
    simplex, as in the published definition of progress.

    Parameters
    ----------
    a, b, weights
        As for `bhattacharyya`.

    Returns
    -------
    xarray.DataArray
        Without `sample` and `class`; between 0 and pi/2; NaN where a point is missing.

    Raises
    ------
    ValueError
        As `bhattacharyya` does.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(classes=4)
    >>> round(float(tk.fisher_rao(tk.ignorance(ds), tk.truth(ds))), 6)  # pi / 3
    1.047198

    References
    ----------
    Rao, Bull. Calcutta Math. Soc. 37, 1945; Mao et al., PNAS 121(12), 2024, arXiv 2305.01604.
    """
    return _mean_over_samples("fisher_rao", a, b, weights)


def kullback_leibler(
    a: xr.DataArray, b: xr.DataArray, *, weights: ArrayLike | None = None, cap: float | None = None
) -> xr.DataArray:
    """Kullback-Leibler divergence (1/N) sum_n sum_c p_nc log(p_nc / q_nc), in nats: a squared length, not symmetric.

    0 log 0 = 0. It is inf where q rules out a class that p allows. Close together it is computed as
    sum_c p_c (e^x - 1 - x), x = log(q_c / p_c), whose terms are all positive.

    Parameters
    ----------
    a, b, weights, cap
        As for `bhattacharyya`; `a` is p and `b` is q.

    Returns
    -------
    xarray.DataArray
        Without `sample` and `class`; NaN where a point is missing.

    Raises
    ------
    ValueError
        As `bhattacharyya` does.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(classes=4)
    >>> round(float(tk.kullback_leibler(tk.truth(ds), tk.ignorance(ds))), 6)  # ln 4
    1.386294

    References
    ----------
    Kullback & Leibler, Ann. Math. Stat. 22, 1951.
    """
    return _mean_over_samples("kullback_leibler", a, b, weights, cap)


def jeffreys(
    a: xr.DataArray, b: xr.DataArray, *, weights: ArrayLike | None = None, cap: float | None = None
) -> xr.DataArray:
    """Jeffreys divergence (1/N) sum_n sum_c (p_nc - q_nc) log(p_nc / q_nc), in nats: a squared length.

    The sum of both Kullback-Leibler divergences (not their mean); inf where one of p and q rules out a class that
    the other allows. InPCA of it is the isKL embedding.

    Parameters
    ----------
    a, b, weights, cap
        As for `bhattacharyya`.

    Returns
    -------
    xarray.DataArray
        Without `sample` and `class`; NaN where a point is missing.

    Raises
    ------
    ValueError
        As `bhattacharyya` does.

    Examples
    --------
    >>> import numpy as np, trajkit as tk
    >>> ds = tk.from_arrays(prob=[[[[0.25, 0.75]], [[0.75, 0.25]]]], label=[0], runs={"seed": [0]})
    >>> p, q = ds.log_prob[0]
    >>> round(float(tk.jeffreys(p, q)), 6)  # ln 3
    1.098612

    References
    ----------
    Jeffreys, Proc. R. Soc. A 186, 1946; Teoh et al., Phys. Rev. Research 2, 033221, 2020.
    """
    return _mean_over_samples("jeffreys", a, b, weights, cap)


def jensen_shannon(a: xr.DataArray, b: xr.DataArray, *, weights: ArrayLike | None = None) -> xr.DataArray:
    """Jensen-Shannon divergence (1/N) sum_n [KL(p_n, m_n) + KL(q_n, m_n)] / 2, in nats: a squared length.

    m = (p + q) / 2. It is at most log 2, whatever zeros there are.

    Parameters
    ----------
    a, b, weights
        As for `bhattacharyya`.

    Returns
    -------
    xarray.DataArray
        Without `sample` and `class`; NaN where a point is missing.

    Raises
    ------
    ValueError
        As `bhattacharyya` does.

    Examples
    --------
    >>> import numpy as np, trajkit as tk
    >>> ds = tk.from_arrays(prob=[[[[0.0, 1.0]], [[1.0, 0.0]]]], label=[0], runs={"seed": [0]})
    >>> p, q = ds.log_prob[0]
    >>> round(float(tk.jensen_shannon(p, q)), 6)  # ln 2
    0.693147

    References
    ----------
    Lin, IEEE Trans. Inf. Theory 37(1), 1991.
    """
    return _mean_over_samples("jensen_shannon", a, b, weights)


def _mean_over_samples(
    name: str, a: xr.DataArray, b: xr.DataArray, weights: ArrayLike | None, cap: float | None = None
) -> xr.DataArray:
    """Per-sample value, cap, mean: in this order."""
    check_log_prob(a)
    check_log_prob(b)
    most, weight = check_cap(name, cap), sample_weights(weights, a.sizes["sample"])

    def mean(p: Array, q: Array) -> Array:
        if weight is not None:
            # A weight of zero takes a sample out, also where it would be infinitely far.
            p, q = p[..., weight > 0, :], q[..., weight > 0, :]
        each = np.minimum(METRICS[name].per_sample(normalize(p), normalize(q)), most)
        return np.average(each, axis=-1, weights=None if weight is None else weight[weight > 0])

    out: xr.DataArray = xr.apply_ufunc(mean, a, b, input_core_dims=[["sample", "class"]] * 2, join="exact")
    limit = {} if cap is None else {"cap": most}
    return out.rename("distance").assign_attrs(METRICS[name].attrs(name) | limit)


def check_log_prob(x: xr.DataArray) -> None:
    """Refuse what is no array of log-probabilities, or holds probabilities instead; missing points are NaN."""
    if not isinstance(x, xr.DataArray):
        raise TypeError(f"wanted an xarray.DataArray of log-probabilities such as ds.log_prob, got {type(x).__name__}")
    if not {"sample", "class"} <= set(x.dims):
        raise ValueError(f"wanted log-probabilities with dimensions 'sample' and 'class', got {x.dims}")
    total = np.exp(x.transpose(..., "class").values.astype(np.float64)).sum(-1)
    if (off := np.abs(total - 1) > ROW_TOLERANCE).any():
        raise ValueError(
            f"wanted natural logs of probabilities that sum to 1, got rows that sum to {total[off][0]:.6g}; "
            "take the log of probabilities, and log_softmax of logits"
        )


def half_chord(p: Array, q: Array) -> Array:
    """H = |sqrt p - sqrt q|^2 / 2 = 1 - BC over the last axis, from normalised log-probabilities."""
    return 0.5 * np.square(np.exp(0.5 * p) - np.exp(0.5 * q)).sum(-1)


def _bhattacharyya(p: Array, q: Array) -> Array:
    h = half_chord(p, q)
    far = h > 0.5
    # Rounding may carry h of disjoint distributions past 1, but those are far.
    near = -np.log1p(-np.where(far, 0.0, h))
    # Logarithms of sums cost most by far: they are taken only where they are wanted. A missing point is NaN, and near.
    out = np.asarray(near)
    p, q = np.broadcast_arrays(p, q)
    out[far] = -np.logaddexp.reduce(0.5 * (p[far] + q[far]), axis=-1)
    return out


def _fisher_rao(p: Array, q: Array) -> Array:
    h = half_chord(p, q)
    far = h > 0.5
    angle = 2 * np.arcsin(np.sqrt(0.5 * np.where(far, 0.0, h)))
    overlap = np.exp(0.5 * (p + q)).sum(-1)
    return np.where(far, np.arccos(np.where(far, overlap, 0.0)), angle)


def _kullback_leibler(p: Array, q: Array) -> Array:
    """sum_c p (e^x - 1 - x) with x = log(q / p); as q - p - p x where e^x - 1 would overflow or p is 0."""
    prob = np.exp(p)
    # p = 0 gives x = inf or NaN, and counts q.
    with np.errstate(invalid="ignore"):
        x = np.where(prob > 0, q - p, 0.0)
    near = np.abs(x) < 1
    bounded = np.where(near, x, 0.0)
    with np.errstate(invalid="ignore"):
        far = np.exp(q) - prob - np.where(prob > 0, prob * x, 0.0)
    terms = np.where(near & (prob > 0), prob * (np.expm1(bounded) - bounded), far)
    # Also where p lies below the smallest float64.
    impossible = np.isneginf(q) & (p > -np.inf)
    return np.where(impossible, np.inf, terms).sum(-1)


def _jeffreys(p: Array, q: Array) -> Array:
    """sum_c (p - q) log(p / q): every term positive; a class that neither allows counts 0."""
    neither = np.isneginf(p) & np.isneginf(q)
    with np.errstate(invalid="ignore"):
        x = np.where(neither, 0.0, p - q)
    near = np.abs(x) < 1
    difference = np.where(near, np.exp(q) * np.expm1(np.where(near, x, 0.0)), np.exp(p) - np.exp(q))
    with np.errstate(invalid="ignore"):
        # Far below the smallest float64 both probabilities are 0 and so is what they count.
        terms = np.where(difference == 0, np.where(np.isinf(x), np.abs(x), 0.0), difference * x)
    return terms.sum(-1)


def _jensen_shannon(p: Array, q: Array) -> Array:
    middle = np.logaddexp(p, q) - np.log(2)
    return 0.5 * (_kullback_leibler(p, middle) + _kullback_leibler(q, middle))


METRICS: dict[str, Metric] = {
    "bhattacharyya": Metric(_bhattacharyya, "squared length", "nat", bounded=False),
    "hellinger": Metric(half_chord, "squared length", "1", bounded=True),
    "fisher_rao": Metric(_fisher_rao, "length", "rad", bounded=True),
    "kullback_leibler": Metric(_kullback_leibler, "squared length", "nat", bounded=False, symmetric=False),
    "jeffreys": Metric(_jeffreys, "squared length", "nat", bounded=False),
    "jensen_shannon": Metric(_jensen_shannon, "squared length", "nat", bounded=True),
}
