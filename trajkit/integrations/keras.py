"""A callback for Keras 3."""

from __future__ import annotations

from typing import Any

from trajkit.recording.recorder import Recorder, offer


def keras_callback(record: Recorder | None) -> Any:
    """Make a Keras callback that records the model before training and after each optimizer update.

    The step is `model.optimizer.iterations`. A model that ends in a softmax needs a recorder with `output="prob"`.

    Parameters
    ----------
    record
        An open recorder; its `at=` selects the steps. If several processes train together, pass the recorder in one of
        them and None in the others.

    Returns
    -------
    keras.callbacks.Callback
        For `model.fit(..., callbacks=[...])`.

    Raises
    ------
    ImportError
        If Keras or the backend that it uses is not installed (`pip install "trajkit[keras]"`).

    Examples
    --------
    >>> import os, tempfile
    >>> _ = os.environ.setdefault("KERAS_BACKEND", "torch")  # before the import; the default is tensorflow
    >>> import keras, numpy as np, trajkit as tk
    >>> model = keras.Sequential([keras.layers.Dense(2, activation="softmax")])
    >>> model.compile("sgd", "sparse_categorical_crossentropy")
    >>> inputs, label = np.eye(2), np.arange(2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with tk.Recorder(folder, tk.Probe(inputs, label), run="dense", output="prob") as record:
    ...         callbacks = [tk.integrations.keras_callback(record)]
    ...         _ = model.fit(inputs, label, batch_size=1, verbose=0, callbacks=callbacks)
    ...     tk.load(folder).step.values
    array([[0, 1, 2]])
    """
    from keras.callbacks import Callback

    class RecordCallback(Callback):  # type: ignore[misc]
        epoch = 0

        def on_train_begin(self, logs: Any = None) -> None:
            self.offer(0)

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.epoch = epoch

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.offer(batch + 1)

        def offer(self, batches: int) -> None:
            in_epoch = self.params["steps"]  # None where the length of the data is not known
            epoch = self.epoch + batches / in_epoch if in_epoch else None
            offer(record, self.model, int(self.model.optimizer.iterations), epoch)

    return RecordCallback()
