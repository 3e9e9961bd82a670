"""The engine: the same replicas in any company, the laws of the papers, divergence, bad input."""

import json
import os
import subprocess
import sys
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
import pytest

from coulombgas import InputError
from coulombgas.models import GaussianRBM, Model, TeacherStudent, TwoLayerLinear, normals
from coulombgas.spectra import level_groups
from coulombgas.theory import find_theory, matrix_dyson_of
from coulombgas.training import Optimizer, merge_spectra, train

SMALL = GaussianRBM(num_visible=3)
RUN: dict[str, Any] = {"learning_rate": 0.05, "batch_size": 4, "replicas": 10, "steps": 20}


def relative_widths(model: Model, **run: Any) -> tuple[np.ndarray, np.ndarray]:
    """Measured over predicted s² of each level group of one or two modes, and its standard error."""
    return widths_of(train(model, init="fixed-point", seed=11, **run), model)


def widths_of(spectra: Any, model: Model) -> tuple[np.ndarray, np.ndarray]:
    """The same of one setting's spectra."""
    levels = spectra.eigenvalue.values[0, :, -1].astype(np.float64)
    rate, batch = float(spectra.learning_rate[0]), int(spectra.batch_size[0])
    width2 = find_theory(model, learning_rate=rate, batch_size=batch).mode_width2
    found, error = [], []
    for group in level_groups(model.fixed_point):
        own = levels[:, list(group.modes)]
        single = group.size == 1
        squares = (own - own.mean(axis=0)) ** 2 if single else np.diff(own, axis=1) ** 2 / 4
        found.append(squares.mean() / width2[group.modes[0]])
        error.append(found[-1] * np.sqrt((2 if single else 1) / len(levels)))
    return np.array(found), np.array(error)


def test_replicas_do_not_depend_on_chunks_company_or_length():
    together = train(SMALL, record=[0, 10, 20], **RUN)
    chunked = train(SMALL, record=[10, 20], chunk=5, **RUN)
    swept = train(SMALL, **{**RUN, "learning_rate": (0.01, 0.05), "batch_size": (3, 4), "combine": "zip"})
    later = train(SMALL, first_replica=4, **{**RUN, "replicas": 5})
    reference = together.eigenvalue.values[0]
    np.testing.assert_allclose(chunked.eigenvalue.values[0], reference[:, 1:], rtol=1e-5)
    np.testing.assert_allclose(swept.eigenvalue.values[1], reference[:, 2:], rtol=1e-5)
    np.testing.assert_allclose(later.eigenvalue.values[0], reference[4:9, 2:], rtol=1e-5)
    assert later.replica.values.tolist() == [4, 5, 6, 7, 8]
    other_seed = train(SMALL, **RUN, seed=1).eigenvalue.values
    assert np.abs(other_seed - reference[None, :, 2:]).max() > 1e-3


def test_statistics_weights_and_double_precision():
    spectra = train(SMALL, statistics=["gram", "norm"], keep_weights=True, dtype="float64", record=2, **RUN)
    weights = spectra.weights.values
    assert weights.shape == (1, 10, 2, 3, 3)
    assert weights.dtype == np.float64
    np.testing.assert_allclose(spectra["gram"].values, weights @ np.swapaxes(weights, -1, -2), rtol=1e-12)
    np.testing.assert_allclose(spectra["norm"].values, np.linalg.norm(weights, axis=(-2, -1)), rtol=1e-12)
    np.testing.assert_allclose(spectra.eigenvalue.values, np.linalg.eigvalsh(spectra["gram"].values), rtol=1e-9)
    single = train(SMALL, record=2, statistics={"trace": lambda w: jnp.trace(w @ w.T)}, **RUN)
    assert single.eigenvalue.dtype == np.float32
    np.testing.assert_allclose(single["trace"].values, single.eigenvalue.values.sum(axis=-1), rtol=1e-5)


@pytest.mark.full("test_statistics_weights_and_double_precision and test_widths[two-layer] in test_train.py")
def test_statistics_of_two_matrices():
    two_layer = train(TwoLayerLinear(), statistics={"trace": lambda w: jnp.trace(w["second"] @ w["first"])}, **RUN)
    assert two_layer["trace"].shape == (1, 10, 1)


class Ring(Model):
    """One weight that relaxes to one: written for one replica, as a user would."""

    name: ClassVar[str] = "ring"
    levels: ClassVar[str] = "eigenvalues"  # pyright: ignore[reportIncompatibleVariableOverride]

    def matrix(self, weights):
        return weights

    def start(self, *, key, setting, init, dtype):
        return jnp.ones((1, 1), dtype), {"noise": jnp.zeros((), dtype)}

    def gradient(self, weights, memory, *, key, setting, step):
        assert weights.shape == (1, 1)
        noise = normals(key, (1, 1)) / np.sqrt(setting.batch_size)
        return weights - 1.0 - noise, {"noise": noise[0, 0]}


