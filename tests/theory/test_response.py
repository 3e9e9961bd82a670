"""Temperature at any noise: the parts of the response, and the whole on trained ensembles."""

import json
from importlib import resources

import numpy as np
import pytest
from scipy import stats

from coulombgas import InputError
from coulombgas.inference import fit_temperature
from coulombgas.inference._records import collect_records
from coulombgas.inference._settings import prepare_settings
from coulombgas.inference.temperature._groups import find_curves, setting_energies, temperature_problem
from coulombgas.inference.temperature._spectrum import spectrum_response
from coulombgas.models import GaussianRBM, MatrixDyson, TeacherStudent
from coulombgas.spectra import make_spectra
from coulombgas.symbolic import rbm_mean_eigenvalue
from coulombgas.theory import (
    Measured,
    _response,
    exact_curve,
    find_theory,
    fit_curve,
    matrix_curve,
    measure_response,
    tabulated,
)
from coulombgas.training import Optimizer, train

PAPER = {"learning_rate": 0.02, "batch_size": 16}


def test_mean_levels_are_those_of_simulated_machines():
    theory = find_theory(GaussianRBM(), **PAPER)
    x = np.array([group.center for group in theory.groups])
    # arXiv:2407.16427 at α = 0.02, B = 16: independent simulations of the six levels, highest first
    simulated = [1.0070, 0.9969, 0.9948, 0.9916, 0.9844, 0.9704]
    assert (1 + theory.mean_shift / x)[::-1] == pytest.approx(simulated, abs=8e-4)
    # without the memory of the chains the highest level is off by more
    forgetful = float(rbm_mean_eigenvalue(9, sorted(9 - np.array(GaussianRBM().target)), 9, 0.02 / 16)) / x[-1]
    assert forgetful == pytest.approx(1.0060, abs=1e-4)
    assert abs(forgetful - simulated[0]) > 8e-4


