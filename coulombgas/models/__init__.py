"""Models to train: parameters, a stochastic gradient, a spectrum; loops over replicas are elsewhere."""

from ._corpus import Corpus as Corpus
from ._corpus import read_corpus as read_corpus
from ._defaults import descend as descend
from ._defaults import identity as identity
from ._linalg import cholesky as cholesky
from ._linalg import materialise as materialise
from ._linalg import matmul as matmul
from ._matrix_dyson import MatrixDyson as MatrixDyson
from ._protocol import Model as Model
from ._protocol import abstract_start as abstract_start
from ._protocol import check_model as check_model
from ._random import fold as fold
from ._random import key_words as key_words
from ._random import normals as normals
from ._random import purpose as purpose
from ._random import uniforms as uniforms
from ._rbm import GaussianRBM as GaussianRBM
from ._rbm_cost import TRAILING_UP_TO as TRAILING_UP_TO
from ._registry import from_config as from_config
from ._registry import register as register
from ._registry import registered as registered
from ._rule import RuleModel as RuleModel
from ._setting import Setting as Setting
from ._setting import own_key as own_key
from ._targets import free_scalar_field as free_scalar_field
from ._teacher_student import TeacherStudent as TeacherStudent
from ._transformer import GPT as GPT
from ._transformer import SIZES as SIZES
from ._transformer import GPTSize as GPTSize
from ._transformer import generate as generate
from ._transformer import gpt_size as gpt_size
from ._transformer import init_gpt as init_gpt
from ._transformer import next_token_loss as next_token_loss
from ._two_layer import TwoLayerLinear as TwoLayerLinear

__all__ = [
    "GPT",
    "SIZES",
    "TRAILING_UP_TO",
    "Corpus",
    "GPTSize",
    "GaussianRBM",
    "MatrixDyson",
    "Model",
    "RuleModel",
    "Setting",
    "TeacherStudent",
    "TwoLayerLinear",
    "abstract_start",
    "check_model",
    "cholesky",
    "descend",
    "fold",
    "free_scalar_field",
    "from_config",
    "generate",
    "gpt_size",
    "identity",
    "init_gpt",
    "key_words",
    "materialise",
    "matmul",
    "next_token_loss",
    "normals",
    "own_key",
    "purpose",
    "read_corpus",
    "register",
    "registered",
    "uniforms",
]
