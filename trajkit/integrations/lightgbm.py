"""A callback for LightGBM."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trajkit.integrations.boosted_logits import logits_of
from trajkit.recording.recorder import Recorder, offer
from trajkit.typing import AnyArray

_OBJECTIVES = ("multiclass", "softmax", "binary")


def lightgbm_callback(record: Recorder) -> Callable[[Any], None]:
    """Make a callback for `lightgbm.train` or `LGBMClassifier` that records the model after each boosting iteration.

    The step is the number of iterations. Before the first there is no model: `tk.with_references` adds ignorance.

    Parameters
    ----------
    record
        An open recorder; its `at=` selects the steps. The probe's inputs are what `Booster.predict` takes; classes are
        in sorted order.

    Returns
    -------
    callable
        For `callbacks=[...]`.

    Examples
    --------
    >>> import tempfile, trajkit as tk
    >>> from lightgbm import LGBMClassifier
    >>> from sklearn.datasets import load_iris
    >>> inputs, label = load_iris(return_X_y=True)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with tk.Recorder(folder, tk.Probe(inputs, label), run="trees") as record:
    ...         callback = tk.integrations.lightgbm_callback(record)
    ...         _ = LGBMClassifier(n_estimators=3, n_jobs=1, verbose=-1).fit(inputs, label, callbacks=[callback])
    ...     tk.load(folder).step.values
    array([[1, 2, 3]])
    """

    def callback(environment: Any) -> None:
        model, objective = environment.model, str(environment.params.get("objective"))

        def predict(inputs: Any) -> AnyArray:
            return logits_of(model.predict(inputs, raw_score=True), objective, _OBJECTIVES)

        offer(record, predict, model.current_iteration(), None)

    return callback
