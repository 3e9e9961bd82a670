"""The batched sampler against a posterior known in closed form."""

import numpy as np
import pytest
from scipy import stats

from coulombgas._checks import InputError
from coulombgas.inference import sample_batch
from coulombgas.inference._models import WIDE, GroupEnergy, group_width
from coulombgas.inference._nuts import _compiled, pad_rows, padded_size

# The options of every fit, so that one compiled program serves this whole directory.
OPTIONS = {"num_chains": 4, "num_warmup": 400, "num_draws": 1000}


def problems(num: int) -> tuple[GroupEnergy, dict]:
    freedom = np.linspace(20, 2000, num)
    energy = freedom * np.geomspace(1e-6, 1e6, num)
    return GroupEnergy(energy, freedom), {"width": np.sqrt(energy / freedom)}


def test_widths_have_the_quantiles_of_the_exact_posterior():
    data, initial = problems(4)
    draws = sample_batch(group_width, data, initial, **OPTIONS)
    assert draws.sites["width"].shape == (4, 4, 1000)
    assert not draws.diverging.any()
    grid = np.linspace(-1.5, 1.5, 20001)
    for energy, freedom, width in zip(*data, draws.sites["width"], strict=True):
        log = np.log(initial["width"][list(data.energy).index(energy)]) + grid
        density = np.exp(stats.norm.logpdf(log, 0, WIDE) - freedom * grid - freedom / 2 * (np.exp(-2 * grid) - 1))
        cdf = np.cumsum(density) / density.sum()
        exact = np.interp([0.05, 0.5, 0.95], cdf, log)
        sampled = np.quantile(np.log(width), [0.05, 0.5, 0.95])
        # 4000 draws worth about 1200 independent ones: a quantile is known to 0.06 sd, 0.3 is a 5-sigma limit
        assert np.abs(sampled - exact).max() < 0.3 / np.sqrt(2 * freedom)


def test_a_second_call_of_the_same_shape_compiles_nothing():
    program = _compiled(group_width, 4, 400, 1000, False, 0.9, 6)
    data, initial = problems(4)
    sample_batch(group_width, data, initial, **OPTIONS)
    before = program._cache_size()
    data, initial = problems(4)
    sample_batch(group_width, GroupEnergy(data.energy * 2, data.freedom), initial, **OPTIONS)
    assert program._cache_size() == before


def test_a_problem_gives_the_same_draws_alone_and_in_a_batch():
    data, initial = problems(4)
    together = sample_batch(group_width, data, initial, **OPTIONS)
    three = sample_batch(
        group_width, GroupEnergy(data.energy[:3], data.freedom[:3]), {"width": initial["width"][:3]}, **OPTIONS
    )
    # other vector lanes round differently; chaotic trajectories then part, so compare distributions of log width
    first, second = (np.log(run.sites["width"][1]).ravel() for run in (together, three))
    assert abs(first.mean() - second.mean()) < 0.3 * first.std()


def test_padded_sizes_are_few_and_never_smaller():
    sizes = [padded_size(num) for num in range(1, 200)]
    assert all(size >= num for num, size in enumerate(sizes, start=1))
    assert len(set(sizes)) <= 16
    assert pad_rows(np.arange(3), 5).tolist() == [0, 1, 2, 2, 2]


@pytest.mark.parametrize("name", ["num_chains", "num_warmup", "num_draws"])
def test_bad_counts_are_named(name):
    data, initial = problems(1)
    with pytest.raises(InputError, match=name):
        sample_batch(group_width, data, initial, **{**OPTIONS, name: 0})
