"""A probe for causal language models, from texts and a tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from trajkit.storage import Probe
from trajkit.storage.probe_labels import NO_LABEL
from trajkit.typing import Labels


def text_probe(
    texts: Sequence[str],
    tokenizer: Any,
    *,
    length: int | None = None,
    positions: int | None = None,
    classes: int | None = None,
    split: ArrayLike | str = "test",
    only_ids: bool = False,
    seed: int = 0,
) -> Probe:
    """Make a probe that asks a causal language model for the next token at positions of texts.

    The label of a position is the token after it, so the output of a model of transformers is recorded without a
    `predict=`. Shorter texts are filled up; positions without a next token are no samples. Each sample has the number
    of its text as coordinate `document`.

    Parameters
    ----------
    texts
        Texts of at least two tokens.
    tokenizer
        A tokenizer of transformers: it is called on the texts, and gives the names of tokens by
        `convert_ids_to_tokens`.
    length
        Number of tokens of a text that are kept, by default all.
    positions
        Number of positions that are asked for in each text, drawn at random; by default all. A dataset holds one sample
        for each, with all classes.
    classes
        Number of outputs of the model, if it has more than the tokenizer has tokens.
    split
        "train" or "test" for each text, or one of them for all.
    only_ids
        Whether the inputs are the token ids alone, for a module that takes one tensor. By default they are a dict of
        `input_ids` and `attention_mask`.
    seed
        Seed for the random draws.

    Returns
    -------
    Probe
        Its samples are positions, called "text:position"; its classes are the tokens.

    Raises
    ------
    ValueError
        If there are no texts, one has fewer than two tokens, a token is outside the classes, or `length` or `positions`
        are too small.

    Examples
    --------
    >>> class Letters:  # in place of a tokenizer of transformers
    ...     def __call__(self, texts):
    ...         return {"input_ids": [[ord(letter) - 97 for letter in text] for text in texts]}
    ...     def __len__(self):
    ...         return 26
    ...     def convert_ids_to_tokens(self, ids):
    ...         return [chr(97 + i) for i in ids]
    >>> probe = text_probe(["abc", "xy"], Letters())
    >>> probe.sample.tolist(), probe.classes[probe.label].tolist()
    (['0:0', '0:1', '1:0'], ['b', 'c', 'y'])
    """
    for name, value, least in (("length", length, 2), ("positions", positions, 1)):
        if value is not None and value < least:
            raise ValueError(f"{name}: wanted at least {least}, got {value}")
    texts = list(texts)
    if not texts:
        raise ValueError("texts: wanted at least one text, got none")
    tokens = [list(ids)[:length] for ids in tokenizer(texts)["input_ids"]]
    if short := [k for k, ids in enumerate(tokens) if len(ids) < 2]:
        raise ValueError(f"texts {short[:5]} have fewer than two tokens: there is no next token to predict")
    known = len(tokenizer)
    count = known if classes is None else classes
    if (largest := max(map(max, tokens))) >= count:
        raise ValueError(
            f"token {largest} is outside the {count} classes: pass classes=, the number of outputs of the model, or "
            "the tokenizer that belongs to it"
        )
    ids, mask, label = _filled(tokens)
    if positions is not None:
        _keep_some(label, positions, np.random.default_rng(seed))
    names = list(map(str, tokenizer.convert_ids_to_tokens(range(min(known, count)))))
    # A model may have more outputs than there are tokens, so that their number is a multiple of 64.
    names += [f"<unused {k}>" for k in range(known, count)]
    inputs = ids if only_ids else {"input_ids": ids, "attention_mask": mask}
    return Probe(inputs, label, classes=names, split=split, coords={"document": np.arange(len(texts))})


def _filled(tokens: Sequence[Sequence[int]]) -> tuple[Labels, Labels, Labels]:
    """Give ids, mask and labels (text, position): what is filled up comes last, where no position looks at it."""
    shape = len(tokens), max(map(len, tokens))
    ids, mask, label = np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.full(shape, NO_LABEL)
    for row, own in enumerate(tokens):
        ids[row, : len(own)], mask[row, : len(own)] = own, 1
        label[row, : len(own) - 1] = own[1:]
    return ids, mask, label


def _keep_some(label: Labels, positions: int, random: np.random.Generator) -> None:
    for row in label:
        held = np.flatnonzero(row != NO_LABEL)
        row[random.permutation(held)[positions:]] = NO_LABEL
