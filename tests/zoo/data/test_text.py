"""Laws of texts to train on: contexts with their next tokens, and documents that are for training or for testing."""

import numpy as np
import pytest

import trajkit as tk
from trajkit.zoo import DataSettings, Grid, GridError, Settings, train
from trajkit.zoo.data import load_data
from trajkit.zoo.data.text import LENGTH, VOCABULARY

TEXT = DataSettings("text", probe_train=20, probe_test=20, train_size=4000, test_size=500)


def test_text__contexts_are_followed_by_their_labels():
    data = load_data(DataSettings("text", probe_train=20, probe_test=20))
    # Of all places, one after the other: the next context ends with the label of the one before, within a document.
    follows = (data.train[1:, -1] == data.train_label[:-1]).float().mean()
    assert follows > 0.999
    assert data.has_tokens
    assert data.shape == (LENGTH,)
    assert len(data.probe.classes) == VOCABULARY
    assert int(data.train.max()) == VOCABULARY - 1


def test_text__no_document_is_in_both_splits():
    coords = load_data(TEXT).probe.coordinates()
    document, split = coords["document"].values, coords["split"].values
    assert not set(document[split == "train"]) & set(document[split == "test"])
    assert (split == "train").sum() == (split == "test").sum() == 20


def test_text__a_size_draws_places_and_too_many_are_refused():
    data = load_data(TEXT)
    assert (len(data.train), len(data.test)) == (4000, 500)
    with pytest.raises(ValueError, match=r"wanted 10000000 train samples, but the text has \d+"):
        load_data(DataSettings("text", train_size=10_000_000))
    with pytest.raises(ValueError, match="as many probe samples of each split of a text, got 3 and 4"):
        DataSettings("text", probe_train=3, probe_test=4)


def test_text__language_models_learn_and_are_recorded_with_documents(tmp_path):
    runs = tuple(Settings(a, "adam", 0.01, epochs=1, width_factor=0.5 if a == "mlp" else 1) for a in ("bigram", "mlp"))
    table = train(Grid("g", TEXT, runs, 6), out=tmp_path, workers=0, progress_bar=False)
    assert (table.state == "trained").all()
    ds = tk.load(tmp_path)
    assert ds.document.dims == ("sample",)
    assert (tk.loss(ds).isel(checkpoint=-1) < tk.loss(ds).isel(checkpoint=0)).all()
    assert float(tk.loss(ds).isel(checkpoint=0).max()) == pytest.approx(np.log(VOCABULARY), abs=0.3)


@pytest.mark.parametrize(
    ("data", "architecture", "message"),
    [
        (TEXT, "fc", "'fc' needs numbers, but the data have tokens"),
        (DataSettings("digits"), "gru", "'gru' needs tokens"),
    ],
)
def test_text__architectures_of_other_inputs_are_refused(data, architecture, message, tmp_path):
    with pytest.raises(GridError, match=message):
        train(Grid("g", data, (Settings(architecture, "sgd", 0.1),), 6), out=tmp_path)
