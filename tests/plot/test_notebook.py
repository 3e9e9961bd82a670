"""A figure is seen as the last expression of a notebook cell, by what IPython shows of it; in full, of a notebook."""

import base64
from pathlib import Path

import pytest

import coulombgas

CELL = """
import numpy as np
import coulombgas as cg
from coulombgas._interval import summarise
from coulombgas.inference import SettingFit, TemperatureFit

draws = 0.01 * np.exp(0.1 * np.random.default_rng(0).normal(size=(2, 50)))
setting = SettingFit(
    path="p", model="rbm", learning_rate=0.16, batch_size=16, temperature=summarise(draws), temperature_draws=draws,
    levels=(), num_replicas=50, r_hat=1.0, ess=100.0, divergences=0,
)
fit = TemperatureFit(settings=(setting,), scaling=None, method="leading-order")
"""
# control: what these figures were before, a bare Matplotlib figure, has no picture in a notebook
BARE = "from matplotlib.figure import Figure\nfigure = Figure()\nfigure.subplots().plot([0, 1])\nfigure"


def outputs(*codes):
    """Display data of each cell of a notebook, by MIME type."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in codes])
    here = Path(coulombgas.__file__).parents[1]  # the kernel imports the package under test
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(here)}}).execute()
    return [cell.outputs[-1]["data"] for cell in notebook.cells]


def test_a_figure_is_displayed_as_png():
    """In the process of the test. Control: a bare figure is not."""
    display = pytest.importorskip("IPython.core.formatters").DisplayFormatter()
    names = {}
    exec(CELL + "figure = cg.plot.temperature(fit)", names)
    shown, _ = display.format(names["figure"])
    assert shown["image/png"].startswith(b"\x89PNG")
    exec(BARE, names)
    assert "image/png" not in display.format(names["figure"])[0]


@pytest.mark.full("test_a_figure_is_displayed_as_png")
def test_the_last_expression_of_a_cell_shows_its_figure():
    shown, bare = outputs(CELL + "cg.plot.temperature(fit)", BARE)
    assert base64.b64decode(shown["image/png"]).startswith(b"\x89PNG")
    assert "image/png" not in bare
