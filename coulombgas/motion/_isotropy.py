r"""Whether all levels of a matrix have the same noise: refused, established to within a factor two, or neither.

Levels fall into classes by rank. Welch's analysis of variance of their log noise, and of that of single levels, refuses
isotropy at 1%. Failure to refuse establishes nothing. What does is the largest factor that the records do not exclude,
the larger of two upper ends of 95%:

- of classes a and b, :math:`|\log s_a^2/s_b^2| + t_{0.95}\,(e_a^2 + e_b^2)^{1/2}`, maximal over pairs. A factor is
  excluded if it is for every pair, each at 5%, so that the maximum needs no correction for their number (Berger,
  Technometrics 24 (1982) 295);
- of single levels, 2τ, the factor between two halves of the levels that scatter by τ. Their logs vary by
  :math:`S^2 = \tau^2 + e^2`, with (n − 1)S²/(τ² + e²) as χ² of n − 1 degrees of freedom; e² is taken to be the least
  that Gaussian moves allow. What levels forget between records may differ from one to the next by as much as was put
  back on average, which is added to τ.

Below two, isotropy is established: classes or halves whose noise differs by a factor two or more pass at most once in
20; a few odd levels of a class may be missed. Singular values move by u_iᵀEv_i alone: a noise that differs between
entries but not between these is isotropic here, and what is said of an entry is the mean over all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from coulombgas._interval import PROBABILITY
from coulombgas._tails import chi2_isf, f_sf, t_ppf

from ._groups import FALSE_ALARM, Group, GroupNoise, group_noise, num_blocks
from ._moves_of_levels import MatrixMoves

SAME_WITHIN = 2.0
_CLASSES, _LEVELS_A_CLASS = 4, 3
_ALLOWED = 0.1  # relative error of a class that neighbours and relaxation may leave


@dataclass(frozen=True, kw_only=True)
class Isotropy:
    """Whether all levels have the same noise.

    Attributes:
        p_value: probability of classes of levels as different as these when all have the same noise.
        ratio: noise of the noisiest class over that of the quietest.
        below: factor beyond which a difference is excluded: upper end of 95%, of classes and of two halves of the
            levels.
        classes: noise of each class of levels, from the lowest levels up.
    """

    p_value: float
    ratio: float
    below: float
    classes: tuple[GroupNoise, ...] = field(repr=False)

    @property
    def verdict(self) -> Literal["isotropic", "anisotropic", "unknown"]:
        """Anisotropic where equal noise is refused at 1%; isotropic where a difference by a factor two is excluded."""
        if self.p_value <= FALSE_ALARM:
            return "anisotropic"
        return "isotropic" if self.below < SAME_WITHIN else "unknown"

    @property
    def accepted(self) -> bool:
        """Whether isotropy is established."""
        return self.verdict == "isotropic"


def isotropy(moves: MatrixMoves, leading: Group, bulk: Group) -> Isotropy | None:
    """Compare classes of levels, and single levels.

    Classes are the leading levels and parts of the bulk by rank; the p-value is twice the smaller of both. What one
    level forgets is too noisy to be seen: it is taken to be that of its group, with as much for its error.
    What neighbours and relaxation leave uncorrected counts as 10% more error of each class, so that the false-alarm
    rate stays below 1% for long recordings.
    """
    classes = bulk.parts(min(_CLASSES, max(1, bulk.modes.size // _LEVELS_A_CLASS)))
    many = not classes and leading.modes.size >= 2 * _LEVELS_A_CLASS
    classes += leading.parts(2 if many else 1)
    known = [(part, group_noise(moves, part)) for part in classes]
    found = tuple(noise for _, noise in known if noise is not None)
    if len(found) < 2:
        return None
    single = [one._replace(longer=None) for part, noise in known if noise for one in part.parts(part.modes.size)]
    levels = [noise for noise in (group_noise(moves, one) for one in single) if noise is not None]
    shifts = np.array([one.forgotten for one in single])
    p_value = min(1.0, 2 * min(_equal(moves, found, np.zeros(len(found))), _equal(moves, levels, shifts)))
    logs = np.log([each.noise.mean for each in levels]) + shifts
    below = max(_between_classes(moves, found), _between_halves(moves, logs, shifts))
    ratio = float(np.exp(np.ptp(np.log([each.noise.mean for each in found]))))
    return Isotropy(p_value=p_value, ratio=ratio, below=float(np.exp(below)), classes=found)


def _between_classes(moves: MatrixMoves, parts: Sequence[GroupNoise]) -> float:
    """Upper end of the largest difference of log noise between two classes."""
    logs = np.log([each.noise.mean for each in parts])
    own = np.array([each.log_error for each in parts]) ** 2
    first, second = np.triu_indices(len(logs), 1)
    variance = own[first] + own[second] + 2 * _ALLOWED**2
    # Welch and Satterthwaite: what is allowed for is no estimate
    freedom = variance**2 * (num_blocks(moves) - 1) / (own[first] ** 2 + own[second] ** 2)
    reach = t_ppf(PROBABILITY, freedom) * np.sqrt(variance)
    return float((np.abs(logs[first] - logs[second]) + reach).max())


def _between_halves(moves: MatrixMoves, logs: np.ndarray, shifts: np.ndarray) -> float:
    """Upper end of twice the scatter of log noise from level to level."""
    if len(logs) < 2:
        return float("inf")
    least = 3 / max(moves.num, 1)  # variance of the log of ⟨Δ²⟩ − ⟨ΔΔ'⟩ of that many Gaussian moves
    share = float(chi2_isf(PROBABILITY, len(logs) - 1)) / (len(logs) - 1)
    scatter = max(float(logs.var(ddof=1)) / share - least, 0.0) ** 0.5
    return 2 * (scatter + float(np.abs(shifts).max()))


def _equal(moves: MatrixMoves, parts: Sequence[GroupNoise], forgotten: np.ndarray) -> float:
    """p-value of equal noise, where the relaxation of each part is known up to a factor."""
    logs = np.log([each.noise.mean for each in parts]) + forgotten
    errors = np.hypot(np.hypot([each.log_error for each in parts], _ALLOWED), forgotten)
    return _welch(logs, errors, num_blocks(moves) - 1)


def _welch(means: np.ndarray, errors: np.ndarray, freedom: int) -> float:
    """p-value of equal means (Welch, Biometrika 38 (1951) 330), the errors having so many degrees of freedom."""
    weight, num = errors**-2.0, len(means)
    total = weight.sum()
    between = float((weight * (means - weight @ means / total) ** 2).sum() / (num - 1))
    spread = float(((1 - weight / total) ** 2).sum() / freedom)
    statistic = between / (1 + 2 * (num - 2) / (num**2 - 1) * spread)
    return float(f_sf(statistic, num - 1, (num**2 - 1) / (3 * spread)))
