"""Closed forms against exact moments of one-level machines and against the same machine in other units."""

import json
from importlib import resources
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import linalg

from coulombgas.models import GaussianRBM, MatrixDyson, TeacherStudent, TwoLayerLinear
from coulombgas.models._setting import Setting
from coulombgas.theory import _response_table, find_theory, matrix_dyson_of, tabulated
from coulombgas.theory._response_table import linear_share


def one_level_variance(rate: float, alpha: float, batch: int, noise: float) -> float:
    """Stationary Var x of x' = x − α r (m₂ (x − s) − ν m₁₁), m₂ = ⟨z²⟩ and m₁₁ = ⟨ξz⟩ over a batch: exact."""
    spread = alpha * rate * (1 + 2 / batch)
    return alpha * rate * noise**2 / batch / (2 - spread)


def one_mode_width2(kappa: float, steps: int, chains: str, alpha: float, batch: int, mu2: float = 9.0) -> float:
    """s² of x = w² by the linear recursion of w and m = ⟨v²⟩ over the batch, after k Gibbs steps v → (w²/μ²) v + noise.

    w' = w − α(m' − 1/κ) w; v² relaxes by (w²/μ²)^{2k} to 1/(μ² − w²), and scatters as that of a Gaussian chain.
    """
    w, moment = np.sqrt(mu2 - kappa), 1 / kappa
    keep = (w**2 / mu2) ** (2 * steps)
    follow, old = (1 - keep) * 2 * w * moment**2, keep if chains == "persistent" else 0.0
    noise2 = 2 * moment**2 * (1 - old**2) / batch
    step = np.array([[1 - alpha * w * follow, -alpha * w * old], [follow, old]])
    kick = np.array([-alpha * w, 1.0])
    return 4 * w**2 * linalg.solve_discrete_lyapunov(step, noise2 * np.outer(kick, kick))[0, 0]


@pytest.mark.parametrize("chains", ["persistent", "data"])
@pytest.mark.parametrize("steps", [1, 3])
def test_one_mode_with_the_memory_of_its_chains_is_a_linear_recursion(chains, steps):
    """Control: the other kind of chains has another width."""
    model = GaussianRBM(target=(4.0,), gibbs_steps=steps, chains=chains)
    other = "data" if chains == "persistent" else "persistent"
    for alpha in (0.001, 0.1):
        (found,) = find_theory(model, learning_rate=alpha, batch_size=64).width2
        assert found == pytest.approx(one_mode_width2(4.0, steps, chains, alpha, 64), rel=1e-9)
        assert abs(found / one_mode_width2(4.0, steps, other, alpha, 64) - 1) > 1e-3


@pytest.mark.parametrize("balance", [0.7, 1.5])
@pytest.mark.parametrize("trained", ["first", "second"])
def test_one_layer_of_an_unbalanced_pair(trained, balance):
    """Training one layer of W₁ = √s/c, W₂ = c√s, the level x = W₂W₁ relaxes at the rate of the frozen one squared.

    Control: at the other layer's rate the width is another.
    """
    level, alpha, batch, noise = 2.0, 0.05, 8, 0.1
    model = TwoLayerLinear(teacher=(level,), label_noise=noise, trained=trained, balance=balance)
    rates = {"first": level * balance**2, "second": level / balance**2}
    width2 = {name: one_level_variance(rate, alpha, batch, noise) for name, rate in rates.items()}
    theory = find_theory(model, learning_rate=alpha, batch_size=batch)
    assert theory.width2[0] == pytest.approx(width2.pop(trained), rel=1e-9)
    assert abs(theory.width2[0] / width2.popitem()[1] - 1) > 0.5
    assert theory.relaxation[0] == pytest.approx(1 / (alpha * rates[trained]) - 0.5, rel=1e-9)


@pytest.mark.parametrize("balance", [0.7, 1.5])
def test_the_start_of_an_unbalanced_pair(balance):
    model = TwoLayerLinear(teacher=(1.0, 4.0), balance=balance)
    words = jnp.array([1, 2], jnp.uint32)
    setting = Setting(learning_rate=jnp.float32(0.1), key=words, batch_size=4)
    weights, _ = model.start(key=words[:, None], setting=setting, init="fixed-point", dtype=jnp.float32)
    first, second = (np.asarray(weights[name])[..., 0] for name in ("first", "second"))
    np.testing.assert_allclose(first, np.diag([1.0, 2.0]) / balance, rtol=1e-6)
    np.testing.assert_allclose(second, np.diag([1.0, 2.0]) * balance, rtol=1e-6)


def test_a_surrogate_in_other_units_of_the_hidden_variance():
    """W → W/σ_h with α → α/σ_h² is the same machine: rates per α count σ_h² times, noise σ_h⁴ times."""
    one, two = (matrix_dyson_of(GaussianRBM(sigma_h2=value)) for value in (1.0, 2.0))
    np.testing.assert_allclose(two.rate, 2 * np.array(one.rate), rtol=1e-12)
    np.testing.assert_allclose(two.noise2, 4 * np.array(one.noise2), rtol=1e-12)


