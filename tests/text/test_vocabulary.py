"""Laws of tokens."""

import pytest

import trajkit as tk
from trajkit.text.vocabulary import UNKNOWN


def test_characters__come_back_and_others_are_one_token() -> None:
    corpus = tk.text.corpus()
    every = tk.text.characters(corpus, size=1000)
    assert len(every) == len(set("".join(corpus.texts))) + 1
    for text in corpus.texts[:5]:
        assert every.decode(every.encode(text)) == text
    few = tk.text.characters(corpus, size=60)
    assert len(few) == len(set(few.names)) == 60
    assert few.tokens[-1] == UNKNOWN
    assert set(few.tokens[:-1]) <= set(every.tokens)
    assert few.encode("aé").tolist() == [few.tokens.index("a"), 59]
    text = "".join(corpus.texts)
    least = min(text.count(token) for token in few.tokens[:-1])
    assert all(text.count(token) <= least for token in set(every.tokens[:-1]) - set(few.tokens))


def test_words__are_lower_case_runs_of_letters_and_single_signs() -> None:
    corpus = tk.text.Corpus(("a", "b"), ("The x_1 of it: the END.", "It is."))
    vocabulary = tk.text.words(corpus, size=100)
    assert vocabulary.tokens == (".", ":", "end", "is", "it", "of", "the", "x_1", UNKNOWN)
    assert vocabulary.decode(vocabulary.encode("The end. Is it new?")) == f"the end . is it {UNKNOWN} {UNKNOWN}"
    assert tk.text.words(corpus, size=3).tokens == (".", "it", UNKNOWN)


def test_ids__outside_the_vocabulary_are_refused() -> None:
    vocabulary = tk.text.characters(tk.text.Corpus(("a",), ("abc",)))
    for ids, problem in (([0, 4], "4"), ([-1], "-1")):
        with pytest.raises(ValueError, match=rf"token ids \[{problem}\] are outside the vocabulary of 4 tokens"):
            vocabulary.decode(ids)
    with pytest.raises(ValueError, match="wanted token ids, whole numbers, got float64"):
        vocabulary.decode([0.5])
    for make in (tk.text.characters, tk.text.words):
        with pytest.raises(ValueError, match="size: wanted two tokens or more, got 1"):
            make(tk.text.corpus(), 1)
        with pytest.raises(ValueError, match="wanted text to make a vocabulary of"):
            make(tk.text.Corpus(("a",), ("",)))
