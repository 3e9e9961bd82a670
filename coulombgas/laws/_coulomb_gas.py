"""A Coulomb gas in any potentials: its normalisation with an error, and its law."""

import math
import warnings
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.util import validate_sample

from coulombgas._checks import InputError, as_tuple, check_count, check_positive, fail
from coulombgas._precision import x64

from ._annealing import anneal
from ._compiled import compiled
from ._constraints import ascending, finite_positive
from ._exact_partition import BETAS, MAX_LEVELS, exact_log_z
from ._partition import Potential, log_weight_integral, quadrature_log_z
from ._scaling import as_floats, inside, parameters, resolution

_MAX_QUADRATURE = 3  # levels: the cost is a power of their number
_MAX_SCATTER = 0.5  # of log Z: beyond, the mean of exp is carried by few populations


class PartitionFunction(NamedTuple):
    """log Z of a Coulomb gas between two temperatures, with its Monte Carlo error.

    ``log_correction`` holds Chebyshev coefficients in log T of log Z/ΠZ_i, Z_i being the integral of level i alone,
    which is computed exactly at every call.

    Attributes:
        log_range: logarithms of the lowest and the highest temperature.
        log_correction: (order,) coefficients.
        error: (order,) standard error of log Z at the nodes; quote their maximum.
        temperatures: (order,) the nodes.
    """

    log_range: Any
    log_correction: Any
    error: Any
    temperatures: Any

    def correction(self, temperature: Any) -> Any:
        """log Z/ΠZ_i at a temperature; −inf, an infinite log Z, outside the range."""
        low, high = self.log_range[0], self.log_range[1]
        position = jnp.log(temperature)
        x = (2 * position - low - high) / (high - low) if len(self.log_correction) > 1 else jnp.zeros_like(position)
        above = current = jnp.zeros_like(x)
        for k in range(len(self.log_correction) - 1, -1, -1):
            current, above = (2.0 if k else 1.0) * x * current - above + self.log_correction[k], current
        slack = 1e-6  # of log T: rounding at the ends of the range
        return jnp.where((position >= low - slack) & (position <= high + slack), current, jnp.inf)


def partition_function(
    potentials: Potential | Sequence[Potential],
    *,
    key: Any,
    temperature: float | Sequence[float],
    bounds: Sequence[float],
    num_levels: int | None = None,
    beta: float = 1.0,
    num_nodes: int = 5,
    num_islands: int = 16,
    num_particles: int = 1024,
    num_steps: int = 24,
    num_sweeps: int = 2,
) -> PartitionFunction:
    r"""log Z(T) of many levels, by annealing the repulsion from 0 to β with independent populations.

    .. math:: Z(T) = \int\prod_{i<j}|x_i-x_j|^\beta\,e^{-\sum_i V_i(x_i)/T}\,d^Nx
       = \prod_i Z_i(T)\,\Big\langle\prod_{i<j}|x_i-x_j|^\beta\Big\rangle_0

    The error is the scatter of the populations; it falls with the square root of ``num_islands * num_particles`` and
    with ``num_steps``. Runs in float64.

    Args:
        potentials: V_i, functions of one number in JAX, one for each level, or one for all (then give ``num_levels``).
        key: PRNG key.
        temperature: T, or the lowest and the highest one between which log Z is interpolated in log T.
        bounds: (low, high), finite; beyond them the law is zero or negligible.
        num_levels: N, if one potential is given.
        beta: Dyson index β > 0, a plain number.
        num_nodes: temperatures at which log Z is computed, if a range is given.
        num_islands, num_particles: independent populations, and members of each.
        num_steps, num_sweeps: steps in which the repulsion is switched on, and sweeps over the levels in each.

    Raises:
        InputError: for unusable arguments.

    Warns:
        UserWarning: if the populations scatter so much that the error itself cannot be trusted.
    """
    wells, beta = _wells(potentials, num_levels), check_positive("beta", beta)
    nodes = _temperature_nodes(temperature, check_count("num_nodes", num_nodes))
    with x64():
        low_high = (math.log(nodes.min()), math.log(nodes.max())) if len(nodes) == 1 else _log_ends(temperature)
        runs = [
            anneal(
                jax.random.fold_in(key, number), wells, beta, float(node), _finite(bounds), num_islands=num_islands,
                num_particles=num_particles, num_steps=num_steps, num_sweeps=num_sweeps,
            ).log_ratio
            for number, node in enumerate(nodes)
        ]  # fmt: skip
        estimates = np.asarray(runs)
    scatter = estimates.std(axis=1, ddof=1)
    if not scatter.max() <= _MAX_SCATTER:
        message = f"log Z scatters by {scatter.max():.2g} between populations: raise num_steps or num_particles."
        warnings.warn(message, stacklevel=2)
    relative = np.exp(estimates - estimates.max(axis=1, keepdims=True))
    value = np.log(relative.mean(axis=1)) + estimates.max(axis=1)
    error = relative.std(axis=1, ddof=1) / relative.mean(axis=1) / math.sqrt(num_islands)
    count = len(nodes)
    angles = np.pi * (2 * np.arange(count) + 1) / (2 * count)
    order = np.arange(count)[:, None]
    coefficients = (np.cos(order * angles) @ value) * np.where(order[:, 0] == 0, 1, 2) / count
    return PartitionFunction(np.asarray(low_high), coefficients, error, nodes)


