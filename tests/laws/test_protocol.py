"""What every law of one variable must do: unit mass, cdf, icdf, sampling, moments, pytree, batching, bad parameters."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from scipy import stats

from coulombgas.laws import (
    Brody,
    MarchenkoPastur,
    PairDensity,
    PoissonSpacing,
    RiceSpacing,
    Semicircle,
    TracyWidom,
    TwoSpeciesDensity,
    TwoSpeciesSpacing,
    WignerSurmise,
)

pytestmark = pytest.mark.usefixtures("x64")

# name: (law, the same law with every length 10% longer, where quadrature may start and end, power at the lower edge)
LAWS = {
    "surmise": (lambda s: WignerSurmise(0.3 * s), 0.0, 6.0),
    "surmise traced beta": (lambda s: WignerSurmise(0.3 * s, jnp.asarray(1.7)), 0.0, 6.0),
    "rice": (lambda s: RiceSpacing(0.5 * s, 0.3 * s), 0.0, 7.0),
    "pair": (lambda s: PairDensity(1.0, 0.4 * s), -5.0, 7.0),
    "brody": (lambda s: Brody(0.6, 0.8 * s), 0.0, 14.0),
    "poisson": (lambda s: PoissonSpacing(0.8 * s), 0.0, 32.0),
    "two species": (lambda s: TwoSpeciesDensity(0.2, 1.0, 0.3 * s, 0.5 * s), -6.0, 7.0),
    "two species spacing": (lambda s: TwoSpeciesSpacing(0.8 * s, 0.3 * s, 0.5 * s), 0.0, 7.0),
    "semicircle": (lambda s: Semicircle(1.0, 2.0 * s), -1.0, 3.0),
    "marchenko-pastur": (lambda s: MarchenkoPastur(0.3, 2.0 * s), None, None),
    "tracy-widom 1": (lambda s: TracyWidom(1, 0.5, 2.0 * s), -22.0, 24.0),
}


_SIZE = 1024  # points of one call: one program for each method of a law


def in_blocks(method, x):
    x = np.asarray(x, float)
    return np.concatenate([method(block) for block in np.resize(x, (-(-x.size // _SIZE), _SIZE))])[: x.size]


def log_prob(law, x):
    return in_blocks(law.log_prob, x)


def cdf(law, x):
    return in_blocks(law.cdf, x)


@pytest.fixture(params=LAWS)
def case(request):
    make, low, high = LAWS[request.param]
    law = make(1.0)
    if low is None:
        low, high = (float(edge) for edge in law.edges)
    return law, make(1.1), low, high


def integrate(law, low, high, power=0):
    """∫ x^power p(x), with panels graded like cos towards both ends (for edges of root type)."""
    nodes, weights = np.polynomial.legendre.leggauss(16)
    ends = np.linspace(0.0, np.pi, 65)
    angle = (ends[:-1, None] + np.diff(ends)[:, None] * (nodes + 1) / 2).ravel()
    measure = (np.diff(ends)[:, None] * weights / 2).ravel() * np.sin(angle) * (high - low) / 2
    x = low + (high - low) * np.sin(angle / 2) ** 2
    return float(np.sum(measure * x**power * np.exp(log_prob(law, x))))


def test_unit_mass_and_moments(case):
    law, _, low, high = case
    mean = integrate(law, low, high, 1)
    assert integrate(law, low, high) == pytest.approx(1, abs=2e-9)
    assert float(law.mean) == pytest.approx(mean, rel=1e-8)
    assert float(law.variance) == pytest.approx(integrate(law, low, high, 2) - mean**2, rel=1e-6)


def test_cdf_is_the_integral_and_icdf_inverts_it(case):
    """The mass below a quantile in the lower half, that above it in the upper one: relative to itself, far out too."""
    law, _, low, high = case
    tails = np.array([2.0**-40, 2.0**-20, 1e-3, 0.1, 0.4])
    probability = np.concatenate([tails, [0.5], 1 - tails[::-1]])
    x = np.asarray(law.icdf(probability))
    assert np.all(np.diff(x) > 0)
    bounded = isinstance(law, MarchenkoPastur | Semicircle)
    for tail, below, above in zip(tails, x, x[::-1], strict=False):
        accuracy = 1e-3 if bounded and tail < 1e-6 else 1e-9  # next to an edge, rounding of the edge counts
        assert integrate(law, low, below) == pytest.approx(tail, rel=accuracy, abs=0)
        assert integrate(law, above, high if bounded else 2 * high - low) == pytest.approx(tail, rel=accuracy, abs=0)
    np.testing.assert_allclose(cdf(law, x), probability, rtol=1e-9, atol=1e-15)
    ends = np.resize([0.0, 1.0, -0.1, 1.1], x.size)
    found = law.icdf(ends)
    np.testing.assert_array_equal(cdf(law, found)[:2], [0.0, 1.0])
    assert np.isnan(found[2:4]).all()


BY_CHAIN_RULE = pytest.mark.full("test_cdf_and_icdf_are_differentiable[rice] in test_protocol.py")


@pytest.mark.parametrize("name", [
    "rice",
    "tracy-widom 1",
    "semicircle",
    pytest.param("surmise traced beta", marks=BY_CHAIN_RULE),
    pytest.param("two species spacing", marks=BY_CHAIN_RULE),
])  # fmt: skip
def test_cdf_and_icdf_are_differentiable(name):
    law = LAWS[name][0](1.0)

    @jax.jit
    def slopes(law, q):
        x, back_to_q = jax.vjp(law.icdf, q)
        _, back_to_x = jax.vjp(law.cdf, x)
        one = jnp.ones_like(q)
        return *back_to_x(one), *back_to_q(one), jnp.exp(law.log_prob(x))

    of_cdf, of_icdf, density = slopes(law, jnp.asarray([0.03, 0.4, 0.95]))
    np.testing.assert_allclose(of_cdf, density, rtol=1e-8)
    np.testing.assert_allclose(of_icdf, 1 / density, rtol=1e-7)


DERIVATIVES = {
    "rice": (RiceSpacing, (0.5, 0.3)),
    "two species": (TwoSpeciesDensity, (0.2, 1.0, 0.3, 0.5)),
    "two species spacing": (TwoSpeciesSpacing, (0.8, 0.3, 0.5)),
    "marchenko-pastur": (MarchenkoPastur, (0.3, 1.1)),
    "surmise": (WignerSurmise, (0.3, 1.7)),
}


BY_QUANTILE = pytest.mark.full("test_derivatives_by_the_parameters[rice] in test_protocol.py")


@pytest.mark.parametrize("name", [
    "rice",
    "marchenko-pastur",
    *(pytest.param(name, marks=BY_QUANTILE) for name in ("two species", "two species spacing", "surmise")),
])  # fmt: skip
def test_derivatives_by_the_parameters(name):
    """cdf and icdf by finite differences, for the laws whose cdf is not elementary."""
    make, start = DERIVATIVES[name]
    step, each = 1e-5, np.eye(len(start))

    @jax.jit
    def pushed(points):
        """Values at one point a row, and their slopes by the parameter of that row."""

        def both(columns):
            law = make(*columns)
            return jnp.stack([law.cdf(0.9), law.icdf(0.3)])

        return jax.jvp(both, (list(points.T),), (list(each),))

    (_, slopes), (up, _), (down, _) = (
        pushed(np.asarray(start) + move) for move in (0 * each, step * each, -step * each)
    )
    np.testing.assert_allclose(slopes, (np.asarray(up) - down) / (2 * step), rtol=1e-6, atol=1e-8)


BY_MOMENTS = pytest.mark.full("test_two_species_draws_have_the_moments_of_the_law in test_pair.py")


@pytest.mark.parametrize("case", [
    pytest.param(name, marks=BY_MOMENTS if name == "two species" else ()) for name in LAWS
], indirect=True)  # fmt: skip
def test_samples_follow_the_law_and_not_another(case):
    """Kolmogorov-Smirnov, 10 000 draws: false-alarm rate 1e-4 a law; the control is the same law 10% wider."""
    law, wider, *_ = case
    draws = np.asarray(law.sample(jax.random.key(11), (10_000,)))
    assert stats.kstest(draws, lambda x: cdf(law, x)).pvalue > 1e-4
    assert stats.kstest(draws, lambda x: cdf(wider, x)).pvalue < 1e-4


def test_jit_vmap_pytree_and_expand(case):
    law, *_ = case
    x = law.mean * jnp.asarray([0.9, 1.1])
    expected = log_prob(law, x)
    leaves, tree = jax.tree.flatten(law)
    again = jax.tree.unflatten(tree, leaves)
    assert type(again) is type(law)
    np.testing.assert_array_equal(log_prob(again, x), expected)
    wide = law.expand((3, 2))
    assert wide.batch_shape == (3, 2)
    assert jax.eval_shape(wide.log_prob, x).shape == (3, 2)
    assert jax.eval_shape(lambda: wide.sample(jax.random.key(0), (4,))).shape == (4, 3, 2)
    stacked = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), law)
    np.testing.assert_allclose(jax.jit(jax.vmap(lambda law, x: law.log_prob(x)))(stacked, x), expected, rtol=1e-12)


def of_each_method(law):
    x = law.icdf(0.3)
    return law.sample(jax.random.key(0), (5,)), x, law.cdf(x), law.log_prob(x), law.mean, law.variance


def test_batch_shapes():
    widths = jnp.asarray([0.1, 0.2, 0.3])
    for law in (
        WignerSurmise(widths), WignerSurmise(widths, 2), WignerSurmise(widths, 2 * widths), RiceSpacing(0.1, widths),
        PairDensity(0.0, widths), Brody(0.3, widths), PoissonSpacing(widths), TwoSpeciesDensity(0.0, 1.0, widths, 0.1),
        TwoSpeciesSpacing(0.1, 0.2, widths), Semicircle(0.0, widths), MarchenkoPastur(widths, 1.0),
        TracyWidom(1, 0.0, widths),
    ):  # fmt: skip
        assert law.batch_shape == (3,)
        draws, *others = jax.eval_shape(of_each_method, law)
        assert draws.shape == (5, 3)
        assert [value.shape for value in others] == [(3,)] * 5


def make_all(bad):
    yield lambda: WignerSurmise(bad, validate_args=True)
    yield lambda: WignerSurmise(1.0, bad, validate_args=True)
    yield lambda: RiceSpacing(1.0, bad, validate_args=True)
    yield lambda: PairDensity(0.0, bad, validate_args=True)
    yield lambda: Brody(0.5, bad, validate_args=True)
    yield lambda: PoissonSpacing(bad, validate_args=True)
    yield lambda: TwoSpeciesDensity(0.0, 1.0, bad, 1.0, validate_args=True)
    yield lambda: TwoSpeciesSpacing(1.0, 1.0, bad, validate_args=True)
    yield lambda: Semicircle(0.0, bad, validate_args=True)
    yield lambda: MarchenkoPastur(bad, validate_args=True)
    yield lambda: TracyWidom(1, 0.0, bad, validate_args=True)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_bad_parameters_are_refused(bad):
    for make in make_all(bad):
        with pytest.raises(ValueError, match="invalid"):
            make()


@pytest.mark.parametrize("make", [
    lambda: RiceSpacing(-0.1, 1.0, validate_args=True),
    lambda: Brody(-0.1, validate_args=True),
    lambda: PairDensity(math.inf, 1.0, validate_args=True),
    lambda: TracyWidom(1, math.nan, validate_args=True),
])  # fmt: skip
def test_other_bad_parameters(make):
    with pytest.raises(ValueError, match="invalid"):
        make()


def test_a_negative_width_gives_no_number_without_validation():
    """No silent value: NaN tells."""
    with numpyro.validation_enabled(False):
        assert np.isnan(WignerSurmise(-1.0).log_prob(1.0))
        assert np.isnan(RiceSpacing(0.5, -1.0).log_prob(1.0))
        assert np.isnan(PairDensity(0.0, -1.0).log_prob(1.0))


SCALE_LAWS = {
    "surmise": lambda w: WignerSurmise(w),
    "surmise beta=2.5": lambda w: WignerSurmise(w, 2.5),
    "rice": lambda w: RiceSpacing(3 * w, w),
    "rice fixed gap": lambda w: RiceSpacing(1.0, w),
    "pair": lambda w: PairDensity(0.0, w),
    "brody": lambda w: Brody(0.7, w),
    "brody poisson": lambda w: Brody(0.0, w),
    "poisson": lambda w: PoissonSpacing(w),
    "two species": lambda w: TwoSpeciesDensity(0.0, w, w, 2 * w),
    "two species spacing": lambda w: TwoSpeciesSpacing(w, w, 2 * w),
    "tracy-widom": lambda w: TracyWidom(1, 0.0, w),
    "semicircle": lambda w: Semicircle(0.0, w),
    "marchenko-pastur": lambda w: MarchenkoPastur(0.3, w),
}
BOUNDED = {"semicircle", "marchenko-pastur"}


NARROW = pytest.mark.full("test_values_and_gradients_are_finite_at_any_width[*-float32] in test_protocol.py")


@pytest.mark.parametrize(("name", "dtype"), [
    *((name, "float32") for name in SCALE_LAWS),
    *(pytest.param(name, "float64", marks=() if name == "surmise" else NARROW) for name in SCALE_LAWS),
])  # fmt: skip
def test_values_and_gradients_are_finite_at_any_width(name, dtype):
    """1e-12 ≤ width ≤ 1e12, from ties to values far out, in both precisions; outside the support −inf."""
    make = SCALE_LAWS[name]
    widths = jnp.asarray([1e-12, 1e-6, 1.0, 1e6, 1e12], dtype)
    inside = [0.5, 1.0] if name in BOUNDED else [0.0, 1e-30, 1e-3, 1.0, 3.0, 100.0, 1e6]

    def log_prob(x, width):
        return make(width).log_prob(x)

    with jax.enable_x64(dtype == "float64"), numpyro.validation_enabled(False):
        evaluate = jax.jit(jax.vmap(jax.value_and_grad(log_prob, (0, 1))))
        points = [widths * multiple for multiple in inside]
        if name not in BOUNDED:
            points += [jnp.full_like(widths, x) for x in (0.0, 1e-12, 1.0, 1e12)]
        for x in points:
            value, slopes = evaluate(x, widths)
            assert value.dtype == dtype
            assert np.isfinite(value).all(), (x, value)
            assert np.isfinite(slopes).all(), (x, slopes)
        low = {"semicircle": -1.01, "marchenko-pastur": 0.2}.get(name, -1.0)
        if name not in ("pair", "two species", "tracy-widom"):
            assert np.all(np.isneginf(evaluate(low * widths, widths)[0]))


@pytest.mark.parametrize("name", SCALE_LAWS)
def test_scale_covariance(name):
    """log p(x; w) = log p(x/w; 1) − log w at any width, to rounding."""
    make = SCALE_LAWS[name]
    if name == "rice fixed gap":
        pytest.skip("its gap does not scale")
    base = make(jnp.asarray(1.0))
    x = base.mean * jnp.asarray([0.6, 1.0, 1.4])
    for width in (3e-12, 0.7, 5e11):
        scaled = log_prob(make(jnp.asarray(width)), width * x)
        np.testing.assert_allclose(scaled + math.log(width), log_prob(base, x), rtol=1e-9, atol=1e-9)


def one_width(spacings):
    """A width, a gap's spacing that nobody saw, and spacings that were seen."""
    width = numpyro.sample("width", dist.LogNormal(0.0, 3.0))
    numpyro.sample("latent", RiceSpacing(0.2, width))
    with numpyro.plate("pair", spacings.shape[0]):
        numpyro.sample("spacing", WignerSurmise(width), obs=spacings)


