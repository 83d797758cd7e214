"""Laws of scikit-learn: a recorder takes classifiers in loops over `partial_fit`, and the stages of boosting."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from noted_predictions import CLASSES, INPUTS, LABEL, PROBE, Noted, assert_recorded
from sklearn import ensemble
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

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


@pytest.mark.parametrize("named", [{0: "z", 1: "a", 2: "m"}, {0: 7, 1: 5, 2: 6}, {0: 0, 1: 1, 2: 2}])
def test_scikit_learn__classes_are_found_by_name_or_index(named: dict[int, Any]) -> None:
    model = LogisticRegression().fit(INPUTS, [named[k] for k in LABEL])
    by_index = LogisticRegression().fit(INPUTS, LABEL)
    probe = tk.Probe(INPUTS, LABEL, classes=[str(name) for name in named.values()])
    named_ds, ds = (tk.record([(0, m)], probe, predict=predict_proba, output="prob") for m in (model, by_index))
    np.testing.assert_allclose(named_ds.log_prob, ds.log_prob, atol=1e-4)


def test_scikit_learn__labels_may_be_booleans() -> None:
    model = LogisticRegression().fit(INPUTS, LABEL == 1)
    probe = tk.Probe(INPUTS, (LABEL == 1).astype(int), classes=["no", "yes"])
    ds = tk.record([(0, model)], probe, predict=predict_proba, output="prob")
    np.testing.assert_allclose(np.exp(ds.log_prob[0, 0]), model.predict_proba(INPUTS), atol=1e-6)


def test_scikit_learn__refuses_classes_that_are_not_those_of_the_probe() -> None:
    named = LogisticRegression().fit(INPUTS, np.array(["a", "b", "c"])[LABEL])
    for classes, message in ((["a", "b", "d"], "wanted the same names, or the indices 0, 1"), (None, "the probe")):
        with pytest.raises(ValueError, match=rf"has the classes \['a', 'b', 'c'\], .*{message}"):
            tk.record([(0, named)], tk.Probe(INPUTS, LABEL, classes=classes), predict=predict_proba, output="prob")
    numbered = tk.Probe(INPUTS, LABEL, classes=["1", "2", "0"])
    with pytest.raises(ValueError, match="can be the names or the indices"):
        tk.record([(0, LogisticRegression().fit(INPUTS, LABEL))], numbered, predict=predict_proba, output="prob")
    with pytest.raises(TypeError, match="LogisticRegression has no staged_predict_proba"):
        next(stages(named, PROBE.inputs))


def test_scikit_learn__a_pipeline_has_the_stages_of_its_classifier() -> None:
    boosting = ensemble.GradientBoostingClassifier(n_estimators=3, random_state=0)
    model = make_pipeline(StandardScaler(), make_pipeline(boosting)).fit(INPUTS, LABEL)
    *_, (step, last) = stages(model, PROBE.inputs)
    assert step == 3
    np.testing.assert_allclose(predict_proba(last, PROBE.inputs), predict_proba(model, PROBE.inputs))


def test_scikit_learn__a_stage_predicts_only_on_its_own_inputs() -> None:
    model = ensemble.GradientBoostingClassifier(n_estimators=2).fit(INPUTS, LABEL)
    _, stage = next(stages(model, PROBE.inputs))
    with pytest.raises(ValueError, match=r"pass `probe\.inputs`"):
        predict_proba(stage, INPUTS)
