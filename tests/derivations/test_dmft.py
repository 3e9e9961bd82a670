"""The mean-field derivations hold, and a wrong equation fails."""

import pytest
import sympy as sp

from derivations import dmft
from derivations._framework import run_step


@pytest.mark.parametrize("step", dmft.chain.steps, ids=lambda step: step.name)
def test_step(step):
    assert run_step(step).failure == ""


def test_a_wrong_response_is_noticed(monkeypatch):
    """Control: α and 1/α exchanged in R_Δ."""
    monkeypatch.setattr(dmft, "_moments", lambda order: [sp.Integer(1)] * (order + 1))
    step = next(step for step in dmft.chain.steps if step.name == "dmft.discrete_equations")
    assert "NotProved" in run_step(step).failure


def test_the_library_expands_the_derived_response():
    """The kernel R_Δ of the solver is the series of the closed form proved in the chain."""
    import numpy as np

    from coulombgas._precision import x64
    from coulombgas.dmft._linear_kernels import lag_kernels

    eta, alpha = sp.Rational(3, 10), sp.Rational(17, 10)
    _, answer = dmft._responses(3)
    numbers = np.array(answer[:, 0].subs({dmft.ETA: eta, dmft.ALPHA: alpha}).evalf(), float).ravel()
    with x64():
        query, _ = lag_kernels("gd", 4, learning_rate=0.3, momentum=0.0, mass=0.0)
        from coulombgas.dmft._causal import series_inverse, series_product, series_sqrt

        unit = np.array([1.0, 0, 0, 0])
        line = unit + (1 / 1.7 - 1) * query
        kernel = 2 * series_inverse(line + series_sqrt(series_product(line, line) + 4 * query))
    np.testing.assert_allclose(kernel, numbers, atol=1e-14)
