"""Equilibrium, drift and diffusion without end told apart, at the stated rate of false alarms."""

import numpy as np
import pytest

from coulombgas._checks import InputError
from coulombgas.motion import stationarity


def paths(seed, *, num=100, levels=6, memory=5.0, trend=0.0, start=0.0, common=0.0):
    """Eigenvalues whose roots are autoregressions around 1000 of some correlation; ``memory=inf``: random walks."""
    rng = np.random.default_rng(seed)
    times = memory * np.exp(0.5 * rng.standard_normal(levels))
    rho = np.exp(-1 / times)
    x = rng.standard_normal(levels) / np.sqrt(1 - rho**2) if np.isfinite(memory) else np.zeros(levels)
    x, found = x + start, []
    for index in range(num):
        shared = common * rng.standard_normal()
        x = rho * x + np.sqrt(1 - common**2) * rng.standard_normal(levels) + shared
        found.append(1000 + x + trend * index)
    return np.array(found) ** 2, 10 * np.arange(num)


def states(sets, **options):
    return [stationarity(*paths(seed, **options)).state for seed in range(sets)]


@pytest.mark.parametrize("common", [pytest.param(0.0, marks=pytest.mark.full("common moves, here")), 0.7])
def test_false_alarms_on_stationary_levels_are_at_the_stated_rate(common):
    """1%: of 60, five or more drifting have probability 3e-4; also where levels move together."""
    found = states(60, common=common)
    assert found.count("drifting") <= 4
    assert found.count("equilibrium") >= 54


def test_a_run_stopped_early_and_a_trend_are_found():
    """Thirty widths from equilibrium after two relaxation times; and a trend of a third of a width over the run."""
    assert states(20, memory=40.0, start=300.0, num=80).count("drifting") >= 18
    assert states(20, memory=3.0, trend=0.05).count("drifting") >= 16
    early = stationarity(*paths(0, memory=40.0, start=300.0, num=80))
    assert early.stationary is False
    assert early.p_drift < 0.01


def test_levels_that_nothing_holds_are_flat():
    found = states(40, memory=np.inf)
    assert found.count("flat") >= 36  # two tests at 1%
    assert "diffusing without end" in stationarity(*paths(1, memory=np.inf)).statement


def test_relaxation_is_found():
    """Six levels of 5 records, 10 updates each, give or take a half: within a factor 1.6."""
    found = [stationarity(*paths(seed, num=300)).relaxation for seed in range(6)]
    assert 50 / 1.6 < np.median(found) < 50 * 1.6


def test_levels_that_alternate_forget_at_once():
    """The least memory that is told apart from none is 1% a record: −10/log 0.01 updates."""
    rng, sign = np.random.default_rng(0), np.where(np.arange(24) % 2, 1.0, -1.0)[:, None]
    found = stationarity((1000 + sign + 0.1 * rng.standard_normal((24, 6))) ** 2, 10 * np.arange(24))
    assert found.state == "equilibrium"
    assert found.relaxation == pytest.approx(10 / np.log(100), rel=1e-9)


def test_too_little_is_said_to_be_too_little():
    levels, steps = paths(0)
    few = stationarity(levels[:10], steps[:10])
    assert few.stationary is None
    assert "10 evenly spaced records are too few" in few.statement
    assert stationarity(np.ones((50, 3)), np.arange(50)).state == "unknown"
    assert stationarity(levels, steps, modes=(2,)).stationary is True
    with pytest.raises(InputError, match="`steps` must ascend"):
        stationarity(levels, steps * 0)
