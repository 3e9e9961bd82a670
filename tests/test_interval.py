"""Highest-density intervals hold what they say, whatever the number of draws."""

import functools

import numpy as np
import pytest
from scipy import stats

from coulombgas._interval import Interval, highest_density, summarise

LAWS = {
    "normal": stats.norm(),
    "log-normal": stats.lognorm(0.5),
    "exponential": stats.expon(),
    "half-normal": stats.halfnorm(),
    "gamma": stats.gamma(2.0),
    "Student t": stats.t(4),
}


def raw_shortest(draws, probability):
    """The shortest interval with that many draws inside: what is too narrow."""
    ordered = np.sort(draws)
    inside = int(np.ceil(probability * ordered.size))
    start = np.argmin(ordered[inside:] - ordered[:-inside])
    return ordered[start], ordered[start + inside]


@functools.cache
def too_narrow(probability, repeats):
    """The content of the raw shortest interval of a normal law, and its error."""
    return mean_content(LAWS["normal"], raw_shortest, 256, probability, repeats)


def mean_content(law, interval, num, probability, repeats):
    rng = np.random.default_rng(num)
    ends = np.array([interval(law.rvs(num, random_state=rng), probability) for _ in range(repeats)])
    content = law.cdf(ends[:, 1]) - law.cdf(ends[:, 0])
    return content.mean(), content.std(ddof=1) / np.sqrt(repeats)


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("probability", [0.5, 0.9, 0.95])
def test_content_of_the_interval(name, probability, reduced):
    repeats = 150 if reduced else 400
    content, error = mean_content(LAWS[name], highest_density, 256, probability, repeats)
    # false alarm 6e-5 each; 0.005 is the remaining bias where the density is highest at the edge
    assert abs(content - probability) < 4 * error + 0.005
    # control: the raw shortest interval is too narrow
    content, error = too_narrow(probability, repeats)
    assert content < probability - 4 * error


@pytest.mark.parametrize("name", LAWS)
def test_as_short_as_it_can_be(name):
    law = LAWS[name]
    draws = law.ppf((np.arange(20_000) + 0.5) / 20_000)
    for probability in (0.5, 0.9, 0.95):
        starts = np.linspace(1e-5, 1 - probability - 1e-5, 4001)
        shortest = (law.ppf(starts + probability) - law.ppf(starts)).min()
        lower, upper = highest_density(draws, probability)
        tail = (1 - probability) / 2
        equal_tailed = np.quantile(draws, [tail, 1 - tail], method="weibull")
        assert upper - lower < 1.03 * shortest
        assert upper - lower < equal_tailed[1] - equal_tailed[0] + 1e-9


def test_mirror_image_scale_and_shift():
    draws = np.random.default_rng(0).gamma(2.0, size=1000)
    lower, upper = highest_density(draws)
    assert highest_density(-draws) == pytest.approx((-upper, -lower), rel=0.05)
    assert highest_density(1e-9 * draws + 3e-9) == pytest.approx((1e-9 * lower + 3e-9, 1e-9 * upper + 3e-9), rel=1e-9)


def test_few_and_equal_draws():
    assert highest_density(np.array([3.0, 1.0, 2.0])) == (1.0, 3.0)
    assert highest_density(np.full(500, 2.0)) == (2.0, 2.0)
    assert summarise(np.arange(1000.0).reshape(10, 100)).mean == 499.5


@pytest.mark.parametrize(
    ("numbers", "shown"),
    [
        ((0.008321306811397438, 0.00796, 0.00868), "0.00832 [0.00796, 0.00868]"),
        ((12345.6, 12300.1, 12400.0), "12346 [12300, 12400]"),
        ((5.0, 4.89, 5.11), "5.00 [4.89, 5.11]"),
        ((0.0, -1.0, 1.0), "0.0 [-1.0, 1.0]"),
        ((2.0, 2.0, 2.0), "2 [2, 2]"),
        ((float("nan"), 0.0, 1.0), "nan [0, 1]"),
    ],
)
def test_an_interval_is_printed_with_the_digits_of_its_width(numbers, shown):
    assert repr(Interval(*numbers, 0.1)) == shown
    assert f"{Interval(*numbers, 0.1)}" == shown