def test_own_model_for_one_replica_is_batched_by_the_engine():
    """Its variance is α/(B(2 − α)); 4 standard errors: false alarm 6e-5. Control: that of twice the rate."""
    weights = train(Ring(), learning_rate=0.5, batch_size=4, replicas=400, steps=40).eigenvalue.values.ravel()
    assert abs(weights.var() / (0.5 / 4 / 1.5) - 1) < 4 * np.sqrt(2 / 400)
    assert abs(weights.var() / (1.0 / 4 / 1.0) - 1) > 4 * np.sqrt(2 / 400)


@pytest.mark.full("test_own_model_for_one_replica_is_batched_by_the_engine in test_train.py")
def test_own_model_has_a_theory():
    found, error = relative_widths(Ring(), learning_rate=0.5, batch_size=4, replicas=800, steps=40)
    assert abs(found[0] - 1) < 4 * error[0]


class Still(Ring):
    """The same without noise, from two."""

    def start(self, *, key, setting, init, dtype):
        return jnp.full((1, 1), 2, dtype), {}

    def gradient(self, weights, memory, *, key, setting, step):
        return weights - 1.0, memory


def steps_of(optimizer: Optimizer, rate: float, steps: int) -> list[float]:
    """The weight of `Still` after each step, as the definitions of the optimisers have it."""
    weight, first, second, found = 2.0, 0.0, 0.0, []
    m, m2 = optimizer.momentum, optimizer.second_moment
    for step in range(steps):
        gradient, end, share = weight - 1, optimizer.schedule_end, step / steps
        if optimizer.name == "adam":
            first, second = m * first + (1 - m) * gradient, m2 * second + (1 - m2) * gradient**2
            first_unbiased, second_unbiased = first / (1 - m ** (step + 1)), second / (1 - m2 ** (step + 1))
            direction = first_unbiased / (np.sqrt(second_unbiased) + optimizer.epsilon)
        else:
            first = m * first + gradient
            direction = gradient + m * first if optimizer.name == "nesterov" else first
        factor = {
            "linear": 1 + (end - 1) * share, "exponential": end**share,
            "cosine": end + (1 - end) * (1 + np.cos(np.pi * share)) / 2,
        }[optimizer.schedule]  # fmt: skip
        weight -= rate * factor * (direction + optimizer.weight_decay * weight)
        found.append(weight)
    return found


@pytest.mark.parametrize(
    "optimizer",
    [
        Optimizer("momentum", momentum=0.5, schedule="exponential", schedule_end=0.2),
        Optimizer("nesterov", momentum=0.5, schedule="linear"),
        Optimizer("adam", momentum=0.7, second_moment=0.8, weight_decay=0.1, schedule="cosine"),
    ],
    ids=lambda optimizer: optimizer.name,
)
def test_optimisers_and_schedules_are_their_definitions(optimizer):
    run = {"learning_rate": 0.1, "batch_size": 1, "replicas": 2, "steps": 6, "record": list(range(1, 7))}
    found = train(Still(), optimizer=optimizer, **run).eigenvalue.values[0, 1, :, 0]
    np.testing.assert_allclose(found, steps_of(optimizer, 0.1, 6), rtol=1e-5)


class Counted(Ring):
    """Counts how often its start is run by Python, once for each trace."""

    width: int = 1
    traces: ClassVar[list[int]] = []

    def start(self, *, key, setting, init, dtype):
        self.traces.append(setting.batch_size)
        return super().start(key=key, setting=setting, init=init, dtype=dtype)


def test_a_second_training_of_an_equal_model_hardly_traces_it():
    run = {**RUN, "batch_size": (2, 4)}
    first = train(Counted(), **run)
    once, Counted.traces[:] = len(Counted.traces), []
    assert once >= 2
    again = train(Counted(), **run, seed=0)
    assert len(Counted.traces) <= 1  # the shapes of what is recorded
    np.testing.assert_array_equal(again.eigenvalue.values, first.eigenvalue.values)
    train(Counted(width=2), **run)
    assert len(Counted.traces) > 2  # another model


