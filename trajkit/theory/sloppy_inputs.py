"""Inputs whose eigenvalues fall exponentially, and labels for them."""

from __future__ import annotations

import numpy as np

from trajkit.typing import Array, Labels


def exponential_spectrum(features: int, decay: float) -> Array:
    """Return eigenvalues that fall exponentially, lambda_i proportional to exp(-c i), with mean 1.

    Parameters
    ----------
    features
        Number of eigenvalues.
    decay
        c, the logarithm of the ratio of successive eigenvalues.

    Returns
    -------
    numpy.ndarray
        (feature,), largest first, without units.

    Raises
    ------
    ValueError
        If `features` or `decay` is out of range.

    Examples
    --------
    >>> import trajkit as tk
    >>> tk.theory.exponential_spectrum(3, decay=2.0).round(3)
    array([2.6  , 0.352, 0.048])
    """
    if features < 1 or not 0 <= decay < np.inf:
        raise ValueError(f"wanted features >= 1 and decay >= 0, got {features} and {decay}")
    value = np.exp(-decay * np.arange(features))
    return value / value.mean()


def sloppy_inputs(
    samples: int, features: int, *, decay: float, classes: int = 5, seed: int = 0
) -> tuple[Array, Labels]:
    """Draw Gaussian inputs whose eigenvalues fall as exp(-c i), and the labels that a linear teacher gives them.

    Feature i has variance proportional to exp(-c i), with mean 1 over the features; the eigenvalues of a sample differ
    from these by chance. The teacher's weights are Gaussian. Its logits get the same mean and variance in each class,
    so that the classes are about equally frequent.

    Parameters
    ----------
    samples, features
        Number of inputs and their dimension.
    decay
        c, as in `exponential_spectrum`.
    classes
        Number of classes.
    seed
        Seed for the random draws. With the same seed, the teacher and the inputs before scaling do not depend on the
        decay.

    Returns
    -------
    tuple of numpy.ndarray
        Inputs (sample, feature) and labels (sample,).

    Raises
    ------
    ValueError
        If a size or the decay is out of range.

    Examples
    --------
    >>> import trajkit as tk
    >>> x, label = tk.theory.sloppy_inputs(1000, 20, decay=0.5)
    >>> fit = tk.input_spectrum(x, centered=False)
    >>> bool(fit.lower.sel(law="exponential") < 0.5 < fit.upper.sel(law="exponential"))
    True
    """
    if samples < 2 or classes < 2:
        raise ValueError(f"wanted samples >= 2 and classes >= 2, got {samples} and {classes}")
    random = np.random.default_rng(seed)
    # The teacher first, so that it does not depend on the number of samples.
    teacher = random.standard_normal((features, classes))
    x = random.standard_normal((samples, features)) * np.sqrt(exponential_spectrum(features, decay))
    logits = x @ teacher
    label: Labels = ((logits - logits.mean(0)) / logits.std(0)).argmax(1)
    return x, label