def test_a_surrogate_has_the_leading_width_and_the_drift_of_the_machine():
    """s² = 2σ_h²T x_s, and the rate of a level is the slope of 2x(1/κ − 1/(μ² − x)) (ALP24 (33)) in its units."""
    model = GaussianRBM()
    alpha = 1e-6
    theory = find_theory(matrix_dyson_of(model), learning_rate=alpha, batch_size=4)
    x = np.array([group.center for group in theory.groups])
    np.testing.assert_allclose(theory.width2_per_temperature, 2 * x, rtol=1e-4)
    slowest = (2 * x / (model.mu2 - x) ** 2).min()
    assert theory.updates_to_equilibrium * alpha == pytest.approx(np.log(10) / slowest, rel=1e-3)
    rest = model.mu2 - model.fixed_point
    slope = 2 * model.fixed_point / rest**2
    np.testing.assert_allclose(np.diag(matrix_dyson_of(model).rate), slope, rtol=1e-9)


def test_the_table_and_the_theory_of_its_rate_make_the_widths_that_were_measured():
    """The stored ratios are to the leading 2T x (ALP24 (14)); those used are to the theory at the table's own α."""
    stored = json.loads(resources.files("coulombgas.theory").joinpath("response_rbm.json").read_text())
    measured, apart = tabulated(GaussianRBM()), 0.0
    for temperature, ratio, own in zip(measured.temperature, measured.log_ratio, stored["log_ratio"], strict=True):
        theory = find_theory(GaussianRBM(), learning_rate=0.1, batch_size=round(0.1 / temperature))
        x = np.array([group.center for group in theory.groups])
        np.testing.assert_allclose(theory.width2 * np.exp(ratio), 2 * theory.temperature * x * np.exp(own), rtol=1e-12)
        apart = max(apart, np.abs(theory.width2 / (2 * theory.temperature * x) - 1).max())
    assert apart > 0.05  # control: what a wrong sign would double


@pytest.mark.parametrize("alpha", [0.005, 0.05, 0.1, 0.2, 0.4])
def test_what_a_finite_rate_adds_to_levels_without_memory_is_in_proportion_to_it(alpha):
    """The smallest level's chains forget at once: its share of the table's at α = 0.1 is α/0.1, to order α times its

    rate. The others have, beside it, what the memory of the chains adds at any rate: more, and rising with α.
    """
    setting = {"batch_size": 64}
    share, colder = (
        linear_share(GaussianRBM(), find_theory(GaussianRBM(), learning_rate=rate, **setting))
        for rate in (alpha, alpha / 2)
    )
    assert share[0] == pytest.approx(alpha / 0.1, rel=0.06)
    assert (share > colder).all()
    if alpha == 0.1:
        np.testing.assert_allclose(share, 1.0, rtol=1e-9)


@pytest.mark.parametrize("rate", [0.7, 0.3, 0.02, 0.003, 0.002, 1e-4, 1e-6])
def test_equilibrium_is_reached_when_the_square_of_the_decay_is_one_percent(rate):
    """To the update, near and far: what is missing of s² after n of them is (1 − α)^{2n}."""
    theory = find_theory(MatrixDyson(target=(1.0,)), learning_rate=rate, batch_size=16)
    assert theory.source == "closed form"
    assert theory.updates_to_equilibrium == int(np.ceil(np.log(0.01) / (2 * np.log1p(-rate))))


def test_fresh_inputs_have_no_scatter_between_sets_and_quenched_ones_have():
    setting = {"learning_rate": 0.1, "batch_size": 8}
    assert find_theory(TeacherStudent(inputs="fresh"), **setting).input_scatter == 0
    assert find_theory(TeacherStudent(inputs="quenched"), **setting).input_scatter > 0.01


def test_the_response_table_is_written_whole_and_holds_what_was_measured(tmp_path, monkeypatch):
    """With measured ratios put in: what is written differs from them by the factor of the finite rate alone."""
    grid = np.array([0.0, 0.001, 0.002])
    put = {name: np.random.default_rng(i).normal(size=(3, 2)) for i, name in enumerate(("log_ratio", "error", "mean"))}
    measured = SimpleNamespace(temperature=grid, mean_error=np.full((3, 2), 0.25), **put)
    monkeypatch.setattr(_response_table, "measure_response", lambda *args, **options: measured)
    monkeypatch.setattr(_response_table, "_log_factors", lambda model, temperature: np.full((3, 2), 0.5))
    path = tmp_path / "table.json"
    path.write_text("old")
    _response_table.write_response_table(path, replicas=8, seed=5)
    text = path.read_text()
    kept = json.loads(text)
    assert text.endswith("}\n")
    assert (kept["replicas"], kept["seed"], kept["temperature"]) == (8, 5, grid.tolist())
    np.testing.assert_allclose(kept["log_ratio"], put["log_ratio"] + 0.5, atol=1e-6)
    for name in ("error", "mean"):
        np.testing.assert_allclose(kept[name], put[name], atol=1e-6)
    assert set(np.ravel(kept["mean_error"])) == {0.25}
    assert list(tmp_path.iterdir()) == [path]
