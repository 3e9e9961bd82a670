"""The operations on a system, and for each system the module that implements them.

Parameters import neither their solver nor their simulation; this module imports all three. A solver (and with it JAX)
is loaded when its system is solved, so that the command line checks parameters without waiting for JAX.
"""

from functools import singledispatch
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from coulombgas._checks import InputError, check_seed
from coulombgas._types import Progress

from ._deep_linear import DeepLinear
from ._diagonal_network import DiagonalNetwork
from ._goe import GOEDynamics
from ._linear_regression import LinearRegression
from ._one_pass import OnePassSGD
from ._random_features import RandomFeatures
from ._replicas import run_replicas
from ._result import make_result
from ._spiked_matrix_tensor import SpikedMatrixTensor
from ._system import System

if TYPE_CHECKING:
    import xarray as xr


def solve(system: System, *, progress: Progress | None = None) -> "xr.Dataset":
    """Two-time functions, losses and overlaps in the limit of infinite size.

    ``GOEDynamics``: `correlation`, `response` (per unit time), `norm`.
    ``LinearRegression``: `test_excess` (test loss minus σ²), `train_loss`, `overlap` of w with w*, `correlation`
    <h_n·h_k>/N, `residual` (covariance of the training residuals), `response` of h_n to a unit gradient
    field at step k.
    ``OnePassSGD``: `test_excess`, `train_loss` of the coming batch, `overlap`, `correlation`.
    ``RandomFeatures``: `test_excess`, `train_loss`, `overlap`, `correlation`; `hermitian`, the test loss of the
    Hermitian model of the same spectrum.
    ``SpikedMatrixTensor``: `overlap`, `energy`, `norm`, `multiplier`, `correlation`, `response`, `response_to_first`.
    ``DiagonalNetwork``: `test_excess`, `train_loss`, `overlap`, `norm1`, `correlation` C_w, `response` R_w of β to a
    field on θ (per unit time), each with the Monte Carlo standard error `NAME_error`.
    ``DeepLinear``: `test_excess`, `train_loss`, `overlap`, `readout` (|a|²/N), the two-time functions of a, g and h.

    Args:
        system: parameters, such as :class:`LinearRegression`.
        progress: called with (sweeps done, largest number of sweeps) if a fixed point is iterated.

    Returns:
        Dataset over ``step`` and ``step_prime`` with ``time``; a fixed point leaves ``residual`` and ``sweeps`` in the
        attributes.

    Raises:
        NotConvergedError: with the residual, when the sweeps run out.
        InputError: if the iterates diverge, or ``system`` is not a system.
    """
    return _solution(system, progress)


def simulate(
    system: System,
    *,
    dimension: int,
    replicas: int,
    seed: int = 0,
    chunk: int | None = None,
    progress: Progress | None = None,
) -> "xr.Dataset":
    """Draw and run finite copies of a system.

    Args:
        system: parameters, such as :class:`LinearRegression`.
        dimension: size of the copies (N, D, d or M of the equations).
        replicas: number of copies, each with its own disorder.
        seed: replica i depends only on (seed, i), not on the number of replicas or the chunks.
        chunk: replicas computed at once (memory), 8 by default.
        progress: called with (replicas done, ``replicas``).

    Returns:
        Dataset with the theory's variables and a leading ``replica`` dimension.

    Raises:
        InputError: for counts below 1, a replica that is not finite, or if ``system`` is not a system.
    """
    seed = check_seed(seed)
    if _replica.dispatch(type(system)) is _replica.dispatch(object):
        _refuse("simulate", _replica, system)
    return run_replicas(
        _replica, system, dimension=dimension, replicas=replicas, seed=seed, chunk=chunk, progress=progress
    )


def decompose(system: System) -> "xr.Dataset":
    """Test excess as bias² and variances, one for each source of randomness; they add up to it.

    ``LinearRegression``: `variance_data`, `variance_noise` (labels), `variance_batch`. ``RandomFeatures``:
    `variance_data`, `variance_features`, `variance_interaction`, `variance_noise`. Two learners that share one source
    and draw the others independently are correlated only through that source, and an ensemble of K learners divides the
    variance of an independent source by K.

    Raises:
        InputError: for a system whose variances are not separated here.
    """
    return _parts(system)


def outliers(system: System, theory: "xr.Dataset", step: int) -> np.ndarray:
    """Singular values of W/√N that have left the bulk at a step, descending (empty if none).

    Args:
        system: a :class:`DeepLinear`.
        theory: ``solve(system)``.
        step: number of updates, at most ``system.steps``.

    Raises:
        InputError: for a step out of range, or another system.
    """
    return _outliers(system, theory, step)


def quadrature(system: System) -> "xr.Dataset":
    """Test excess and training loss by quadrature over the Marchenko-Pastur law: an independent check.

    Args:
        system: a :class:`LinearRegression`; exact in time for the flow.

    Raises:
        InputError: for another system.
    """
    return _quadrature(system)


def _refuse(verb: str, registry: Any, system: Any) -> NoReturn:
    known = sorted(kind.__name__ for kind in registry.registry if kind is not object)
    words = f"one of {', '.join(known)}" if len(known) > 1 else f"a {known[0]}"
    raise InputError(f"`system` must be {words} for `{verb}`, got {type(system).__name__}.")


