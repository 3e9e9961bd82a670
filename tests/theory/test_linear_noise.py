"""Linear noise against proved closed forms, an exact second-moment recursion, and independent simulations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import linalg

from coulombgas import InputError
from coulombgas.models import GaussianRBM, MatrixDyson, Model, TeacherStudent, TwoLayerLinear, check_model
from coulombgas.theory import find_theory, linear_noise
from coulombgas.training import Optimizer
from tests.independent.closure import teacher_student_ratio
from tests.independent.optimizers import Optimizer as Rule

STUDENT = TeacherStudent(teacher=(2.0, 2.0), noise=0.1)
WEIGHT = MatrixDyson(target=(1.0,))


def random_models(seed: int):
    """One machine of each kind and a setting for it, from a seed; batches large enough that T corrections are small."""
    rng = np.random.default_rng(seed)
    kappa = np.sort(rng.uniform(3.0, 7.0, 2))[[0, 0, 1]]
    levels = np.sort(rng.uniform(1.0, 3.0, 2))[[0, 1, 1]]
    rate = float(rng.uniform(0.05, 0.15))
    hidden = float(rng.uniform(0.5, 2.0))
    return {
        "rbm, PCD": (GaussianRBM(target=kappa, sigma_h2=hidden, gibbs_steps=int(rng.integers(1, 4))), rate, 512),
        "rbm, CD": (
            GaussianRBM(target=kappa, sigma_h2=hidden, gibbs_steps=int(rng.integers(1, 4)), chains="data"), rate, 512
        ),
        "rbm, N_h < N_v": (GaussianRBM(target=[*kappa, 8.0], num_hidden=3), rate, 512),
        "teacher-student": (TeacherStudent(teacher=levels), 3 * rate, int(rng.integers(4, 9))),
        "two-layer": (TwoLayerLinear(teacher=levels, balance=float(rng.uniform(0.8, 1.25))), rate, 6),
        "matrix-dyson": (MatrixDyson(target=levels, rate=rng.uniform(0.5, 2.0)), 3 * rate, 4),
    }  # fmt: skip


CHAINS = "test_one_mode_with_the_memory_of_its_chains_is_a_linear_recursion in test_closed_forms.py, "
WATCHED = {
    "rbm, PCD": CHAINS + "test_a_memory_of_ones_own_is_in_the_linear_noise",
    "rbm, CD": CHAINS + "test_the_file_that_names_its_chains_holds_the_temperature in inference/test_scrutiny.py",
    "rbm, N_h < N_v": CHAINS + "test_every_built_in_width_is_its_statement in test_statements.py",
    "teacher-student": "test_optimisers_are_those_of_an_exact_recursion, and matrix-dyson here",
    "two-layer": "test_one_layer_of_an_unbalanced_pair in test_closed_forms.py",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.full(WATCHED[name])) if name in WATCHED else name
        for name in random_models(0)
    ],
)
def test_closed_forms_are_the_linear_noise_of_the_update(name, reduced):
    """3.5 Monte Carlo standard errors plus 0.5% for order T on about three groups: false alarm below 2e-3 a case.

    Control: the leading width, without the finite rate and the memory of the chains, is further away than that.
    """
    apart = False
    for seed in range(1 if reduced else 4):
        model, rate, batch = random_models(seed)[name]
        setting = {"learning_rate": rate, "batch_size": batch}
        closed, general = find_theory(model, **setting), linear_noise(model, **setting)
        assert closed.source == "closed form"
        assert [group.modes for group in closed.groups] == [group.modes for group in general.groups]
        assert general.temperature == pytest.approx(closed.temperature)
        room = 3.5 * general.width2_error + 0.005 * closed.width2
        assert (np.abs(general.width2 - closed.width2) < room).all(), (general.width2 / closed.width2, room)
        np.testing.assert_allclose(general.relaxation, closed.relaxation, rtol=0.1, atol=0.3)
        cold = find_theory(model, learning_rate=1e-6, batch_size=10**6)
        leading = cold.width2_per_temperature * closed.temperature
        apart |= bool((np.abs(general.width2 - leading) > room).any())
    assert apart or name == "rbm, N_h < N_v"


@pytest.mark.slow
@pytest.mark.parametrize(
    "optimizer",
    [
        Optimizer("momentum", momentum=0.9),
        Optimizer("nesterov", momentum=0.9),
        pytest.param(Optimizer(weight_decay=0.1), marks=pytest.mark.full("momentum and decay, here")),
        Optimizer("momentum", momentum=0.5, weight_decay=0.1),
    ],
    ids=["momentum", "nesterov", "decay", "momentum and decay"],
)
def test_optimisers_are_those_of_an_exact_recursion(optimizer):
    """The independent second-moment recursion of a student of equal levels; 4 Monte Carlo standard errors."""
    rate, batch, noise = 0.1, 16, STUDENT.noise
    rule = Rule(
        momentum=optimizer.momentum if optimizer.name != "sgd" else 0.0, nesterov=optimizer.name == "nesterov",
        weight_decay=optimizer.weight_decay,
    )  # fmt: skip
    exact = teacher_student_ratio(level=2.0, size=2, noise=noise, learning_rate=rate, batch_size=batch, optimizer=rule)
    theory = linear_noise(STUDENT, learning_rate=rate, batch_size=batch, optimizer=optimizer)
    ratio = theory.width2 / (noise**2 * rate / batch)
    error = theory.width2_error / (noise**2 * rate / batch)
    assert abs(ratio[0] - exact) < 4 * error[0] + 0.003 * ratio[0]
    factor = 1 - rule.momentum
    assert theory.temperature == pytest.approx(rate / batch / factor)
    assert theory.formula == ("α/(B(1 − m))" if rule.momentum else "α/B")


def test_an_epoch_takes_its_fixed_sum_out_of_the_noise():
    """Slope 1 − α = a: of the variance at the end of n updates (1 − aⁿ)(1 + a)/(n(1 + aⁿ)(1 − a)) is gone.

    The same draws give both widths. What the noise of the slope adds to s² = 2ν²α²/(B(1 − a²)), 0.7%, is in proportion
    to s² itself, and so smaller in an epoch. The measured 1 − a, known to 0.4%, enters squared.
    """
    rate, batch, a = 0.1, 16, 0.9
    setting = {"learning_rate": rate, "batch_size": batch}
    whole = linear_noise(STUDENT, **setting).width2[0]
    added = 1 - 2 * (STUDENT.noise * rate) ** 2 / batch / (1 - a**2) / whole
    for num in (2, 20):
        epoch = linear_noise(STUDENT, **setting, sampling="epoch", updates_per_epoch=num)
        left = 1 - (1 - a**num) * (1 + a) / (num * (1 + a**num) * (1 - a))
        expected = left * (1 - added) / (1 - left * added)
        assert epoch.width2[0] / whole == pytest.approx(expected, rel=0.02)


def test_the_learning_rate_beyond_stability_is_named_with_its_bound():
    """The slope of the mean gradient is 1 whatever the teacher and the batch: below 2(1 + m)."""
    with pytest.raises(InputError, match=r"`learning_rate` must be below 3\.8.*diverge"):
        linear_noise(STUDENT, learning_rate=4.2, batch_size=16, optimizer=Optimizer("momentum", momentum=0.9))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"optimizer": "adam"}, "no temperature α/B"),
        ({"optimizer": Optimizer(schedule="cosine")}, "constant schedule"),
        ({"optimizer": "adagrad"}, "`optimizer` must be one of"),
        ({"sampling": "epoch"}, "updates_per_epoch"),
        ({"updates_per_epoch": 4}, "updates_per_epoch"),
        ({"sampling": "once"}, "`sampling` must be one of"),
        ({"learning_rate": -0.1}, "`learning_rate`"),
        ({"batch_size": 0}, "`batch_size`"),
    ],
)
def test_bad_arguments_are_named(change, words):
    arguments = {"learning_rate": 0.1, "batch_size": 4} | change
    with pytest.raises(InputError, match=words):
        linear_noise(TeacherStudent(), **arguments)


def test_a_state_too_large_is_refused_at_once():
    with pytest.raises(InputError, match="more than the 4000"):
        linear_noise(TeacherStudent(teacher=np.linspace(1, 2, 70)), learning_rate=0.1, batch_size=4)


class Chain(Model):
    """A weight w → w − α(w − 1 + ⟨m⟩) whose memory m → ρm + noise, of each sample, is reduced to its mean."""

    memory: float = 0.5

    def start(self, *, key, setting, init, dtype):
        del init
        return jnp.ones((1, 1), dtype), jax.random.normal(key, (setting.batch_size,), dtype)

    def gradient(self, weights, memory, *, key, setting, step):
        del step
        kicks = jax.random.normal(key, (setting.batch_size,), weights.dtype)
        memory = self.memory * memory + np.sqrt(1 - self.memory**2) * kicks
        return weights - 1 + memory.mean(), memory

    def matrix(self, weights):
        return weights

    def reduce_memory(self, memory, *, setting):
        del setting
        return memory.mean(keepdims=True)

    def restore_memory(self, statistic, *, key, setting):
        rest = jax.random.normal(key, (setting.batch_size,), statistic.dtype)
        return rest - rest.mean() + statistic


def test_a_memory_of_ones_own_is_in_the_linear_noise():
    """Var w by the recursion of (w, ⟨m⟩), four Monte Carlo errors. Control: noise without memory is far from it."""
    rate, batch, memory = 0.1, 8, 0.5
    found = linear_noise(Chain(), learning_rate=rate, batch_size=batch)
    step = np.array([[1 - rate, -rate * memory], [0.0, memory]])
    kick = np.array([-rate, 1.0])
    exact = linalg.solve_discrete_lyapunov(step, (1 - memory**2) / batch * np.outer(kick, kick))[0, 0]
    assert found.width2[0] == pytest.approx(exact, abs=4 * found.width2_error[0])
    assert found.width2_error[0] < 0.05 * exact
    assert rate / (2 - rate) / batch < 0.5 * exact


class ForgetfulChains(GaussianRBM):
    """Persistent chains that do not say what their moments are."""

    def reduce_memory(self, memory, *, setting):
        return memory

    def restore_memory(self, statistic, *, key, setting):
        return statistic


def test_a_memory_that_is_not_its_own_statistic_is_found_out():
    model = ForgetfulChains(target=(3.0, 4.0), gibbs_steps=1)
    with pytest.raises(InputError, match="reduce_memory"):
        linear_noise(model, learning_rate=0.05, batch_size=8)


@pytest.mark.parametrize(("model", "words"), [(TeacherStudent, "instance"), ("rbm", "must be a Model")])
def test_what_is_no_model_is_told_so(model, words):
    with pytest.raises(InputError, match=words):
        check_model(model)


@pytest.mark.parametrize(("rate", "batch"), [(0.02, 16), (0.07, 4096)])
def test_equilibrium_is_reached_when_the_square_of_the_decay_is_one_percent(rate, batch):
    """A weight x → (1 − α)x + noise: what is missing of s² after n updates is (1 − α)^{2n}, whatever the batch.

    The noise of the large batch is measured at a smaller one.
    """
    found = linear_noise(WEIGHT, learning_rate=rate, batch_size=batch)
    assert found.updates_to_equilibrium == int(np.ceil(np.log(0.01) / (2 * np.log1p(-rate))))


@pytest.mark.parametrize("find", [linear_noise, find_theory])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 2**70}, r"`batch_size` must be below 2\^31"),
        ({"learning_rate": 1e-300}, "`learning_rate` must lie between 1e-30 and 1e15"),
        ({"learning_rate": np.nan}, "`learning_rate` must be positive and finite"),
    ],
)
def test_settings_that_no_run_can_have_are_named(find, change, message):
    with pytest.raises(InputError, match=message):
        find(TeacherStudent(), **{"learning_rate": 0.1, "batch_size": 8, **change})