def chain_mean_shift(kappa: list[float], gibbs_steps: int, chains: str, replicas: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean level minus fixed point in units of T, and its error: plain NumPy, α = 0.1, B = 64."""
    rng, size, mu2, rate, batch = np.random.default_rng(1), len(kappa), 9.0, 0.1, 64
    target = np.array(kappa)
    weights = np.zeros((replicas, size, size))
    weights[:, range(size), range(size)] = np.sqrt(mu2 - target)
    chain, means = rng.normal(size=(replicas, size, batch)) / np.sqrt(target)[:, None], []
    for step in range(900):
        if chains == "data":
            chain = rng.normal(size=chain.shape) / np.sqrt(target)[:, None]
        for _ in range(gibbs_steps):
            hidden = np.swapaxes(weights, 1, 2) @ chain + rng.normal(size=chain.shape)
            chain = (weights @ hidden + np.sqrt(mu2) * rng.normal(size=chain.shape)) / mu2
        moment = chain @ np.swapaxes(chain, 1, 2) / batch
        weights = weights - rate * (moment - np.diag(1 / target)) @ weights
        if step >= 300 and step % 60 == 0:
            means.append(np.linalg.eigvalsh(weights @ np.swapaxes(weights, 1, 2)))
    shift = (np.mean(means, axis=0) - np.sort(mu2 - target)) * batch / rate
    return shift.mean(axis=0), shift.std(axis=0) / np.sqrt(len(shift))


@pytest.mark.full("test_mean_levels_are_those_of_simulated_machines")
@pytest.mark.parametrize("chains", ["persistent", "data"])
def test_mean_levels_with_the_memory_of_chains(chains):
    """k = 1, where memory counts most: 4 standard errors and 3% of the largest shift for the finite α on two levels,
    false alarm below 2e-4. Control: chains that forget are beyond that.
    """
    model = GaussianRBM(target=(4.0, 5.5), gibbs_steps=1, chains=chains)
    setting = {"learning_rate": 0.1, "batch_size": 64}
    theory = find_theory(model, **setting).mean_shift * 640
    measured, error = chain_mean_shift([4.0, 5.5], 1, chains, 3000)
    room = 4 * error + 0.03 * np.abs(theory).max()
    assert (np.abs(measured - theory) < room).all(), (measured, theory, error)
    forgetful = [float(rbm_mean_eigenvalue(i, [3.5, 5.0], 9.0, 1.0)) - x for i, x in enumerate((3.5, 5.0))]
    assert (np.abs(measured - forgetful) > room).any()


def test_mean_levels_in_other_units_of_the_hidden_variance():
    """W → W/σ_h with α → α/σ_h² is the same machine: same levels, and the temperature counts σ_h² times."""
    one = find_theory(GaussianRBM(sigma_h2=1.0), learning_rate=0.02, batch_size=16)
    two = find_theory(GaussianRBM(sigma_h2=2.0), learning_rate=0.01, batch_size=16)
    np.testing.assert_allclose(one.mean_shift, two.mean_shift, rtol=1e-12)
    np.testing.assert_allclose(one.width2, two.width2, rtol=1e-12)


def test_the_table_belongs_to_the_model_of_the_paper_only():
    measured = tabulated(GaussianRBM())
    assert measured.log_ratio.shape == (len(measured.temperature), 6)
    assert measured.error.max() < 0.04
    assert tabulated(GaussianRBM(sampler="naive", init_std=0.3)) is not None  # of no consequence
    for other in (
        GaussianRBM(mu2=10.0),
        GaussianRBM(gibbs_steps=5),
        GaussianRBM(num_visible=6),
        GaussianRBM(chains="data"),
        GaussianRBM(target_mean=np.ones(10)),
        GaussianRBM(target_covariance=np.diag(1 / np.array(GaussianRBM().target))),
        MatrixDyson(),
    ):
        assert tabulated(other) is None


def test_a_curve_through_exact_points_is_exact():
    theory = find_theory(MatrixDyson(target=(2.0,)), learning_rate=0.1, batch_size=4)
    temperature = np.array([0.005, 0.01, 0.02])
    truth, means = -20 * temperature + 300 * temperature**2, 2.0 + 3 * temperature
    errors = np.full((3, 1), 0.01)
    curve = fit_curve(Measured(temperature, truth[:, None], errors, means[:, None], errors), theory, "test")
    grid = curve.temperature
    assert curve.log_ratio[:, 0] == pytest.approx(-20 * grid + 300 * grid**2, abs=1e-10)
    assert curve.shift[:, 0] == pytest.approx(3 * grid, abs=1e-10)
    assert curve.error[0, 0] == 0
    assert np.all(np.diff(curve.error[1:, 0]) > -0.01)
    assert not curve.constant
    assert curve.ratio(0.0)[0] == 1.0


def test_far_levels_have_no_response_and_near_ones_have():
    assert exact_curve(find_theory(GaussianRBM(), **PAPER), 0.01).constant
    near = find_theory(MatrixDyson(target=(2.0, 2.01), noise2=0.01), learning_rate=0.01, batch_size=1)
    curve = matrix_curve(near, 0.01)
    # at s = 0.01 = gap the two levels push each other apart: each fluctuates less than alone; far below it does not
    assert curve.ratio(0.01).max() < 0.85
    assert curve.ratio(1e-4 / 4) == pytest.approx(1.0, abs=0.05)


def test_ensembles_that_diverge_are_no_measurement():
    machine = GaussianRBM(target=(3.0, 4.0, 4.0, 8.5))
    with pytest.raises(InputError, match=r"could not be measured.*diverged"):
        measure_response(
            machine, lambda size: find_theory(machine, learning_rate=1.0, batch_size=size), learning_rate=1.0,
            batch_sizes=(1,), replicas=64,
        )  # fmt: skip


EIGHT = (100, 50, 25, 16, 10, 8, 5, 4)  # batch sizes at α = 0.05: T from 0.0005 to 0.0125, at another α than the table


@pytest.fixture(scope="module")
def machines():
    return train(
        GaussianRBM(), learning_rate=0.05, batch_size=EIGHT, replicas=1500, steps=2000, init="fixed-point", seed=11
    )


def ratios(fit):
    """T̂/T of each setting and its posterior standard deviation."""
    temperatures = [(s.temperature, s.true_temperature) for s in fit.settings]
    return np.array([(t.mean / true, t.sd / true) for t, true in temperatures]).T


HOT = pytest.mark.full("test_a_fit_knows_the_response_that_was_measured")


@HOT
@pytest.mark.parametrize("method", ["response", "whole-spectrum"])
def test_temperature_from_cold_to_hot(machines, method):
    fit = fit_temperature(machines, method=method)
    found, sd = ratios(fit)
    # s² grows more slowly than T up there, so an error of s² counts almost double in T; 3.5 posterior sd, rate 5e-4
    assert np.all(np.abs(found - 1) < 3.5 * sd)
    assert np.all(sd < 0.06)
    # bias below 3% beyond what 3 standard errors explain
    assert abs(found.mean() - 1) < 0.03 + 3 * np.sqrt((sd**2).sum()) / len(sd)
    assert fit.method == method
    # the Cramér-Rao bound of a cold machine is that of its widths: log T to sqrt(2 / 10 replicas); means only help
    assert sd[0] < 1.3 * np.sqrt(0.2 / machines.sizes["replica"])
    assert all(setting.r_hat < 1.02 for setting in fit.settings)
    assert all(setting.consistent for setting in fit.settings)


def test_a_fit_knows_the_response_that_was_measured():
    """Levels with the widths and means of the stored table at T = 0.0125 or near it, 800 replicas.

    The likeliest temperature, of the energies that a fit samples, is within 3.5 errors, which count twice: s² grows
    more slowly than T. Widths and means of the whole spectrum are those stored, to 5%, and to three errors and 2%.
    Control: the theory alone says that the levels are colder.
    """
    stored = json.loads(resources.files("coulombgas.theory").joinpath("response_rbm.json").read_text())
    row = int(np.argmin(np.abs(np.array(stored["temperature"]) - 0.0125)))
    ratio, mean = np.exp(stored["log_ratio"][row]), np.array(stored["mean"][row])
    setting = {"learning_rate": 0.1, "batch_size": round(0.1 / stored["temperature"][row])}
    theory, rng = find_theory(GaussianRBM(), **setting), np.random.default_rng(12)
    true2 = 2 * theory.temperature * np.array([group.center for group in theory.groups]) * ratio
    blocks = []
    for group, place, one in zip(theory.groups, mean, true2, strict=True):
        draws = rng.standard_normal((800, group.size, group.size))
        blocks.append(place + np.sqrt(one) * np.linalg.eigvalsh((draws + draws.swapaxes(1, 2)) / 2))
    levels = np.sort(np.concatenate(blocks, axis=1), axis=1)
    spectra = make_spectra(
        levels[None, :, None, :], model=GaussianRBM().config(), **{name: [value] for name, value in setting.items()}
    )  # fmt: skip
    (own,) = prepare_settings(collect_records(spectra), 1e-3)
    data = temperature_problem([own], find_curves([own])).data
    energies, grid = data.energies, theory.temperature * np.linspace(0.6, 1.5, 901)
    response = np.array([np.interp(grid, data.grid[0], column) for column in data.log_ratio[0].T])
    width2 = grid * energies.width2_per_temperature[0][:, None] * np.exp(response)
    chi2 = stats.chi2(energies.freedom[0][:, None], scale=width2).logpdf(energies.energy[0][:, None])
    found = grid[np.argmax(chi2[energies.used[0]].sum(axis=0))] / theory.temperature
    assert abs(found - 1) < 2 * 3.5 * np.sqrt(2 / energies.freedom[0][energies.used[0]].sum())
    whole = spectrum_response(own, theory.temperature)
    log_ratio, shift, error = (
        np.array([np.interp(theory.temperature, whole.widths.temperature, column) for column in table.T])
        for table in (whole.widths.log_ratio, whole.shift, whole.shift_error)
    )
    np.testing.assert_allclose(theory.width2 * np.exp(log_ratio), true2, rtol=0.05)
    x = np.array([group.center for group in theory.groups])
    assert (np.abs(x + shift - mean) < 3 * error + 0.02 * np.abs(mean - x)).all()
    alone = setting_energies([own], None)
    leading = (alone.energy / alone.width2_per_temperature)[alone.used].sum() / alone.freedom[alone.used].sum()
    assert leading < 0.85 * theory.temperature


@HOT
def test_the_theory_alone_is_cold_for_hot_machines(machines):
    hot = fit_temperature(machines, method="leading-order").settings[-1]
    assert hot.temperature.upper < 0.9 * hot.true_temperature


def test_the_table_knows_the_means_too():
    measured = tabulated(GaussianRBM())
    theory = find_theory(GaussianRBM(), learning_rate=0.1, batch_size=20)
    x = np.array([group.center for group in theory.groups])
    shift = measured.mean - x
    # first order in T with corrections of relative order T and α
    assert np.abs(shift[0] / theory.mean_shift - 1).max() < 0.3


@pytest.mark.parametrize(("leading", "sizes"), [(1e-13, (569, 1024)), (0.00125, (44, 80)), (1e9, (1,))])
def test_ensembles_for_a_response_have_batches_of_a_size_that_can_be_trained(leading, sizes, monkeypatch):
    """α/T of data much colder than their setting says would be 10¹² samples in a batch."""
    asked, nothing = [], Measured(*np.zeros((5, 1)))

    def note(*_, batch_sizes, **__):
        asked.append(batch_sizes)
        return nothing

    monkeypatch.setattr(_response, "measure_response", note)
    model = TeacherStudent()
    theory = find_theory(model, learning_rate=0.1, batch_size=16)
    _response.trained_response(model, theory, Optimizer(), leading, lambda size: theory)
    assert asked == [sizes]
