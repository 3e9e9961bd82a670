"""What a recording knows of its training: rates, batch sizes, optimisers and the noise of the gradient."""

import errno
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import zarr

import coulombgas as cg
from coulombgas.training import (
    RecordingStopped,
    SpectrumRecorder,
    named_arrays,
    read_recorded_ensemble,
    read_recording,
)
from coulombgas.training._recording import Recording

RNG = np.random.default_rng(0)
W = RNG.normal(size=(5, 3))


def recorded(path, steps=3, **options):
    """A recording of one matrix that does not change, read back."""
    with SpectrumRecorder(path, every=1, **options) as recorder:
        for step in range(1, steps + 1):
            recorder(step, {"w": W})
    return read_recording(path).training


def to_first_version(path):
    """Take from a recording what its second version added."""
    group = zarr.open_group(path, mode="r+", use_consolidated=False)
    for name in ("learning_rate", "batch_size"):
        del group[name]
    kept = {name: value for name, value in group.attrs.items() if name != "training"}
    group.attrs.put({**kept, "format": "coulombgas-recording/1"})


# what the user says


def test_nothing_said_is_nothing_known(tmp_path):
    training = recorded(tmp_path / "r.zarr")
    assert np.isnan(training.learning_rate).all()
    assert np.isnan(training.batch_size).all()
    assert (training.optimizer, training.momentum, training.source) == (None, None, None)
    assert (dict(training.noise), training.noise_trace, training.gradient_norm2) == ({}, None, None)
    assert np.isnan(training.nominal_temperature).all()


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        ("SGD", {"optimizer": "sgd"}),
        ({"optimizer": "momentum", "momentum": 0.9, "dampening": 0.1, "nesterov": False}, None),
        (cg.Optimizer("nesterov", momentum=0.8, weight_decay=0.1),
         {"optimizer": "nesterov", "momentum": 0.8, "weight_decay": 0.1}),
        (cg.Optimizer("adam"), {"optimizer": "adam", "momentum": 0.9, "second_moment": 0.999, "weight_decay": 0.0}),
        (cg.Optimizer(), {"optimizer": "sgd", "momentum": None}),
    ],
)  # fmt: skip
def test_optimisers_in_words(tmp_path, optimizer, expected):
    training = recorded(tmp_path / "r.zarr", optimizer=optimizer)
    for word, value in (optimizer if expected is None else expected).items():
        assert getattr(training, word) == value


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"learning_rate": -0.1}, "`learning_rate` must be finite and at least 0, got -0.1"),
        ({"learning_rate": np.array([0.1, 0.2])}, "`learning_rate` must be a number"),
        ({"batch_size": 0}, "`batch_size` must be positive"),
        ({"optimizer": 3}, "`optimizer` must be a name"),
        ({"optimizer": {"momentum": 1.5}}, "`momentum` must lie between 0 and 1"),
        ({"optimizer": {"beta": 0.9}}, "`optimizer` may hold optimizer, momentum"),
        ({"optimizer": {"weight_decay": -1}}, "`weight_decay` must be"),
        ({"micro_batch_size": 0}, "`micro_batch_size` must be at least 1"),
        ({"attrs": {"training": 1}}, "`attrs` may not hold"),
    ],
)
def test_values_that_no_training_has(tmp_path, options, match):
    with pytest.raises(cg.InputError, match=match):
        SpectrumRecorder(tmp_path / "r.zarr", **options)


def test_schedules_and_changes_are_recorded_each_time(tmp_path):
    rates = optax.linear_schedule(1.0, 0.0, 10)
    sizes = {1: 8, 2: 16, 3: 16}
    with SpectrumRecorder(tmp_path / "r.zarr", every=1, learning_rate=rates, optimizer="sgd") as recorder:
        for step, size in sizes.items():
            recorder(step, {"w": W}, batch_size=size)
        recorder(4, {"w": W}, learning_rate=0.25)
    training = read_recording(tmp_path / "r.zarr").training
    np.testing.assert_allclose(training.learning_rate, [1.0, 0.9, 0.8, 0.25])  # of the update before the record
    np.testing.assert_array_equal(training.batch_size, [8, 16, 16, np.nan])
    np.testing.assert_allclose(training.nominal_temperature[:3], [1 / 8, 0.9 / 16, 0.8 / 16])


