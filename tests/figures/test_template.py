"""The template: text and colours are readable on white and on dark pages."""

from pathlib import Path

import plotly.io
import pytest

import trajkit as tk
from trajkit.figures.coloring import PALETTE, REFERENCE, SPACE_LIKE, TIME_LIKE
from trajkit.figures.template import CLEAR, TEMPLATE

# White, and the background of outputs in JupyterLab's dark theme.
GROUNDS = ("#FFFFFF", "#111111")
FIGURES = Path(tk.figures.__file__).parent


def luminance(color: str) -> float:
    """Relative luminance as in WCAG 2.1."""
    parts = [int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast__is_21_between_black_and_white() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)


@pytest.mark.parametrize("ground", GROUNDS)
def test_text_and_references__have_contrast_on_light_and_on_dark(ground: str) -> None:
    assert plotly.io.templates[TEMPLATE].layout.font.color == REFERENCE
    assert contrast(REFERENCE, ground) > 4
    assert contrast(TIME_LIKE, ground) > 3
    assert contrast(SPACE_LIKE, ground) > 3


@pytest.mark.parametrize("ground", GROUNDS)
def test_palette__has_contrast_on_light_and_on_dark(ground: str) -> None:
    assert all(contrast(paint, ground) > 2 for paint in PALETTE[:-1])  # yellow, the last, is for dark ground


def test_figures__have_no_background() -> None:
    embedding = tk.embed(tk.simulate(spread=0.3))
    for figure in (tk.figures.manifold(embedding), tk.figures.pair_plot(embedding), tk.figures.spectrum(embedding)):
        layout = figure.layout.template.layout
        assert (layout.paper_bgcolor, layout.plot_bgcolor, layout.scene.bgcolor) == (CLEAR, CLEAR, CLEAR)
        assert figure.layout.paper_bgcolor is None


def test_figures__share_one_template() -> None:
    drawing = [path for path in FIGURES.glob("*.py") if "update_layout(" in path.read_text()]
    assert len(drawing) > 10
    assert not [path.name for path in drawing if "TEMPLATE" not in path.read_text()]
