"""Laws of n-gram models with Witten-Bell smoothing."""

import itertools
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import trajkit as tk

texts = st.lists(st.lists(st.integers(0, 3), max_size=25), min_size=1, max_size=4).filter(any)


def by_definition(documents: Sequence[Sequence[int]], context: tuple[int, ...], classes: int) -> list[Fraction]:
    """Predictions of the model that looks back `len(context)` tokens, in fractions, from the text itself."""
    shorter = by_definition(documents, context[1:], classes) if context else [Fraction(1, classes)] * classes
    k = len(context)
    after = [ids[i] for ids in documents for i in range(k, len(ids)) if tuple(ids[i - k : i]) == context]
    kinds = len(set(after))
    if not after:
        return shorter
    return [(after.count(w) + kinds * p) / Fraction(len(after) + kinds) for w, p in enumerate(shorter)]


@given(texts, st.integers(1, 4))
def test_ngram__agrees_with_its_definition(documents: list[list[int]], order: int) -> None:
    classes = 4
    contexts = np.array(list(itertools.product(range(classes), repeat=3)))
    got = np.exp(tk.text.ngram(documents, order, classes).log_prob(contexts))
    exact = [by_definition(documents, tuple(c[3 - (order - 1) :]), classes) for c in contexts.tolist()]
    np.testing.assert_allclose(got, np.array(exact, dtype=float), rtol=1e-12)
    np.testing.assert_allclose(got.sum(1), 1, rtol=1e-12)


@given(texts)
def test_ngram__of_a_context_that_was_not_seen_is_the_shorter_model(documents: list[list[int]]) -> None:
    # Token 4 is in no document.
    models = [tk.text.ngram(documents, order, 5) for order in (1, 2, 3)]
    rows = [[4, k] for k in range(5)]
    unigram, bigram, trigram = (model.log_prob(rows) for model in models)
    np.testing.assert_allclose(trigram, bigram, rtol=1e-12)
    np.testing.assert_allclose(bigram[4], unigram[4], rtol=1e-12)
    assert np.isfinite(trigram).all()


def chain(steps: int, classes: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """A text from a Markov chain that looks back so many steps, and its probabilities (context..., class)."""
    random = np.random.default_rng(steps)
    probability = random.dirichlet(np.ones(classes), (classes,) * steps)
    text, uniform = np.zeros(length, dtype=int), random.random(length)
    edges = probability.cumsum(-1)
    for i in range(steps, length):
        text[i] = min(np.searchsorted(edges[tuple(text[i - steps : i])], uniform[i]), classes - 1)
    return text, probability


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_ngram__of_a_markov_chain_converges_to_it(steps: int) -> None:
    classes = 3
    text, probability = chain(steps, classes, 40_000)
    contexts = np.array(list(itertools.product(range(classes), repeat=max(steps, 1))))
    exact = np.broadcast_to(probability, (classes,) * max(steps, 1) + (classes,)).reshape(-1, classes)
    gap = []
    for length in (400, 40_000):
        model = tk.text.ngram([text[:length]], steps + 1, classes)
        gap.append(np.abs(np.exp(model.log_prob(contexts)) - exact).max())
    # The error of a frequency falls with the square root of the length, here by 10.
    assert gap[1] < 0.03
    assert gap[1] < gap[0] / 3
    if steps:
        short = tk.text.ngram([text], steps, classes).log_prob(contexts)
        assert np.abs(np.exp(short) - exact).max() > 0.1


def test_ngram__boundaries_of_documents_are_no_context() -> None:
    apart, together = (tk.text.ngram(documents, 2, 2) for documents in ([[0, 0], [1, 1]], [[0, 0, 1, 1]]))
    np.testing.assert_allclose(np.exp(apart.log_prob([[0]])), [[0.75, 0.25]])
    np.testing.assert_allclose(np.exp(together.log_prob([[0]])), [[0.5, 0.5]])


def test_ngram__of_large_vocabularies_and_long_contexts_counts_right() -> None:
    random = np.random.default_rng(0)
    text = random.integers(0, 50_000, 2000)
    model = tk.text.ngram([text], 12, 50_000)
    seen = model.log_prob(text[None, 100:111])
    assert seen.argmax() == text[111]
    np.testing.assert_allclose(np.exp(seen).sum(), 1, rtol=1e-9)


def test_ngrams__are_fitted_to_the_training_text_and_named() -> None:
    train, test = tk.text.split(tk.text.corpus())
    found = tk.text.contexts(train, test, tk.text.characters(train), samples=400)
    models = tk.text.ngrams(train, found, orders=(1, 2, 3, 5))
    assert list(models) == ["unigram", "bigram", "trigram", "5-gram"]
    by_hand = tk.text.ngram([found.vocabulary.encode(text) for text in train.texts], 3, 60)
    np.testing.assert_array_equal(models["trigram"], by_hand.log_prob(found.tokens))
    assert (models["unigram"] == models["unigram"][0]).all()
    with pytest.raises(ValueError, match=r"are tested: n-grams are fitted to the training text alone"):
        tk.text.ngrams(tk.text.corpus(), found)


def test_ngram__bad_inputs() -> None:
    for order in (0, -1):
        with pytest.raises(ValueError, match=rf"wanted order=1 \(unigram\) or more .* got order={order}"):
            tk.text.ngram([[0, 1]], order, 2)
    with pytest.raises(ValueError, match=r"document 1: token ids \[2\] are outside the vocabulary of 2 tokens"):
        tk.text.ngram([[0, 1], [2]], 1, 2)
    with pytest.raises(ValueError, match="wanted a list with the token ids of each document, got no such boundaries"):
        tk.text.ngram(np.array([0, 1, 0]), 1, 2)
    with pytest.raises(ValueError, match="wanted one token or more to fit"):
        tk.text.ngram([[], []], 1, 2)
    model = tk.text.ngram([[0, 1, 0]], 3, 2)
    with pytest.raises(ValueError, match=r"the trigram model wants contexts .* of 2 tokens .* got shape \(1, 1\)"):
        model.log_prob([[0]])
    with pytest.raises(ValueError, match=r"tokens: token ids \[-1, 7\] are outside the vocabulary"):
        model.log_prob([[-1, 7]])
    # A text too short for any context of two tokens predicts as the shorter models do.
    short = [tk.text.ngram([[0, 1]], order, 2).log_prob([[0, 1]]) for order in (2, 3)]
    np.testing.assert_array_equal(*short)
