"""The level groups of a setting with their data: energies and degrees of freedom.

The law of a group of n degenerate levels of width s is the joint law of the eigenvalues of a GOE matrix,
P ∝ Π|x_i − x_j| exp(−Σ(x_i − κ)²/(2s²)) (ALP24, arXiv:2407.16427, (14), (70)). Without each replica's centre of mass,
the energy

    Q = Σ_replicas Σ_i (x_i − x̄)²   follows   Q/s² ~ χ²(f),   f = replicas · (n(n+1)/2 − 1),

and is a sufficient statistic for s; for a pair Q = ΣS²/2, f = 2·replicas, which is the Wigner surmise. A single mode is
Gaussian with unknown centre: f = replicas − 1. The effect of quenched inputs on the centre of a setting drops out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from coulombgas.spectra import group_freedom
from coulombgas.theory import Theory

# With 50 replicas the ratio for independent levels scatters by 0.2 to 0.3, so that the larger of it and 1 is 8% to 10%
# too large on average (with 20 replicas 12%, with 200 4% to 6%).
_MANY_REPLICAS = 50


@dataclass(frozen=True, kw_only=True)
class GroupData:
    """One level group of one setting."""

    center: float
    modes: tuple[int, ...]
    levels: np.ndarray = field(repr=False)
    width2_per_temperature: float

    @property
    def size(self) -> int:
        return len(self.modes)

    @property
    def freedom_per_replica(self) -> int:
        """Degrees of freedom of the energy per replica."""
        return group_freedom(self.size)

    @property
    def freedom(self) -> int:
        """Degrees of freedom f of the energy."""
        return self.freedom_per_replica * len(self.levels) - (self.size == 1)

    @property
    def replica_energies(self) -> np.ndarray:
        """Σ_i (x_i − x̄)² of each replica; a single mode is centred across replicas."""
        axis = 0 if self.size == 1 else 1
        return ((self.levels - self.levels.mean(axis=axis, keepdims=True)) ** 2).sum(axis=1)

    @property
    def energy(self) -> float:
        """Q."""
        return float(self.replica_energies.sum())


def group_data(levels: np.ndarray, theory: Theory) -> tuple[GroupData, ...]:
    """The level groups of a theory with the levels (replica, mode) of a setting."""
    return tuple(
        GroupData(
            center=group.center,
            modes=group.modes,
            levels=levels[:, list(group.modes)],
            width2_per_temperature=float(width2),
        )
        for group, width2 in zip(theory.groups, theory.width2_per_temperature, strict=True)
    )


def inflation(groups: Sequence[GroupData], effective: float = 1.0) -> float:
    """Excess scatter of the energies of replicas over that of independent χ² groups; at least 1.

    The variance over replicas of Σ_g q_g/s_g² against its value 2Σ_g f_g for independent groups: interacting levels and
    heavy tails make it larger, and the degrees of freedom of the likelihood are divided by it (a Godambe correction).
    With fewer than 50 replicas it cannot be measured and is 1. It is divided by ``effective``, independent replicas
    over replicas: snapshots of one run count for less.
    """
    if len(groups[0].levels) < _MANY_REPLICAS:
        return 1.0 / effective
    scores = sum(group.freedom_per_replica * group.replica_energies / group.replica_energies.mean() for group in groups)
    expected = 2.0 * sum(group.freedom_per_replica for group in groups)
    return max(1.0, float(np.var(scores, ddof=1)) / expected) / effective
