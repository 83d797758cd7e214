"""Curves in prediction space.

With th = arccos BC of a sample (BC as in `trajkit.distances`):

| function               | what                                                               | units            |
|------------------------|--------------------------------------------------------------------|------------------|
| `geodesic`             | [sin((1-t) th) sqrt p + sin(t th) sqrt q] / sin th                 | log-probability  |
| `tangent`              | th / sin th (sqrt q - cos th sqrt p)                               | rad              |
| `progress`             | argmin over t of metric(p, geodesic(start, end, t))                | 1                |
| `distance_to_geodesic` | metric(p, geodesic(start, end, progress))                          | the metric's     |
| `nearest_approach`     | least metric(p, reference) along a run, and where                  | the metric's     |
| `length`               | sum 2 sqrt(mean th^2), or sum 2 sqrt(d_B)                          | rad, or sqrt nat |
| `speed`                | length per optimizer step                                          | rad / step       |
| `resample`             | geodesic interpolation to equal progress, length or other quantity | a dataset        |
| `mean_trajectory`      | mean model of a group at equal progress                            | a dataset        |
| `tube`                 | metric(run, mean of the others of its group) at equal progress     | the metric's     |
| `trajectory_distance`  | mean over progress, Frechet, Hausdorff or kernel distance          | the metric's     |

Sources: Mao et al., PNAS 121(12), 2024, arXiv 2305.01604, for geodesic, progress, length, interpolation and the
distance of trajectories; the means and other distances name theirs.
"""

from trajkit.curves.ends import ignorance, truth
from trajkit.curves.geodesic import geodesic, tangent
from trajkit.curves.length import length, speed
from trajkit.curves.loss import error, loss
from trajkit.curves.mean_trajectory import mean_trajectory, tube
from trajkit.curves.nearest_approach import nearest_approach
from trajkit.curves.progress import distance_to_geodesic, progress
from trajkit.curves.references import add_references, references, with_references
from trajkit.curves.resample import resample
from trajkit.curves.trajectory_distance import trajectory_distance

__all__ = [
    "add_references",
    "distance_to_geodesic",
    "error",
    "geodesic",
    "ignorance",
    "length",
    "loss",
    "mean_trajectory",
    "nearest_approach",
    "progress",
    "references",
    "resample",
    "speed",
    "tangent",
    "trajectory_distance",
    "truth",
    "tube",
    "with_references",
]