def test_temperature_knows_momentum_and_refuses_adam(tmp_path):
    momentum = {"optimizer": "momentum", "momentum": 0.75}
    hot = recorded(tmp_path / "m.zarr", learning_rate=0.1, batch_size=10, optimizer=momentum)
    np.testing.assert_allclose(hot.nominal_temperature, 0.04)
    damped = recorded(
        tmp_path / "d.zarr", learning_rate=0.1, batch_size=10, optimizer={**momentum, "dampening": 0.75}
    )  # fmt: skip
    np.testing.assert_allclose(damped.nominal_temperature, 0.01)
    for name, optimizer in (("adam", "adam"), ("unknown", "momentum")):
        training = recorded(tmp_path / f"{name}.zarr", learning_rate=0.1, batch_size=10, optimizer=optimizer)
        assert np.isnan(training.nominal_temperature).all()


# optax


def test_optax_states_are_read(tmp_path):
    schedule = optax.cosine_decay_schedule(0.1, 10)
    rule = optax.chain(optax.clip(1.0), optax.inject_hyperparams(optax.sgd)(learning_rate=schedule, momentum=0.9))
    params = {"w": jnp.asarray(W)}
    state, used = rule.init(params), []
    with SpectrumRecorder(tmp_path / "r.zarr", every=1, batch_size=4) as recorder:
        for step in range(1, 4):
            used.append(float(schedule(step - 1)))
            updates, state = rule.update(params, state, params)
            params = optax.apply_updates(params, updates)
            recorder(step, params, optimizer_state=state)
    training = read_recording(tmp_path / "r.zarr").training
    np.testing.assert_allclose(training.learning_rate, used, rtol=1e-6)
    assert (training.optimizer, training.source) == ("momentum", "optax")
    assert training.momentum == 0.9  # and not the nearest float32


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (optax.inject_hyperparams(optax.adamw)(1e-3, b1=0.8, weight_decay=0.01),
         {"optimizer": "adam", "momentum": 0.8, "second_moment": 0.999, "weight_decay": 0.01}),
        (optax.MultiSteps(optax.inject_hyperparams(optax.lion)(1e-3), 2), {"optimizer": "lion"}),
        (optax.sgd(1e-3), {"optimizer": None}),  # the state says neither rate nor rule
    ],
)  # fmt: skip
def test_optax_rules(tmp_path, rule, expected):
    with SpectrumRecorder(tmp_path / "r.zarr", every=1) as recorder:
        recorder(1, {"w": W}, optimizer_state=rule.init({"w": jnp.asarray(W)}))
    training = read_recording(tmp_path / "r.zarr").training
    for word, value in expected.items():
        found = getattr(training, word)
        assert found == (pytest.approx(value) if isinstance(value, float) else value)
    assert np.isnan(training.learning_rate[0]) == (expected["optimizer"] is None)


def test_two_rates_in_one_state_are_refused(tmp_path):
    rule = optax.multi_transform(
        {name: optax.inject_hyperparams(optax.sgd)(rate) for name, rate in (("a", 0.1), ("b", 0.2))},
        {"w": "a", "v": "b"},
    )
    params = {"w": jnp.asarray(W), "v": jnp.asarray(W)}
    recorder = SpectrumRecorder(tmp_path / "r.zarr", every=1)
    with pytest.raises(cg.InputError, match=r"holds the learning rates 0\.1, 0\.2: give `learning_rate`"):
        recorder(1, params, optimizer_state=rule.init(params))


# noise of the gradient


def gaussian_draws(count, seed, *, scale):
    """Gradients whose noise along the singular vectors of W is known: scale_ij times unit normals in that basis."""
    left, _, right = np.linalg.svd(W, full_matrices=True)
    rng = np.random.default_rng(seed)
    return 0.3 + left @ (scale * rng.normal(size=(count, 5, 3))) @ right


def truth_of(scale):
    return np.diagonal(scale)[::-1] ** 2  # ascending levels


SCALE = np.outer([3.0, 1.0, 0.3, 2.0, 1.0], [1.0, 2.0, 0.5])


