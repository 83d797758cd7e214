"""A callback for XGBoost."""

from __future__ import annotations

import json
from typing import Any

from trajkit.integrations.boosted_logits import logits_of
from trajkit.recording.recorder import Recorder, offer
from trajkit.typing import AnyArray

_OBJECTIVES = ("multi:softprob", "multi:softmax", "binary:logistic", "binary:logitraw")


def xgboost_callback(record: Recorder) -> Any:
    """Make a callback for `xgboost.train` or `XGBClassifier` that records the model after each boosting iteration.

    The step is the number of iterations. Before the first there is no model: `tk.with_references` adds ignorance.

    Parameters
    ----------
    record
        An open recorder; its `at=` selects the steps. The probe's inputs are what `xgboost.DMatrix` takes.

    Returns
    -------
    xgboost.callback.TrainingCallback
        For `callbacks=[...]`.

    Raises
    ------
    ImportError
        If xgboost is not installed.

    Examples
    --------
    >>> import tempfile, trajkit as tk
    >>> from sklearn.datasets import load_iris
    >>> from xgboost import XGBClassifier
    >>> inputs, label = load_iris(return_X_y=True)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with tk.Recorder(folder, tk.Probe(inputs, label), run="trees") as record:
    ...         callback = tk.integrations.xgboost_callback(record)
    ...         _ = XGBClassifier(n_estimators=3, n_jobs=1, callbacks=[callback]).fit(inputs, label)
    ...     tk.load(folder).step.values
    array([[1, 2, 3]])
    """
    import xgboost

    class RecordCallback(xgboost.callback.TrainingCallback):  # type: ignore[misc]
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            objective = json.loads(model.save_config())["learner"]["objective"]["name"]

            def predict(inputs: Any) -> AnyArray:
                margins = model.predict(xgboost.DMatrix(inputs), output_margin=True)
                return logits_of(margins, objective, _OBJECTIVES)

            offer(record, predict, model.num_boosted_rounds(), None)
            return False

    return RecordCallback()
