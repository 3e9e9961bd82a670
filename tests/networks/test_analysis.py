"""Whole matrices: repulsion, the JSON row, unusual matrices, trajectories."""

import json

import numpy as np
import pytest

from coulombgas import InputError, analyse
from coulombgas._precision import x64
from coulombgas.laws import Brody, PoissonSpacing, WignerSurmise, edge_quantile, wishart_edge
from coulombgas.networks import Dynamics, analyse_layer, find_spikes, fit_repulsion, follow, layer_motion
from coulombgas.networks._repulsion import _log_likelihood
from coulombgas.networks._spikes import outlier_sd
from coulombgas.networks._trajectory import _follow_layer, spike_births
from coulombgas.spectra import layer_spectrum

KEYS = {"name", "shape", "bulk", "num_spikes", "spikes", "tail", "spacing", "warnings"}


def random_layer(rng, rows=120, columns=60, step=None, signal=0.0, name="w", std=0.05):
    matrix = std * rng.normal(size=(rows, columns))
    matrix = matrix + signal * np.outer(rng.normal(size=rows), rng.normal(size=columns)) / np.sqrt(rows * columns)
    return layer_spectrum(name, matrix, step=step)


def test_a_random_matrix_is_recognised():
    row = analyse_layer(random_layer(np.random.default_rng(0))).as_dict()
    assert set(row) == KEYS
    assert set(row["bulk"]) == {"variance", "edge"}
    assert set(row["tail"]) == {"exponent", "preferred"}
    assert set(row["spacing"]) == {"brody", "ratio"}
    assert row["tail"]["exponent"] == {"mean": None, "lower": None, "upper": None}  # the edge of noise is no tail
    for interval in (row["bulk"]["variance"], *row["spacing"].values()):
        assert set(interval) == {"mean", "lower", "upper"}
        assert interval["lower"] < interval["mean"] < interval["upper"]
    assert row["bulk"]["variance"]["lower"] < 0.05**2 < row["bulk"]["variance"]["upper"]
    assert row["bulk"]["edge"] == pytest.approx(0.05**2 * (np.sqrt(120) + np.sqrt(60)) ** 2, rel=0.1)
    assert (row["num_spikes"], row["tail"]["preferred"], row["warnings"]) == (0, "none", [])
    json.dumps(row)


def test_a_planted_signal_is_found():
    layer = analyse_layer(random_layer(np.random.default_rng(1), signal=2.0))
    assert layer.spikes is not None
    assert layer.spikes.num_spikes == 1
    assert layer.spikes.spikes[0].strength.contains(2.0)
    assert layer.stable_rank is not None
    assert layer.stable_rank.lower < layer.spectrum.stable_rank < layer.stable_rank.upper
    json.dumps(layer.record())


def test_levels_beside_spikes_unfold_by_the_law_that_the_bulk_was_fitted_with():
    """The places of the levels under that law are known to a level; with rows that spikes have taken they are not."""
    rng = np.random.default_rng(5)
    left, right = np.linalg.qr(rng.normal(size=(90, 12)))[0], np.linalg.qr(rng.normal(size=(60, 12)))[0]
    layer = analyse_layer(layer_spectrum("w", rng.normal(size=(90, 60)) + 40 * left @ right.T))
    assert layer.spikes is not None
    assert layer.spikes.bulk.num_spikes == 12
    assert layer.unfolding is not None
    assert layer.unfolding.method == "marchenko-pastur"
    off = np.abs(layer.unfolding.levels - np.arange(48) - 0.5).max()
    assert off == pytest.approx(layer.spikes.bulk.distance, abs=0.1)


@pytest.mark.parametrize("q", [0.0, 0.5, 1.0, 2.0])
def test_brody_exponent_of_exact_samples(q):
    """n = 4000: within 4 posterior standard deviations (false alarm 6e-5), not capped at 1."""
    import jax

    with x64():
        spacings = np.asarray(Brody(q).sample(jax.random.key(int(4 * q)), (4000,)))
    fit = fit_repulsion(spacings)
    assert abs(fit.brody.mean - q) < 4 * fit.brody.sd + 0.01
    assert fit.brody.sd < 0.05


def test_likelihood_is_that_of_the_laws():
    spacings = np.random.default_rng(0).weibull(2, 300)
    with x64():
        expected = [
            float(PoissonSpacing(1.0).log_prob(spacings).sum()),
            float(WignerSurmise(1 / np.sqrt(np.pi)).log_prob(spacings).sum()),
        ]
    np.testing.assert_allclose(_log_likelihood(spacings, np.array([0.0, 1.0])), expected)
    fit = fit_repulsion(spacings / spacings.mean())
    assert fit.preferred == "wigner"
    assert sum(fit.probabilities.values()) == pytest.approx(1)


