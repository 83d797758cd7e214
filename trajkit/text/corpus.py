"""Documents: an embedded text, files of one's own, passages of them, and their split for training and testing."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from trajkit.storage.atomic import user_path

_EMBEDDED = Path(__file__).with_name("python_topics.txt")
_SHA256 = "1902df9e100ed1e5b79e2e9c6882b14fba509e5bf518b5e703f8a5d69ffcfbee"
# Before each document of the embedded text, and by default between those of other files.
BOUNDARY = "\f"


class Corpus(NamedTuple):
    """Documents, by name.

    Contexts of one document are not independent: training and testing use whole documents, and so does the bootstrap.

    Examples
    --------
    >>> import trajkit as tk
    >>> corpus = tk.text.Corpus(("a", "b"), ("Some text.", "Another."))
    >>> dict(zip(*corpus))["b"]
    'Another.'
    """

    documents: tuple[str, ...]
    texts: tuple[str, ...]


def corpus(path: str | os.PathLike[str] | None = None, *, boundary: str = BOUNDARY) -> Corpus:
    """Read documents: the embedded text, a file of several, or a folder with a file for each.

    Parameters
    ----------
    path
        A text file in UTF-8, whose documents are called "0", "1", ..., or a folder, whose files (`*.txt`) are the
        documents. By default 68 topics of the documentation of Python 3.11, 293 kB.
    boundary
        The text between two documents of a file, such as a line of a certain form or a number of empty lines; a form
        feed by default.

    Returns
    -------
    Corpus
        Documents and their texts; empty documents are left out.

    Raises
    ------
    ValueError
        If a file is not in UTF-8 or holds no boundary, if fewer than two documents are left, or if the embedded text is
        not what was shipped.

    Examples
    --------
    >>> import trajkit as tk
    >>> corpus = tk.text.corpus()
    >>> len(corpus.documents), corpus.texts[0][:22]
    (68, 'The "assert" statement')
    """
    if path is None:
        whole = _read(_EMBEDDED)
        if hashlib.sha256(whole.encode()).hexdigest() != _SHA256:
            raise ValueError(f"{_EMBEDDED.name} is not the text that was shipped: install trajkit again")
        parts = [part.partition("\n") for part in whole.split(BOUNDARY)[1:]]
        return Corpus(tuple(name for name, _, _ in parts), tuple(text for _, _, text in parts))
    place = user_path(path)
    if place.is_dir():
        files = sorted(place.glob("*.txt"))
        found = {file.stem: _read(file) for file in files}
    else:
        whole = _read(place)
        if not boundary or boundary not in whole:
            raise ValueError(
                f"{place} has no document boundaries: boundary={boundary!r} does not occur in it. Pass the text that "
                "stands between its documents, or a folder with a file for each; contexts of one document are not "
                "independent, so training and testing need several"
            )
        found = {str(k): text for k, text in enumerate(t for t in whole.split(boundary) if t.strip())}
    found = {name: text for name, text in found.items() if text.strip()}
    if len(found) < 2:
        raise ValueError(f"{place} holds {len(found)} documents: wanted two or more, to train and to test")
    return Corpus(tuple(found), tuple(found.values()))


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} is no text in UTF-8: {error}") from None


def passages(corpus: Corpus, length: int) -> Corpus:
    """Cut documents into passages, which then count as documents: for texts with few or long ones.

    Parameters
    ----------
    corpus
        Documents, as `trajkit.text.corpus` returns them.
    length
        Characters of a passage; what is left at the end of a document is a shorter one.

    Returns
    -------
    Corpus
        Passages, called "document:0", "document:1", ...

    Raises
    ------
    ValueError
        If `length` is below 1.

    Examples
    --------
    >>> import trajkit as tk
    >>> tk.text.passages(tk.text.Corpus(("a", "b"), ("12345", "678")), 3)
    Corpus(documents=('a:0', 'a:1', 'b:0'), texts=('123', '45', '678'))
    """
    if length < 1:
        raise ValueError(f"length: wanted one character or more, got {length}")
    found = {
        f"{name}:{k}": text[start : start + length]
        for name, text in zip(*corpus, strict=True)
        for k, start in enumerate(range(0, len(text), length))
    }
    return Corpus(tuple(found), tuple(found.values()))


def split(corpus: Corpus, test: float = 0.2, *, seed: int = 0) -> tuple[Corpus, Corpus]:
    """Split a corpus into documents for training and for testing.

    Parameters
    ----------
    corpus
        Documents, as `trajkit.text.corpus` returns them.
    test
        Share of the characters that the test documents have, or the least more with whole documents.
    seed
        Seed for the random draws.

    Returns
    -------
    tuple of Corpus
        Documents for training, and for testing, each in the order of `corpus`.

    Raises
    ------
    ValueError
        If `test` is not between 0 and 1, or no document is left for training.

    Examples
    --------
    >>> import trajkit as tk
    >>> train, test = tk.text.split(tk.text.corpus(), test=0.25)
    >>> len(train.documents), len(test.documents)
    (53, 15)
    """
    if not 0 < test < 1:
        raise ValueError(f"test: wanted a share between 0 and 1, got {test}")
    size = np.array([len(text) for text in corpus.texts])
    order = np.random.default_rng(seed).permutation(len(size))
    before = np.cumsum(size[order]) - size[order]
    tested = np.zeros(len(size), dtype=bool)
    tested[order[before < test * size.sum()]] = True
    if tested.all():
        raise ValueError(
            f"no document is left for training: {len(size)} documents cannot give a share of {test:g} to testing. "
            "`trajkit.text.passages` cuts long documents"
        )
    parts = [[(n, t) for n, t, own in zip(*corpus, tested, strict=True) if own == chosen] for chosen in (False, True)]
    train, other = (Corpus(tuple(n for n, _ in part), tuple(t for _, t in part)) for part in parts)
    return train, other
