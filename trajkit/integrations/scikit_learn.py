"""What a recorder needs for scikit-learn: no callback, since its loops are the caller's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from trajkit.typing import AnyArray


def predict_proba(model: Any, inputs: Any) -> AnyArray:
    """Predict probabilities with a classifier of scikit-learn, or a stage of one; for `predict=` of a recorder.

    Parameters
    ----------
    model
        A fitted classifier with `predict_proba`, whose classes are 0, 1, ..., C - 1.
    inputs
        The probe's inputs.

    Returns
    -------
    numpy.ndarray
        Probabilities (sample, class).

    Raises
    ------
    ValueError
        If the classes are others: their columns would not be those of the probe.

    Examples
    --------
    >>> import tempfile, trajkit as tk
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import SGDClassifier
    >>> inputs, label = load_iris(return_X_y=True)
    >>> model = SGDClassifier(loss="log_loss", random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with tk.Recorder(
    ...         folder, tk.Probe(inputs, label), run="sgd", predict=tk.integrations.predict_proba, output="prob"
    ...     ) as record:
    ...         for epoch in range(1, 4):
    ...             _ = model.partial_fit(inputs, label, classes=[0, 1, 2])
    ...             record(model, step=150 * epoch, epoch=epoch)
    ...     tk.load(folder).step.values
    array([[150, 300, 450]])
    """
    classes = np.asarray(model.classes_)
    if not np.array_equal(classes, np.arange(len(classes))):
        raise ValueError(
            f"{type(model).__name__} has the classes {classes.tolist()[:5]}: wanted 0, 1, ..., the indices of the "
            "probe's classes; train on such labels, and pass all `classes=` to the first partial_fit"
        )
    return model.predict_proba(inputs)


class Stage(NamedTuple):
    """A boosted classifier cut off after some of its estimators, known by its predictions on `inputs` alone."""

    classes_: AnyArray
    inputs: Any
    probability: AnyArray

    def predict_proba(self, inputs: Any) -> AnyArray:
        """Return the probabilities on the inputs that the stage was made for."""
        if inputs is not self.inputs:
            raise ValueError("a stage knows its predictions on the inputs given to `stages` alone: pass `probe.inputs`")
        return self.probability


def stages(model: Any, inputs: Any) -> Iterator[tuple[int, Stage]]:
    """Go through the stages of a fitted boosting classifier: (number of boosting iterations, stage).

    The trajectory of a boosted ensemble is there once it is fitted: the first k of its iterations are the model after
    k steps. The pairs are what `tk.record` consumes.

    Parameters
    ----------
    model
        With `staged_predict_proba`, such as GradientBoostingClassifier, HistGradientBoostingClassifier or
        AdaBoostClassifier.
    inputs
        The probe's inputs.

    Yields
    ------
    tuple of int and Stage

    Raises
    ------
    TypeError
        If `model` has no stages.

    Examples
    --------
    >>> import trajkit as tk
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import GradientBoostingClassifier
    >>> inputs, label = load_iris(return_X_y=True)
    >>> model = GradientBoostingClassifier(n_estimators=20).fit(inputs, label)
    >>> probe = tk.Probe(inputs, label)
    >>> ds = tk.record(
    ...     tk.integrations.stages(model, probe.inputs), probe, at=tk.RecordAt([1, 5, 20]),
    ...     predict=tk.integrations.predict_proba, output="prob",
    ... )
    >>> ds.step.values
    array([[ 1,  5, 20]])
    """
    if not hasattr(model, "staged_predict_proba"):
        raise TypeError(f"{type(model).__name__} has no staged_predict_proba: wanted a fitted boosting classifier")
    for step, probability in enumerate(model.staged_predict_proba(inputs), 1):
        yield step, Stage(model.classes_, inputs, probability)
