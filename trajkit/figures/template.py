"""How figures look on any page: no ground of their own, and greys that are seen on white as well as on a dark theme.

A figure cannot know the theme of the page that shows it, now or after its reader changes it. So nothing is drawn
behind it, and text is of a grey whose contrast is above 4 to 1 on white and on JupyterLab's dark ground.
"""

from __future__ import annotations

import plotly.graph_objects as go
import plotly.io

from trajkit.figures.coloring import PALETTE, REFERENCE, SCALE

TEMPLATE = "trajkit"
CLEAR = "rgba(0,0,0,0)"
# Seen through: each a little darker than white, and lighter than black.
GRID, RED_GRID = "rgba(128,136,148,0.25)", "rgba(224,64,64,0.35)"
# In three dimensions plotly's walls and lines cannot be seen through: no walls, and thin lines.
SCENE_GRID, RED_SCENE_GRID = "#9AA0A8", "#CF7F7F"

_LINES = {"gridcolor": GRID, "zerolinecolor": GRID, "linecolor": GRID}
_BOX = {
    "showbackground": False,
    "gridwidth": 1,
    "gridcolor": SCENE_GRID,
    "zerolinecolor": SCENE_GRID,
    "linecolor": SCENE_GRID,
}
_BAR = {"marker": {"line": {"color": CLEAR}}, "error_x": {"color": REFERENCE}, "error_y": {"color": REFERENCE}}

# What is not said here is as in plotly's own: whether axes have ticks, where titles stand.
plotly.io.templates[TEMPLATE] = go.layout.Template(plotly.io.templates["plotly_white"]).update(
    data={"bar": [_BAR]},
    layout={
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "font": {"color": REFERENCE},
        "colorway": PALETTE,
        "colorscale": {"sequential": SCALE, "sequentialminus": SCALE},
        "margin": {"t": 45, "b": 45},
        "legend": {"bgcolor": CLEAR},
        "modebar": {"bgcolor": CLEAR, "color": REFERENCE, "activecolor": PALETTE[0]},
        "shapedefaults": {"line": {"color": REFERENCE}},
        "annotationdefaults": {"arrowcolor": REFERENCE},
        "xaxis": _LINES,
        "yaxis": _LINES,
        "scene": {"bgcolor": CLEAR, "xaxis": _BOX, "yaxis": _BOX, "zaxis": _BOX},
    },
)