@pytest.mark.full("test_optimisers_and_schedules_are_their_definitions in test_train.py")
def test_optimisers_and_schedules():
    model = TeacherStudent(inputs="fresh")
    plain = train(model, **RUN).eigenvalue.values
    assert not np.allclose(train(model, optimizer="adam", **RUN).eigenvalue.values, plain)
    idle = Optimizer("momentum", momentum=0.0)
    np.testing.assert_allclose(train(model, optimizer=idle, **RUN).eigenvalue.values, plain, rtol=1e-5)
    # momentum m multiplies the stationary variance by 1/(1 − m) at leading order in the learning rate
    run = {"learning_rate": 0.02, "batch_size": 8, "replicas": 500, "steps": 400}
    heavy, error = relative_widths(model, optimizer=Optimizer("momentum", momentum=0.5), **run)
    assert abs(heavy[0] / 2 - 1) < 4 * error[0] / 2 + 0.02
    # a falling learning rate ends colder
    cooled, error = relative_widths(model, optimizer=Optimizer(schedule="exponential", schedule_end=0.2), **run)
    assert cooled[0] < 0.8


def test_diverged_replicas_are_frozen_counted_and_left_out():
    run = {**RUN, "learning_rate": 1.5, "steps": 30, "record": [1, 10, 30]}
    spectra = train(SMALL, **run)
    failed = spectra.failed_step.values[0]
    assert (failed >= 0).sum() > 0
    assert failed.max() <= 30
    for replica, step in enumerate(failed):
        late = np.array(run["record"]) >= step if step >= 0 else np.zeros(3, bool)
        assert np.isnan(spectra.eigenvalue.values[0, replica]).all(axis=-1).tolist() == late.tolist()
    assert (np.nanmax(spectra.eigenvalue.values) < 9.0).all()


@pytest.mark.slow
def test_rbm_follows_the_laws_of_the_paper(reduced):
    """s² = 2σ_h² T x_s and the six mean levels; each within 3.5 standard errors: false alarm 6e-3 over 12 numbers.

    Control: a width of twice the prediction. In the reduced form the same temperature and as many relaxation times at
    four times the rate.
    """
    model, replicas = GaussianRBM(sampler="collapsed"), 24 if reduced else 4000
    run = {"learning_rate": 0.02, "batch_size": 16, "replicas": replicas, "steps": 4000}
    if reduced:
        run |= {"learning_rate": 0.08, "batch_size": 64, "steps": 1000}
    spectra = train(model, init="fixed-point", seed=11, **run)
    found, error = widths_of(spectra, model)
    assert (np.abs(found[1:] - 1) < 3.5 * error[1:] + 0.06).all()  # 0.06: next order in α and T
    assert (np.abs(found[1:] / 2 - 1) > 3.5 * error[1:] / 2 + 0.06).any()
    levels = spectra.eigenvalue.values[0, :, -1].astype(np.float64)
    means = levels / model.fixed_point
    predicted = (1.0060, 0.9970, 0.9947, 0.9915, 0.9844, 0.9696)
    groups = (slice(9, 10), slice(7, 9), slice(5, 7), slice(3, 5), slice(1, 3), slice(0, 1))
    for group, value in zip(groups, predicted, strict=True):
        samples = means[:, group].mean(axis=1)
        assert abs(samples.mean() - value) < 3.5 * samples.std() / np.sqrt(replicas) + 0.0015


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "rate"),
    [
        pytest.param(
            TeacherStudent(inputs="fresh"),
            0.2,
            marks=pytest.mark.full("test_widths[teacher-student-3] in test_train.py"),
        ),
        (TeacherStudent(teacher=(1.0, 2.0, 2.0), inputs="fresh"), 0.05),
        (TwoLayerLinear(teacher=(1.0, 2.0, 2.0)), 0.05),
        pytest.param(
            TwoLayerLinear(teacher=(1.0, 2.0, 2.0), trained="first"),
            0.05,
            marks=pytest.mark.full("test_widths[two-layer] in test_train.py"),
        ),
        (matrix_dyson_of(TeacherStudent()), 0.3),
    ],
    ids=["teacher-student", "teacher-student-3", "two-layer", "two-layer-first", "matrix-dyson"],
)
def test_widths(model, rate, reduced):
    """Predicted s² within 4 standard errors, false alarm 6e-5 a group; a temperature off by 40% must fail."""
    replicas = 400 if reduced else 10_000
    found, error = relative_widths(model, learning_rate=rate, batch_size=8, replicas=replicas, steps=int(12 / rate))
    assert (np.abs(found - 1) < 4 * error + 0.02).all()
    assert (np.abs(found / 1.4 - 1) > 4 * error / 1.4).any()


