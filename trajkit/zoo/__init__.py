"""The zoo: many networks are trained and their trajectories recorded. It needs `pip install "trajkit[train]"`.

    python -m trajkit.zoo digits --out runs/digits

or `trajkit.zoo.train("digits", out="runs/digits")`. Read `training.train_network` first: one run from top to bottom.
"""

try:
    from trajkit.zoo.archive import archive
    from trajkit.zoo.data import DataSettings
    from trajkit.zoo.grid import Grid, GridError, read_grid
    from trajkit.zoo.pack import pack
    from trajkit.zoo.settings import Settings
    from trajkit.zoo.train import summary, train
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise ModuleNotFoundError('the zoo needs torch: pip install "trajkit[train]"', name="torch") from error

__all__ = ["DataSettings", "Grid", "GridError", "Settings", "archive", "pack", "read_grid", "summary", "train"]
