"""The neighbouring results hold, and wrong variants fail."""

import pytest
import sympy as sp

from derivations import neighbours
from derivations._framework import run_step


@pytest.mark.parametrize("step", neighbours.chain.steps, ids=lambda step: step.name)
def test_step(step):
    assert run_step(step).failure == ""


def test_a_wrong_epoch_variance_is_noticed(monkeypatch):
    """Control: the factor N/(N - 1) left out."""
    right = neighbours._epoch_variance
    monkeypatch.setattr(neighbours, "_epoch_variance", lambda q, s, n: right(q, s, n) * sp.Rational(n - 1, n))
    step = next(step for step in neighbours.chain.steps if step.name == "neighbours.without_replacement")
    assert "NotProved" in run_step(step).failure


def test_kesten_exponent_away_from_the_edge():
    """E of the power a at the root is 1, by a route of its own (Monte Carlo, four standard errors: 6e-5)."""
    import numpy as np

    rate = 0.9
    exponent = neighbours._exponent(rate)
    rng = np.random.default_rng(0)
    z2, w2 = rng.chisquare(4, 400_000), rng.chisquare(2, 400_000)
    sample = ((1 - rate / 4 * z2) ** 2 + (rate / 4) ** 2 * z2 * w2) ** (exponent / 2)
    assert abs(sample.mean() - 1) < 4 * sample.std() / len(sample) ** 0.5
