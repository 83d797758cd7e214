"""Texts for language models: documents, tokens, contexts for a probe, and n-gram models to compare with.

A language model classifies: it predicts the next token of a context. With N contexts and C tokens, its predictions are
a point in prediction space, like those of any other network.

| function | what |
|---|---|
| `corpus` | documents: a small embedded text, a file or a folder |
| `passages` | documents cut into passages |
| `split` | whole documents for training, the others for testing |
| `characters`, `words` | tokens: the vocabulary of a training text |
| `contexts` | contexts with the next token, document and position: `.probe()` is what `tk.Recorder` wants |
| `ngram` | an n-gram model of token ids |
| `ngrams` | predictions of n-gram models for contexts: what `tk.add_references` wants |

The embedded text are 68 topics of Python's documentation (Python Software Foundation, PSF licence, which stands beside
the text). Nothing here needs torch:

>>> import trajkit as tk
>>> train, test = tk.text.split(tk.text.corpus())
>>> vocabulary = tk.text.characters(train, size=60)
>>> contexts = tk.text.contexts(train, test, vocabulary, samples=100)
>>> models = tk.text.ngrams(train, contexts)
>>> list(models), models["bigram"].shape
(['unigram', 'bigram', 'trigram', '4-gram'], (100, 60))
"""

from trajkit.text.contexts import Contexts, contexts
from trajkit.text.corpus import Corpus, corpus, passages, split
from trajkit.text.ngram import NGram, ngram, ngrams
from trajkit.text.vocabulary import Vocabulary, characters, words

__all__ = [
    "Contexts",
    "Corpus",
    "NGram",
    "Vocabulary",
    "characters",
    "contexts",
    "corpus",
    "ngram",
    "ngrams",
    "passages",
    "split",
    "words",
]
