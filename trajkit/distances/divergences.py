"""Distances between two DataArrays of log-probabilities, broadcast against each other."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from trajkit.distances.metric import Metric
from trajkit.probabilities import is_off, normalize, row_sums
from trajkit.typing import Array


def sample_weights(weights: ArrayLike | None, samples: int) -> Array | None:
    """Check weights over samples: one finite number of at least 0 for each, not all 0."""
    if weights is None:
        return None
    weight = np.asarray(weights, dtype=np.float64)
    if weight.shape != (samples,) or not np.isfinite(weight).all() or (weight < 0).any() or not weight.any():
        raise ValueError(
            f"weights: wanted {samples} finite numbers of at least 0, one per sample and not all 0, "
            f"got shape {weight.shape}"
        )
    return weight


def bhattacharyya(
    a: xr.DataArray, b: xr.DataArray, *, weights: ArrayLike | None = None, cap: float | None = None
) -> xr.DataArray:
    """Bhattacharyya distance -(1/N) sum_n log sum_c sqrt(p_nc q_nc), in nats: a squared length.

    Near zero it is computed as -log1p(-h), with h = |sqrt p - sqrt q|^2 / 2; for distant distributions from logarithms.
    It is inf where p and q share no class on some sample.

    Parameters
    ----------
    a, b
        Log-probabilities with dimensions `sample` and `class`, broadcast against each other over all others. For
        many points against many use `pairwise`, which never holds all pairs of samples.
    weights
        One non-negative number per sample; the mean over samples becomes sum_n w_n d_n / sum_n w_n.
    cap
        Largest contribution of one sample, in nats, applied before the mean over samples. Only for metrics without an
        upper bound.

    Returns
    -------
    xarray.DataArray
        Without `sample` and `class`; NaN where a point is missing.

    Raises
    ------
    ValueError
        If a dimension is missing, the two have different samples or classes, or a weight or the cap has a value that is
        not allowed.

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
    return mean_over_samples(Metric("bhattacharyya", cap), a, b, weights)


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
    return mean_over_samples(Metric("hellinger"), a, b, weights)


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
    return mean_over_samples(Metric("fisher_rao"), a, b, weights)


def kullback_leibler(
    a: xr.DataArray, b: xr.DataArray, *, weights: ArrayLike | None = None, cap: float | None = None
) -> xr.DataArray:
    """Kullback-Leibler divergence (1/N) sum_n sum_c p_nc log(p_nc / q_nc), in nats: a squared length, not symmetric.

    0 log 0 = 0. It is inf where q gives probability 0 to a class that p allows. For near distributions it is computed
    as sum_c p_c (e^x - 1 - x), x = log(q_c / p_c), whose terms are all positive.

    Parameters
    ----------
    a, b, weights
        As for `bhattacharyya`; `a` is p and `b` is q.
    cap
        Largest contribution of one sample, in nats, applied before the mean over samples. Only for metrics without an
        upper bound.

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
    return mean_over_samples(Metric("kullback_leibler", cap), a, b, weights)


def jeffreys(
    a: xr.DataArray, b: xr.DataArray, *, weights: ArrayLike | None = None, cap: float | None = None
) -> xr.DataArray:
    """Jeffreys divergence (1/N) sum_n sum_c (p_nc - q_nc) log(p_nc / q_nc), in nats: a squared length.

    It is the sum of both Kullback-Leibler divergences (not their mean), and inf where one of p and q gives
    probability 0 to a class that the other allows. InPCA of it is the isKL embedding.

    Parameters
    ----------
    a, b, weights
        As for `bhattacharyya`.
    cap
        Largest contribution of one sample, in nats, applied before the mean over samples. Only for metrics without an
        upper bound.

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
    return mean_over_samples(Metric("jeffreys", cap), a, b, weights)


def jensen_shannon(a: xr.DataArray, b: xr.DataArray, *, weights: ArrayLike | None = None) -> xr.DataArray:
    """Jensen-Shannon divergence (1/N) sum_n [KL(p_n, m_n) + KL(q_n, m_n)] / 2, in nats: a squared length.

    m = (p + q) / 2. It is at most log 2, also where probabilities are 0.

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
    return mean_over_samples(Metric("jensen_shannon"), a, b, weights)


def mean_over_samples(
    metric: Metric, a: xr.DataArray, b: xr.DataArray, weights: ArrayLike | None = None
) -> xr.DataArray:
    """Take the distance of each sample, cap it, and average: in this order."""
    a, b = as_log_prob(a), as_log_prob(b)
    weight = sample_weights(weights, a.sizes["sample"])

    def mean(p: Array, q: Array) -> Array:
        if weight is not None:
            # Samples of weight 0 are dropped first: 0 times an infinite distance would be NaN.
            p, q = p[..., weight > 0, :], q[..., weight > 0, :]
        each = metric.per_sample(normalize(p), normalize(q))
        return np.average(each, axis=-1, weights=None if weight is None else weight[weight > 0])

    out: xr.DataArray = xr.apply_ufunc(mean, a, b, input_core_dims=[["sample", "class"]] * 2, join="exact")
    return out.rename("distance").assign_attrs(metric.attrs)


def as_log_prob(x: xr.DataArray) -> xr.DataArray:
    """Read log-probabilities into memory, and refuse anything else, such as probabilities; missing points are NaN."""
    if not isinstance(x, xr.DataArray):
        raise TypeError(f"wanted an xarray.DataArray of log-probabilities such as ds.log_prob, got {type(x).__name__}")
    if not {"sample", "class"} <= set(x.dims):
        raise ValueError(f"wanted log-probabilities with dimensions 'sample' and 'class', got {x.dims}")
    x = x.compute()
    total = row_sums(x.transpose(..., "class").values.astype(np.float64))
    # Missing points are NaN.
    if (off := is_off(total) & ~np.isnan(total)).any():
        raise ValueError(
            f"wanted natural logs of probabilities that sum to 1, got rows that sum to {total[off][0]:.6g}; "
            "take the log of probabilities, and log_softmax of logits"
        )
    return x