class CoulombGas(Distribution):
    r"""N levels that repel each other, each in its own potential.

    .. math:: P(x_1,\dots,x_N) = \frac1{Z(T)}\prod_{i<j}|x_i-x_j|^\beta\,\exp\left(-\sum_i V_i(x_i)/T\right)

    x_i is the level in potential i, so events (N,) carry labels; with one potential for all, ``ordered=True`` gives the
    law of the ascending levels (N! times the density). log Z is computed at any (traced) temperature by quadrature for
    N ≤ 3, and for one potential and β = 1, 2 or 4 exactly, as a Pfaffian or determinant, for N ≤ 60; it is
    differentiable in T and in what the potential depends on. Otherwise it comes from :func:`partition_function`;
    outside its range of temperatures ``log_prob`` is −inf. A tie is read as the smallest resolved spacing.

    Args:
        potentials: V_i, functions of one number in JAX, one for each level, or one for all.
        temperature: T > 0, in units of V; α/B for V_i = Ṽ_i/g̃_i².
        bounds: (low, high), finite; beyond them the law is zero or negligible.
        beta: Dyson index β > 0, a plain number.
        num_levels: N, if one potential is given.
        partition: the normalisation, needed for N > 3 with different potentials or another β.
        ordered: levels in ascending order (one potential only).
        validate_args: check the parameters and samples, as in every NumPyro distribution.

    Raises:
        InputError: if the arguments do not match, or ``partition`` is missing for N > 3 levels that have no exact
            normalisation.
        ValueError: with ``validate_args=True``, for a temperature that is not positive and finite.

    ALP24 (arXiv:2407.16427), (12)-(16), (65)-(67).
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"temperature": finite_positive}
    pytree_data_fields = ("temperature", "partition")
    pytree_aux_fields = ("potentials", "beta", "bounds", "ordered")

    def __init__(
        self,
        potentials: Potential | Sequence[Potential],
        temperature: Any,
        *,
        bounds: Sequence[float],
        beta: float = 1.0,
        num_levels: int | None = None,
        partition: PartitionFunction | None = None,
        ordered: bool = False,
        validate_args: bool | None = None,
    ) -> None:
        self.potentials, self.beta = _wells(potentials, num_levels), check_positive("beta", beta)
        self.bounds, self.partition, self.ordered = _finite(bounds), partition, ordered
        if ordered and len(set(self.potentials)) > 1:
            fail("ordered", "must be False when the levels have different potentials", ordered)
        if partition is None and len(self.potentials) > _MAX_QUADRATURE and not self._is_exact():
            raise InputError(
                f"`partition` must come from partition_function() for more than {_MAX_QUADRATURE} levels, unless "
                f"they share one potential with β = 1, 2 or 4 and are at most {MAX_LEVELS}."
            )
        (self.temperature,), batch_shape = parameters(temperature)
        size = len(self.potentials)
        super().__init__(batch_shape=batch_shape, event_shape=(size,), validate_args=validate_args)

    @property
    def support(self) -> Any:
        """All real vectors, or the ascending ones."""
        return ascending if self.ordered else constraints.real_vector

    @property
    @compiled
    def log_z(self) -> Any:
        """log Z(T)."""
        (temperature,) = as_floats(self.temperature)
        flat = jax.vmap(self._log_z)(temperature.reshape(-1))
        return flat.reshape(jnp.shape(temperature))

    @validate_sample
    @compiled
    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        """log P(x₁, …, x_N)."""
        value, temperature = as_floats(value, self.temperature)
        first, second = np.triu_indices(len(self.potentials), 1)
        span = self.bounds[1] - self.bounds[0]
        gaps = jnp.maximum(jnp.abs(value[..., first] - value[..., second]), resolution(value.dtype) * span)
        within = jnp.all((value >= self.bounds[0]) & (value <= self.bounds[1]), axis=-1)
        energy = self.energy(jnp.clip(value, *self.bounds))
        log_density = self.beta * jnp.log(gaps).sum(-1) - energy / temperature - self.log_z
        if self.ordered:
            within = within & jnp.all(value[..., 1:] >= value[..., :-1], axis=-1)
            log_density = log_density + math.lgamma(len(self.potentials) + 1)
        return inside(within, log_density)

    def energy(self, value: Any) -> Any:
        """Σ V_i(x_i)."""
        columns = [_elementwise(well)(value[..., i]) for i, well in enumerate(self.potentials)]
        return sum(columns[1:], start=columns[0])

    def sample(self, key: jax.Array | None, sample_shape: tuple[int, ...] = ()) -> Any:
        """Draws from an annealed population, moved for ten more sweeps after the last resampling.

        They follow the law up to the Monte Carlo error of the population and are nearly independent of each other.
        """
        assert key is not None, "a PRNG key is needed"
        (temperature,) = as_floats(self.temperature)
        count = max(math.prod(sample_shape), 1)
        keys = jax.random.split(key, max(temperature.size, 1))

        def draw(key: Any, temperature: Any) -> Any:
            population = anneal(
                key, self.potentials, self.beta, temperature, self.bounds,
                num_islands=1, num_particles=max(2 * count, 512), num_steps=24, num_sweeps=10,
            )  # fmt: skip
            key_pick = jax.random.fold_in(key, 1)
            return jax.random.permutation(key_pick, population.levels[0])[:count]

        levels = jax.vmap(draw)(keys, temperature.reshape(-1))
        levels = jnp.moveaxis(levels, 0, 1).reshape(*sample_shape, *self.batch_shape, -1)
        return jnp.sort(levels, axis=-1) if self.ordered else levels

    def _is_exact(self) -> bool:
        return len(set(self.potentials)) == 1 and self.beta in BETAS and len(self.potentials) <= MAX_LEVELS

    def _log_z(self, temperature: Any) -> Any:
        if self.partition is None and len(self.potentials) > _MAX_QUADRATURE:
            return exact_log_z(self.potentials[0], self.beta, temperature, self.bounds, len(self.potentials))
        if self.partition is None:
            return quadrature_log_z(self.potentials, self.beta, temperature, self.bounds)
        singles = {id(well): log_weight_integral(well, temperature, self.bounds) for well in self.potentials}
        return sum(singles[id(well)] for well in self.potentials) + self.partition.correction(temperature)


def _wells(potentials: Any, num_levels: int | None) -> tuple[Potential, ...]:
    """One potential for each level, from a function and a number or from a sequence."""
    if callable(potentials):
        if num_levels is None:
            fail("num_levels", "must be given with a single potential", num_levels)
        return (potentials,) * check_count("num_levels", num_levels)
    wells = tuple(potentials)
    if not wells or not all(callable(well) for well in wells):
        fail("potentials", "must be a function or a sequence of functions", wells)
    if num_levels is not None and num_levels != len(wells):
        fail("num_levels", f"must be {len(wells)}, the number of potentials, or left out", num_levels)
    return wells


def _finite(bounds: Sequence[float]) -> tuple[float, float]:
    low, high = (float(bound) for bound in bounds)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        fail("bounds", "must be two finite numbers, the lower one first", bounds)
    return low, high


def _log_ends(temperature: Any) -> tuple[float, float]:
    low, high = (math.log(check_positive("temperature", value)) for value in as_tuple(temperature))
    return low, high


def _temperature_nodes(temperature: Any, count: int) -> np.ndarray:
    ends = as_tuple(temperature)
    if len(ends) == 1:
        return np.array([check_positive("temperature", ends[0])])
    if len(ends) != 2 or not 0 < ends[0] < ends[1]:
        fail("temperature", "must be a number, or the lowest and the highest temperature", temperature)
    low, high = _log_ends(temperature)
    angles = np.pi * (2 * np.arange(count) + 1) / (2 * count)
    return np.exp((low + high) / 2 + (high - low) / 2 * np.cos(angles))


def _elementwise(potential: Potential) -> Potential:
    return lambda x: jax.vmap(potential)(x.reshape(-1)).reshape(x.shape)
