"""Functions for recording classifiers of scikit-learn, which has no callbacks: the user writes the loop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from trajkit.typing import AnyArray


def predict_proba(model: Any, inputs: Any) -> AnyArray:
    """Predict probabilities with a classifier of scikit-learn, or with a stage of one: the `predict=` of a recorder.

    Parameters
    ----------
    model
        A fitted classifier with `predict_proba` whose classes are 0, 1, ..., C - 1.
    inputs
        The probe's inputs.

    Returns
    -------
    numpy.ndarray
        Probabilities (sample, class).

    Raises
    ------
    ValueError
        If the classifier has other classes: its columns would not match the classes of the probe.

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
            "probe's classes; train on these indices as labels, and pass all `classes=` to the first partial_fit"
        )
    return model.predict_proba(inputs)


class Stage(NamedTuple):
    """A boosted classifier after some of its iterations; it has predictions for `inputs` only."""

    classes_: AnyArray
    inputs: Any
    probability: AnyArray

    def predict_proba(self, inputs: Any) -> AnyArray:
        """Return the probabilities on the inputs that the stage was made for."""
        # By identity: inputs may have any type, and `==` of arrays or tables is not one truth value.
        if inputs is not self.inputs:
            raise ValueError("a stage has predictions only for the inputs given to `stages`: pass `probe.inputs` there")
        return self.probability


def stages(model: Any, inputs: Any) -> Iterator[tuple[int, Stage]]:
    """Yield the stages of a fitted boosting classifier as pairs (number of boosting iterations, stage).

    A fitted boosted ensemble contains its whole trajectory: its first k iterations are the model after k steps.
    `tk.record` takes these pairs as its stream.

    Parameters
    ----------
    model
        A fitted classifier with `staged_predict_proba`: GradientBoostingClassifier, HistGradientBoostingClassifier or
        AdaBoostClassifier.
    inputs
        The probe's inputs.

    Yields
    ------
    tuple of int and Stage
        The step, and an object with `predict_proba`.

    Raises
    ------
    TypeError
        If `model` has no `staged_predict_proba`.

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
