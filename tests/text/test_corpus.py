"""Laws of documents, passages and their split."""

from importlib import import_module
from pathlib import Path

import pytest

import trajkit as tk


def test_corpus__is_the_text_that_was_shipped_with_its_licence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = tk.text.corpus()
    assert len(found.documents) == len(set(found.documents)) == len(found.texts) == 68
    assert all(text.strip() for text in found.texts)
    folder = Path(tk.text.__file__).parent
    assert (folder / "python_topics.txt").stat().st_size < 400_000
    assert "PYTHON SOFTWARE FOUNDATION LICENSE VERSION 2" in (folder / "python_topics_license.txt").read_text()
    # No two documents share a paragraph, which would be trained on and tested.
    paragraphs = [{" ".join(p.split()) for p in text.split("\n\n") if len(p) > 60} for text in found.texts]
    assert sum(map(len, paragraphs)) == len(set().union(*paragraphs))
    changed = tmp_path / "python_topics.txt"
    changed.write_text((folder / "python_topics.txt").read_text(encoding="utf-8") + "x", encoding="utf-8")
    monkeypatch.setattr(import_module("trajkit.text.corpus"), "_EMBEDDED", changed)
    with pytest.raises(ValueError, match=r"python_topics.txt is not the text that was shipped"):
        tk.text.corpus()


def test_corpus__of_a_file_or_folder_has_its_documents(tmp_path: Path) -> None:
    (tmp_path / "all.txt").write_text("one\n---\ntwo\n---\n\n---\nthree")
    assert tk.text.corpus(tmp_path / "all.txt", boundary="\n---\n") == (("0", "1", "2"), ("one", "two", "three"))
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, text in (("b", "second"), ("a", "first"), ("empty", " \n")):
        (folder / f"{name}.txt").write_text(text)
    assert tk.text.corpus(folder) == (("a", "b"), ("first", "second"))


def test_corpus__without_boundaries_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "all.txt"
    file.write_text("one long text")
    for boundary in ("\f", "", "---"):
        with pytest.raises(ValueError, match="has no document boundaries: boundary="):
            tk.text.corpus(file, boundary=boundary)
    with pytest.raises(ValueError, match="holds 1 documents: wanted two or more"):
        tk.text.corpus(file, boundary="one long ")
    file.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ValueError, match=r"all\.txt is no text in UTF-8"):
        tk.text.corpus(file)
    with pytest.raises(FileNotFoundError):
        tk.text.corpus(tmp_path / "absent.txt")


def test_passages__put_together_are_the_documents() -> None:
    whole = tk.text.corpus()
    parts = tk.text.passages(whole, 1000)
    assert max(map(len, parts.texts)) == 1000
    assert "".join(parts.texts) == "".join(whole.texts)
    assert len(set(parts.documents)) == len(parts.documents)
    with pytest.raises(ValueError, match="length: wanted one character or more, got 0"):
        tk.text.passages(whole, 0)


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5])
def test_split__takes_whole_documents_and_the_least_that_reach_the_share(share: float) -> None:
    whole = tk.text.corpus()
    train, test = tk.text.split(whole, share, seed=3)
    assert sorted(train.documents + test.documents) == sorted(whole.documents)
    assert dict(zip(*train, strict=True)) | dict(zip(*test, strict=True)) == dict(zip(*whole, strict=True))
    size = [sum(map(len, part.texts)) for part in (test, train)]
    assert size[0] >= share * sum(size)
    assert size[0] - max(map(len, test.texts)) < share * sum(size)
    assert tk.text.split(whole, share, seed=3) == (train, test)
    assert tk.text.split(whole, share, seed=4) != (train, test)


def test_split__that_leaves_nothing_is_refused() -> None:
    two = tk.text.Corpus(("a", "b"), ("long " * 9, "short"))
    with pytest.raises(ValueError, match="no document is left for training"):
        tk.text.split(two, 0.99)
    for share in (0, 1, -0.1):
        with pytest.raises(ValueError, match="test: wanted a share between 0 and 1"):
            tk.text.split(two, share)