def test_the_energy_of_a_model_is_that_of_its_laws():
    """Value and slopes in the unconstrained coordinates log width and log latent, by SciPy."""
    seen = np.array([0.1, 0.4, 0.7])

    def expected(u, v):
        width, latent = math.exp(u), math.exp(v)
        law = stats.norm(0, 3).logpdf(u) + v + stats.chi(2, scale=math.sqrt(2) * width).logpdf(seen).sum()
        return law + stats.rice(0.2 / (math.sqrt(2) * width), scale=math.sqrt(2) * width).logpdf(latent)

    @jax.jit
    @jax.value_and_grad
    def energy(point):
        return numpyro.infer.util.potential_energy(one_width, (seen,), {}, {"width": point[0], "latent": point[1]})

    value, slopes = energy(jnp.asarray([-1.2, -0.7]))
    assert float(value) == pytest.approx(-expected(-1.2, -0.7), rel=1e-10)
    step = 1e-5
    by_width = (expected(-1.2 - step, -0.7) - expected(-1.2 + step, -0.7)) / (2 * step)
    by_latent = (expected(-1.2, -0.7 - step) - expected(-1.2, -0.7 + step)) / (2 * step)
    np.testing.assert_allclose(slopes, [by_width, by_latent], rtol=1e-7)


@pytest.mark.full("test_the_energy_of_a_model_is_that_of_its_laws in test_protocol.py")
def test_inside_numpyro():
    """NUTS over a width with the laws as likelihood and as latent variable: the model runs and finds the width."""
    key_data, key_run = jax.random.split(jax.random.key(3))
    data = WignerSurmise(0.25).sample(key_data, (400,))
    kernel = numpyro.infer.NUTS(one_width)
    mcmc = numpyro.infer.MCMC(kernel, num_warmup=150, num_samples=150, progress_bar=False)
    mcmc.run(key_run, data)
    draws = mcmc.get_samples()
    # the width has relative standard error 1/√(4·400) = 2.5%; five of them: false-alarm rate below 1e-5
    assert float(draws["width"].mean()) == pytest.approx(0.25, rel=0.125)
    assert (draws["latent"] > 0).all()
