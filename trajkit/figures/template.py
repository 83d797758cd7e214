"""The look of figures on any page: no background, and greys that are visible on white and on dark themes.

A figure cannot know the theme of the page that shows it, which may also change later. So it draws no background, and
its text has a grey with a contrast above 4 to 1 on white and on the dark background of JupyterLab.
"""

from __future__ import annotations

import plotly.graph_objects as go
import plotly.io

from trajkit.figures.coloring import PALETTE, REFERENCE, SCALE

TEMPLATE = "trajkit"
CLEAR = "rgba(0,0,0,0)"
# Transparent, so that lines are a little darker than white and a little lighter than black.
GRID, RED_GRID = "rgba(128,136,148,0.25)", "rgba(224,64,64,0.35)"
# In three dimensions plotly draws no transparent walls or lines: no walls, and thin lines.
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

# The rest, such as ticks and the place of titles, is that of plotly's own template.
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
        # Lines of shapes and arrows are black unless told otherwise.
        "shapedefaults": {"line": {"color": REFERENCE}},
        "annotationdefaults": {"arrowcolor": REFERENCE},
        "xaxis": _LINES,
        "yaxis": _LINES,
        "scene": {"bgcolor": CLEAR, "xaxis": _BOX, "yaxis": _BOX, "zaxis": _BOX},
    },
)
