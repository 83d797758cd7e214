"""Functions for recording classifiers of scikit-learn, which has no callbacks: the user writes the loop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pandas as pd

from trajkit.typing import AnyArray


def predict_proba(model: Any, inputs: Any) -> pd.DataFrame:
    """Predict probabilities with a classifier of scikit-learn, or with a stage of one: the `predict=` of a recorder.

    Parameters
    ----------
    model
        A fitted classifier with `predict_proba`, or a pipeline that ends in one. Its classes are the indices 0, 1, ...
        of the probe's classes (or False, True), or their names, in any order.
    inputs
        The probe's inputs.

    Returns
    -------
    pandas.DataFrame
        Probabilities (sample, class), with the classes of the model as columns: a recorder puts them in the order of
        the probe's classes, or refuses others.

    Raises
    ------
    ValueError
        If the classifier predicts several labels for each sample.

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
    probability = model.predict_proba(inputs)
    if isinstance(probability, list):
        raise ValueError(f"{type(model).__name__} predicts several labels for each sample: wanted one")
    return pd.DataFrame(probability, columns=model.classes_)


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
        AdaBoostClassifier; or a pipeline that ends in one.
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
    # Nobody has a pipeline without scikit-learn.
    from sklearn.pipeline import Pipeline

    transformed = inputs
    while isinstance(model, Pipeline):
        transformed, model = (model[:-1].transform(transformed) if len(model) > 1 else transformed), model[-1]
    if not hasattr(model, "staged_predict_proba"):
        raise TypeError(
            f"{type(model).__name__} has no staged_predict_proba: wanted a fitted boosting classifier, or a pipeline "
            "that ends in one"
        )
    for step, probability in enumerate(model.staged_predict_proba(transformed), 1):
        yield step, Stage(model.classes_, inputs, probability)
