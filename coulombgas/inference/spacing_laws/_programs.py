"""The models of the papers as NumPyro programs.

Each is written for one problem: ``data.values`` are independent observations, ``data.used`` masks padding, ``prior``
names the distributions of the parameters. Without values a model draws its own, as used in calibration.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist

from coulombgas.laws import (
    Brody,
    GaussianBlock,
    PairDensity,
    PoissonSpacing,
    RiceSpacing,
    TwoSpeciesSpacing,
    WignerSurmise,
)  # fmt: skip

Prior = Mapping[str, Any]
"""Distribution of each parameter, by name."""


class Observations(NamedTuple):
    """Data of one problem."""

    values: Any
    """(observation, ...) or None to simulate."""
    used: Any
    """(observation,) bool."""
    gap: Any = 0.0
    """Known gap Δ between the targets of a pair, for the models that take it as known."""


def scale_prior() -> dict[str, Any]:
    """Weak priors in units of the data: a width, a gap, a centre of the order of the root mean square."""
    return {
        "width": dist.LogNormal(-0.5, 1.5),
        "center": dist.Normal(0.0, 3.0),
        "gap": dist.HalfNormal(2.0),
        "mean_spacing": dist.LogNormal(0.0, 1.5),
        "repulsion": dist.HalfNormal(1.5),
        "wigner_fraction": dist.Beta(1.0, 1.0),
    }


def _observe(name: str, law, data: Observations) -> None:
    with numpyro.plate("observation", data.used.shape[0]), numpyro.handlers.mask(mask=data.used):
        numpyro.sample(name, law, obs=data.values)


def single_level(data: Observations, prior: Prior) -> None:
    """A single level: x ~ Normal(κ, s) (ALP24, arXiv:2407.16427, (17)-(18))."""
    center = numpyro.sample("center", prior["center"])
    width = numpyro.sample("width", prior["width"])
    _observe("level", dist.Normal(center, width), data)


def degenerate_pair(data: Observations, prior: Prior) -> None:
    """Spacings of two levels with one target: the Wigner surmise (ALP24 (74))."""
    width = numpyro.sample("width", prior["width"])
    _observe("spacing", WignerSurmise(width), data)


def pair_density(data: Observations, prior: Prior) -> None:
    """Either level of a degenerate pair: ALP24 (78)."""
    center = numpyro.sample("center", prior["center"])
    width = numpyro.sample("width", prior["width"])
    _observe("level", PairDensity(center, width), data)


def degenerate_group(data: Observations, prior: Prior) -> None:
    """n levels with one target: the Coulomb gas itself, P ∝ Π|x_i − x_j| exp(−Σ(x_i − κ)²/(2s²)) (ALP24 (14))."""
    center = numpyro.sample("center", prior["center"])
    width = numpyro.sample("width", prior["width"])
    _observe("levels", GaussianBlock(center, width, _group_size(data)), data)


def _group_size(data: Observations) -> int:
    return 3 if data.values is None else data.values.shape[-1]


def near_degenerate_pair(data: Observations, prior: Prior) -> None:
    """Spacings of two levels whose targets differ by an unknown gap: the matrix law, Rice (derived here)."""
    # the law is even in the gap: with both signs allowed there is no edge at 0
    gap = jnp.abs(numpyro.sample("gap", Mirrored(prior["gap"])))
    width = numpyro.sample("width", prior["width"])
    _observe("spacing", RiceSpacing(gap, width), data)


def known_gap_pair(data: Observations, prior: Prior) -> None:
    """Spacings of two levels whose targets differ by a known gap: Rice with one unknown."""
    width = numpyro.sample("width", prior["width"])
    _observe("spacing", RiceSpacing(data.gap, width), data)


def product_pair(data: Observations, prior: Prior) -> None:
    """The eigenvalue equation's law of two levels with a known gap (ALP24 (57)-(60), PFLA24 (arXiv:2412.20496)), which
    repels too strongly."""
    width = numpyro.sample("width", prior["width"])
    _observe("spacing", TwoSpeciesSpacing(data.gap, width, width), data)


def gaussian_spacing(data: Observations, prior: Prior) -> None:
    """Spacings of two independent levels: |N(Δ, 2s²)| without repulsion."""
    width = numpyro.sample("width", prior["width"])
    _observe("spacing", FoldedNormal(data.gap, jnp.sqrt(2.0) * width), data)


def poisson_spacing(data: Observations, prior: Prior) -> None:
    """Spacings of uncorrelated levels."""
    _observe("spacing", PoissonSpacing(numpyro.sample("mean_spacing", prior["mean_spacing"])), data)


def brody_spacing(data: Observations, prior: Prior) -> None:
    """Brody's law between Poisson (q = 0) and Wigner (q = 1): the strength of repulsion."""
    repulsion = numpyro.sample("repulsion", prior["repulsion"])
    mean_spacing = numpyro.sample("mean_spacing", prior["mean_spacing"])
    _observe("spacing", Brody(repulsion, mean_spacing), data)


def poisson_to_wigner(data: Observations, prior: Prior) -> None:
    """A fraction of the spacings repels (Wigner), the rest does not (Poisson), at one mean spacing."""
    fraction = numpyro.sample("wigner_fraction", prior["wigner_fraction"])
    mean_spacing = numpyro.sample("mean_spacing", prior["mean_spacing"])
    parts = [WignerSurmise(mean_spacing / jnp.sqrt(jnp.pi)), PoissonSpacing(mean_spacing)]
    weights = dist.Categorical(probs=jnp.stack([fraction, 1.0 - fraction]))
    _observe("spacing", dist.MixtureGeneral(weights, parts, support=dist.constraints.positive), data)


class Mirrored(dist.Distribution):
    """A law of a positive quantity, half of it on either side of 0."""

    @property
    def support(self):
        return dist.constraints.real

    def __init__(self, base, *, validate_args=None):
        self.base = base
        super().__init__(batch_shape=base.batch_shape, validate_args=validate_args)

    def log_prob(self, value):
        return self.base.log_prob(jnp.abs(value)) - jnp.log(2.0)

    def sample(self, key: Any, sample_shape: tuple[int, ...] = ()):
        key_size, key_sign = jax.random.split(key)
        return self.base.sample(key_size, sample_shape) * jax.random.rademacher(key_sign, self.shape(sample_shape))


class FoldedNormal(dist.Distribution):
    r""":math:`P(S) = [\varphi((S-\Delta)/w) + \varphi((S+\Delta)/w)]/w` for S ≥ 0, φ the standard normal density."""

    arg_constraints = {"gap": dist.constraints.real, "scale": dist.constraints.positive}  # noqa: RUF012

    @property
    def support(self):
        return dist.constraints.nonnegative

    def __init__(self, gap, scale, *, validate_args=None):
        self.gap, self.scale = jnp.asarray(gap), jnp.asarray(scale)
        shape = jnp.broadcast_shapes(jnp.shape(gap), jnp.shape(scale))
        super().__init__(batch_shape=shape, validate_args=validate_args)

    def log_prob(self, value):
        near, far = (value - self.gap) / self.scale, (value + self.gap) / self.scale
        both = jnp.logaddexp(-0.5 * near**2, -0.5 * far**2)
        return both - jnp.log(self.scale) - 0.5 * jnp.log(2 * jnp.pi)

    def sample(self, key, sample_shape=()):
        return jnp.abs(dist.Normal(self.gap, self.scale).sample(key, (*sample_shape, *self.batch_shape)))