RNG = np.random.default_rng(0)
UNUSUAL = {
    "zero": (np.zeros((30, 20)), "all entries are zero"),
    "orthogonal": (np.linalg.qr(RNG.normal(size=(40, 40)))[0], "all levels are equal"),
    "low rank": (RNG.normal(size=(60, 12)) @ RNG.normal(size=(12, 40)), "rank 12 of 40"),
    "tiny": (RNG.normal(size=(5, 3)), "too few for a bulk"),
    "one row": (RNG.normal(size=(1, 30)), "all levels are equal"),
    "identity": (np.eye(50), "all levels are equal"),
    "diagonal": (np.diag(np.arange(1.0, 60)), "not Marchenko-Pastur"),
    "heavy": (RNG.standard_cauchy((80, 50)), "not Marchenko-Pastur"),
    "antisymmetric": ((a := RNG.normal(size=(60, 60))) - a.T, "30 of 60 bulk levels coincide"),
    "adapter": (RNG.normal(size=(90, 12)) @ RNG.normal(size=(12, 80)), "rank too low"),
    "scaled": (1e-18 * RNG.normal(size=(5, 4)), "too few"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNUSUAL)
def test_unusual_matrices_say_what_is_unusual(case):
    matrix, message = UNUSUAL[case]
    layer = analyse_layer(layer_spectrum("w", matrix))
    assert any(message in line for line in layer.warnings), layer.warnings
    json.dumps(layer.as_dict())


def test_one_huge_entry_is_a_spike_and_leaves_the_bulk_alone():
    """The fourth moment of all entries, 150 times the Gaussian one, would pull the fit off by a third."""
    matrix = np.random.default_rng(13).normal(size=(200, 100))
    matrix[3, 4] = 50.0
    spectrum = layer_spectrum("w", matrix)
    assert abs(spectrum.kurtosis) < 4 * np.sqrt(24 / matrix.size)
    layer = analyse_layer(spectrum)
    assert layer.is_noise
    assert layer.spikes.num_spikes == 1
    assert layer.spikes.bulk.variance.contains(1.0)
    assert layer.spikes.bulk.aspect.contains(0.5)
    assert layer.tail.preferred == "none"


def test_a_bulk_of_few_levels_is_placed_by_best_variance(reduced):
    """Ten levels of 20 000 rows: variance and rows are known to 20% each, their product to 1%, where the levels lie."""
    rng, (num, least) = np.random.default_rng(14), (10, 8) if reduced else (20, 18)
    fits = [analyse_layer(layer_spectrum("w", rng.normal(size=(20_000, 10)))) for _ in range(num)]
    assert sum(layer.is_noise for layer in fits) >= least  # 1%: probability of fewer 1e-3, reduced 1e-4
    bulk = fits[0].spikes.bulk
    assert bulk.best_variance * bulk.rows.mean == pytest.approx(20_000, rel=0.02)
    assert bulk.variance.sd / bulk.variance.mean > 0.1


def test_scale_does_not_matter():
    rng = np.random.default_rng(3)
    matrix = rng.normal(size=(90, 45))
    one, other = (analyse_layer(layer_spectrum("w", scale * matrix)) for scale in (1.0, 1e-9))
    assert one.spikes is not None
    assert other.spikes is not None
    assert other.spikes.bulk.variance.mean == pytest.approx(1e-18 * one.spikes.bulk.variance.mean, rel=1e-6)
    assert one.as_dict()["spacing"]["brody"] == pytest.approx(other.as_dict()["spacing"]["brody"], rel=1e-6)


@pytest.mark.full(
    "test_a_random_matrix_is_recognised; test_false_spikes_come_at_the_stated_rate in test_spikes.py; "
    "test_spacing_ratio_of_exact_samples in spectra/test_statistics.py"
)
def test_initialised_matrices_are_marchenko_pastur():
    """40 Gaussian matrices of a char-GPT layer's kind: bulk accepted, <r> = 0.5307 within 3.3 errors, few spikes."""
    rng, num, most, least = np.random.default_rng(4), 40, 3, 33
    layers = [analyse_layer(random_layer(rng, 256, 64, std=0.02)) for _ in range(num)]
    assert sum(layer.spikes.num_spikes > 0 for layer in layers) <= most  # level 1%: probability 6e-4
    assert sum(not layer.spikes.bulk.fits for layer in layers) <= most
    ratio = np.array([layer.ratio[:2] for layer in layers])
    assert abs(ratio[:, 0].mean() - 0.5307) < 3.3 * np.sqrt((ratio[:, 1] ** 2).sum()) / num
    covered = sum(layer.spikes.bulk.variance.contains(0.02**2) for layer in layers)
    assert covered >= least  # 95%: probability 5e-4


@pytest.mark.slow
def test_heavy_entries_show_in_the_signals_rather_than_in_the_levels(reduced):
    """Student entries of 2.5 degrees of freedom: θ² has the exponent 1 + 2.5/2; noise steepens the levels beyond it.

    20 matrices: at least 15 intervals of 95% hold the truth (probability 1 − 3e-4); those of the levels hold it in
    fewer than half. Reduced, 6: at least 3 (1 − 9e-5).
    """
    rng, (num, least) = np.random.default_rng(12), (6, 3) if reduced else (20, 15)
    layers = [
        analyse_layer(layer_spectrum("w", rng.standard_t(2.5, size=(512, 384)), vectors=False)) for _ in range(num)
    ]
    assert sum(layer.signal_tail.exponent.contains(2.25) for layer in layers) >= least
    assert sum(layer.tail.exponent.contains(2.25) for layer in layers) < num / 2
    assert layers[0].record()["signal_tail"]["num_signals"] >= 10
    assert analyse_layer(random_layer(rng)).signal_tail is None


def test_a_tail_without_signals_prints_no_exponent():
    """The best exponent at the edge of noise grows with the aspect and is not printed; of heavy entries θ²'s is."""
    rng = np.random.default_rng(13)
    edges = [analyse_layer(random_layer(rng, rows, columns)) for rows, columns in ((192, 192), (768, 48))]
    assert edges[1].tail.exponent.mean > 1.3 * edges[0].tail.exponent.mean
    assert [layer.as_dict()["tail"]["exponent"]["mean"] for layer in edges] == [None, None]
    heavy = analyse_layer(layer_spectrum("w", rng.standard_t(2.0, size=(256, 256)), vectors=False))
    assert heavy.tail_exponent == heavy.signal_tail.exponent
    assert heavy.as_dict()["tail"]["exponent"]["mean"] == heavy.signal_tail.exponent.mean


def test_too_many_spikes_are_said():
    """A sixteenth of equal signals is counted; an eighth is not, and the analysis says so."""
    rng = np.random.default_rng(14)
    for number, said in ((16, False), (32, True)):
        left, right = (np.linalg.qr(rng.normal(size=(256, number)))[0] for _ in range(2))
        layer = analyse_layer(layer_spectrum("w", rng.normal(size=(256, 256)) + np.sqrt(3 * 256) * left @ right.T))
        assert any("too many spikes to count" in line for line in layer.warnings) == said
        assert (layer.spikes.num_spikes == number) != said


def trajectory(signal, steps=range(0, 1201, 100), decay=0.0, **options):
    rng = np.random.default_rng(5)
    noise, left, right = rng.normal(size=(120, 60)), rng.normal(size=120), rng.normal(size=60)
    left, right = left / np.linalg.norm(left), right / np.linalg.norm(right)
    layers = []
    for step in steps:
        if options.get("fresh"):
            noise = rng.normal(size=(120, 60))
        matrix = 0.05 * np.exp(-decay * step) * noise + signal(step) * np.outer(left, right)
        layers.append(layer_spectrum("w", matrix, step=step))
    return analyse(layers)


def test_spikes_are_born_where_the_signal_crosses_the_threshold():
    """Born between the critical step and the record after its outlier, 3 sd low, passes the 1% level of Tracy-Widom.

    For 120×60 the critical step is 461, the mean outlier passes the level at 589 and one 3 sd low at 826; of 40 runs
    with other seeds 37 have their first spike at 600 to 800, none later, and 3 earlier by chance.
    """
    (found,) = follow(trajectory(lambda step: step / 1000))
    rows, columns, variance = 120, 60, 0.05**2
    theta = np.linspace(variance**0.5 * (rows * columns) ** 0.25, 2.0, 2000)
    outlier = (theta**2 + rows * variance) * (theta**2 + columns * variance) / theta**2
    low = outlier - 3 * outlier_sd(theta**2 / (rows * variance), variance, float(rows), columns)
    centre, scale = wishart_edge(np.array(variance), rows, columns)
    passed = theta[np.argmax(low > centre + edge_quantile(0.01) * scale)]
    assert len(found.births) == 1
    assert found.births[0].previous_step is not None
    assert found.births[0].step > 1000 * theta[0]
    assert found.births[0].previous_step < 1000 * passed < 900
    assert found.num_spikes[0] == 0
    assert found.num_spikes[-1] == 1
    assert np.all(np.diff(found.steps) > 0)


def test_births_count_only_what_lasts():
    steps = np.arange(6) * 10
    assert spike_births(steps, np.array([0, 1, 0, 0, 0, 0])) == ()
    assert spike_births(steps, np.array([0, 0, 0, 0, 0, 1])) == ()
    births = spike_births(steps, np.array([1, 1, 2, 1, 3, 3]))
    assert [(birth.rank, birth.previous_step, birth.step) for birth in births] == [
        (1, None, 0),
        (2, 30, 40),
        (3, 30, 40),
    ]


def test_matrices_too_small_for_a_bulk_have_no_spikes_and_no_births():
    rng = np.random.default_rng(11)
    layers = [analyse_layer(layer_spectrum("w", rng.normal(size=(3, 3)), step=step)) for step in (0, 10, 20)]
    found = _follow_layer(layers, None, None, None)
    assert found.num_spikes.tolist() == [0, 0, 0]
    assert found.births == ()
    assert found.temperature is None


def test_temperature_only_where_its_assumptions_hold():
    no_signal, steps = lambda step: 0.0, range(0, 1201, 120)
    (drifting,) = follow(trajectory(no_signal, steps, decay=3e-4), learning_rate=0.1, weight_decay=0.1)
    assert drifting.temperature is None
    assert "still drifting" in drifting.statement
    (frozen,) = follow(trajectory(no_signal, steps), learning_rate=1e-5, weight_decay=0.1)
    assert "keeps" in frozen.statement
    fresh = trajectory(no_signal, steps, fresh=True)
    (unknown,) = follow(fresh)
    assert "not given" in unknown.statement
    (free,) = follow(fresh, learning_rate=0.1, weight_decay=0.0)
    assert "without weight decay" in free.statement
    (short,) = follow(trajectory(no_signal, steps=(0, 100)), learning_rate=0.1, weight_decay=0.1)
    assert "fewer than" in short.statement
    (good,) = follow(fresh, learning_rate=0.1, weight_decay=0.1)
    assert good.temperature is not None
    assert good.temperature.contains(0.1 * 0.05**2)
    with pytest.raises(InputError, match="at least two checkpoints"):
        follow(trajectory(no_signal, steps=(0,)))


@pytest.mark.full("test_temperature_only_where_its_assumptions_hold")
def test_equipartition_of_a_simulated_layer():
    """W' = (1 − αλ) W + noise with per-element gradient noise s: v = α s²/(2λ) at leading order, T = λ v."""
    rng = np.random.default_rng(6)
    rate, decay, noise = 0.05, 0.4, 0.3
    weights, layers = 0.05 * rng.normal(size=(80, 40)), []
    for step in range(1, 1601):
        weights = weights - rate * (decay * weights + noise * rng.normal(size=weights.shape))
        if step % 80 == 0:
            layers.append(layer_spectrum("w", weights, step=step))
    (found,) = follow(analyse(layers), learning_rate=rate, weight_decay=decay)
    exact = decay * rate**2 * noise**2 / (1 - (1 - rate * decay) ** 2)
    assert found.temperature is not None, found.statement
    assert abs(found.temperature.mean - exact) < 4 * found.temperature.sd


ALPHA, DECAY, GRADIENT_NOISE = 0.05, 0.01, 0.3
RATE = Dynamics(learning_rate=ALPHA, memory=0.0)


def shaken_levels(seed, every=2, num=30, momentum=0.0):
    """Levels of W' = (1 − αλ)W − α·gradient from its stationary state; with ``momentum`` noise correlated in time."""
    rng = np.random.default_rng(seed)
    spread = ALPHA * GRADIENT_NOISE / np.sqrt(1 - (1 - ALPHA * DECAY) ** 2)
    weights, push, found = spread * rng.normal(size=(80, 40)), 0.0, []
    for step in range(1, num * every + 1):
        push = momentum * push + (1 - momentum) * GRADIENT_NOISE * rng.normal(size=weights.shape)
        weights = weights - ALPHA * (DECAY * weights + push)
        if step % every == 0:
            found.append(np.linalg.eigvalsh(weights.T @ weights))
    return np.array(found), every * np.arange(1, num + 1)


def test_noise_is_measured_from_the_motion_of_the_levels():
    """Mean of 12 runs within 3.3 standard errors; at least 8 intervals of 95% hold (probability 1 − 3e-4).

    The noise is isotropic; the test of that rejects it at 1%, in three of 12 runs with probability 2e-4. Forty records
    exclude a factor two between levels; ten exclude none, so that nothing is said of an entry.
    """
    truth = (ALPHA * GRADIENT_NOISE) ** 2
    found = [layer_motion(*shaken_levels(seed, num=40), dynamics=RATE) for seed in range(12)]
    noise = [motion.noise for motion in found if motion.isotropic]
    assert len(noise) >= 10
    error = np.sqrt(np.mean([one.sd**2 for one in noise]) / len(noise))
    assert abs(np.mean([one.mean for one in noise]) - truth) < 3.3 * error
    assert sum(one.contains(truth) for one in noise) >= 8
    assert "variance of an entry" in found[0].statement
    few = layer_motion(*shaken_levels(0, num=10), dynamics=RATE)
    assert few.noise is None
    assert "between them is not excluded, so no noise of an entry is given" in few.statement
    # control: the plain quadratic variation, blind to repulsion, is too small by more than that
    levels, _ = shaken_levels(0, every=8)
    plain = np.mean(np.diff(np.sqrt(levels), axis=0) ** 2) / 8
    assert plain < 0.9 * truth


def test_no_temperature_without_equilibrium():
    """60 updates of 2000 that the weight decay needs: the levels diffuse, and no temperature is told."""
    motion = layer_motion(*shaken_levels(0), dynamics=RATE)
    assert motion.bulk.state.state == "flat"
    assert motion.stationary is False
    assert motion.temperature is None
    assert "no temperature: flat" in motion.statement


def test_motion_that_is_no_diffusion_is_not_called_noise():
    assert "record more often than every 40 steps" in layer_motion(*shaken_levels(0, every=40)).statement
    alike = layer_motion(*shaken_levels(0, every=1, num=60, momentum=0.9))
    assert alike.noise is None
    assert "a memory as of momentum 0.8" in alike.statement
    known = layer_motion(*shaken_levels(0, every=1, num=60, momentum=0.9), dynamics=Dynamics(memory=0.9))
    assert "momentum 0.9 keeps moves alike over 10 updates" in known.statement
    assert "record every 30 updates" in known.statement
    levels, steps = shaken_levels(0)
    assert "do not move" in layer_motion(levels[:1].repeat(30, axis=0), steps).statement
    assert "fewer than three records" in layer_motion(levels[:2], steps[:2]).statement
    with pytest.raises(InputError, match="must ascend"):
        layer_motion(levels, 0 * steps)
    assert "too few at the same distance" in layer_motion(levels[:4], np.array([1, 2, 5, 9])).statement


def test_wrong_input_is_refused():
    with pytest.raises(InputError, match="`spectra`"):
        analyse([])
    with pytest.raises(InputError, match="`level`"):
        analyse(random_layer(np.random.default_rng(0)), level=0.7)
    with pytest.raises(InputError, match="`level`"):
        find_spikes(np.arange(1.0, 30), 40, level=0.0)


def test_the_same_spacings_have_the_same_posterior_to_the_last_bit():
    spacings = np.random.default_rng(0).exponential(size=50)
    first, *others = [fit_repulsion(spacings.copy()) for _ in range(6)]
    assert all(other.probabilities == first.probabilities and other.brody == first.brody for other in others)


def test_the_participation_ratio_of_noise_is_known_exactly():
    """(Σλ)²/Σλ² does not depend on the unknown variance, nor has a level beyond the bulk a part in it."""
    matrix = np.random.default_rng(31).normal(size=(90, 60))
    layer = analyse(layer_spectrum("noise", matrix)).layers[0]
    levels = np.linalg.svd(matrix, compute_uv=False) ** 2
    assert layer.spikes.bulk.num_spikes == 0
    for value in layer.participation_ratio[:3]:
        assert value == pytest.approx(levels.sum() ** 2 / (levels**2).sum(), rel=1e-9)


def test_a_probability_of_false_spikes_above_one_half_is_refused():
    with pytest.raises(InputError, match="`level`"):
        analyse(layer_spectrum("noise", np.random.default_rng(31).normal(size=(90, 60))), level=0.6)
