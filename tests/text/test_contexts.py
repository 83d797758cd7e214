"""Laws of contexts, and of the coordinates that a probe made of them has."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import trajkit as tk


@pytest.fixture(scope="module")
def parts() -> tuple[tk.text.Corpus, tk.text.Corpus, tk.text.Contexts]:
    train, test = tk.text.split(tk.text.corpus())
    return train, test, tk.text.contexts(train, test, tk.text.characters(train), samples=300, length=12)


def test_contexts__are_what_stands_before_their_label_in_their_document(parts) -> None:
    train, test, found = parts
    for split, corpus in (("train", train), ("test", test)):
        text = dict(zip(*corpus, strict=True))
        for k in np.flatnonzero(found.split == split)[::10]:
            at = found.position[k]
            around = found.vocabulary.encode(text[str(found.document[k])][at - 12 : at + 1])
            np.testing.assert_array_equal(around, [*found.tokens[k], found.label[k]])
    assert (found.split == "test").sum() == 150
    assert len({*zip(found.document.tolist(), found.position.tolist(), strict=True)}) == 300
    again = tk.text.contexts(train, test, found.vocabulary, samples=300, length=12)
    np.testing.assert_array_equal(again.tokens, found.tokens)


def test_contexts__are_drawn_from_every_place_with_the_same_chance() -> None:
    corpora = [tk.text.Corpus((name,), ("abcdefghij",)) for name in "xy"]
    vocabulary = tk.text.characters(corpora[0])
    drawn = [tk.text.contexts(*corpora, vocabulary, samples=2, length=3, seed=k).position[0] for k in range(700)]
    values, count = np.unique(drawn, return_counts=True)
    assert values.tolist() == [3, 4, 5, 6, 7, 8, 9]
    # Chi-square with 6 degrees of freedom: above 22.5 with a chance of 0.001.
    assert (np.square(count - 100) / 100).sum() < 22.5


def test_contexts__that_the_text_cannot_give_are_refused(parts) -> None:
    train, test, found = parts
    with pytest.raises(ValueError, match="contexts of 99999 tokens are longer than the documents for training"):
        tk.text.contexts(train, test, found.vocabulary, length=99_999)
    short = tk.text.Corpus(("short",), ("only a few words",))
    with pytest.raises(ValueError, match=r"wanted 50 contexts of 4 tokens from .* testing, which have 12"):
        tk.text.contexts(train, short, found.vocabulary, length=4, samples=100)
    with pytest.raises(ValueError, match=r"documents \['.*'\] are for training and for testing"):
        tk.text.contexts(train, train, found.vocabulary)
    with pytest.raises(ValueError, match="wanted two contexts or more, of one token or more, got samples=1"):
        tk.text.contexts(train, test, found.vocabulary, samples=1)


def same_places(ds: xr.Dataset, found: tk.text.Contexts) -> None:
    assert ds.document.dims == ds.position.dims == ("sample",)
    assert ds.document.values.tolist() == found.document.tolist()
    assert ds.position.values.tolist() == found.position.tolist()


def test_coordinates__of_a_probe_come_through_recorder_files_and_selections(parts, tmp_path: Path) -> None:
    train, _, found = parts
    probe = found.probe()
    for seed in range(2):
        with tk.Recorder(tmp_path / "runs", probe, run={"seed": seed}) as record:
            for step in range(2):
                weights = np.random.default_rng(seed).normal(size=(60, 60)) * step
                record(lambda tokens, weights=weights: weights[tokens[:, -1]], step)
    ds = tk.load(tmp_path / "runs")
    same_places(ds, found)
    ds = tk.add_references(ds.load(), tk.text.ngrams(train, found, orders=(1, 2)))
    for name in ("all.nc", "all.zarr"):
        tk.save(ds, tmp_path / name)
        same_places(tk.load(tmp_path / name), found)
    same_places(tk.concat([ds.isel(run=[0]), ds.isel(run=[1])]), found)
    same_places(tk.with_references(ds, 3), found)
    same_places(tk.points(ds), found)
    tested = tk.select(ds, split="test")
    assert tested.document.values.tolist() == found.document[found.split == "test"].tolist()
    # A store takes no runs on contexts of other places.
    other = tk.Probe(found.tokens, found.label, classes=found.vocabulary.names, split=found.split, sample=probe.sample)
    with pytest.raises(tk.SchemaError, match=r"'document' \(only one of the two has it\)"):
        tk.Recorder(tmp_path / "runs", other, run={"seed": 9})
