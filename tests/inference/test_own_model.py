"""A model of three methods, through training, store, fit and the command line."""

import json

import numpy as np
import pytest

import coulombgas as cg
from coulombgas import InputError
from coulombgas.cli import main
from coulombgas.models import _registry as registry
from coulombgas.training import Optimizer

from .own_models import QuarticWell

SETTING = {"learning_rate": 0.05, "batch_size": 64}


@pytest.fixture
def registered():
    before = dict(registry._MODELS)
    cg.register(QuarticWell)
    yield QuarticWell
    registry._MODELS.clear()
    registry._MODELS.update(before)


@pytest.fixture(scope="module", params=["sgd", pytest.param("momentum", marks=pytest.mark.full(
    "test_optimisers_are_those_of_an_exact_recursion in theory/test_linear_noise.py"
))])  # fmt: skip
def run(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("own") / f"{request.param}.zarr"
    optimizer = Optimizer(request.param, momentum=0.6)
    cg.train(QuarticWell(), replicas=400, steps=400, optimizer=optimizer, out=path, seed=3, **SETTING)
    return path, optimizer


def test_defaults_are_computed_from_the_three_methods():
    model = QuarticWell()
    assert model.name == "quartic-well"
    assert model.level_kind == "eigenvalues"
    assert model.num_modes == 3
    np.testing.assert_allclose(model.fixed_point, [1.0, 1.5, 1.5], atol=0.02)
    assert model.config() == {"name": "quartic-well", "wells": [1.0, 2.25, 2.25], "noise": 0.3}


def test_temperature_of_the_own_model(run):
    """Within 4% and 3 standard deviations; two optimisers."""
    path, optimizer = run
    fit = cg.fit_temperature(cg.read_spectra(path), model=QuarticWell())
    only = fit.settings[0]
    gain = 1.0 if optimizer.name == "sgd" else 1 / 0.4
    assert only.true_temperature == pytest.approx(gain * 0.05 / 64)
    ratio, sd = only.temperature.mean / only.true_temperature, only.temperature.sd / only.true_temperature
    assert abs(ratio - 1) < 0.04 + 3 * sd
    assert only.consistent


def test_the_command_line_knows_a_registered_model(run, registered, capsys):
    path, _ = run
    del registered
    assert main(["fit", str(path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["settings"][0]["model"] == "quartic-well"
    assert document["settings"][0]["temperature"]["mean"] > 0


def test_an_unregistered_model_is_named_with_the_remedy(run):
    path, _ = run
    with pytest.raises(InputError, match=r"quartic-well.*(register|model=)"):
        cg.fit_temperature(cg.read_spectra(path))


def test_only_classes_of_models_can_be_registered():
    with pytest.raises(InputError, match="class derived from Model"):
        cg.register(QuarticWell())

    class Impostor(QuarticWell):
        name = "rbm"

    with pytest.raises(InputError, match="built-in"):
        cg.register(Impostor)
