"""Laws of the callbacks for boosted trees: each iteration is recorded as the library itself predicts it."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris

import trajkit as tk

lightgbm, xgboost = pytest.importorskip("lightgbm"), pytest.importorskip("xgboost")
INPUTS, LABEL = load_iris(return_X_y=True)
ITERATIONS = 5


def with_xgboost(inputs, label, record):
    model = xgboost.XGBClassifier(
        n_estimators=ITERATIONS, n_jobs=1, max_depth=2, callbacks=[tk.integrations.xgboost_callback(record)]
    ).fit(inputs, label)
    return [model.predict_proba(inputs, iteration_range=(0, k + 1)) for k in range(ITERATIONS)]


def with_lightgbm(inputs, label, record):
    model = lightgbm.LGBMClassifier(n_estimators=ITERATIONS, n_jobs=1, max_depth=2, verbose=-1)
    model.fit(inputs, label, callbacks=[tk.integrations.lightgbm_callback(record)])
    return [model.predict_proba(inputs, num_iteration=k + 1) for k in range(ITERATIONS)]


@pytest.mark.parametrize("train", [with_xgboost, with_lightgbm])
@pytest.mark.parametrize("label", [LABEL, (LABEL > 0).astype(int)], ids=["three classes", "two classes"])
@pytest.mark.parametrize("inputs", [INPUTS, pd.DataFrame(INPUTS, columns=list("abcd"))], ids=["array", "table"])
def test_boosting__each_iteration_is_what_the_library_predicts(train, label, inputs, tmp_path):
    with tk.Recorder(tmp_path, tk.Probe(inputs, label), run="trees") as record:
        wanted = train(inputs, label, record)
    ds = tk.load(tmp_path)
    assert ds.step.values.tolist() == [list(range(1, ITERATIONS + 1))]
    np.testing.assert_allclose(np.exp(ds.log_prob.values[0]), wanted, rtol=1e-5)


def test_boosting__a_training_that_goes_on_counts_on(tmp_path):
    with tk.Recorder(tmp_path, tk.Probe(INPUTS, LABEL), run="trees") as record:
        first = xgboost.XGBClassifier(n_estimators=2, n_jobs=1, callbacks=[tk.integrations.xgboost_callback(record)])
        first.fit(INPUTS, LABEL)
        first.fit(INPUTS, LABEL, xgb_model=first.get_booster())
    assert tk.load(tmp_path).step.values.tolist() == [[1, 2, 3, 4]]


def test_boosting__a_regression_is_refused(tmp_path):
    with tk.Recorder(tmp_path, tk.Probe(INPUTS, LABEL), run="trees") as record:
        model = xgboost.XGBRegressor(n_estimators=2, n_jobs=1, callbacks=[tk.integrations.xgboost_callback(record)])
        with pytest.raises(ValueError, match="objective 'reg:squarederror': wanted a classifier"):
            model.fit(INPUTS, LABEL)
