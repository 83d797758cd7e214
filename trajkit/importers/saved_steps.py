"""When the code behind Mao et al. (PNAS 121(12), 2024) saves checkpoints."""

from __future__ import annotations

import numpy as np

from trajkit.typing import Labels


def saved_steps(
    batch_size: int, epochs: int = 200, samples: int = 50000, *, save_init: int = 5, save_freq: int = 4
) -> Labels:
    """Return the optimizer updates at which that code saves a checkpoint.

    It saves before training; in the first `save_init` epochs every (updates per epoch // `save_freq`) updates, counted
    from the first update of the epoch; then after each epoch up to the 26th, after every fourth up to the 66th, after
    every 15th from there on, and after the last.

    Parameters
    ----------
    batch_size, epochs, samples
        Settings of the training; `samples` is the size of the training set.
    save_init
        Number of epochs with denser checkpoints.
    save_freq
        Number of parts into which such an epoch is divided.

    Returns
    -------
    numpy.ndarray
        Steps (checkpoint,), increasing.

    Examples
    --------
    >>> saved_steps(200, epochs=2)
    array([  0,   1,  63, 125, 187, 249, 251, 313, 375, 437, 499, 500])
    """
    updates = samples // batch_size
    every = max(updates // save_freq, 1)
    steps = [0]
    for epoch in range(epochs):
        if epoch < save_init:
            steps += [epoch * updates + i + 1 for i in range(0, updates, every)]
        if (
            save_init <= epoch <= 25
            or (25 < epoch <= 65 and epoch % 4 == 0)
            or (epoch > 65 and epoch % 15 == 0)
            or epoch == epochs - 1
        ):
            steps.append((epoch + 1) * updates)
    return np.unique(steps)
