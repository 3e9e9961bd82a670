"""The scaling rule and settings of equal temperature from recordings of a real network with known noise."""

import json

import numpy as np
import pytest

import coulombgas as cg
from coulombgas._checks import InputError
from coulombgas.inference import noise_scale
from coulombgas.inference.recordings._combine import relative_log_temperatures
from coulombgas.inference.recordings._noise_scale import _fieller
from coulombgas.spectra import LayerSpectrum, NetworkSpectra, RecordedTraining
from tests.independent.digits import digits, start, train
from tests.inference.recorded import as_recording

SETTINGS = ((0.05, 64), (0.1, 16), (0.1, 64), (0.05, 16), (0.2, 32), (0.2, 64))
INTERVAL = {"mean", "lower", "upper"}


@pytest.fixture(scope="module")
def network(reduced):
    data, steps = digits(), 500 if reduced else 1500
    return data, train(start(0), data, rate=0.1, batch=32, steps=steps, every=0, seed=100).weights


def record(network, settings, *, steps=600, every=10, momentum=0.0, averages=True, optimizer="sgd", adam=False):
    data, base = network
    found = []
    for index, (rate, batch) in enumerate(settings):
        run = train(base, data, rate=rate, batch=batch, steps=steps, every=every, seed=index, momentum=momentum,
                    averages=averages, adam=adam)  # fmt: skip
        beta = momentum if momentum else (0.9 if adam else None)
        found.append(
            as_recording(
                run, rate=rate, batch=batch, optimizer=optimizer, momentum=beta, noise=True, path=f"run{index}"
            )
        )
    return found


def levels_of(rate, batch, *, exponents=(1.0, 1.0), seed=0, size=6, records=120, optimizer="sgd", known=True):
    """Levels that diffuse with s²/2α = 10⁻⁴ α^a/B^b, and hold together: nothing but the rule in them."""
    rng = np.random.default_rng(seed)
    heat = 1e-4 * rate ** exponents[0] / batch ** exponents[1]
    x = np.cumsum(np.sqrt(2 * rate * heat * 10) * rng.standard_normal((records, size)), axis=0)
    levels = (10.0 * np.arange(1, size + 1) + x) ** 2
    steps = 10 * np.arange(records)
    layers = tuple(LayerSpectrum("w", (size, size), each, int(s), 0.0) for each, s in zip(levels, steps, strict=True))
    training = RecordedTraining(
        step=steps, learning_rate=np.full(records, rate), batch_size=np.full(records, float(batch)),
        optimizer=optimizer, momentum=0.9 if optimizer == "adam" else None,
    )  # fmt: skip
    return NetworkSpectra(layers, (f"{rate}-{batch}",), training=training if known else None)


@pytest.fixture(scope="module")
def pair(network, reduced):
    return record(network, SETTINGS[:2], steps=400 if reduced else 600)


@pytest.fixture(scope="module")
def rule_of_pair(pair):
    return cg.scaling_rule(pair, after=-1, num_draws=200)


def test_the_document_is_that_of_the_command(rule_of_pair):
    document = json.loads(json.dumps(rule_of_pair.document()))
    assert set(document) == {"runs", "scaling", "verdict"}
    assert set(document["scaling"]) == {"alpha_exponent", "batch_exponent", "scatter"}
    for run, (rate, batch) in zip(document["runs"], SETTINGS[:2], strict=True):
        assert set(run) == {"path", "learning_rate", "batch_size", "optimizer", "temperature", "layers"}
        assert (run["learning_rate"], run["batch_size"], run["optimizer"]) == (rate, batch, "sgd")
        assert [layer["name"] for layer in run["layers"]] == ["layer0", "layer1", "layer2"]
        for layer in run["layers"]:
            assert set(layer) == {"name", "leading", "bulk", "isotropic", "stationary", "statement"}
            assert set(layer["leading"]) == {"modes", "noise"}
            assert set(layer["leading"]["noise"]) == INTERVAL
            assert isinstance(layer["isotropic"], bool)
            assert layer["stationary"] in (True, False, None)
            assert layer["isotropic"] or "variance of an entry" not in layer["statement"]
        assert not run["layers"][0]["isotropic"]
        assert not run["layers"][1]["isotropic"]
    assert "learning rate and batch size change together" in document["verdict"]


def test_a_temperature_needs_equilibrium(rule_of_pair):
    for run in rule_of_pair.runs:
        for layer in run.layers:
            for _, group in layer.motion.groups:
                assert (group.temperature is None) == (group.state.state != "equilibrium")


GRID = ((0.02, 16), (0.02, 64), (0.02, 256), (0.08, 16), (0.08, 64), (0.08, 256), (0.32, 64))