def noise_of(path, draws, **options):
    with SpectrumRecorder(path, every=1, gradient=lambda _: draws, **options) as recorder:
        recorder(1, {"w": W})
    training = read_recording(path).training
    return training.noise["w"][0], training.noise_trace[0], training.gradient_norm2[0]


def test_noise_is_unbiased_for_any_micro_batch(tmp_path):
    """K = 2000 normal draws of b = 4 samples: each variance within 4.5 standard errors √(2/(K − 1)), false alarms
    7e-6 each; at B = 32 one gradient has b/B of it."""
    count, b, B = 2000, 4, 32
    draws = gaussian_draws(count, 1, scale=SCALE)
    noise, trace, norm2 = noise_of(tmp_path / "r.zarr", {"w": draws}, batch_size=B, micro_batch_size=b)
    error = 4.5 * np.sqrt(2 / (count - 1))
    assert np.abs(noise / (truth_of(SCALE) * b / B) - 1).max() < error
    assert np.abs(noise / truth_of(SCALE) - 1).max() > 5 * error  # control: the batch size matters
    total = b * (SCALE**2).sum()
    assert abs(trace / total - 1) < 4.5 * np.sqrt(2 * (SCALE**4).sum()) / (SCALE**2).sum() / np.sqrt(count - 1)
    mean = np.full(W.shape, 0.3)
    assert abs(norm2 / (mean**2).sum() - 1) < 0.5


def test_the_square_of_the_mean_gradient_is_unbiased(tmp_path):
    """400 recordings' worth of K = 3 draws: the mean of |G|² lies within 4.5 standard errors of the truth, and that of
    |Ḡ|² does not."""
    from coulombgas.training._gradient_noise import GradientDraws

    found, biased = [], []
    for seed in range(400):
        draws = gaussian_draws(3, seed, scale=SCALE)
        taken = GradientDraws({"w": W}, ["w"], 2).take({"w": draws})
        noise = taken.noise({"w": W}, 2.0, replica_axis=False)
        found.append([noise.norm2, noise.trace / 2])
        biased.append((draws.mean(axis=0) ** 2).sum())
    mean, error = np.mean(found, axis=0), 4.5 * np.std(found, axis=0) / np.sqrt(400)
    truth = np.array([0.09 * W.size, (SCALE**2).sum()])
    assert (np.abs(mean - truth) < error).all()
    assert abs(np.mean(biased) - truth[0]) > error[0]


def test_streams_and_stacks_agree(tmp_path):
    draws = gaussian_draws(6, 2, scale=SCALE).astype(np.float32)
    stacked = noise_of(tmp_path / "a.zarr", {"w": draws}, batch_size=2)
    streamed = noise_of(tmp_path / "b.zarr", iter([{"w": one} for one in draws]), batch_size=2)
    for one, other in zip(stacked, streamed, strict=True):
        np.testing.assert_array_equal(one, other)


