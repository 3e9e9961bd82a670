"""One statistical problem, or a batch of them: a fit draws from it, and calibration tests it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from coulombgas._checks import check_count, check_seed

from ._sampler import Draws, sample_batch

Program = Callable[[Any], None]
"""A NumPyro program of one problem; its single argument is a pytree of arrays."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A batch of problems of one kind, frozen.

    Attributes:
        program: the NumPyro program that states the posterior.
        data: its argument, with a leading axis of problems.
        start: for each latent site the values around which chains start, (problem, ...).
        sampler: options of the No-U-Turn sampler.
        exact: draws from the same posterior without a Markov chain, ``exact(data, seeds, num_chains, num_draws)`` of
            one problem by site name, or None where the method fails; None if there is no such method.
    """

    program: Program
    data: Any = field(repr=False)
    start: Mapping[str, np.ndarray] = field(repr=False)
    sampler: Mapping[str, Any] = field(default_factory=dict)
    exact: Callable[..., dict[str, np.ndarray] | None] | None = None

    @property
    def num(self) -> int:
        """Number of problems."""
        return len(next(iter(self.start.values())))

    def draw(self, *, seed: int = 0, num_chains: int = 4, num_warmup: int = 400, num_draws: int = 1000) -> Draws:
        """Draws of every problem: independent ones where its posterior can be drawn exactly, else by NUTS."""
        seed = check_seed(seed)
        check_count("num_chains", num_chains)
        check_count("num_warmup", num_warmup, 0)
        check_count("num_draws", num_draws, 20)
        drawn = [self._exactly(index, seed, num_chains, num_draws) for index in range(self.num)]
        missing = [index for index, sites in enumerate(drawn) if sites is None]
        shape = (self.num, num_chains, num_draws)
        diverging, num_steps = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=np.int32)
        if missing:
            rest = sample_batch(
                self.program, self._rows(self.data, missing), self._rows(self.start, missing), seed=seed,
                num_chains=num_chains, num_warmup=num_warmup, num_draws=num_draws, **self.sampler,
            )  # fmt: skip
            diverging[missing], num_steps[missing] = rest.diverging, rest.num_steps
            for row, index in enumerate(missing):
                drawn[index] = {name: value[row] for name, value in rest.sites.items()}
        rows = [sites for sites in drawn if sites is not None]
        return Draws({name: np.stack([row[name] for row in rows]) for name in rows[0]}, diverging, num_steps)

    def _exactly(self, index: int, seed: int, num_chains: int, num_draws: int) -> dict[str, np.ndarray] | None:
        """Exact draws of one problem; None if it has none."""
        return self.exact and self.exact(self._rows(self.data, index), (seed, index), num_chains, num_draws)

    @staticmethod
    def _rows(tree: Any, index: Any) -> Any:
        return jax.tree.map(lambda leaf: np.asarray(leaf)[index], tree)