@pytest.mark.parametrize(
    ("exponents", "holds"), [((1.0, 1.0), True), ((1.0, 0.0), False), ((1.0, 0.5), False), ((0.5, 1.0), False)]
)
def test_the_linear_rule_is_distinguished_from_others(exponents, holds):
    """Refuted at 1% for noise that does not average over the batch, or averages as its root."""
    runs = [levels_of(*setting, exponents=exponents, seed=index) for index, setting in enumerate(GRID)]
    rule = cg.scaling_rule(runs, num_draws=500)
    assert rule.holds is holds
    assert rule.verdict.startswith("holds" if holds else "does not hold")
    assert rule.scaling.alpha_exponent.contains(exponents[0])
    assert rule.scaling.batch_exponent.contains(exponents[1])
    assert set(rule.by_layer) == {"w"}
    found = rule.dataset()
    assert found.noise.dims == ("run", "matrix", "group")
    for index, run in enumerate(rule.runs):
        (motion,) = (layer.motion for layer in run.layers)
        for place, group in enumerate((motion.leading, motion.bulk)):
            wanted = (np.nan,) * 3 if group is None else group.noise[:3]
            own = found.isel(run=index, matrix=0, group=place)
            np.testing.assert_array_equal([own.noise, own.noise_lower, own.noise_upper], wanted)
    assert len(rule.records()) == 7
    assert rule.verdict in rule.table()


def test_an_undecided_rule_names_the_data_that_would_decide():
    one = cg.scaling_rule(levels_of(0.1, 32))
    assert one.holds is None
    assert "at least three that vary learning rate and batch size" in one.verdict
    same = cg.scaling_rule([levels_of(0.1, 32, seed=0), levels_of(0.1, 32, seed=1)])
    assert "all runs have one setting" in same.verdict
    rates = cg.scaling_rule([levels_of(rate, 32, seed=i) for i, rate in enumerate((0.01, 0.03, 0.1, 0.3, 0.9))])
    assert rates.holds is None
    assert "cannot be told in the batch size" in rates.verdict
    assert rates.document()["scaling"]["batch_exponent"] is None
    adam = cg.scaling_rule([levels_of(0.1, 32, optimizer="adam"), levels_of(0.1, 64, optimizer="adam")])
    assert (adam.holds, adam.scaling) == (None, None)
    assert "Adam" in adam.verdict
    assert "square root" in adam.verdict
    unknown = cg.scaling_rule([levels_of(0.1, 32, known=False), levels_of(0.1, 64, known=False)])
    assert "does not know its learning_rate and batch_size: give it" in unknown.verdict
    given = cg.scaling_rule(
        [levels_of(r, b, known=False, seed=i) for i, (r, b) in enumerate(GRID)],
        learning_rate=[r for r, _ in GRID], batch_size=[b for _, b in GRID], optimizer="sgd", num_draws=500,
    )  # fmt: skip
    assert given.holds is True


def test_wrong_recordings_are_refused(tmp_path):
    with pytest.raises(InputError, match="`recordings` is empty"):
        cg.scaling_rule([])
    with pytest.raises(InputError, match="`batch_size` must be given once or for each of the 3"):
        cg.scaling_rule([levels_of(0.1, 32)] * 3, batch_size=[1, 2])
    with pytest.raises(InputError, match="`after` must leave"):
        cg.scaling_rule(levels_of(0.1, 32), after=10**6)
    with pytest.raises(InputError, match="`optimizer` must be one of"):
        cg.scaling_rule(levels_of(0.1, 32), optimizer="magic")
    with pytest.raises(InputError):
        cg.scaling_rule(tmp_path / "nothing.zarr")


def test_laws_of_equal_temperature():
    linear = cg.rescale(learning_rate=0.1, batch_size=32, to_batch_size=128)
    assert linear.learning_rate.mean == pytest.approx(0.4)
    heavy = cg.rescale(
        learning_rate=0.1, batch_size=32, to_batch_size=64, optimizer="momentum", momentum=0.9, to_momentum=0.8
    )
    assert heavy.learning_rate.mean / (64 * (1 - 0.8)) == pytest.approx(0.1 / (32 * (1 - 0.9)))
    adam = cg.rescale(learning_rate=1e-3, batch_size=64, to_batch_size=256, optimizer="adamw", beta1=0.9, beta2=0.99)
    assert adam.learning_rate.mean == pytest.approx(2e-3)
    assert (adam.beta1, adam.beta2) == (pytest.approx(0.6), pytest.approx(0.96))
    assert "square root" in adam.law
    assert "noise dominates" in adam.assumption
    assert "factor 64 in the batch" in cg.rescale(learning_rate=0.1, batch_size=1, to_batch_size=64).table()
    json.dumps(linear.record())
    with pytest.raises(InputError, match="`beta1` has no counterpart"):
        cg.rescale(learning_rate=1e-3, batch_size=8, to_batch_size=256, optimizer="adam", beta1=0.9)
    with pytest.raises(InputError, match="`beta2` must"):
        cg.rescale(learning_rate=1e-3, batch_size=8, to_batch_size=16, optimizer="adam", beta2=1.0)
    with pytest.raises(InputError, match="`momentum` is of momentum and nesterov"):
        cg.rescale(learning_rate=0.1, batch_size=32, to_batch_size=64, momentum=0.9)
    with pytest.raises(InputError, match="`to_batch_size` must be at least 1"):
        cg.rescale(learning_rate=0.1, batch_size=32, to_batch_size=0)
    with pytest.raises(InputError, match="`learning_rate` must be positive"):
        cg.rescale(learning_rate=-0.1, batch_size=32, to_batch_size=8)


