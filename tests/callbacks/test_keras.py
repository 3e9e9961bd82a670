"""The Keras callback in real runs, on the backend that KERAS_BACKEND names, JAX where it is not set. Runs where keras
is installed (`pip install coulombgas[callbacks]`); KERAS_BACKEND=torch or tensorflow runs it on another backend."""

import os

import numpy as np
import pytest

import coulombgas as cg
from coulombgas.networks import motion_numbers
from coulombgas.training import read_recording

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras")
from coulombgas.callbacks import KerasSpectra  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::Warning")  # of the libraries


class Weights(keras.callbacks.Callback):
    """The kernel after every update, as a callback of Keras' own sees it."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        if hasattr(self.model, "jax_state_sync"):
            self.model.jax_state_sync()
        self.seen.append(np.array(keras.ops.convert_to_numpy(self.model.layers[0].kernel)))


def built(optimizer=None, **options):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(6, name="a"), keras.layers.Dense(2, name="b")])
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9) if optimizer is None else optimizer, "mse", **options)
    return model


def data():
    x = np.random.default_rng(1).normal(size=(64, 4)).astype(np.float32)
    return x, x[:, :2]


def fit(model, *callbacks, epochs=2, **options):
    return model.fit(*data(), batch_size=16, epochs=epochs, verbose=0, shuffle=False, callbacks=list(callbacks),
                     **options)  # fmt: skip


def test_a_run_is_recorded(tmp_path):
    weights, alone = Weights(), built()
    model = built()
    fit(model, weights, KerasSpectra(tmp_path / "r.zarr", select="a.*", every=2, batch_size=16))
    fit(alone)
    for one, other in zip(model.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    network = read_recording(tmp_path / "r.zarr")
    assert network.steps == (2, 4, 6, 8)
    assert network.names == ("a.kernel",)
    np.testing.assert_allclose(network.training.learning_rate, 0.1, rtol=1e-6)
    np.testing.assert_array_equal(network.training.batch_size, 16)
    training = network.training
    assert (training.optimizer, training.nesterov, training.source) == ("momentum", False, "keras.optimizers.SGD")
    assert training.momentum == pytest.approx(0.9)
    for layer in network:
        expected = np.linalg.svd(weights.seen[layer.step - 1].astype(np.float64), compute_uv=False)[::-1] ** 2
        np.testing.assert_allclose(layer.eigenvalues, expected, rtol=1e-9)


def test_schedules_and_other_optimisers(tmp_path):
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)
    model = built(keras.optimizers.AdamW(schedule, beta_1=0.8, weight_decay=0.01))
    fit(model, KerasSpectra(tmp_path / "r.zarr", every=2, batch_size=16), epochs=1)
    training = read_recording(tmp_path / "r.zarr").training
    np.testing.assert_allclose(training.learning_rate, [0.05, 0.0125], rtol=1e-5)
    assert (training.optimizer, training.momentum, training.weight_decay) == ("adamw", 0.8, 0.01)


def test_numbers_join_the_logs_of_the_epoch(tmp_path):
    history = fit(built(), KerasSpectra(tmp_path / "r.zarr", every=2, batch_size=16))
    np.testing.assert_allclose(history.history["coulombgas/temperature"], [0.1 / 16 / (1 - 0.9)] * 2, rtol=1e-5)


def test_motion_joins_the_logs_of_the_last_epoch(tmp_path):
    spectra = KerasSpectra(tmp_path / "r.zarr", select="a.*", every=1, batch_size=16)
    history = fit(built(keras.optimizers.SGD(0.1)), spectra, epochs=20)
    expected = motion_numbers(read_recording(tmp_path / "r.zarr"))
    assert any(name.startswith("noise/a.kernel/") for name in expected)
    assert {name: history.history[f"coulombgas/{name}"][-1] for name in expected} == pytest.approx(expected)


def test_a_run_goes_on(tmp_path):
    """A second `fit` counts on; with ``resume`` another process's model does."""
    model, spectra = built(), KerasSpectra(tmp_path / "r.zarr", every=2, batch_size=16)
    fit(model, spectra, epochs=1)
    model.save(tmp_path / "m.keras")
    fit(model, spectra, epochs=1)
    assert read_recording(tmp_path / "r.zarr").steps == (2, 4, 6, 8)
    again = keras.models.load_model(tmp_path / "m.keras")
    fit(again, KerasSpectra(tmp_path / "r.zarr", every=2, batch_size=16, resume=True), epochs=1)
    assert read_recording(tmp_path / "r.zarr").steps == (2, 4, 6, 8)


def test_accumulated_gradients_are_one_update(tmp_path):
    model = built(keras.optimizers.SGD(0.1, gradient_accumulation_steps=2))
    fit(model, KerasSpectra(tmp_path / "r.zarr", every=2, batch_size=32))
    assert read_recording(tmp_path / "r.zarr").steps == (2, 4)


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="Keras itself takes one step at a time there")
def test_several_steps_at_once(tmp_path):
    model = built(steps_per_execution=2)
    fit(model, KerasSpectra(tmp_path / "r.zarr", every=2, batch_size=16))
    assert read_recording(tmp_path / "r.zarr").steps == (2, 4, 6, 8)
    with pytest.raises(cg.InputError, match="`every` must be a multiple of the model's steps_per_execution, 2, got 3"):
        fit(built(steps_per_execution=2), KerasSpectra(tmp_path / "s.zarr", every=3))


def test_what_cannot_work_is_said_at_the_first_record(tmp_path):
    with pytest.raises(cg.InputError, match="`select` 'nothing' matches no matrix among the parameters"):
        fit(built(), KerasSpectra(tmp_path / "r.zarr", select="nothing", every=1))
