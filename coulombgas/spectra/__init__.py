"""Spectra of weight matrices: the format they travel in, readers, level groups, statistics."""

from ._levels import LevelGroup as LevelGroup
from ._levels import group_levels as group_levels
from ._levels import level_groups as level_groups
from ._levels import level_spacings as level_spacings
from ._levels import weights_to_levels as weights_to_levels
from ._read import read_spectra as read_spectra
from ._schema import healthy as healthy
from ._schema import make_spectra as make_spectra
from ._schema import model_config as model_config
from ._schema import validate_spectra as validate_spectra

__all__ = [
    "LevelGroup",
    "group_levels",
    "healthy",
    "level_groups",
    "level_spacings",
    "make_spectra",
    "model_config",
    "read_spectra",
    "validate_spectra",
    "weights_to_levels",
]
