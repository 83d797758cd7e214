"""Laws of the program `python -m trajkit.zoo`: what it trains, skips, packs and refuses."""

import contextlib
import io
import json
import re
import subprocess
import sys

import pytest
from small_trainings import grid_file

import trajkit as tk
from trajkit.roles import role_of
from trajkit.zoo import pack, train
from trajkit.zoo.__main__ import main

PROGRAM_GRID = """
checkpoints = 6
data = {name = "digits", probe_train = 20, probe_test = 20}
defaults = {epochs = 1}
runs = [
    {architecture = "linear", optimizer = "sgd", learning_rate = 0.1, seed = [0, 1, 2, 3]},
    {architecture = "allcnn", optimizer = ["sgd", "adam"], learning_rate = 0.01, batch_size = 128},
    {architecture = "fc", optimizer = "sgd", learning_rate = 1e30},
]
"""
DIVERGED = "fc-256-sgd-1e+30-0-epochs=1"


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The program on a small grid with one run that diverges: its folder, exit status and output."""
    root = tmp_path_factory.mktemp("program")
    path = grid_file(root, PROGRAM_GRID)
    with contextlib.redirect_stdout(io.StringIO()) as output:
        status = main([str(path), "--out", str(root / "runs"), "--workers", "1", "--pack", str(root / "mine.nc")])
    return root, status, output.getvalue()


def test_program__trains_all_runs_and_says_which_diverged(program):
    root, status, output = program
    assert status == 0
    total = next(line for line in output.splitlines() if line.startswith("all "))
    assert total.split()[1:5] == ["7", "6", "1", "0"]
    assert f"{DIVERGED}: not finite at step" in output
    table = tk.Store(root / "runs").table()
    assert table.loc[DIVERGED, "state"] == "diverged"
    assert (table.drop(DIVERGED)["state"] == "complete").all()


def test_program__packs_runs_with_their_errors_and_where_they_come_from(program):
    root, _, _ = program
    ds = tk.load(root / "mine.nc")
    tk.validate(ds)
    metadata = json.loads(ds.attrs["metadata"])
    assert metadata["grid"] == "mine"
    assert re.fullmatch(r"[0-9a-f]{40}( with changes)?|trajkit [\d.]+", metadata["commit"])
    assert list(metadata["failed_runs"]) == [DIVERGED]
    assert ds.sizes == {"run": 6, "checkpoint": 6, "sample": 40, "class": 10}
    assert ((ds.train_error > 0) & (ds.train_error < 1)).all()
    assert set(ds.parameters.values.tolist()) == {650, 45_034}
    assert "seed" not in ds.coords
    assert {name: ds[name].attrs.get("role") for name in ("width", "learning_rate")} == {
        "width": "outcome", "learning_rate": None
    }  # fmt: skip
    assert not [value for value in map(str, metadata.values()) if str(root) in value]


def test_program__finished_and_diverged_runs_are_skipped(program, capsys):
    root, _, _ = program
    before = {path: path.stat().st_mtime_ns for path in (root / "runs").rglob("*.json")}
    arguments = [str(root / "mine.toml"), "--out", str(root / "runs"), "--workers", "0"]
    assert main([*arguments, "--dry-run"]) == 0
    assert "0 runs to train" in capsys.readouterr().out
    assert main(arguments) == 0
    assert {path: path.stat().st_mtime_ns for path in (root / "runs").rglob("*.json")} == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("checkpoints = 6", "checkpoints = 7"), "with other checkpoints: choose another folder"),
        (("probe_train = 20", "probe_train = 30"), "with other data: choose another folder"),
    ],
)
def test_program__a_folder_of_other_runs_is_refused(program, change, message, tmp_path, capsys):
    path = grid_file(tmp_path, PROGRAM_GRID.replace(*change))
    with pytest.raises(SystemExit, match="2"):
        main([str(path), "--out", str(program[0] / "runs")])
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.toml"], "no grid"),
        (["digits", "--pack", "{root}/mine.nc"], "exists"),
        (["digits", "--pack", "{root}/mine.zarr"], "ends in .nc"),
        (["digits", "--pack", "{root}/nowhere/mine.nc"], "no folder"),
        (["digits", "--workers", "-1"], "at least 0"),
        (["cifar10-small"], "needs a path"),
        (["digits", "--minutes", "0"], "more than 0"),
        (["digits", "--archive", "{root}/nowhere/part"], "no folder"),
        ([], "wanted a grid to train, or --pack or --archive"),
    ],
)
def test_program__what_cannot_end_well_is_refused_before_training(program, arguments, message, tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        main([*(a.format(root=program[0]) for a in arguments), "--out", str(tmp_path / "out")])
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_pack__a_file_too_large_leaves_the_old_one(program):
    root, _, _ = program
    before = (root / "mine.nc").read_bytes()
    with pytest.raises(FileExistsError, match="overwrite=True"):
        pack(root / "runs", root / "mine.nc")
    with pytest.raises(ValueError, match=r"6 runs take 0\.1 MB, wanted at most 0\.001"):
        pack(root / "runs", root / "mine.nc", overwrite=True, max_megabytes=0.001)
    assert (root / "mine.nc").read_bytes() == before
    assert not [path for path in root.iterdir() if path.name.startswith(".")]


def test_without_a_single_success_there_is_nothing_to_pack(tmp_path, capsys):
    path = grid_file(tmp_path, re.sub('    {architecture = "(linear|allcnn)".*\n', "", PROGRAM_GRID))
    assert main([str(path), "--out", str(tmp_path / "runs"), "--workers", "0"]) == 1
    with pytest.raises(ValueError, match="nothing to pack"):
        pack(tmp_path / "runs", tmp_path / "mine.nc")


def test_pack__what_follows_from_other_settings_is_no_setting(tmp_path):
    text = 'checkpoints = 6\nfollows = ["epochs"]\ndata = {name = "digits", probe_train = 20, probe_test = 20}\n'
    text += "[tuned.linear]\nsgd = 0.1\nadam = 0.01\n"
    text += '[[runs]]\narchitecture = "linear"\noptimizer = ["sgd", "adam"]\nepochs = 1\n'
    text += '[[runs]]\narchitecture = "linear"\noptimizer = ["sgd", "adam"]\nepochs = 2\nlabel_smoothing = 0.1\n'
    train(grid_file(tmp_path, text), out=tmp_path / "runs", workers=0, progress_bar=False)
    ds = tk.load(pack(tmp_path / "runs", tmp_path / "packed.nc"))
    roles = {name: role_of(ds, name) for name in ("learning_rate", "width", "epochs", "init_seed", "order_seed")}
    assert set(roles.values()) == {"outcome", "seed"}
    assert roles["init_seed"] == roles["order_seed"] == "seed"
    assert sorted(set(tk.configuration(ds).values.tolist())) == [
        "optimizer=adam, label_smoothing=0.0", "optimizer=adam, label_smoothing=0.1",
        "optimizer=sgd, label_smoothing=0.0", "optimizer=sgd, label_smoothing=0.1",
    ]  # fmt: skip


def test_program__without_a_grid_packs_and_archives_what_was_trained(program, tmp_path, capsys):
    arguments = ["--out", str(program[0] / "runs"), "--pack", str(tmp_path / "mine.nc")]
    assert main([*arguments, "--archive", str(tmp_path / "part"), "--megabytes", "0.03"]) == 0
    assert "files, unzip all into one folder" in capsys.readouterr().out
    assert tk.load(tmp_path / "mine.nc").drop_attrs().equals(tk.load(program[0] / "mine.nc").drop_attrs())
    assert len(list(tmp_path.glob("part-*.zip"))) > 1


def test_program__stops_at_the_limit_and_says_what_is_pending(tmp_path, capsys):
    path = grid_file(tmp_path, PROGRAM_GRID)
    arguments = [str(path), "--out", str(tmp_path / "runs"), "--workers", "0"]
    assert main([*arguments, "--minutes", "1e-9"]) == 1
    assert "7 runs are pending: start the program again" in capsys.readouterr().out
    assert not list((tmp_path / "runs").glob("*.run"))


BARE = """
import importlib.metadata, sys

