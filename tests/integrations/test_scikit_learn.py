"""Laws of scikit-learn: a recorder takes classifiers in loops over `partial_fit`, and the stages of boosting."""

from pathlib import Path

import numpy as np
import pytest
from noted_predictions import CLASSES, INPUTS, LABEL, PROBE, Noted, assert_recorded
from sklearn import ensemble
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

import trajkit as tk
from trajkit.integrations import predict_proba, stages


def test_scikit_learn__records_partial_fit(tmp_path: Path) -> None:
    model = MLPClassifier((8,), random_state=0, learning_rate_init=0.05)
    noted: Noted = {}
    with tk.Recorder(tmp_path, PROBE, run={"seed": 0}, predict=predict_proba, output="prob") as record:
        for step in range(1, 5):
            model.partial_fit(INPUTS, LABEL, classes=range(CLASSES))
            record(model, step)
            noted[step] = np.log(model.predict_proba(PROBE.inputs))
    assert_recorded(tk.load(tmp_path), noted)


@pytest.mark.parametrize("name", ["GradientBoostingClassifier", "HistGradientBoostingClassifier", "AdaBoostClassifier"])
def test_scikit_learn__records_the_stages_of_boosting(name: str, tmp_path: Path) -> None:
    boosting = getattr(ensemble, name)
    options = {"min_samples_leaf": 1} if name.startswith("Hist") else {}
    many = {"max_iter" if options else "n_estimators": 5}
    model = boosting(random_state=0, **options, **many).fit(INPUTS, LABEL)
    with tk.Recorder(tmp_path, PROBE, run=name, predict=predict_proba, output="prob") as record:
        for step, stage in stages(model, PROBE.inputs):
            record(stage, step)
    ds = tk.load(tmp_path)
    assert ds.step.values.tolist() == [[1, 2, 3, 4, 5]]
    np.testing.assert_allclose(np.exp(ds.log_prob[0, -1]), model.predict_proba(PROBE.inputs), atol=1e-6)
    if name == "GradientBoostingClassifier":
        # The first iterations of a longer training are a shorter training.
        short = boosting(random_state=0, n_estimators=2).fit(INPUTS, LABEL)
        np.testing.assert_allclose(np.exp(ds.log_prob[0, 1]), short.predict_proba(PROBE.inputs), atol=1e-6)


def test_scikit_learn__refuses_classes_that_are_not_those_of_the_probe() -> None:
    named = LogisticRegression().fit(INPUTS, np.array(["a", "b", "c"])[LABEL])
    with pytest.raises(ValueError, match=r"has the classes \['a', 'b', 'c'\]: wanted 0, 1"):
        predict_proba(named, PROBE.inputs)
    with pytest.raises(TypeError, match="LogisticRegression has no staged_predict_proba"):
        next(stages(named, PROBE.inputs))


def test_scikit_learn__a_stage_predicts_only_on_its_own_inputs() -> None:
    model = ensemble.GradientBoostingClassifier(n_estimators=2).fit(INPUTS, LABEL)
    _, stage = next(stages(model, PROBE.inputs))
    with pytest.raises(ValueError, match=r"pass `probe\.inputs`"):
        predict_proba(stage, INPUTS)
