"""InPCA: an isometric embedding of points from their distances, with space-like and time-like axes.

An embedding is computed from a matrix of distances alone. W = -1/2 L D L with L = I - 11'/m has eigenvalues of both
signs when D is no squared Euclidean distance; all are kept, in the order of their absolute value. A component with a
negative eigenvalue is *time-like*: differences along it count negatively in the squared distance (`signature` -1).

| function             | what                                                                           |
|----------------------|--------------------------------------------------------------------------------|
| `inpca`              | coordinate_k = v_k sqrt|lambda_k|, signature_k = sign lambda_k                 |
| `project`            | new points from their distances to the embedded ones                           |
| `embed`              | references, pairwise distances and InPCA of a dataset, with landmarks if asked |
| `explained_stress`   | 1 - |W - W_k| / |W|, W_k = sum_{l<=k} signature_l x_l x_l'                      |
| `explained_distance` | 1 - sum |D_k - D| / sum D, D_k = sum_{l<=k} signature_l (x_il - x_jl)^2        |
| `embedding_quality`  | trustworthiness, continuity and rank correlation of distances                  |
| `align`              | one embedding moved onto another, space-like and time-like axes kept apart      |

Sources: Quinn, Clement, De Bernardis, Niemack & Sethna, PNAS 116(28), 2019 (InPCA); Mao et al., PNAS 121(12), 2024,
arXiv 2305.01604 (explained stress).
"""

from trajkit.embedding.align import align
from trajkit.embedding.embed import embed
from trajkit.embedding.inpca import inpca
from trajkit.embedding.project import project
from trajkit.embedding.quality import embedding_quality, explained_distance, explained_stress

__all__ = [
    "align",
    "embed",
    "embedding_quality",
    "explained_distance",
    "explained_stress",
    "inpca",
    "project",
]
