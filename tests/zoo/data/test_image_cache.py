"""Laws of the cache of decoded images: never other images than those of the files, whatever lies in the cache."""

import numpy as np
import pytest

from trajkit.zoo.data.folder import folder
from trajkit.zoo.data.image_cache import cache_folder, cached


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Three files, and a cache of this test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    paths = [tmp_path / f"{i}.txt" for i in range(3)]
    for i, path in enumerate(paths):
        path.write_text(f"{100 + i}")
    return paths


class Decoder:
    """Reads files of numbers as images of one pixel, and counts the files that it has read."""

    def __init__(self):
        self.read = 0

    def __call__(self, files):
        self.read += len(files)
        return np.array([int(file.read_text()) for file in files], np.uint8).reshape(-1, 1, 1, 1)


def test_cached__files_are_decoded_once(files):
    decode = Decoder()
    for _ in range(3):
        assert cached(files, decode).ravel().tolist() == [100, 101, 102]
    assert decode.read == 3
    # Another selection, or another order, is another array.
    assert cached(files[::-1], decode).ravel().tolist() == [102, 101, 100]
    assert cached(files[1:], decode).ravel().tolist() == [101, 102]
    assert decode.read == 3 + 3 + 2


def test_cached__a_changed_file_is_decoded_again_and_replaces_the_old_images(files):
    decode = Decoder()
    cached(files, decode)
    files[1].write_text("77")
    assert cached(files, decode).ravel().tolist() == [100, 77, 102]
    assert len(list(cache_folder().iterdir())) == 1
    assert cached(files, decode).ravel().tolist() == [100, 77, 102]
    assert decode.read == 6


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "other"])
def test_cached__a_damaged_cache_is_made_again(files, damage):
    decode = Decoder()
    cached(files, decode)
    [path] = cache_folder().iterdir()
    whole = path.read_bytes()
    at = whole.rindex(bytes([100, 101, 102])) + 1
    content = {
        "flipped": whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :],
        "cut": whole[: len(whole) // 2],
        "empty": b"",
        "other": b"something else",
    }
    path.write_bytes(content[damage])
    assert cached(files, decode).ravel().tolist() == [100, 101, 102]
    assert decode.read == 6
    assert cached(files, decode).ravel().tolist() == [100, 101, 102]
    assert decode.read == 6


def test_cached__where_nothing_can_be_written_images_are_decoded_with_a_warning(files, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(files[0]))  # a file, not a folder
    with pytest.warns(RuntimeWarning, match="set XDG_CACHE_HOME to a folder"):
        assert cached(files, Decoder()).ravel().tolist() == [100, 101, 102]


def test_folder__of_images_is_read_from_the_cache(images, files):
    first = folder(str(images)).read("train", np.arange(5))
    [path] = cache_folder().iterdir()
    with np.load(path) as held:
        np.testing.assert_array_equal(held["images"], first)
    np.testing.assert_array_equal(folder(str(images)).read("train", np.arange(5)), first)
