"""The Spectra format."""

import inspect
import json

import numpy as np
import pytest
import xarray as xr

import coulombgas as cg
from coulombgas.spectra import healthy, make_spectra, model_config, validate_spectra


def _spectra(**changes):
    arguments = {
        "eigenvalue": np.ones((2, 3, 1, 2)),
        "learning_rate": [0.1, 0.2],
        "batch_size": [4, 8],
        "model": {"name": "rbm"},
        **changes,
    }
    return make_spectra(arguments.pop("eigenvalue"), **arguments)


def test_levels_are_sorted_and_provenance_is_kept():
    spectra = _spectra(
        eigenvalue=np.array([3.0, 1.0])[None, None, None, :], learning_rate=[0.1], batch_size=[1], seed=5
    )
    np.testing.assert_array_equal(spectra.eigenvalue.values.ravel(), [1.0, 3.0])
    assert spectra.attrs["seed"] == 5
    assert "jax" in json.loads(spectra.attrs["versions"])
    assert model_config(spectra) == {"name": "rbm"}


def test_missing_setting_and_step_are_added():
    plain = xr.Dataset(
        {"eigenvalue": (("replica", "mode"), np.ones((3, 2)))}, coords={"learning_rate": 0.1, "batch_size": 4}
    )
    assert dict(validate_spectra(plain).sizes) == {"setting": 1, "replica": 3, "step": 1, "mode": 2}


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"learning_rate": [0.1, -0.2]}, "`learning_rate` must be positive"),
        ({"learning_rate": [0.1, np.nan]}, "`learning_rate`"),
        ({"batch_size": [4, 0]}, "`batch_size` must be at least 1, got 0"),
        ({"batch_size": [4, 8, 16]}, "fit together"),
        ({"eigenvalue": np.ones((2, 3, 2))}, "4 dimensions"),
        ({"eigenvalue": np.ones((2, 0, 1, 2))}, "empty"),
        ({"eigenvalue": np.full((2, 3, 1, 2), np.nan)}, "NaN"),
        ({"target": [1.0, 2.0, 3.0]}, "fit together"),
    ],
)
def test_bad_input_is_named(changes, match):
    with pytest.raises(cg.InputError, match=match):
        _spectra(**changes)


@pytest.mark.parametrize("name", ["model", "training", "assumed"])
def test_a_word_is_no_description(name):
    unchecked = inspect.unwrap(make_spectra)  # without the types that the tests check at run time
    arguments = {"learning_rate": [0.1], "batch_size": [4], "model": None, name: "rbm"}
    with pytest.raises(cg.InputError, match=f"`{name}` must be a dictionary of JSON-able values, or None, got 'rbm'"):
        unchecked(np.ones((1, 3, 1, 2)), **arguments)


def test_nan_is_allowed_only_in_replicas_that_diverged():
    levels = np.ones((1, 2, 1, 2))
    levels[0, 1] = np.nan
    common = {"eigenvalue": levels, "learning_rate": [0.1], "batch_size": [4]}
    assert healthy(_spectra(**common, failed_step=[[-1, 12]])).tolist() == [[True, False]]
    with pytest.raises(cg.InputError, match="NaN"):
        _spectra(**common, failed_step=[[12, -1]])


def test_a_dataset_without_model_says_so():
    spectra = _spectra()
    del spectra.attrs["config"]
    with pytest.raises(cg.InputError, match="which model"):
        model_config(spectra)
