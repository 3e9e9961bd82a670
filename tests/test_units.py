"""Data in any unit: answers follow the unit, and numbers whose powers leave double precision are refused by name."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import coulombgas as cg
from coulombgas import InputError, inference, motion, networks, spectra
from coulombgas._checks import check_magnitude
from coulombgas.inference.temperature._exact import tabulate

RNG = np.random.default_rng(0)
MATRIX = RNG.normal(size=(40, 80))
LEVELS = np.linalg.svd(MATRIX, compute_uv=False)[::-1] ** 2 / 80
PATHS = 100 + np.cumsum(RNG.normal(size=(200, 5)), axis=0)
PAIRS = np.sort(RNG.normal(size=(1, 60, 1, 2)), axis=-1)
MOVING = np.sort(np.cumsum(RNG.normal(size=(1, 20, 40, 2)), axis=2) / 10 + [0, 3], axis=-1)


def ensemble(levels: np.ndarray) -> Any:
    model = {"name": "teacher-student", "teacher": [1.0, 1.0]}
    return spectra.make_spectra(levels, learning_rate=[0.1], batch_size=[8], model=model)


def fitted_width(law: str, unit: float) -> Any:
    """Of a posterior: its mean and its standard deviation."""
    width = cg.fit_model(ensemble(PAIRS * unit), law).groups[0].parameters["width"]
    return np.array([width.mean, width.sd]) / unit


FOLLOWING: dict[str, Callable[[float], Any]] = {
    "variance of a bulk": lambda unit: networks.fit_bulk(LEVELS * unit, 80).variance.mean / unit,
    "variance beside spikes": lambda unit: networks.find_spikes(LEVELS * unit, 80).bulk.variance.mean / unit,
    "structure": lambda unit: networks.fit_structure(LEVELS * unit, (40, 80), "unequal rows").variance.mean / unit,
    "exponent of a tail": lambda unit: networks.fit_tail(LEVELS * unit).exponent.mean,
    "motion": lambda unit: motion.stationarity(PATHS * unit, np.arange(200.0)).p_force,
    "cumulant": lambda unit: inference.binder_cumulant(PATHS * unit).mean,
} | {f"width of {law}": lambda unit, law=law: fitted_width(law, unit) for law in ("gaussian", "pair", "rice", "group")}
REFUSING = FOLLOWING | {
    "spacings": lambda unit: networks.fit_repulsion(np.diff(LEVELS) * unit),
    "temperature": lambda unit: cg.fit_temperature(ensemble(PAIRS * unit)),
    "temperature from motion": lambda unit: cg.temperature_from_motion(ensemble(MOVING * unit)),
    "comparison": lambda unit: cg.compare_laws(ensemble(PAIRS * unit), ("pair", "poisson")),
}


@pytest.mark.parametrize("name", FOLLOWING)
@pytest.mark.parametrize("exponent", [-200, 200])
def test_an_answer_follows_the_unit(name, exponent):
    assert FOLLOWING[name](2.0**exponent) == pytest.approx(FOLLOWING[name](1.0), rel=1e-6)


@pytest.mark.parametrize("name", REFUSING)
@pytest.mark.parametrize("unit", [1e160, 1e-170])
def test_sizes_beyond_double_precision_are_named(name, unit):
    with pytest.raises(
        InputError, match=r"`.*` must be between 1e-70 and 1e70 in size at their largest: change the unit"
    ):
        REFUSING[name](unit)


def test_what_has_no_size_passes():
    for values in (np.zeros(3), np.zeros(0), np.array([0.0, -1e70]), np.array([1e-300, 1.0])):
        check_magnitude("x", values)


def test_a_layer_of_any_unit():
    variance = networks.analyse_layer(spectra.layer_spectrum("w", MATRIX)).spikes.bulk.variance.mean
    for unit in (2.0**-90, 2.0**90):
        layer = networks.analyse_layer(spectra.layer_spectrum("w", MATRIX * unit))
        assert layer.spikes.bulk.variance.mean / unit**2 == pytest.approx(variance, rel=1e-6)


@pytest.mark.parametrize("unit", [1e-32, 1e-90, 1e-170, 5e-324])
def test_a_layer_that_has_all_but_vanished_is_noted(unit):
    """As weight decay leaves a layer without gradients; the rest of a network is analysed."""
    found = networks.analyse_layer(spectra.layer_spectrum("w", MATRIX * unit))
    assert found.spikes is None
    assert any("nothing to analyse" in line for line in found.warnings)


@pytest.mark.parametrize("unit", [1e31, 1e80, 1e160])
def test_a_layer_of_impossible_size_is_refused(unit):
    with pytest.raises(InputError, match=r"w: entries .*too large to square"):
        spectra.layer_spectrum("w", MATRIX * unit)


def test_spacings_must_be_unfolded():
    spacings = np.diff(LEVELS)
    assert networks.fit_repulsion(spacings / spacings.mean()).num_spacings == 39
    for factor in (1.0, 1e3):
        with pytest.raises(InputError, match="`spacings` must be unfolded, with mean 1"):
            networks.fit_repulsion(spacings * factor)


def test_a_structure_needs_a_known_test_and_positive_levels():
    with pytest.raises(InputError, match="`test` must be one of 'unequal rows'"):
        networks.fit_structure(LEVELS, (40, 80), "row scales")
    with pytest.raises(InputError, match="`eigenvalues` must be positive and ascend"):
        networks.fit_structure(LEVELS[::-1], (40, 80), "unequal rows")


def test_without_a_prior_none_is_blamed():
    with pytest.raises(InputError, match="`spectra` give no finite density of a temperature"):
        tabulate(lambda nodes: np.full(nodes.shape, np.nan), 0.0)
