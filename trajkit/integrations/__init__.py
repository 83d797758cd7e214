"""Callbacks and functions that use `tk.Recorder` in the trainers of other libraries.

| library | what to write | extra |
|---|---|---|
| plain PyTorch | nothing: call `record(model, step)` in the loop | |
| Lightning | `Trainer(callbacks=[lightning_callback(record)])` | `lightning` |
| Hugging Face | `Trainer(..., callbacks=[transformers_callback(record)])` | `transformers` |
| language models of Hugging Face | the same, with `text_probe(texts, tokenizer)` as the probe | `transformers` |
| Keras 3 | `model.fit(..., callbacks=[keras_callback(record)])` | `keras` |
| XGBoost | `XGBClassifier(callbacks=[xgboost_callback(record)])` | |
| LightGBM | `model.fit(..., callbacks=[lightgbm_callback(record)])` | |
| scikit-learn | `predict_proba` in loops over `partial_fit`, `stages` of boosting | `scikit-learn` |
| saved weights of torch | `tk.record_checkpoints(paths, TorchWeights(build), ...)` | |

Each library is imported when its function is called. The callbacks pass the model to the recorder before the first
optimizer update and after each update; `at=` of the recorder selects among these steps. The callbacks do not close the
recorder; a `with` block does::

    with tk.Recorder("runs/", probe, run=dict(seed=0), at=tk.RecordAt.log_spaced(50, last=10_000)) as record:
        Trainer(callbacks=[tk.integrations.lightning_callback(record)]).fit(model, loader)
"""

from trajkit.integrations.keras import keras_callback
from trajkit.integrations.lightgbm import lightgbm_callback
from trajkit.integrations.lightning import lightning_callback
from trajkit.integrations.scikit_learn import predict_proba, stages
from trajkit.integrations.text_probe import text_probe
from trajkit.integrations.torch_weights import TorchWeights
from trajkit.integrations.transformers import transformers_callback
from trajkit.integrations.xgboost import xgboost_callback

__all__ = [
    "TorchWeights",
    "keras_callback",
    "lightgbm_callback",
    "lightning_callback",
    "predict_proba",
    "stages",
    "text_probe",
    "transformers_callback",
    "xgboost_callback",
]
