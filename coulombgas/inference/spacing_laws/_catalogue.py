"""The models by name: the data each takes, and the start of its chains."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from coulombgas._checks import InputError, check_choice
from coulombgas.inference._level_groups import GroupData
from coulombgas.inference._sampler import padded_size

from . import _programs as models
from ._programs import Observations


@dataclass(frozen=True)
class PaperModel:
    """A model of the catalogue.

    Attributes:
        name: name on the command line.
        program: the NumPyro program, ``program(data, prior)``.
        observable: "spacing", "level" or "levels", taken from a level group.
        start: function of the standardised values to starting parameters.
        scales: parameters in units of the eigenvalue.
        title: one line.
        even: parameters sampled with either sign, of which only the absolute value has a meaning.
    """

    name: str
    program: Callable[[Observations, Mapping[str, Any]], None]
    observable: str
    start: Callable[[np.ndarray, float], dict[str, float]]
    scales: tuple[str, ...]
    title: str
    even: tuple[str, ...] = ()

    @property
    def observed(self) -> str:
        """Name of the observed site."""
        return self.observable


def _width_of_spacings(values: np.ndarray, gap: float) -> float:
    return float(np.sqrt(max(np.mean(values**2) - gap**2, 0.05 * np.mean(values**2)) / 4))


def _level_start(values: np.ndarray, gap: float) -> dict[str, float]:
    del gap
    return {"center": float(np.mean(values)), "width": float(np.std(values))}


def _pair_start(values: np.ndarray, gap: float) -> dict[str, float]:
    return {"width": _width_of_spacings(values, gap)}


def _rice_start(values: np.ndarray, gap: float) -> dict[str, float]:
    del gap
    # E S² = 4s² + Δ², E S⁴ = 32 s⁴ + 16 s²Δ² + Δ⁴: both moments give both parameters
    second, fourth = np.mean(values**2), np.mean(values**4)
    gap2 = np.sqrt(max(2 * second**2 - fourth, 0.01 * second**2))
    return {"gap": float(np.sqrt(gap2)), "width": float(np.sqrt(max(second - gap2, 0.02 * second) / 4))}


def _mean_start(values: np.ndarray, gap: float) -> dict[str, float]:
    del gap
    return {"mean_spacing": float(np.mean(values))}


_PAPER_MODELS = (
    PaperModel("single", models.single_level, "level", _level_start, ("center", "width"), "one level, Gaussian"),
    PaperModel("pair", models.degenerate_pair, "spacing", _pair_start, ("width",), "degenerate pair, Wigner surmise"),
    PaperModel(
        "density", models.pair_density, "level", _level_start, ("center", "width"), "levels of a degenerate pair"
    ),
    PaperModel("group", models.degenerate_group, "levels", _level_start, ("center", "width"), "n degenerate levels"),
    PaperModel(
        "rice", models.near_degenerate_pair, "spacing", _rice_start, ("gap", "width"), "pair, unknown gap", ("gap",)
    ),
    PaperModel("known-gap", models.known_gap_pair, "spacing", _pair_start, ("width",), "pair, gap of its targets"),
    PaperModel("product", models.product_pair, "spacing", _pair_start, ("width",), "pair, eigenvalue equation"),
    PaperModel("gaussian", models.gaussian_spacing, "spacing", _pair_start, ("width",), "pair without repulsion"),
    PaperModel("poisson", models.poisson_spacing, "spacing", _mean_start, ("mean_spacing",), "Poisson spacings"),
    PaperModel(
        "brody", models.brody_spacing, "spacing", lambda v, g: {"repulsion": 0.8, **_mean_start(v, g)},
        ("mean_spacing",), "Brody: strength of repulsion",
    ),
    PaperModel(
        "mixture", models.poisson_to_wigner, "spacing", lambda v, g: {"wigner_fraction": 0.8, **_mean_start(v, g)},
        ("mean_spacing",), "Poisson to Wigner",
    ),
)  # fmt: skip
CATALOGUE: dict[str, PaperModel] = {model.name: model for model in _PAPER_MODELS}


def find_model(name: str) -> PaperModel:
    """The model called ``name``.

    Raises:
        InputError: for an unknown model; the message names the known ones.
    """
    return CATALOGUE[check_choice("model", name, CATALOGUE)]


@lru_cache(maxsize=64)
def bound(model: PaperModel) -> Callable[[Observations], None]:
    """The program with the weak priors of :func:`scale_prior`; one object per model, so that it compiles once."""

    def program(data: Observations) -> None:
        model.program(data, models.scale_prior())

    return program


def observable_of(group: GroupData, observable: str) -> np.ndarray:
    """The data a model takes from a level group, observations first.

    Raises:
        InputError: when the group is too small for the model.
    """
    if observable == "level":
        return group.levels.ravel()
    if group.size < 2:
        raise InputError("spacings need two levels: choose a model of single levels, or a larger tolerance.")
    return np.diff(group.levels, axis=1).ravel() if observable == "spacing" else group.levels


@dataclass(frozen=True)
class Standardised:
    """Values in units of their own root mean square (levels: around their mean)."""

    values: np.ndarray
    shift: float
    scale: float


def standardise(values: np.ndarray, observable: str) -> Standardised:
    """Shift and scale so that the weak priors fit any data.

    Raises:
        InputError: when all values are zero.
    """
    shift = float(values.mean()) if observable != "spacing" else 0.0
    scale = float(np.sqrt(np.mean((values - shift) ** 2)))
    if not scale > 0:
        raise InputError(f"all {observable}s are the same: nothing to fit.")
    return Standardised((values - shift) / scale, shift, scale)


def stack_observations(problems: list[np.ndarray], gaps: list[float]) -> Observations:
    """Problems of different lengths as one padded batch."""
    size = padded_size(max(len(values) for values in problems))
    used = np.stack([np.arange(size) < len(values) for values in problems])
    padded = [np.concatenate([v, np.repeat(v[-1:], size - len(v), axis=0)]) for v in problems]
    return Observations(np.stack(padded), used, np.array(gaps, dtype=np.float64))


def restore(model: PaperModel, name: str, draws: np.ndarray, data: Standardised) -> np.ndarray:
    """Draws of a parameter in the units of the eigenvalue."""
    draws = np.abs(draws) if name in model.even else draws
    if name not in model.scales:
        return draws
    return draws * data.scale + (data.shift if name == "center" else 0.0)