DEVICES = """
import jax, numpy as np, sys
from coulombgas.models import GaussianRBM
from coulombgas.training import train
run = train(GaussianRBM(num_visible=3), learning_rate=0.05, batch_size=4, replicas=10, steps=20, record=2)
np.save(sys.argv[1], run.eigenvalue.values)
print(len(jax.devices()), run.attrs["device"])
"""
PROCESSES = """
import jax, numpy as np, sys
jax.distributed.initialize(sys.argv[2], 2, int(sys.argv[3]))
from coulombgas.models import GaussianRBM
from coulombgas.training import train
arguments = dict(learning_rate=0.05, batch_size=4, replicas=10, steps=20, record=2, chunk=3)
memory = train(GaussianRBM(num_visible=3), **arguments)
disk = train(GaussianRBM(num_visible=3), out=sys.argv[1], **arguments)
assert np.array_equal(memory.eigenvalue.values, disk.eigenvalue.values)
"""


def in_subprocess(code: str, *arguments: str, **environment: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], env={**os.environ, "JAX_PLATFORMS": "cpu", **environment},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


@pytest.mark.full("test_one_run_of_two_processes_that_jax_connects_itself in test_cluster_page.py")
def test_eight_devices_give_the_spectra_of_one(tmp_path):
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=8"
    process = in_subprocess(DEVICES, str(tmp_path / "levels.npy"), XLA_FLAGS=flags)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert output.startswith("8 ")
    expected = train(SMALL, record=2, **RUN).eigenvalue.values
    np.testing.assert_allclose(np.load(tmp_path / "levels.npy"), expected, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.full("test_one_run_of_two_processes_that_jax_connects_itself in test_cluster_page.py")
def test_two_processes_give_the_spectra_of_one(tmp_path):
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    store = str(tmp_path / "run.zarr")
    processes = [in_subprocess(PROCESSES, store, address, str(i)) for i in range(2)]
    outputs = [process.communicate(timeout=150)[0] for process in processes]
    assert all(process.returncode == 0 for process in processes), outputs
    from coulombgas.spectra import read_spectra

    expected = train(SMALL, record=2, **RUN).eigenvalue.values
    np.testing.assert_allclose(read_spectra(store).eigenvalue.values, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learning_rate": -0.1}, "`learning_rate` must be positive"),
        ({"learning_rate": ()}, "`learning_rate` needs at least one value"),
        ({"learning_rate": (0.1, 0.1)}, "repeat a setting"),
        ({"learning_rate": 1e-300}, "`learning_rate` must lie between 1e-30 and 1e15, got 1e-300"),
        ({"learning_rate": 1e300}, "`learning_rate` must lie between 1e-30 and 1e15"),
        ({"batch_size": 0}, "`batch_size` must be at least 1, got 0"),
        ({"batch_size": 2**31}, r"`batch_size` must be below 2\^31, got 2147483648"),
        ({"replicas": 2**40}, "`replicas` must be below 2"),
        ({"replicas": 0}, "`replicas` must be at least 1"),
        ({"seed": 2**32}, "`seed` must be below 2"),
        ({"steps": 2**31}, "`steps` must be below 2"),
        ({"first_replica": 2**32 - 9}, "`first_replica` must be below 2.* for the last replica"),
        ({"steps": -1}, "`steps` must be at least 0"),
        ({"record": [30]}, "`record` must lie between 0 and `steps` = 20"),
        ({"init": "warm"}, "`init` must be one of"),
        ({"dtype": "float16"}, "`dtype` must be one of"),
        ({"optimizer": "lion"}, "`optimizer` must be one of"),
        ({"statistics": ["entropy"]}, "`statistics` must be among"),
        ({"resume": True}, "`out` must be given"),
        ({"combine": "zip", "learning_rate": (0.1, 0.2), "batch_size": (1, 2, 3)}, "needs one value or 2"),
    ],
)
def test_bad_input_is_named(change, message):
    with pytest.raises(InputError, match=message):
        train(SMALL, **{**RUN, **change})


def test_merge_joins_replicas_and_settings_and_refuses_the_rest():
    model, run = TeacherStudent(), {**RUN, "chunk": 5}
    whole = train(model, **run)
    parts = [train(model, **{**run, "replicas": 5}, first_replica=first) for first in (5, 0)]
    merged = merge_spectra(parts)
    np.testing.assert_allclose(merged.eigenvalue.values, whole.eigenvalue.values, rtol=1e-5)
    other = train(model, **{**run, "batch_size": 8})
    both = merge_spectra([whole, other])
    assert both.batch_size.values.tolist() == [4, 8]
    with pytest.raises(InputError, match="replica 0 is in part 0 too"):
        merge_spectra([whole, whole])
    config = json.loads(whole.attrs["config"])
    config["model"]["noise"] = 0.2
    with pytest.raises(InputError, match="model noise"):
        merge_spectra([whole, whole.assign_attrs(config=json.dumps(config))])
    with pytest.raises(InputError, match="same replicas"):
        merge_spectra([whole, other.isel(replica=slice(3))])
