"""Tail probabilities are those of ``scipy.stats``, far out and with fractional degrees of freedom too."""

import ast
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import coulombgas
from coulombgas import _tails
from coulombgas.inference._data_checks import _ranks

VALUES = np.array([0.0, 1e-3, 0.5, 1.0, 3.0, 40.0, 900.0])
SMALL = np.array([1e-14, 1e-4, 0.025, 0.5, 0.975])


@pytest.mark.parametrize("freedom", [1, 2.5, 9, 400])
def test_tails_are_those_of_scipy(freedom):
    pairs = [
        (_tails.t_sf(VALUES, freedom), stats.t.sf(VALUES, freedom)),
        (_tails.t_sf(-VALUES, freedom), stats.t.sf(-VALUES, freedom)),
        (_tails.t_ppf(SMALL, freedom), stats.t.ppf(SMALL, freedom)),
        (_tails.f_sf(VALUES, freedom, 7.5), stats.f.sf(VALUES, freedom, 7.5)),
        (_tails.f_sf(-VALUES, 3, freedom), stats.f.sf(-VALUES, 3, freedom)),
        (_tails.chi2_sf(VALUES, freedom), stats.chi2.sf(VALUES, freedom)),
        (_tails.chi2_isf(SMALL, freedom), stats.chi2.isf(SMALL, freedom)),
    ]
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_ranks_share_ties():
    series = np.random.default_rng(0).integers(0, 6, (40, 3)).astype(float)
    np.testing.assert_array_equal(_ranks(series), stats.rankdata(series, axis=0))


def _loads_scipy_stats(tree: ast.Module) -> bool:
    """Whether a module imports ``scipy.stats`` when it is loaded, or ``scipy.signal``, which does."""
    names = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            names |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{name.name}" for name in node.names}
    return any(name.startswith(("scipy.stats", "scipy.signal")) for name in names)


def test_no_module_loads_scipy_stats():
    """It takes as long as the rest of a small command together; ``_tails`` has what is used most."""
    package = Path(coulombgas.__file__).parent
    assert [path for path in package.rglob("*.py") if _loads_scipy_stats(ast.parse(path.read_text("utf-8")))] == []
    assert _loads_scipy_stats(ast.parse("from scipy import special, stats"))
    assert not _loads_scipy_stats(ast.parse("def f():\n    from scipy.stats import binom"))
