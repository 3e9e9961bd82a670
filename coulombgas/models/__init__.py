"""Models under training: parameters, a stochastic gradient, a spectrum; loops over replicas are elsewhere."""

from ._protocol import Model as Model
from ._protocol import Setting as Setting
from ._random import fold as fold
from ._random import normals as normals
from ._rbm import GaussianRBM as GaussianRBM
from ._registry import from_config as from_config
from ._targets import free_scalar_field as free_scalar_field
from ._teacher_student import TeacherStudent as TeacherStudent

__all__ = ["GaussianRBM", "Model", "Setting", "TeacherStudent", "fold", "free_scalar_field", "from_config", "normals"]
