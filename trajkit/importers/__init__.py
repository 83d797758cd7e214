"""Trajectories that other programs recorded, and two plain forms to hand them on.

| function | reads |
|---|---|
| `read_deepnets` | result files of the code behind Mao et al. (PNAS 2024) |
| `read_cartography` | training dynamics logged by dataset cartography |
| `read_table` (`write_table`) | a long table, CSV or Parquet |
| `read_arrays` (`write_arrays`) | a folder of `.npy` and `.npz` files |

Whatever does not fit is refused with a message that says what was wanted, what came and what to do. Samples that come
with identities are put in one order; without identities they are taken in the order in which they come. Pickles are
read without running anything in them.
"""

from trajkit.importers.arrays import read_arrays, write_arrays
from trajkit.importers.cartography import read_cartography
from trajkit.importers.deepnets import read_deepnets, saved_steps
from trajkit.importers.pickles import UnsafePickleError
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
