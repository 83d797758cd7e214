"""Linear models, whose trajectories can be computed: theory beside experiment.

| function               | what                                                                              |
|------------------------|-----------------------------------------------------------------------------------|
| `linear_runs`          | softmax regression by gradient descent on any inputs, as a trajectory dataset     |
| `embed_in`             | networks projected on the InPCA of linear models                                  |
| `regression_distance`  | distances of linear regressions, by the closed form of gradient descent           |
| `regression_spectrum`  | InPCA of infinitely many linear regressions, exactly                              |
| `sweep`                | explained stress over decay of the inputs, initial scale and number of steps      |
| `input_spectrum`       | the decay of the eigenvalues of real inputs, with an interval                     |
| `sloppy_inputs`        | inputs with a given decay, and labels of a teacher                                |
| `exponential_spectrum` | eigenvalues that fall as exp(-c i)                                                |

Mao, Griniasty, Sun, Transtrum, Sethna & Chaudhari, Phys. Rev. E 113, 015306, 2026, arXiv 2505.08915, ask when linear
models explore hyper-ribbons too: it depends on the decay of the inputs' eigenvalues, the scale of the initial weights
and the number of steps. The models and formulas here are trajkit's own.
"""

from trajkit.theory.embed_in import embed_in
from trajkit.theory.input_spectrum import input_spectrum
from trajkit.theory.linear_runs import linear_runs
from trajkit.theory.regression import regression_distance, regression_spectrum
from trajkit.theory.sloppy_inputs import exponential_spectrum, sloppy_inputs
from trajkit.theory.sweep import sweep

__all__ = [
    "embed_in",
    "exponential_spectrum",
    "input_spectrum",
    "linear_runs",
    "regression_distance",
    "regression_spectrum",
    "sloppy_inputs",
    "sweep",
]