known = importlib.metadata.version

def version(name):
    if name == "trajkit":
        raise importlib.metadata.PackageNotFoundError(name)
    return known(name)

importlib.metadata.version = version
for name in ("netCDF4", "plotly", "ipywidgets", "anywidget"):
    sys.modules[name] = None
from trajkit.zoo.__main__ import main

grid, root = sys.argv[1:]
assert main([grid, "--out", f"{root}/runs", "--workers", "0", "--archive", f"{root}/part"]) == 0
import trajkit as tk

assert tk.load(f"{root}/runs").load().sizes["run"] == 4
print(tk.__version__)
main([grid, "--out", f"{root}/others", "--workers", "0", "--pack", f"{root}/mine.nc"])
"""


def test_program__runs_from_a_checkout_without_the_libraries_of_notebooks_and_files(tmp_path):
    path = grid_file(tmp_path, re.sub('    {architecture = "(allcnn|fc)".*\n', "", PROGRAM_GRID))
    command = [sys.executable, "-c", BARE, str(path), str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2, ended.stderr
    assert ended.stdout.splitlines()[-1] == "0+checkout"
    assert "mine.nc needs netCDF4: pip install netcdf4" in ended.stderr.splitlines()[-1]
    assert (tmp_path / "part-01.zip").exists()
    assert not (tmp_path / "others").exists()


def test_program__without_torch_says_what_to_install():
    code = "import sys, runpy; sys.modules['torch'] = None; runpy.run_module('trajkit.zoo', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.strip().splitlines()[-1].endswith('the zoo needs torch: pip install "trajkit[train]"')
