r"""Noise of a stochastic gradient, measured at one record from K independent gradients of few samples each.

Each draw :math:`G_k` is the mean gradient of b samples, drawn independently, at the recorded weights
:math:`W = \sum_i \sqrt{x_i}\, u_i v_i^\top`. With :math:`\bar G` the mean of the draws, a gradient of B samples has

.. math:: \operatorname{Var}(u_i^\top G v_i) = \frac{b}{B}\,\frac{1}{K-1}\sum_k \big(u_i^\top (G_k - \bar G) v_i\big)^2

and one of a single sample :math:`\operatorname{tr}\Sigma = \frac{b}{K-1}\sum_k |G_k - \bar G|^2`, all parameters
together; :math:`|G|^2 = |\bar G|^2 - \operatorname{tr}\Sigma/(bK)`. All three are unbiased.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from coulombgas._checks import InputError

from ._parameters import clean_names, matrices_of, named_arrays, to_numpy
from ._recording import GradientNoise


class GradientDraws:
    """The gradients of one record: all of them for the selected matrices, mean and scatter for all parameters."""

    def __init__(self, params: Any, selected: Sequence[str], micro_batch_size: int):
        self._names = [name for name, _ in named_arrays(params)]
        self._module = hasattr(params, "named_parameters")
        self._selected, self.samples = set(selected), micro_batch_size
        self.draws: dict[str, list[np.ndarray]] = {name: [] for name in selected}
        self._mean: dict[str, np.ndarray] = {}
        self.count, self._scatter = 0, 0.0

    def take(self, gradients: Any) -> "GradientDraws":
        """Take all gradients of an iterator, or of one tree whose leaves have a leading axis of draws.

        Raises:
            InputError: when there are fewer than two, or their names are not those of the parameters.
        """
        for one in gradients if isinstance(gradients, Iterator) else self._unstacked(gradients):
            self.count += 1
            for name, value in self._named(one):
                self._add(name, value)
        if self.count < 2:
            raise InputError(f"`gradient` gave {self.count} gradient{'s' * (self.count != 1)}: at least 2 are needed.")
        for name, draws in self.draws.items():
            if len(draws) != self.count:
                raise InputError(
                    f"`gradient` has no entry for {name} in {self.count - len(draws)} of its {self.count} gradients: "
                    "name them as the parameters are."
                )
        return self

    def noise(self, weights: Mapping[str, np.ndarray], batch_size: float, *, replica_axis: bool) -> GradientNoise:
        """The noise at the selected weights: of one gradient at ``batch_size``, and of one sample."""
        modes: dict[str, list[np.ndarray]] = {}
        for name, value in weights.items():
            draws = self.draws[name]
            if draws[0].shape != value.shape:
                raise InputError(f"`gradient` has shape {draws[0].shape} for {name}, whose shape is {value.shape}.")
            for replica in range(len(value)) if replica_axis else [...]:
                parts = [[part.read() for part in matrices_of(name, draw[replica])] for draw in draws]
                for index, matrix in enumerate(matrices_of(name, value[replica])):
                    variance = level_variance(matrix.read(), [part[index] for part in parts])
                    modes.setdefault(matrix.name, []).append(self.samples / batch_size * variance)
        replicas = max(len(rows) for rows in modes.values())
        rows_of = {name: finite_or_unknown(np.stack(rows)) for name, rows in modes.items()}
        trace = self.samples * self._scatter / (self.count - 1) / replicas
        square = sum(float(np.vdot(mean, mean)) for mean in self._mean.values()) / replicas
        norm2 = square - trace / (self.samples * self.count)
        return GradientNoise(rows_of, float(finite_or_unknown(trace)), float(finite_or_unknown(norm2)))

    def _add(self, name: str, value: np.ndarray) -> None:
        """Welford's update of mean and scatter, in float64."""
        if name in self._selected:
            self.draws[name].append(value.copy())
        exact = value.astype(np.float64)
        mean = self._mean.setdefault(name, np.zeros(value.shape))
        with np.errstate(invalid="ignore", over="ignore"):
            before = exact - mean
            mean += before / self.count
            self._scatter += float(np.vdot(before, exact - mean))

    def _named(self, gradient: Any) -> Iterator[tuple[str, np.ndarray]]:
        """Names and arrays of a gradient, in the forms that frameworks return."""
        if self._module and isinstance(gradient, list | tuple):  # the form returned by torch.autograd.grad
            if len(gradient) != len(self._names):
                gave = f"{len(gradient)} array{'s' * (len(gradient) != 1)}"
                raise InputError(
                    f"`gradient` gave {gave} for {len(self._names)} parameters: give one for each, None where there is "
                    "none, or a dictionary by name."
                )
            found = list(zip(self._names, gradient, strict=True))
        else:
            found = list(named_arrays(gradient))
            names = [name for name, _ in found]
            found = list(zip(clean_names(names) if self._module else names, (one for _, one in found), strict=True))
        for name, value in found:
            if value is not None:
                yield name, to_numpy(value)

    def _unstacked(self, gradients: Any) -> Iterator[dict[str, np.ndarray]]:
        leaves = dict(self._named(gradients))
        counts = {len(value) if value.ndim else 0 for value in leaves.values()}
        if len(counts) != 1:
            raise InputError(
                f"`gradient` must return an iterator of gradients, or one tree whose leaves share a leading axis of "
                f"draws; the leaves have {sorted(counts)}."
            )
        for index in range(counts.pop()):
            yield {name: value[index] for name, value in leaves.items()}


def level_variance(weights: np.ndarray, draws: Sequence[np.ndarray]) -> np.ndarray:
    """Unbiased variance over draws of u_iᵀ G v_i, levels ascending.

    Args:
        weights: W, shape (M, N).
        draws: G_k, each of shape (M, N).

    Returns:
        Shape (min(M, N),).
    """
    left, _, right = np.linalg.svd(weights.astype(np.float64), full_matrices=False)
    with np.errstate(invalid="ignore", over="ignore"):
        moved = np.stack([np.einsum("mi,mi->i", left, draw.astype(np.float64) @ right.T) for draw in draws])
        return moved.var(axis=0, ddof=1)[::-1].copy()


def finite_or_unknown(value: np.ndarray | float) -> np.ndarray:
    """NaN (unknown) where a gradient has overflowed."""
    return np.where(np.isfinite(value), value, np.nan)
