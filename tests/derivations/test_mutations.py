"""A flipped sign or a factor 2 in a statement of the library makes at least one derivation fail.

The control, that every derivation holds when nothing is patched, is ``test_chains.test_chain_is_proved``.
"""

from dataclasses import replace

import pytest
import sympy as sp

from coulombgas import symbolic
from derivations._framework import chains, run_step

CHAINS = chains()


def fails(chain, step=None):
    """Whether one of the steps of a chain (the named ones first) does not hold."""
    steps = CHAINS[chain].steps
    chosen = [s for s in steps if step is None or s.function.__name__ == step]
    assert chosen
    return any(run_step(s).failure for s in chosen)


def law(name, **changes):
    """A law of the library with some of its entries changed."""
    original = getattr(symbolic, name)

    def mutated(*args):
        stated = original(*args)
        return replace(stated, **{entry: change(getattr(stated, entry)) for entry, change in changes.items()})

    return name, mutated


def times(name, factor):
    """A function of the library times a factor."""
    original = getattr(symbolic, name)
    return name, lambda *args, **kwargs: factor * original(*args, **kwargs)


def double(expression):
    return 2 * expression


def flip_error_function(expression):
    return expression.replace(sp.erf, lambda argument: -sp.erf(argument))


def double_bessel_argument(expression):
    return expression.replace(sp.besseli, lambda n, z: sp.besseli(n, 2 * z))


MUTATIONS = {
    "surmise: density times 2": (law("wigner_surmise", density=double), "wigner_surmise", "spacing_law"),
    "surmise: log density sign": (
        law("wigner_surmise", scaled_log_density=lambda e: -e),
        "wigner_surmise",
        "spacing_law",
    ),
    "surmise: mean times 2": (law("wigner_surmise", mean=double), "wigner_surmise", "mean_spacing"),
    "surmise: distribution function": (
        law("wigner_surmise", scaled_cdf=lambda e: e / 2),
        "wigner_surmise",
        "spacing_law",
    ),
    "Rice: Bessel argument times 2": (
        law("rice_spacing", density=double_bessel_argument),
        "wigner_surmise",
        "rice_spacing",
    ),
    "Rice: second moment": (law("rice_spacing", second_moment=double), "matrix_ou", "rice_second_moment"),
    "Rice: mean": (law("rice_spacing", mean=double), "wigner_surmise", "rice_mean"),
    "Rice: log density": (law("rice_spacing", scaled_log_density=lambda e: -e), "stable_forms", "log_densities"),
    "pair density: sign of erf": (law("pair_density", density=flip_error_function), "wigner_surmise", "pair_density"),
    "Brody: mean times 2": (law("brody", mean=double), "wigner_surmise", "brody_and_poisson"),
    "two species: density times 2": (law("two_species_density", density=double), "two_layer", "generalised_semicircle"),
    "two species: mean spacing": (law("two_species_spacing", mean=double), "two_layer", "generalised_spacing"),
    "mean modulus times 2": (times("mean_distance", 2), "two_layer", "generalised_semicircle"),
    "semicircle: density": (law("semicircle", density=lambda e: e / 2), "large_n", "semicircle"),
    "Marchenko-Pastur: density": (law("marchenko_pastur", density=double), "marchenko_pastur", "density"),
    "RBM drift: sign": (times("rbm_drift", -1), "gaussian_rbm", "drift"),
    "RBM potential: sign": (times("rbm_potential", -1), "fokker_planck", "potential"),
    "RBM width times 2": (times("rbm_width2", 2), "gradient_noise", "width"),
    "RBM matrix variance times 2": (times("rbm_variance", 2), "matrix_ou", "matrix_variances"),
    "RBM mean shift: sign": (times("rbm_mean_shift", -1), "matrix_ou", "mean_shift"),
    "finite learning rate: width": (times("discrete_width2", 2), "discretisation", "stationary_variance"),
    "teacher-student width times 2": (times("teacher_student_width2", 2), "teacher_student", "error_moments"),
    "teacher-student shift times 2": (times("teacher_student_shift2", 2), "teacher_student", "error_moments"),
    "teacher-student symmetric width times 2": (
        times("teacher_student_symmetric_width2", 2),
        "teacher_student",
        "finite_rate",
    ),
    "teacher-student scatter times 2": (times("teacher_student_scatter2", 2), "teacher_student", "quenched_inputs"),
    "two-layer width times 2": (times("two_layer_width2", 2), "two_layer", "stationary_variance"),
    "Mehta times 2": (times("mehta_normalisation", 2), "wigner_surmise", "normalisation"),
    "Laguerre times 2": (times("laguerre_normalisation", 2), "rectangular_dyson", "normalisation"),
    "gradient noise times 2": (times("gradient_noise_covariance", 2), "gradient_noise", "wick_variance"),
}


LONG = {
    "Mehta times 2": "test_the_derivations_hold_without_a_mutant_and_not_with_a_wrong_one in test_mutation_score.py",
    "Rice: Bessel argument times 2": "the log density of Rice here",
    "Rice: mean": "the second moment of Rice here",
    "two species: density times 2": "the mean modulus here",
    "two species: mean spacing": "the mean modulus here",
    "two-layer width times 2": "the other widths here",
}
"""Mutations that take the longest to notice, and what shows that derivations notice without them."""


@pytest.mark.parametrize("mutation", [
    pytest.param(name, marks=pytest.mark.full(LONG[name]) if name in LONG else ()) for name in MUTATIONS
])  # fmt: skip
def test_a_mutated_statement_is_caught(mutation, monkeypatch):
    (name, mutated), chain, step = MUTATIONS[mutation]
    monkeypatch.setattr(symbolic, name, mutated)
    assert fails(chain, step)


def test_noise_of_the_wrong_size_is_caught(monkeypatch):
    original = symbolic.MatrixSDE.symmetric

    def doubled(size, **kwargs):
        sde = original(size, **kwargs)
        return replace(sde, noise=sde.noise * 2)

    monkeypatch.setattr(symbolic.MatrixSDE, "symmetric", staticmethod(doubled))
    assert fails("stochastic_updates", "eigenvalue_update")
    assert fails("dyson_motion", "eigenvalue_process")


def test_repulsion_of_the_wrong_power_is_caught(monkeypatch):
    original = symbolic.CoulombGas.process.func

    def halved(gas):
        process = original(gas)
        return replace(process, coupling=process.coupling / 2)

    monkeypatch.setattr(symbolic.CoulombGas, "process", property(halved))
    assert fails("stochastic_updates", "stationary_law")


def test_an_r_transform_of_the_wrong_size_is_caught(monkeypatch):
    original = symbolic.FreeLaw.semicircle
    monkeypatch.setattr(symbolic.FreeLaw, "semicircle", staticmethod(lambda v=1, **k: original(2 * v, **k)))
    assert fails("large_n", "semicircle")
