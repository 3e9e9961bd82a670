"""The scaling rule of a fit, in two stages or jointly with the temperatures."""

from collections.abc import Sequence
from typing import Any

from coulombgas.inference._parts import ScalingFit, SettingFit
from coulombgas.inference._settings import SettingData
from coulombgas.theory import ResponseCurve

from ._joint import fit_jointly
from ._rule import fit_scaling


def fit_rule(
    fits: Sequence[SettingFit],
    settings: Sequence[SettingData],
    curves: Sequence[ResponseCurve] | None,
    scaling: str,
    options: dict[str, Any],
) -> ScalingFit:
    """The rule by ``scaling`` "two-stage" or "joint"."""
    return fit_jointly(settings, curves, fits, options) if scaling == "joint" else fit_scaling(fits, **options)
