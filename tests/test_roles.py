"""Roles of run attributes: settings, seeds, outcomes."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import trajkit as tk
from trajkit.configuration import checked_configurations
from trajkit.roles import attributes_with_role, role_of


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    """Four runs; each attribute has another role than its name says."""
    made = tk.simulate(runs=4, samples=6, checkpoints=3, groups=2).assign_coords(
        host=("run", ["h1", "h2", "h1", "h2"]),
        data_order=("run", [3, 4, 5, 6]),
        test_error=("run", [0.1, 0.2, 0.3, 0.4]),
    )
    return tk.set_roles(made, outcome=["host"], seed=["data_order"], setting=["test_error"])


def roles(ds: xr.Dataset | xr.DataArray) -> dict[str, str]:
    return {name: role_of(ds, name) for name in ("architecture", "seed", "host", "data_order", "test_error")}


ROLES = {"architecture": "setting", "seed": "seed", "host": "outcome", "data_order": "seed", "test_error": "setting"}


def test_role_of__unmarked_attributes_follows_from_their_names() -> None:
    names = {
        **dict.fromkeys(("architecture", "learning_rate", "width_factor", "label_smoothing", "anything"), "setting"),
        **dict.fromkeys(("seed", "init_seed", "order_seed", "seed_of_data"), "seed"),
        **dict.fromkeys(("train_error", "test_loss", "seconds", "parameters", "diverged_at", "kind"), "outcome"),
    }
    ds = tk.simulate(runs=2).drop_vars(["architecture", "seed"])
    ds = ds.assign_coords({name: ("run", [0, 1]) for name in names if name != "kind"})
    assert {name: role_of(ds, name) for name in names} == names


def test_is_certain__settings_of_tuned_grids_need_no_mark_where_each_run_has_seeds_of_its_own() -> None:
    """Each run has two seeds that no other run has, so that any attribute might follow from them."""
    names = ("width_factor", "learning_rate_factor", "label_smoothing", "dropout", "augmentation")
    ds = tk.simulate(runs=12).drop_vars(["architecture", "seed"])
    ds = ds.assign_coords({name: ("run", np.arange(12) // 2 == k) for k, name in enumerate(names)})
    ds = ds.assign_coords(init_seed=("run", 100 + np.arange(12)), order_seed=("run", 300 - np.arange(12)))
    assert checked_configurations(ds).code.tolist() == (np.arange(12) // 2).tolist()
    strange = ds.rename(dropout="strange")
    with pytest.raises(ValueError, match="strange may be an outcome"):
        checked_configurations(strange.assign_coords(strange=("run", np.arange(12) / 12)))


def test_set_roles__changes_the_roles_of_a_new_dataset_only(ds: xr.Dataset) -> None:
    assert roles(ds) == ROLES
    again = tk.set_roles(ds, setting=["host"])
    assert (roles(ds)["host"], roles(again)["host"]) == ("outcome", "setting")
    assert attributes_with_role(ds, "seed") == ["seed", "data_order"]
    xr.testing.assert_equal(again, ds)
    tk.validate(again)


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
@pytest.mark.parametrize("chunks", [None, {}])
def test_roles__come_back_from_files(
    ds: xr.Dataset, tmp_path: Path, suffix: str, chunks: dict[str, int] | None
) -> None:
    path = tmp_path / f"runs{suffix}"
    tk.save(ds, path)
    assert roles(tk.load(path, chunks=chunks)) == ROLES
    shutil.copytree(path, tmp_path / "moved.zarr") if path.is_dir() else shutil.copy(path, tmp_path / "moved.nc")
    assert roles(tk.load(tmp_path / f"moved{suffix}")) == ROLES


@pytest.mark.parametrize(
    "made",
    [
        lambda ds: tk.select(ds, architecture="A", split="test"),
        lambda ds: tk.select(ds, progress=(0, 0.9)),
        lambda ds: tk.resample(ds, 4),
        lambda ds: tk.concat([ds.isel(run=[0, 1]), ds.isel(run=[2, 3])]),
        # One part does not know the roles, the other one lacks the attributes.
        lambda ds: tk.concat([tk.simulate(runs=6, samples=6, checkpoints=3, groups=2).isel(run=[4, 5]), ds]),
        lambda ds: tk.with_references(ds, 3),
        lambda ds: tk.unstack(tk.points(ds)),
        lambda ds: tk.trajectory_distance(ds, n=3),
        lambda ds: tk.trajectory_distance(ds, method="hausdorff"),
        lambda ds: tk.shuffle_within_class(ds),
        lambda ds: tk.mean_trajectory(ds, list(ROLES), n=3),
        lambda ds: tk.embed(ds, 2),
        lambda ds: tk.progress(ds),
    ],
)  # fmt: skip
def test_roles__stay_with_the_runs(ds: xr.Dataset, made) -> None:
    assert roles(made(ds)) == ROLES


def test_roles__stay_in_draws_of_runs_and_samples(ds: xr.Dataset) -> None:
    seen = []

    def statistic(drawn: xr.Dataset) -> xr.DataArray:
        seen.append(roles(drawn))
        return drawn["step"].mean(["run", "checkpoint"])

    tk.bootstrap(ds, statistic, 2)
    tk.bootstrap(ds, statistic, 2, over="run")
    assert seen == [ROLES] * 6


def test_concat__refuses_two_roles_of_one_attribute(ds: xr.Dataset) -> None:
    other = tk.set_roles(ds.isel(run=[2, 3]), seed=["host"])
    with pytest.raises(tk.SchemaError, match=r"'host' has the roles \['outcome', 'seed'\]: `tk.set_roles`"):
        tk.concat([ds.isel(run=[0, 1]), other])


def test_set_roles__lists_all_problems() -> None:
    ds = tk.simulate(runs=2)
    with pytest.raises(ValueError, match=r"'x'.*'seed' is named more than once.*'kind' says") as error:
        tk.set_roles(ds, setting=["x", "seed"], seed=["seed"], outcome=["kind"])
    assert "architecture" in str(error.value)
    assert role_of(tk.set_roles(ds, outcome="seed"), "seed") == "outcome"
    strange = ds.assign_coords(seed=ds.seed.assign_attrs(role="chance"))
    with pytest.raises(ValueError, match="'seed' has role 'chance': wanted one of"):
        tk.configuration(strange)


def test_roles__of_the_shipped_data_are_known() -> None:
    """No attribute of the zoo needs a mark: a run's configuration has several seeds."""
    for name in tk.sample_data():
        label = tk.configuration(tk.sample_data(name)).values
        assert np.unique(label, return_counts=True)[1].max() >= 3
