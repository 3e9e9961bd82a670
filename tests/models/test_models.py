"""Every model keeps the protocol; bad arguments are named; physics that needs no training."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from coulombgas import InputError
from coulombgas.models import (
    GaussianRBM,
    MatrixDyson,
    Setting,
    TeacherStudent,
    TwoLayerLinear,
    fold,
    free_scalar_field,
    from_config,
)
from coulombgas.spectra import model_config, read_spectra
from coulombgas.symbolic import teacher_student_scatter2, teacher_student_shift2, teacher_student_width2
from coulombgas.theory import find_theory, matrix_dyson_of

ROTATION = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
COVARIANCE = ROTATION @ np.diag(1 / np.array([4.0, 5.0, 5.0, 8.0])) @ ROTATION.T
MODELS = [
    GaussianRBM(num_visible=4),
    GaussianRBM(num_visible=4, num_hidden=2, gibbs_steps=2, sampler="naive"),
    GaussianRBM(num_visible=3, num_hidden=5, chains="data", sigma_h2=0.5),
    GaussianRBM(target_covariance=COVARIANCE, target_mean=[0.1, 0.2, 0.3, 0.4]),
    GaussianRBM(num_visible=3, sampler="gram"),
    TeacherStudent(),
    TeacherStudent(teacher=(1.0, 2.0, 2.0), inputs="fresh"),
    TwoLayerLinear(),
    TwoLayerLinear(teacher=(1.0, 3.0), num_hidden=5, trained="first", balance=1.5),
    MatrixDyson(target=(1.0, 2.0)),
    matrix_dyson_of(GaussianRBM(num_visible=4)),
]


def setting(batch_size: int = 8) -> Setting:
    return Setting(learning_rate=jnp.float32(0.01), key=jnp.array([1, 2], jnp.uint32), batch_size=batch_size)


ALONE = (4, 6, 8, 10)  # of MODELS: a Gram matrix, and each of the other kinds
REPLICAS = 3000


@partial(jax.jit, static_argnums=0)
def one_update(number, keys, factor):
    """Weights, levels, gradient and health of the model at its fixed point, or at so many times its weights."""
    model = MODELS[number]
    weights, memory = model.start(key=fold(keys, 1), setting=setting(), init="fixed-point", dtype=np.float32)
    weights = jax.tree.map(lambda leaf: factor * leaf, weights)
    gradient, _ = model.gradient(weights, memory, key=fold(keys, 2), setting=setting(), step=jnp.int32(0))
    return weights, model.spectrum(weights), gradient, model.healthy(weights)


def keys():
    return fold(jnp.array([[3], [4]], jnp.uint32), jnp.arange(REPLICAS, dtype=jnp.uint32))


NAIVE = pytest.mark.full("the same of rbm0, and test_chains_remember_by_the_power_of_the_gibbs_steps[2-naive]")
CASES = [pytest.param(model, marks=NAIVE if number == 1 else ()) for number, model in enumerate(MODELS)]


@pytest.mark.parametrize("model", CASES, ids=lambda model: model.name)
def test_protocol(model, reduced):
    """Config round trip; one replica alone equals itself in company; shapes; the fixed point is where it says.

    In the reduced form not every machine is alone once more.
    """
    assert from_config(model.config()) == model
    assert (np.diff(model.fixed_point) >= 0).all()
    assert model.fixed_point.shape == model.target_modes.shape == (model.num_modes,)
    assert model.allowed(model.fixed_point[None]).tolist() == [True]
    number = MODELS.index(model)
    _, levels, gradient, healthy = one_update(number, keys(), 1.0)
    np.testing.assert_allclose(levels, np.repeat(model.fixed_point[:, None], REPLICAS, axis=1), rtol=1e-5, atol=1e-5)
    assert np.asarray(healthy).all()
    assert healthy.shape == (REPLICAS,)
    if reduced and number not in ALONE:
        return
    _, alone_levels, alone_gradient, alone_healthy = one_update(number, keys()[:, 3], 1.0)
    np.testing.assert_allclose(alone_levels, np.asarray(levels)[:, 3], rtol=1e-5, atol=1e-5)
    alone, together = (map(np.asarray, jax.tree.leaves(found)) for found in (alone_gradient, gradient))
    for one, many in zip(alone, together, strict=True):
        np.testing.assert_allclose(many[..., 3], one, rtol=1e-4, atol=1e-5)
    assert bool(alone_healthy)


@pytest.mark.parametrize("model", CASES, ids=lambda model: model.name)
def test_gradient_vanishes_on_average_at_the_fixed_point(model):
    """5 standard errors on each of fewer than 64 elements: false alarm below 4e-5. Control: beyond it it points out."""
    number = MODELS.index(model)
    scatter = []
    for leaf in jax.tree.leaves(one_update(number, keys(), 1.0)[2]):
        leaf = np.asarray(leaf, dtype=np.float64)
        error = leaf.std(axis=-1) / np.sqrt(leaf.shape[-1])
        scatter.append(error.max())
        assert (np.abs(leaf.mean(axis=-1)) <= 5 * error + 1e-6).all()
    assert max(scatter) > 0
    weights, _, beyond, _ = one_update(number, keys(), 1.1)
    along = sum(np.asarray(w * g, dtype=np.float64).sum(axis=tuple(range(w.ndim - 1)))
                for w, g in zip(jax.tree.leaves(weights), jax.tree.leaves(beyond), strict=True))  # fmt: skip
    assert along.mean() > 5 * along.std() / np.sqrt(along.size)


@pytest.mark.parametrize("teacher", [(2.0, 2.0), (1.0, 2.0, 2.0)])
def test_teacher_student_states_the_derived_width_and_scatter(teacher):
    setting, size = {"learning_rate": 0.3, "batch_size": 4}, len(teacher)
    theory = find_theory(TeacherStudent(teacher=teacher, noise=0.2), **setting)
    common = teacher_student_shift2(0.3, 4, 0.2)
    expected = [teacher_student_width2(0.3, 4, 0.2, size) + common * (group.size == 1) for group in theory.groups]
    np.testing.assert_allclose(theory.width2, expected, rtol=1e-12)
    assert theory.input_scatter == pytest.approx(teacher_student_scatter2(0.3, 4, size) ** 0.5)
    assert find_theory(TeacherStudent(teacher=teacher, inputs="fresh"), **setting).input_scatter == 0.0


def test_released_students_scatter_as_far_as_their_quenched_inputs_say(released_data):
    """χ² of s² over its stated mean in five settings, 5 degrees of freedom; false alarm 1e-3. Controls: no scatter
    between input sets, and a wrong normalisation of the noise."""
    deviations, own_errors, errors = [], [], []
    for path in sorted((released_data / "teacher_student").glob("*.npz")):
        spectra = read_spectra(path)
        model = from_config(model_config(spectra))
        assert isinstance(model, TeacherStudent)
        rate, batch = float(spectra.learning_rate[0]), int(spectra.batch_size[0])
        levels = spectra.eigenvalue.values[0, :, -1]
        energy = (levels[:, 1] - levels[:, 0]) ** 2 / 4
        theory = find_theory(model, learning_rate=rate, batch_size=batch)
        width2 = theory.width2[0]
        deviations.append(energy.mean() / width2 - 1)
        own_errors.append(energy.std() / np.sqrt(len(energy)) / width2)
        errors.append(np.hypot(own_errors[-1], theory.input_scatter))
    deviations, own_errors, errors = map(np.array, (deviations, own_errors, errors))
    assert len(deviations) == 5
    assert (deviations**2 / errors**2).sum() < stats.chi2.isf(1e-3, 5)
    assert (deviations**2 / own_errors**2).sum() > 5 * stats.chi2.isf(1e-3, 5)
    assert ((2 * (1 + deviations) - 1) ** 2 / errors**2).sum() > 5 * stats.chi2.isf(1e-3, 5)


def test_rbm_leaves_its_domain():
    model = GaussianRBM(num_visible=2)
    weights = jnp.stack([jnp.eye(2), 3.1 * jnp.eye(2), jnp.full((2, 2), jnp.nan)], axis=-1)
    assert jax.jit(model.healthy)(weights).tolist() == [True, False, False]


def test_free_scalar_field_degeneracies():
    levels = free_scalar_field(10)
    assert levels[0] == 4.0
    assert levels[-1] == 8.0
    assert (levels[1:9:2] == levels[2:10:2]).all()
    for sites in range(2, 80):  # to the last bit
        assert np.unique(free_scalar_field(sites)).size == sites // 2 + 1
    np.testing.assert_array_equal(GaussianRBM().fixed_point, 9 - levels[::-1])  # the ten units of ALP24


def test_fewer_hidden_units_learn_the_smallest_kappas():
    model = GaussianRBM(num_visible=10, num_hidden=3)
    np.testing.assert_allclose(model.fixed_point, 9 - np.sort(free_scalar_field(10)[:3])[::-1])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: GaussianRBM(mu2=-1.0), "`mu2` must be positive"),
        (lambda: GaussianRBM(gibbs_steps=0), "`gibbs_steps` must be at least 1, got 0"),
        (lambda: GaussianRBM(sampler="fast"), "`sampler` must be one of"),
        (lambda: GaussianRBM(target=[4.0, -1.0]), "`target` must be positive"),
        (lambda: GaussianRBM(num_visible=3, target=[4.0, 5.0]), "`target` must hold one value for each of the 3"),
        (lambda: GaussianRBM(target=[4.0], target_covariance=np.eye(1)), "give one of them"),
        (lambda: GaussianRBM(target_covariance=[[1.0, 2.0], [2.0, 1.0]]), "positive definite"),
        (lambda: GaussianRBM(target_covariance=[[1.0, 0.5], [0.2, 1.0]]), "symmetric"),
        (lambda: GaussianRBM(target_mean=[1.0]), "`target_mean` must hold one value"),
        (lambda: GaussianRBM(num_visible=0), "`num_visible` must be at least 1"),
        (lambda: TeacherStudent(teacher=[]), "`teacher` must hold at least one"),
        (lambda: TeacherStudent(noise=0.0), "`noise` must be positive"),
        (lambda: TeacherStudent(inputs="warm"), "`inputs` must be one of"),
        (lambda: find_theory(TeacherStudent(), learning_rate=3.0, batch_size=4), "must be below"),
        (lambda: TwoLayerLinear(teacher=[-1.0]), "`teacher` must be positive"),
        (lambda: TwoLayerLinear(num_hidden=1), "`num_hidden` must be at least 2"),
        (lambda: MatrixDyson(rate=[[1.0, 2.0], [3.0, 1.0]]), "`rate` must be symmetric"),
        (lambda: from_config({"name": "perceptron"}), "`name` must be one of"),
        (lambda: from_config({"name": "rbm", "mass": 3}), "mass"),
    ],
)  # fmt: skip
def test_bad_arguments_are_named(build, message):
    with pytest.raises(InputError, match=message):
        build()