def test_measured_exponents_rescale_with_an_interval(pair):
    """T ∝ α/√B: twice the rate for four times the batch, not four times."""
    runs = [levels_of(*setting, exponents=(1.0, 0.5), seed=index) for index, setting in enumerate(GRID)]
    found = cg.rescale(cg.scaling_rule(runs, num_draws=500), learning_rate=0.1, batch_size=32, to_batch_size=128)
    assert found.learning_rate.lower < 0.2 < found.learning_rate.upper
    assert found.learning_rate.upper < 0.35
    assert found.law.startswith("measured")
    assert any("does not hold" in warning for warning in found.warnings)
    beyond = cg.rescale(pair, learning_rate=0.1, batch_size=64, to_batch_size=10**6)
    assert beyond.holds is False
    assert "beyond the gradient noise scale" in beyond.table()
    assert "no proof of a critical batch" in beyond.table()


def test_the_noise_scale_has_an_interval_that_holds():
    """40 recordings of known traces: Fieller's interval of 95% holds in at least 33 (probability of fewer 5e-4)."""
    held = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        steps, none = np.arange(60), np.full(60, np.nan)
        training = RecordedTraining(
            step=steps, learning_rate=none, batch_size=none, noise_trace=1000 + 200 * rng.standard_normal(60),
            gradient_norm2=2 + 3 * rng.standard_normal(60),
        )  # fmt: skip
        found = noise_scale(training)
        held += found is not None and found.value.contains(500.0)
    assert held >= 33
    nothing = RecordedTraining(step=steps, learning_rate=none, batch_size=none)
    assert noise_scale(nothing) is None
    assert noise_scale(None) is None


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sgd", "momentum", "no average"])
def test_the_rule_on_a_real_network(network, reduced, kind):
    """Six settings of SGD, four of momentum: (1, 1) inside; a batch whose noise does not average is refuted."""
    if reduced:
        pytest.skip("minutes; test_the_linear_rule_is_distinguished_from_others is its reduced form")
    if kind == "momentum":
        settings = tuple((rate, batch) for rate in (0.01, 0.04) for batch in (16, 64))
        runs = record(network, settings, steps=4800, every=30, momentum=0.9, optimizer="momentum")
    else:
        runs = record(network, SETTINGS, steps=1600, averages=kind == "sgd")
    rule = cg.scaling_rule(runs, after=-1)
    if kind == "no average":
        assert rule.holds is False
        assert rule.scaling.batch_exponent.upper < 0.5
    else:
        assert rule.holds is not False
        assert rule.scaling.alpha_exponent.contains(1.0)
        assert rule.scaling.batch_exponent.contains(1.0)


def test_the_sd_of_the_noise_scale_is_the_scatter_of_the_ratio():
    """1500 recordings of 60 correlated pairs: the scatter is known to 1.8%, the mean sd better; four errors."""
    rng, found = np.random.default_rng(4), []
    for _ in range(1500):
        common, own = rng.normal(size=60), rng.normal(size=(2, 60))
        found.append(_fieller(10 + 3 * common + own[0], 5 + 0.8 * common + 0.5 * own[1]))
    assert np.sqrt(np.mean([one.sd**2 for one in found])) == pytest.approx(
        np.std([one.mean for one in found]), rel=0.075
    )


def test_groups_that_differ_by_more_than_their_errors_widen_them_by_as_much():
    """400 sets of 4 groups in 10 runs that scatter by three of their errors: χ² has 27 degrees of freedom a set."""
    rng, factors = np.random.default_rng(5), []
    own = np.array([0.1, 0.2, 0.2, 0.4])[:, None] * np.ones(10)
    for _ in range(400):
        values = np.linspace(0, 2, 10) + 3 * own * rng.standard_normal((4, 10))
        _, error = relative_log_temperatures({str(k): (values[k], own[k]) for k in range(4)})
        factors.append(error.mean() / 0.1)
    assert np.mean(np.square(factors)) == pytest.approx(9, rel=4 * np.sqrt(2 / 27 / 400))