@singledispatch
def _solution(system: Any, progress: Progress | None) -> "xr.Dataset":
    _refuse("solve", _solution, system)


@_solution.register(GOEDynamics)
def _(system: GOEDynamics, progress: Progress | None) -> "xr.Dataset":
    from ._goe_solution import solve_goe

    return make_result(system, solve_goe(system))


@_solution.register(LinearRegression)
def _(system: LinearRegression, progress: Progress | None) -> "xr.Dataset":
    from ._linear_regression_solution import solve_linear_regression

    return make_result(system, solve_linear_regression(system))


@_solution.register(OnePassSGD)
def _(system: OnePassSGD, progress: Progress | None) -> "xr.Dataset":
    from ._one_pass_solution import solve_one_pass

    return make_result(system, solve_one_pass(system))


@_solution.register(RandomFeatures)
def _(system: RandomFeatures, progress: Progress | None) -> "xr.Dataset":
    from ._random_features_solution import solve_random_features

    return make_result(system, solve_random_features(system))


@_solution.register(SpikedMatrixTensor)
def _(system: SpikedMatrixTensor, progress: Progress | None) -> "xr.Dataset":
    from ._spiked_solution import solve_spiked

    return make_result(system, solve_spiked(system))


@_solution.register(DiagonalNetwork)
def _(system: DiagonalNetwork, progress: Progress | None) -> "xr.Dataset":
    from ._diagonal_network_solution import solve_diagonal

    arrays, convergence = solve_diagonal(system, progress)
    return make_result(system, arrays, convergence=convergence)


@_solution.register(DeepLinear)
def _(system: DeepLinear, progress: Progress | None) -> "xr.Dataset":
    from ._deep_linear_solution import solve_deep_linear

    arrays, convergence = solve_deep_linear(system, progress)
    return make_result(system, arrays, convergence=convergence)


@singledispatch
def _replica(system: Any, *, key: Any, dimension: int) -> dict[str, Any]:
    _refuse("simulate", _replica, system)


@_replica.register(GOEDynamics)
def _(system: GOEDynamics, *, key: Any, dimension: int) -> dict[str, Any]:
    from ._goe_simulation import simulate_goe

    return simulate_goe(system, key=key, dimension=dimension)


@_replica.register(LinearRegression)
def _(system: LinearRegression, *, key: Any, dimension: int) -> dict[str, Any]:
    from ._linear_regression_simulation import simulate_linear_regression

    return simulate_linear_regression(system, key=key, dimension=dimension)


@_replica.register(OnePassSGD)
def _(system: OnePassSGD, *, key: Any, dimension: int) -> dict[str, Any]:
    from ._one_pass_simulation import simulate_one_pass

    return simulate_one_pass(system, key=key, dimension=dimension)


@_replica.register(RandomFeatures)
def _(system: RandomFeatures, *, key: Any, dimension: int) -> dict[str, Any]:
    from ._random_features_simulation import simulate_random_features

    return simulate_random_features(system, key=key, dimension=dimension)


@_replica.register(SpikedMatrixTensor)
def _(system: SpikedMatrixTensor, *, key: Any, dimension: int) -> dict[str, Any]:
    from ._spiked_simulation import simulate_spiked

    return simulate_spiked(system, key=key, dimension=dimension)


@_replica.register(DiagonalNetwork)
def _(system: DiagonalNetwork, *, key: Any, dimension: int) -> dict[str, Any]:
    from ._diagonal_network_simulation import simulate_diagonal

    return simulate_diagonal(system, key=key, dimension=dimension)


@_replica.register(DeepLinear)
def _(system: DeepLinear, *, key: Any, dimension: int) -> dict[str, Any]:
    from ._deep_linear_simulation import simulate_deep_linear

    return simulate_deep_linear(system, key=key, dimension=dimension)


@singledispatch
def _parts(system: Any) -> "xr.Dataset":
    _refuse("decompose", _parts, system)


@_parts.register(LinearRegression)
def _(system: LinearRegression) -> "xr.Dataset":
    from ._linear_regression_solution import decompose_linear_regression

    return make_result(system, decompose_linear_regression(system))


@_parts.register(RandomFeatures)
def _(system: RandomFeatures) -> "xr.Dataset":
    from ._random_features_solution import decompose_random_features

    return make_result(system, decompose_random_features(system))


@singledispatch
def _outliers(system: Any, theory: Any, step: int) -> np.ndarray:
    _refuse("outliers", _outliers, system)


@_outliers.register(DeepLinear)
def _(system: DeepLinear, theory: Any, step: int) -> np.ndarray:
    from ._deep_linear_outlier import find_outliers

    return find_outliers(system, theory, step)


@singledispatch
def _quadrature(system: Any) -> "xr.Dataset":
    _refuse("quadrature", _quadrature, system)


@_quadrature.register(LinearRegression)
def _(system: LinearRegression) -> "xr.Dataset":
    from ._linear_regression_quadrature import marchenko_pastur_quadrature

    return make_result(system, marchenko_pastur_quadrature(system))