def test_per_sample_gradients_of_a_linear_model(tmp_path):
    """All N samples of a least-squares loss by `vmap(grad)`, against the sums written out."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(40, 3)), rng.normal(size=(40, 5))
    weights = {"layer": {"kernel": jnp.asarray(W), "bias": jnp.zeros(5)}}

    def loss(p, x, y):
        return 0.5 * jnp.sum((p["layer"]["kernel"] @ x + p["layer"]["bias"] - y) ** 2)

    def gradient(p):
        return jax.vmap(jax.grad(loss), (None, 0, 0))(p, jnp.asarray(x), jnp.asarray(y))

    with SpectrumRecorder(tmp_path / "r.zarr", every=1, batch_size=8, gradient=gradient) as recorder:
        recorder(1, weights)
    training = read_recording(tmp_path / "r.zarr").training
    residual = x @ W.T - y
    left, _, right = np.linalg.svd(W, full_matrices=False)
    along = (residual @ left) * (x @ right.T)
    np.testing.assert_allclose(training.noise["layer.kernel"][0], along.var(axis=0, ddof=1)[::-1] / 8, rtol=1e-4)
    flat = np.concatenate([np.einsum("ni,nj->nij", residual, x).reshape(40, -1), residual], axis=1)
    trace = flat.var(axis=0, ddof=1).sum()
    assert training.noise_trace[0] == pytest.approx(trace, rel=1e-4)
    assert training.gradient_norm2[0] == pytest.approx((flat.mean(axis=0) ** 2).sum() - trace / 40, rel=1e-4)


def test_noise_of_replicas_and_of_fused_matrices(tmp_path):
    rng = np.random.default_rng(4)
    weights, draws = rng.normal(size=(2, 4, 12)), rng.normal(size=(5, 2, 4, 12))
    with SpectrumRecorder(
        tmp_path / "r.zarr", every=1, batch_size=1, replica_axis=True, gradient=lambda _: {"c_attn": draws}
    ) as recorder:
        recorder(1, {"c_attn": weights})
    for replica in range(2):
        network = read_recording(tmp_path / "r.zarr", replica=replica)
        assert len(network.training.noise) == 3
        left, _, right = np.linalg.svd(weights[replica, :, 4:8])
        along = np.einsum("mi,kmn,in->ki", left, draws[:, replica, :, 4:8], right)
        np.testing.assert_allclose(
            network.training.noise["c_attn.key"][0], along.var(axis=0, ddof=1)[::-1], rtol=1e-6
        )  # fmt: skip


def test_an_overflowed_gradient_is_unknown(tmp_path):
    draws = gaussian_draws(4, 5, scale=SCALE)
    draws[1, 0, 0] = np.inf
    noise, trace, norm2 = noise_of(tmp_path / "r.zarr", {"w": draws}, batch_size=2)
    assert np.isnan([*noise, trace, norm2]).all()


@pytest.mark.parametrize(
    ("gradients", "options", "match"),
    [
        ({"w": np.ones((3, 5, 3))}, {}, "`batch_size` must be given"),
        ({"w": np.ones((1, 5, 3))}, {"batch_size": 2}, "`gradient` gave 1 gradient: at least 2"),
        ({"v": np.ones((3, 5, 3))}, {"batch_size": 2}, "`gradient` has no entry for w in 3 of its 3"),
        ({"w": np.ones((3, 4, 3))}, {"batch_size": 2}, r"shape \(4, 3\) for w, whose shape is \(5, 3\)"),
        ({"w": np.ones((3, 5, 3)), "v": np.ones((2, 4))}, {"batch_size": 2}, r"the leaves have \[2, 3\]"),
        (iter([]), {"batch_size": 2}, "`gradient` gave 0 gradients"),
    ],
)
def test_gradients_that_cannot_be_used(tmp_path, gradients, options, match):
    recorder = SpectrumRecorder(tmp_path / "r.zarr", every=1, gradient=lambda _: gradients, **options)
    with pytest.raises(cg.InputError, match=match), recorder:
        recorder(1, {"w": W})


def test_a_hook_that_fails_later_ends_the_recording_only(tmp_path):
    calls = []

    def gradient(params):
        calls.append(1)
        if len(calls) > 1:
            raise ZeroDivisionError("no more data")
        return {"w": np.ones((3, 5, 3))}

    recorder = SpectrumRecorder(tmp_path / "r.zarr", every=1, gradient=gradient, batch_size=2)
    assert recorder(1, {"w": W})
    with pytest.warns(RecordingStopped, match="stopped at step 2 and training goes on: ZeroDivisionError: no more"):
        assert not recorder(2, {"w": W})
    assert not recorder(3, {"w": W})  # and says so once
    recorder.close()
    assert read_recording(tmp_path / "r.zarr").steps == (1,)
    calls.clear()
    calls.append(1)
    first = SpectrumRecorder(tmp_path / "s.zarr", every=1, gradient=gradient, batch_size=2)
    with pytest.raises(ZeroDivisionError):  # at once: a hook that never worked
        first(1, {"w": W})


# failures


def test_weights_that_are_not_finite_end_the_recording_only(tmp_path):
    recorder = SpectrumRecorder(tmp_path / "r.zarr", every=1)
    recorder(1, {"w": W})
    recorder(2, {"w": np.full((5, 3), np.nan)})
    with pytest.warns(RecordingStopped, match=r"r\.zarr: recording stopped at step 2 .*w: .*NaN") as told:
        recorder.flush()
    assert len(told) == 1
    assert not recorder(3, {"w": W})
    assert "NaN" in recorder.stopped
    recorder.close()
    assert read_recording(tmp_path / "r.zarr").steps == (1,)


@pytest.mark.parametrize("first", [True, False])
def test_a_full_disk_ends_the_recording_only(tmp_path, monkeypatch, first):
    recorder = SpectrumRecorder(tmp_path / "r.zarr", every=1)
    if not first:
        recorder(1, {"w": W})
        recorder.flush()
    error = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(Recording, "_create" if first else "extend", lambda *_: (_ for _ in ()).throw(error))
    assert recorder(2, {"w": W})
    with pytest.warns(RecordingStopped, match="stopped at step 2 .* No space left on device"):
        recorder.flush()
    assert not recorder(3, {"w": W})
    recorder.close()


def test_strict_recorders_raise(tmp_path):
    recorder = SpectrumRecorder(tmp_path / "r.zarr", every=1, strict=True)
    recorder(1, {"w": W})
    recorder(2, {"w": np.full((5, 3), np.nan)})
    with pytest.raises(cg.InputError, match="a record could not be made: w: "):
        recorder.flush()
    recorder.close()


def test_nothing_selected_later_ends_the_recording_only(tmp_path):
    with SpectrumRecorder(tmp_path / "r.zarr", select="w", every=1) as recorder:
        recorder(1, {"w": W})
        with pytest.warns(RecordingStopped, match="matches no matrix"):
            recorder(2, {"v": W})


# going on with a recording


def test_a_recording_of_version_1_can_be_continued(tmp_path):
    path = tmp_path / "r.zarr"
    recorded(path)
    to_first_version(path)
    network = read_recording(path)
    assert (network.steps, network.training) == ((1, 2, 3), None)
    with SpectrumRecorder(path, every=1, resume=True, learning_rate=0.1, batch_size=2, optimizer="sgd") as recorder:
        assert recorder.truncate_after(2) == [1, 2]
        recorder(3, {"w": W})
    training = read_recording(path).training
    np.testing.assert_array_equal(training.learning_rate, [np.nan, np.nan, 0.1])
    np.testing.assert_array_equal(training.batch_size, [np.nan, np.nan, 2])
    assert training.optimizer == "sgd"


@pytest.mark.parametrize("noisy", [True, False])
def test_noise_must_be_recorded_throughout(tmp_path, noisy):
    options = {"batch_size": 2, "gradient": lambda _: {"w": gaussian_draws(3, 0, scale=SCALE)}}
    path = tmp_path / "r.zarr"
    recorded(path, **(options if noisy else {}))
    recorder = SpectrumRecorder(path, every=1, resume=True, **({} if noisy else options))
    recorder(4, {"w": W})
    with pytest.raises(
        cg.InputError, match="records the noise of the gradient: give" if noisy else "continue without `gradient`"
    ):
        recorder.close()
    assert read_recording(path).steps == (1, 2, 3)


def test_what_changes_is_unknown_and_reported(tmp_path):
    path = tmp_path / "r.zarr"
    recorded(path, optimizer={"optimizer": "momentum", "momentum": 0.9, "weight_decay": 0.1})
    recorder = SpectrumRecorder(
        path, every=1, resume=True, optimizer={"optimizer": "momentum", "momentum": 0.5, "weight_decay": 0.1}
    )
    recorder(4, {"w": W})
    with pytest.warns(RuntimeWarning, match="momentum changed before step 4: the recording calls it unknown"):
        recorder.close()
    training = read_recording(path).training
    assert (training.optimizer, training.momentum, training.weight_decay) == ("momentum", None, 0.1)
    with SpectrumRecorder(path, every=1, resume=True, optimizer={"momentum": 0.9}) as again:
        again(5, {"w": W})  # it stays unknown
    assert read_recording(path).training.momentum is None


# what reads recordings


def test_recorded_ensembles_know_their_setting(tmp_path):
    with SpectrumRecorder(tmp_path / "r.zarr", every=1, replica_axis=True, learning_rate=0.1, batch_size=4) as recorder:
        recorder(1, {"w": RNG.normal(size=(3, 4, 2))})
    spectra = read_recorded_ensemble(tmp_path / "r.zarr", "w")
    assert (float(spectra.learning_rate[0]), int(spectra.batch_size[0])) == (0.1, 4)
    rates = optax.linear_schedule(0.2, 0.1, 4)
    with SpectrumRecorder(tmp_path / "s.zarr", every=1, replica_axis=True, learning_rate=rates, batch_size=4) as again:
        for step in (1, 2):
            again(step, {"w": RNG.normal(size=(3, 4, 2))})
    with pytest.raises(cg.InputError, match=r"`learning_rate` changes in .*, from 0\.175 to 0\.2: give the one"):
        read_recorded_ensemble(tmp_path / "s.zarr", "w")
    assert read_recorded_ensemble(tmp_path / "s.zarr", "w", learning_rate=0.2).sizes["step"] == 2


def test_numbers_for_a_logger(tmp_path):
    seen = []

    def measure(network):
        seen.append(network.steps)
        if len(network.steps) < 2:
            raise cg.InputError("too few records")
        if len(network.steps) > 2:
            raise KeyError("gone")
        return {"stationary": 1.0, "slope": np.nan}

    recorder = SpectrumRecorder(
        tmp_path / "r.zarr", every=1, learning_rate=0.1, batch_size=5, optimizer="sgd", measure=measure,
        gradient=lambda _: {"w": gaussian_draws(50, 0, scale=SCALE)},
    )  # fmt: skip
    for step in (1, 2):
        recorder(step, {"w": W})
    recorder.flush()
    first, second = recorder.metrics()
    assert (first.step, second.step) == (1, 2)
    assert first.values["temperature"] == pytest.approx(0.02)
    assert first.values["spectral_norm/w"] == pytest.approx(np.linalg.norm(W, 2), rel=1e-6)
    assert first.values["stable_rank/w"] == pytest.approx((W**2).sum() / np.linalg.norm(W, 2) ** 2, rel=1e-6)
    training = read_recording(tmp_path / "r.zarr").training
    assert first.values["noise/w"] == pytest.approx(training.noise["w"][0].mean())
    assert first.values["noise_scale"] == pytest.approx(training.noise_trace[0] / training.gradient_norm2[0])
    assert "stationary" not in first.values
    assert second.values["stationary"] == 1.0
    assert "slope" not in second.values
    assert recorder.metrics() == []
    recorder(3, {"w": W})
    with pytest.warns(RuntimeWarning, match="`measure` failed and is not called again: KeyError"):
        recorder.flush()
    recorder(4, {"w": W})
    recorder.close()
    assert seen == [(1,), (1, 2), (1, 2, 3)]
    assert read_recording(tmp_path / "r.zarr").steps == (1, 2, 3, 4)


def test_measuring_takes_a_fiftieth_of_the_time(tmp_path):
    """After a call of 40 ms the next is 2 s later at the soonest, or when it is asked for, or at the end."""
    seen = []

    def measure(network):
        time.sleep(0.04)
        seen.append(len(network.steps))
        return {"records": len(network.steps)}

    with SpectrumRecorder(tmp_path / "r.zarr", every=1, measure=measure) as recorder:
        for step in range(1, 6):
            recorder(step, {"w": W})
            recorder.flush(measure=False)
        assert seen == [1]
        recorder.flush()
        assert seen == [1, 5]
        assert [found.values.get("records") for found in recorder.metrics()] == [1.0, None, None, None, None, 5.0]
        recorder.flush()
        recorder(6, {"w": W})
    assert seen == [1, 5, 6]
    assert recorder.metrics()[-1].values["records"] == 6.0


# PyTorch


class Named:
    """What a recorder asks of a module."""

    def __init__(self, *names):
        self._names = names

    def named_parameters(self):
        return ((name, W) for name in self._names)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("module.fc.weight", "module.head.weight"), ["fc.weight", "head.weight"]),
        (("_orig_mod.module.fc.weight",), ["fc.weight"]),
        (("module._orig_mod.fc.weight",), ["fc.weight"]),
        (("blocks.0._orig_mod.fc.weight",), ["blocks.0.fc.weight"]),
        (("module.fc.weight", "head.weight"), ["module.fc.weight", "head.weight"]),  # the user's own word
        (("a.module.fc.weight",), ["a.module.fc.weight"]),
        (("a._orig_mod.w", "a.w"), ["a._orig_mod.w", "a.w"]),  # they would be one
    ],
)
def test_names_lose_those_of_wrappers(names, expected):
    assert [name for name, _ in named_arrays(Named(*names))] == expected
