"""Laws of archives: small files that together are the folder of runs again."""

import shutil
from dataclasses import replace

import pytest
from small_trainings import DIGITS, SHORT

import trajkit as tk
from trajkit.zoo import Grid, archive, pack, train
from trajkit.zoo.outcomes import read_outcomes

KILOBYTES = 25


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder of five runs, of which one diverged."""
    root = tmp_path_factory.mktemp("archive")
    settings = (*(replace(SHORT, optimizer=o) for o in ("sgd", "nesterov", "adam")), replace(SHORT, batch_size=32))
    settings += (replace(SHORT, architecture="fc", learning_rate=1e30),)
    train(Grid("g", DIGITS, settings, 6), out=root / "runs", workers=0, progress_bar=False)
    return root / "runs"


def test_archive__files_are_small_and_give_the_folder_again(runs, tmp_path):
    paths = archive(runs, tmp_path / "part", megabytes=KILOBYTES / 1000)
    assert [path.name for path in paths] == [f"part-{i:02}.zip" for i in range(1, len(paths) + 1)]
    assert len(paths) > 1
    assert all(path.stat().st_size < 1000 * KILOBYTES for path in paths)
    for path in paths[::-1]:
        shutil.unpack_archive(path, tmp_path / "again")
        shutil.unpack_archive(path, tmp_path / path.stem)
    assert tk.load(tmp_path / "again").equals(tk.load(runs))
    assert read_outcomes(tmp_path / "again") == read_outcomes(runs)
    assert sum(tk.load(tmp_path / path.stem).sizes["run"] for path in paths[:-1]) >= 3
    assert tk.load(pack(tmp_path / "again", tmp_path / "all.nc")).sizes["run"] == 4


def test_archive__runs_that_are_not_finished_are_left_out(runs, tmp_path):
    copy = shutil.copytree(runs, tmp_path / "copy")
    outcome = sorted(copy.glob("outcomes/*.json"))[0]
    outcome.unlink()
    [path] = archive(copy, tmp_path / "part")
    shutil.unpack_archive(path, tmp_path / "again")
    assert len(list((tmp_path / "again").glob("*.run"))) == 4
    assert not (tmp_path / "again" / f"{outcome.stem}.run").exists()


def test_archive__other_files_are_replaced_only_if_asked(runs, tmp_path):
    many = archive(runs, tmp_path / "part", megabytes=KILOBYTES / 1000)
    with pytest.raises(FileExistsError, match="exists: choose another name"):
        archive(runs, tmp_path / "part")
    [path] = archive(runs, tmp_path / "part", overwrite=True)
    # Parts of the old archive beside the new one would be unzipped with it.
    assert sorted(tmp_path.glob("part-*")) == [path] == many[:1]


def test_archive__what_cannot_be_is_refused(runs, tmp_path):
    with pytest.raises(ValueError, match=r"takes 0\.0\d MB, wanted less than 0\.001: allow more megabytes"):
        archive(runs, tmp_path / "part", megabytes=0.001)
    with pytest.raises(ValueError, match="nothing to archive"):
        archive(tmp_path, tmp_path / "part")
    with pytest.raises(FileNotFoundError, match="no folder"):
        archive(runs, tmp_path / "nowhere" / "part")
    assert not list(tmp_path.iterdir())
