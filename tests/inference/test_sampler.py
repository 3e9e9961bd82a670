"""The batched sampler against a posterior known in closed form."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro.infer.hmc import hmc
from scipy import stats

from coulombgas._checks import InputError
from coulombgas.inference import _sampler, sample_batch
from coulombgas.inference._programs import WIDE, SettingEnergies, common_temperature
from coulombgas.inference._sampler import _compiled, _Options, padded_size

# The options of every fit, so that one compiled program serves this whole directory.
OPTIONS = {"num_chains": 4, "num_warmup": 400, "num_draws": 1000}


MOVED = ("z", "z_grad", "potential_energy")
GROUPS = 8  # as every fit pads them


def problems(num: int) -> tuple[SettingEnergies, dict]:
    """Settings of which one level group speaks, from very cold to very hot."""
    freedom = np.tile(np.linspace(20, 2000, num)[:, None], GROUPS)
    energy = freedom * np.geomspace(1e-6, 1e6, num)[:, None]
    used = np.broadcast_to(np.arange(GROUPS) == 0, energy.shape)
    return SettingEnergies(energy, freedom, np.ones(energy.shape), used), {"temperature": energy[:, 0] / freedom[:, 0]}


@functools.cache
def drawn(num: int, chains: int = 4) -> _sampler.Draws:
    """Draws for so many problems."""
    return sample_batch(common_temperature, *problems(num), **OPTIONS | {"num_chains": chains})


def test_temperatures_have_the_quantiles_of_the_exact_posterior():
    (data, initial), draws = problems(4), drawn(4)
    assert draws.sites["temperature"].shape == (4, 4, 1000)
    assert not draws.diverging.any()
    grid = np.linspace(-3, 3, 40001)
    for freedom, guess, found in zip(
        data.freedom[:, 0], initial["temperature"], draws.sites["temperature"], strict=True
    ):
        log = np.log(guess) + grid
        density = np.exp(stats.norm.logpdf(log, 0, WIDE) - freedom / 2 * (grid + np.exp(-grid) - 1))
        cdf = np.cumsum(density) / density.sum()
        exact = np.interp([0.05, 0.5, 0.95], cdf, log)
        sampled = np.quantile(np.log(found), [0.05, 0.5, 0.95])
        # 4000 draws worth about 1200 independent ones: a quantile is known to 0.06 sd, 0.3 is a 5-sigma limit
        assert np.abs(sampled - exact).max() < 0.3 * np.sqrt(2 / freedom)


def test_any_number_of_problems_and_chains_shares_one_program():
    program = _compiled(common_temperature, 16, _Options(400, 1000, False, 0.9, 6))
    drawn(4)
    before = program._cache_size()
    for num, chains in ((1, 4), (4, 3), (9, 2)):
        assert drawn(num, chains).sites["temperature"].shape == (num, chains, 1000)
    assert program._cache_size() == before > 0


def test_a_problem_gives_the_same_draws_alone_and_in_a_batch():
    (data, initial), options = problems(9), OPTIONS | {"num_chains": 2}
    together = drawn(9, 2)
    last = SettingEnergies(*(column[-1:] for column in data))
    alone = sample_batch(common_temperature, last, {"temperature": initial["temperature"][-1:]}, **options)
    # the problem is number 8 there and 0 here, so its random numbers differ: compare distributions of log T
    first, second = (
        np.log(sites).ravel() for sites in (together.sites["temperature"][8], alone.sites["temperature"][0])
    )
    assert abs(first.mean() - second.mean()) < 0.3 * first.std()
    three = SettingEnergies(*(column[:3] for column in data))
    some = sample_batch(common_temperature, three, {"temperature": initial["temperature"][:3]}, **options)
    assert np.array_equal(some.sites["temperature"], together.sites["temperature"][:3])


def test_chains_one_by_one_and_abreast_sample_the_same():
    data, initial = problems(2)
    abreast, singly = (
        sample_batch(common_temperature, data, initial, **OPTIONS, abreast=way).sites["temperature"]
        for way in (True, False)
    )
    for first, second in zip(np.log(abreast), np.log(singly), strict=True):
        assert abs(first.mean() - second.mean()) < 0.3 * first.std()
        assert 0.8 < first.std() / second.std() < 1.25


def test_padded_sizes_are_few_and_never_smaller():
    sizes = [padded_size(num) for num in range(1, 200)]
    assert all(size >= num for num, size in enumerate(sizes, start=1))
    assert len(set(sizes)) <= 16


@pytest.mark.parametrize("name", ["num_chains", "num_warmup", "num_draws"])
def test_bad_counts_are_named(name):
    data, initial = problems(1)
    with pytest.raises(InputError, match=name):
        sample_batch(common_temperature, data, initial, **{**OPTIONS, name: 0})


def cliff(z):
    """A Gaussian with a wall so steep that the momentum behind it has no finite kinetic energy."""
    return z @ z / 2 + jnp.where(z[1] > 4, 1e209 * (z[1] - z[0]), 0.0)


def test_numpyro_takes_an_energy_of_minus_infinity_and_the_guard_takes_the_step_back():
    """Plain NumPyro with a dense mass matrix; when this fails because a release mends it, the guard can go."""
    mass, momentum = np.array([[1.0, 2.0], [2.0, 10.0]]), np.array([1e210, -1e210])
    start, kernel = hmc(cliff, algo="NUTS")
    fixed = {"adapt_step_size": False, "adapt_mass_matrix": False, "dense_mass": True, "max_tree_depth": 5}

    @jax.jit
    def chain(state, guarded):
        def step(old, _):
            new = kernel(old)
            kept = _sampler._stay_if_lost(old, new)
            moved = {
                name: jnp.where(guarded, getattr(kept, name), getattr(new, name)) for name in (*MOVED, "diverging")
            }
            return new._replace(**moved), moved

        return jax.lax.scan(step, state, length=200)[1]

    with _sampler.on_the_processor():
        if float(jax.jit(jnp.dot)(mass @ momentum, momentum)) != -np.inf:
            pytest.skip("this processor does not fuse multiplication and addition, so that the sum is no number")
        state = start(
            jnp.zeros(2), 0, step_size=1.5, inverse_mass_matrix=jnp.asarray(mass), rng_key=jax.random.key(0), **fixed
        )  # fmt: skip
        plain, guarded = (jax.tree.map(np.asarray, chain(state, flag)) for flag in (False, True))
    lost = int(np.argmax(plain["potential_energy"] > 1e200))
    assert plain["potential_energy"][lost] > 1e200, "NumPyro no longer takes such a step: `_stay_if_lost` can go"
    assert not plain["diverging"][lost]
    assert (plain["z"][lost:] == plain["z"][lost]).all()
    assert plain["diverging"][lost + 1 :].all()
    assert guarded["diverging"][lost]
    assert guarded["potential_energy"].max() < 100
    assert len(np.unique(guarded["z"][lost:], axis=0)) > 10


def test_a_chain_does_not_follow_an_impossible_rise():
    class State(NamedTuple):
        z: float
        z_grad: float
        potential_energy: float
        diverging: bool

    assert State._fields[:3] == MOVED
    old = State(0.0, 0.1, 5.0, False)
    for energy, moves in ((4.0, True), (900.0, True), (1e200, False), (float("nan"), False), (float("inf"), False)):
        found = _sampler._stay_if_lost(old, State(1.0, 0.2, energy, False))
        assert bool(found.diverging) is not moves
        assert float(found.z) == (1.0 if moves else 0.0)
        assert float(found.potential_energy) == (energy if moves else 5.0)
