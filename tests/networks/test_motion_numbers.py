"""Numbers for a logger: noise, temperature and equilibrium of levels whose law is known."""

import numpy as np
import pytest

import coulombgas as cg
from coulombgas.networks import common_temperature, follow, motion_numbers
from coulombgas.spectra import LayerSpectrum, NetworkSpectra, RecordedTraining

RATE, HEAT = 0.1, 1e-3


def network(*, relaxation, num=400, size=6, seed=0, every=5):
    """Levels that diffuse by 2αT an update, held within so many updates or, for ``inf``, by nothing."""
    rng = np.random.default_rng(seed)
    kept = np.exp(-every / relaxation)
    spread = np.sqrt(2 * RATE * HEAT * (every if kept == 1 else relaxation * (1 - kept**2) / 2))
    x, rows = np.zeros(size), []
    for _ in range(num):
        x = kept * x + spread * rng.standard_normal(size)
        rows.append((5.0 * np.arange(1, size + 1) + x) ** 2)
    steps = every * np.arange(1, num + 1)
    layers = tuple(LayerSpectrum("w", (9, size), row, int(step), 0.0) for row, step in zip(rows, steps, strict=True))
    training = RecordedTraining(
        step=steps, learning_rate=np.full(num, RATE), batch_size=np.full(num, 8.0), optimizer="sgd"
    )
    return NetworkSpectra(layers, ("memory",), training=training)


def test_levels_in_equilibrium_have_a_temperature():
    """200 records of six levels: noise within 4.5 errors of √(3/1200)."""
    found = motion_numbers(network(relaxation=100.0))
    assert found["noise/w/leading"] == pytest.approx(2 * RATE * HEAT, rel=4.5 * np.sqrt(3 / 1200))
    assert found["temperature/w/leading"] == pytest.approx(found["noise/w/leading"] / (2 * RATE))
    assert found["equilibrium/w/leading"] == 1.0
    assert not any("bulk" in name for name in found)


def test_levels_that_nothing_holds_have_none():
    found = motion_numbers(network(relaxation=np.inf))
    assert found["equilibrium/w/leading"] == 0.0
    assert "temperature/w/leading" not in found
    with pytest.raises(cg.InputError, match="has 12 records, 20 are needed"):
        motion_numbers(network(relaxation=100.0, num=12))


def test_the_numbers_are_those_of_the_report():
    spectra = network(relaxation=100.0)
    (trajectory,) = follow(cg.analyse(spectra))
    assert trajectory.dynamics.learning_rate == RATE
    heat = common_temperature([trajectory.motion])
    assert heat.mean == pytest.approx(motion_numbers(spectra)["temperature/w/leading"])
    assert common_temperature([]) is None
