"""A seed that no generator takes is refused by its name, before any work, by everything public that takes one."""

import importlib
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import coulombgas as cg
from coulombgas import dmft, inference, motion, networks, spectra, theory
from coulombgas._checks import InputError, check_seed

RNG = np.random.default_rng(0)
LEVELS = np.sort(np.linalg.svd(RNG.normal(size=(40, 80)), compute_uv=False) ** 2 / 80)
TWO = np.sort(RNG.normal(size=(1, 40, 2, 2)) + 3, axis=-1)
SPECTRA = spectra.make_spectra(TWO, learning_rate=[0.1], batch_size=[8], model=None)
RBM = cg.GaussianRBM()
SETTING = {"learning_rate": 0.1, "batch_size": 8}
LINEAR = dmft.LinearRegression(samples_per_dimension=1.5, steps=5)

CALLS: dict[str, Callable[[Any], Any]] = {
    "LanguageTraining": lambda seed: cg.LanguageTraining(seed=seed),
    "analyse": lambda seed: cg.analyse([], seed=seed),
    "calibrate": lambda seed: cg.calibrate("temperature", seed=seed),
    "compare_laws": lambda seed: cg.compare_laws(SPECTRA, seed=seed),
    "fit_model": lambda seed: cg.fit_model(SPECTRA, "pair", seed=seed),
    "fit_temperature": lambda seed: cg.fit_temperature(SPECTRA, seed=seed),
    "linear_noise": lambda seed: cg.linear_noise(RBM, **SETTING, seed=seed),
    "rescale": lambda seed: cg.rescale(SPECTRA, **SETTING, to_batch_size=16, seed=seed),
    "scaling_rule": lambda seed: cg.scaling_rule(SPECTRA, seed=seed),
    "temperature_from_motion": lambda seed: cg.temperature_from_motion(SPECTRA, seed=seed),
    "train": lambda seed: cg.train(RBM, **SETTING, replicas=2, steps=1, seed=seed),
    "find_theory": lambda seed: theory.find_theory(RBM, **SETTING, seed=seed),
    "measure_response": lambda seed: theory.measure_response(
        RBM, lambda size: pytest.fail("asked"), learning_rate=0.1, batch_sizes=(8,), seed=seed
    ),
    "write_response_table": lambda seed: theory.write_response_table(seed=seed, replicas=2),
    "localisation": lambda seed: spectra.localisation(np.full(5, 0.1), 20, seed=seed),
    "make_spectra": lambda seed: spectra.make_spectra(
        TWO, **{k: [v] for k, v in SETTING.items()}, model=None, seed=seed
    ),
    "binder_cumulant": lambda seed: inference.binder_cumulant(TWO[0, :, 0], seed=seed),
    "compare_scaling": lambda seed: inference.compare_scaling(object.__new__(inference.TemperatureFit), seed=seed),
    "predictive_checks": lambda seed: inference.predictive_checks(object.__new__(inference.ModelFit), seed=seed),
    "sample_batch": lambda seed: inference.sample_batch(lambda data: None, None, {}, seed=seed),
    "analyse_layer": lambda seed: networks.analyse_layer(object.__new__(spectra.LayerSpectrum), seed=seed),
    "find_spikes": lambda seed: networks.find_spikes(LEVELS, 80, seed=seed),
    "fit_bulk": lambda seed: networks.fit_bulk(LEVELS, 80, seed=seed),
    "fit_repulsion": lambda seed: networks.fit_repulsion(np.diff(LEVELS), seed=seed),
    "fit_structure": lambda seed: networks.fit_structure(LEVELS, (80, 40), "row scales", seed=seed),
    "fit_tail": lambda seed: networks.fit_tail(LEVELS, seed=seed),
    "stationarity": lambda seed: motion.stationarity(TWO[0, :, :, 0], np.arange(40), seed=seed),
    "DiagonalNetwork": lambda seed: dmft.DiagonalNetwork(samples_per_dimension=2.0, seed=seed),
    "simulate": lambda seed: dmft.simulate(LINEAR, dimension=10, replicas=2, seed=seed),
}
PACKAGES = ("", ".dmft", ".ensembles", ".inference", ".laws", ".models", ".motion", ".networks", ".plot", ".report",
            ".spectra", ".symbolic", ".theory", ".training")  # fmt: skip


def public() -> set[str]:
    """Names of everything public with an argument ``seed``."""
    modules = [importlib.import_module(f"coulombgas{name}") for name in PACKAGES]
    return {name for module in modules for name in module.__all__ if takes_seed(getattr(module, name))}


def takes_seed(value: Any) -> bool:
    try:
        return "seed" in inspect.signature(value).parameters
    except (TypeError, ValueError):
        return False


def test_every_public_argument_called_seed_is_in_the_table():
    assert public() == set(CALLS)


@pytest.mark.parametrize("seed", [-1, 2**32, 2**70], ids=["negative", "a word too large", "beyond 64 bits"])
@pytest.mark.parametrize("name", CALLS)
def test_a_bad_seed_is_named(name, seed):
    with pytest.raises(InputError, match=r"`seed` must be (at least 0|below 2\^32), got "):
        CALLS[name](seed)


@pytest.mark.parametrize("seed", [True, 1.5, "0", None])
def test_a_seed_is_a_whole_number(seed):
    with pytest.raises(InputError, match="`seed` must be a whole number"):
        check_seed(seed)


@pytest.mark.parametrize("seed", [0, 2**32 - 1, np.int64(7), np.uint32(2**32 - 1)])
def test_a_good_seed_passes(seed):
    assert check_seed(seed) == int(seed)
