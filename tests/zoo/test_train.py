"""Laws of training a grid: refused before it starts, resumed after a kill."""

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from PIL import Image
from small_trainings import DIGITS, SHORT, grid_file

import trajkit as tk
from trajkit.zoo import DataSettings, Grid, GridError, Settings, read_grid, summary, train
from trajkit.zoo.data import load_data
from trajkit.zoo.outcomes import read_outcomes
from trajkit.zoo.train import divide, prepare
from trajkit.zoo.training import network


def test_divide__small_networks_of_several_seeds_are_one_job():
    runs = [Settings(a, "sgd", 0.1, seed=seed) for a in ("fc", "allcnn") for seed in range(4)]
    runs += [Settings("fc", "sgd", 0.1, seed=seed, init="corner-200", corner_steps=9) for seed in range(4)]
    assert sorted(map(len, divide(runs, features=64))) == [1] * 8 + [4]
    assert sorted(map(len, divide(runs, features=3072))) == [1] * 12
    assert sorted(map(len, divide(runs[:3], features=64))) == [1] * 3


def test_divide__with_a_time_limit_jobs_come_in_the_order_of_the_grid():
    runs = [Settings(a, "sgd", 0.1, seed=seed) for seed in range(4) for a in ("vit", "fc", "allcnn")]
    jobs = divide(runs, features=64, in_order=True)
    assert [job[0] for job in jobs] == runs[:3] + [s for s in runs[3:] if s.architecture != "fc"]
    assert [s.seed for s in jobs[1]] == [0, 1, 2, 3]
    assert divide(runs, features=64) != jobs


def test_summary__rates_only_the_runs_whose_images_were_counted():
    table = pd.DataFrame({"architecture": ["fc"] * 3, "state": ["trained", "trained", "crashed"], "train_error": 0.2})
    table = table.assign(test_error=0.3, seconds=[2.0, 5.0, 9.0], images=[600.0, None, None])
    assert summary(table).loc["fc", ["trained", "fitted", "images_per_second"]].tolist() == [2, 0, 300]
    assert summary(table[1:]).images_per_second.isna().all()


def test_train__without_room_or_gpu_is_refused_before_training(tmp_path, monkeypatch):
    grid = Grid("g", DIGITS, (SHORT,))
    if not torch.cuda.is_available():
        with pytest.raises(RuntimeError, match="finds no GPU"):
            train(grid, out=tmp_path, device="cuda")
    with pytest.raises(ValueError, match="wanted 'cpu' or 'cuda'"):
        train(grid, out=tmp_path, device="tpu")
    full = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: full)
    with pytest.raises(OSError, match="but 0 MB are free: make room"):
        train(grid, out=tmp_path / "new" / "folder")
    assert not list(tmp_path.iterdir())


def test_a_killed_computation_resumes_to_the_identical_result_and_leaves_no_process(tmp_path):
    text = 'checkpoints = 6\ndata = {name = "digits", probe_train = 20, probe_test = 20}\ndefaults = {epochs = 6}\n'
    text += 'runs = [{architecture = ["linear", "fc", "allcnn"], optimizer = "sgd", learning_rate = 0.1}]'
    path = grid_file(tmp_path, text)
    out = tmp_path / "runs"
    command = [sys.executable, "-m", "trajkit.zoo", str(path), "--out", str(out), "--workers", "1"]
    with subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL) as process:
        until(lambda: list(out.glob("outcomes/[!.]*.json")), 300)
        process.send_signal(signal.SIGKILL)
    until(lambda: not group_lives(process.pid), 120)
    # On a fast machine all may be finished: then the last has lost its outcome.
    *kept, last = sorted(out.glob("outcomes/[!.]*.json"), key=lambda file: file.stat().st_mtime_ns)
    if len(kept) == 2:
        last.unlink()
    done = [file for file in out.glob("*.run") if (out / "outcomes" / f"{file.stem}.json").exists()]
    finished = {file: file.stat().st_mtime_ns for file in done}
    assert 1 <= len(finished) < 3
    # A process that is killed while it trains leaves some checkpoints and no outcome.
    rest = [s for s in read_grid(path).runs if s.run not in read_outcomes(out)]
    (out / f"{rest[0].run}.run").write_bytes(next(iter(finished)).read_bytes()[:3000])

    table = train(path, out=out, workers=0, progress_bar=False)
    assert (table.state == "trained").all()
    assert all(file.stat().st_mtime_ns == written for file, written in finished.items())
    train(path, out=tmp_path / "again", workers=0, progress_bar=False)
    assert tk.load(out).equals(tk.load(tmp_path / "again"))


def until(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def group_lives(leader):
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_dask_client_trains_as_processes_do(tmp_path):
    distributed = pytest.importorskip("distributed")
    grid = Grid("g", DIGITS, (SHORT, replace(SHORT, seed=1)), 6)
    with distributed.Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=":0") as client:
        table = train(grid, out=tmp_path / "dask", client=client, progress_bar=False)
    assert (table.state == "trained").all()
    train(grid, out=tmp_path / "here", workers=0, progress_bar=False)
    assert tk.load(tmp_path / "dask").equals(tk.load(tmp_path / "here"))


def test_train__runs_with_several_decays_share_one_probe(tmp_path):
    small = Settings("fc", "sgd", 0.1, epochs=3, width_factor=1 / 8)
    runs = tuple(replace(small, seed=s, decay=c) for c in (0.0, 0.3) for s in range(4))
    train(Grid("g", DataSettings("sloppy"), runs, 6), out=tmp_path, workers=0, progress_bar=False)
    ds = tk.load(tmp_path)
    assert dict(ds.sizes) == {"run": 8, "checkpoint": 6, "sample": 200, "class": 5}
    assert sorted(ds.decay.values.tolist()) == [0.0] * 4 + [0.3] * 4
    assert tk.loss(ds).isel(checkpoint=-1).max() < 1.5


def test_prepare__a_folder_of_runs_on_other_samples_is_refused(images, tmp_path):
    copy = Path(shutil.copytree(images, tmp_path / "copy"))
    grid = Grid("g", DataSettings("folder", str(copy), probe_train=4, probe_test=4), (replace(SHORT, batch_size=8),), 6)
    train(grid, out=tmp_path / "runs", workers=0, progress_bar=False)
    for file in (copy / "train" / "cat").iterdir():
        Image.new("RGB", (16, 16)).save(file)
    load_data.cache_clear()
    with pytest.raises(tk.SchemaError, match="runs on another probe"):
        prepare(grid, out=tmp_path / "runs")


def test_prepare__runs_that_another_process_records_are_refused(tmp_path):
    data = load_data(DIGITS)
    with tk.Recorder(tmp_path, data.probe, run="other") as recorder:
        recorder(network(SHORT, data.shape, 10), 0)
        with pytest.raises(GridError, match="another process trains"):
            prepare(Grid("g", DIGITS, (SHORT,), 6), out=tmp_path)
