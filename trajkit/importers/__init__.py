"""Trajectories that other programs recorded, and two plain formats for exchange.

| function | reads |
|---|---|
| `read_deepnets` | result files of the code behind Mao et al. (PNAS 2024) |
| `read_cartography` | training dynamics logged by dataset cartography |
| `read_table` (`write_table`) | a long table, CSV or Parquet |
| `read_arrays` (`write_arrays`) | a folder of `.npy` and `.npz` files |

Data that do not fit are refused with a message that says what was wanted, what came and what to do. Samples with
identities are put in one order; samples without identities keep the order of the file. Pickles are read without running
anything in them.
"""

from trajkit.importers.arrays import read_arrays, write_arrays
from trajkit.importers.cartography import read_cartography
from trajkit.importers.deepnets import read_deepnets
from trajkit.importers.pickle_requests import UnsafePickleError
from trajkit.importers.saved_steps import saved_steps
from trajkit.importers.tables import read_table, write_table

__all__ = [
    "UnsafePickleError",
    "read_arrays",
    "read_cartography",
    "read_deepnets",
    "read_table",
    "saved_steps",
    "write_arrays",
    "write_table",
]
