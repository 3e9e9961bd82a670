"""The Gaussian restricted Boltzmann machine, ALP24 (arXiv:2407.16427), section III and appendix C."""

from collections.abc import Sequence
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from coulombgas._checks import check_choice, check_count, check_finite_array, check_positive, fail

from ._linalg import (
    cholesky,
    materialise,
    matmul,
    orthonormal_rows,
    pair_index,
    positive_definite,
    symmetric_eigenvalues,
    trailing_ones,
    transpose,
)
from ._protocol import Model
from ._random import fold, normals, purpose
from ._rbm_chains import collapsed_chain, gram_chain, naive_chain
from ._rbm_cost import Size, fastest_sampler
from ._setting import Key, Setting, Start
from ._targets import check_target


class GaussianRBM(Model):
    r"""Gaussian RBM trained by contrastive divergence on an exactly known target.

    .. math::
        S(\varphi, h) = \tfrac{\mu^2}{2}\varphi^T\varphi - b^T\varphi + \tfrac{1}{2\sigma_h^2} h^T h
        - \varphi^T W h, \qquad K = \mu^2 - \sigma_h^2 W W^T

    The weights W have shape (visible, hidden); the spectrum is that of :math:`\sigma_h^2 W^T W` without the zeros
    that the shape forces, so that :math:`x_i = \mu^2 - \lambda_i` for eigenvalues λ of K. The gradient of the loss is
    :math:`\sigma_h^2 (\langle\varphi\varphi^T\rangle_{model} - \langle\varphi\varphi^T\rangle_{target}) W`, and
    :math:`\langle\varphi\rangle_{model} - \langle\varphi\rangle_{target}` for the bias, with the model average over
    ``batch_size`` chains after ``gibbs_steps`` Gibbs steps.

    Args:
        num_visible: N_v.
        num_hidden: N_h, as many as visible units when not given.
        mu2: μ², mass of the visible units; the modes with κ ≥ μ² are not learnt.
        sigma_h2: σ_h², variance of the hidden units.
        target: κ, eigenvalues of the target's inverse covariance, shape (num_visible,); a free scalar field with
            m² = 4 when neither this nor ``target_covariance`` is given. The target is then taken to be diagonal,
            without loss of generality: start and dynamics are invariant under rotations of the visible units.
        target_covariance: the covariance itself, shape (num_visible, num_visible), instead of ``target``.
        target_mean: mean of the target, shape (num_visible,); giving it adds a trained visible bias, and the weights
            become the mapping ``{"matrix": W, "bias": b}``.
        gibbs_steps: k.
        chains: "persistent" (PCD-k) or "data" (CD-k: chains are restarted from the target at each update).
        sampler: "collapsed" draws the k Gibbs steps at once (same law, fewer random numbers), "naive" one by one;
            "gram" draws the Gram matrix of the collapsed batch, at a cost that does not grow with ``batch_size``
            (persistent chains without bias, batch_size > num_visible; otherwise the collapsed sampler is used). "auto"
            takes the fastest for the sizes of machine and batch; :meth:`sampler_for` tells which.
        init_std: standard deviation of W at a random start.

    Raises:
        InputError: when a value is out of range or a shape does not fit.

    Source: ALP24 (arXiv:2407.16427), (20)-(28), settings of the released code.
    """

    num_visible: int = eqx.field(static=True)
    num_hidden: int = eqx.field(static=True)
    mu2: float = eqx.field(static=True)
    sigma_h2: float = eqx.field(static=True)
    target: tuple[float, ...] = eqx.field(static=True)
    target_covariance: tuple[tuple[float, ...], ...] | None = eqx.field(static=True)
    target_mean: tuple[float, ...] | None = eqx.field(static=True)
    gibbs_steps: int = eqx.field(static=True)
    chains: str = eqx.field(static=True)
    sampler: str = eqx.field(static=True)
    init_std: float = eqx.field(static=True)

    name: ClassVar[str] = "rbm"
    trailing_replicas: ClassVar[bool] = True
    levels = "squared-singular-values"
    domain: ClassVar[str] = "x < mu2, or the model cannot be normalised"

    def __init__(
        self,
        *,
        num_visible: int | None = None,
        num_hidden: int | None = None,
        mu2: float = 9.0,
        sigma_h2: float = 1.0,
        target: Sequence[float] | np.ndarray | None = None,
        target_covariance: Sequence[Sequence[float]] | np.ndarray | None = None,
        target_mean: Sequence[float] | np.ndarray | None = None,
        gibbs_steps: int = 3,
        chains: str = "persistent",
        sampler: str = "auto",
        init_std: float = 0.1,
    ):
        if num_visible is not None:
            check_count("num_visible", num_visible)
        kappa, covariance = check_target(num_visible, target, target_covariance)
        self.num_visible = len(kappa)
        self.num_hidden = check_count("num_hidden", self.num_visible if num_hidden is None else num_hidden)
        self.mu2 = check_positive("mu2", mu2)
        self.sigma_h2 = check_positive("sigma_h2", sigma_h2)
        self.gibbs_steps = check_count("gibbs_steps", gibbs_steps)
        self.chains = check_choice("chains", chains, ("persistent", "data"))
        self.sampler = check_choice("sampler", sampler, ("auto", "collapsed", "naive", "gram"))
        self.init_std = check_positive("init_std", init_std)
        self.target = tuple(kappa.tolist())
        self.target_covariance = None if covariance is None else tuple(map(tuple, covariance.tolist()))
        mean = None if target_mean is None else check_finite_array("target_mean", target_mean, ndim=1)
        if mean is not None and mean.size != self.num_visible:
            fail("target_mean", f"must hold one value for each of the {self.num_visible} visible units", mean.size)
        self.target_mean = None if mean is None else tuple(mean.tolist())

    @property
    def num_modes(self) -> int:
        return min(self.num_visible, self.num_hidden)

    @property
    def target_modes(self) -> np.ndarray:
        # the hidden units learn the modes with the smallest κ; descending κ belongs to ascending x
        return np.array(self.target)[: self.num_modes][::-1].copy()

    @property
    def fixed_point(self) -> np.ndarray:
        return np.maximum(self.mu2 - self.target_modes, 0.0)

    def config(self) -> dict[str, Any]:
        names = ("num_visible", "num_hidden", "mu2", "sigma_h2", "gibbs_steps", "chains", "sampler", "init_std")
        config: dict[str, Any] = {"name": self.name, **{name: getattr(self, name) for name in names}}
        if self.target_covariance is None:
            config["target"] = list(self.target)
        else:
            config["target_covariance"] = [list(row) for row in self.target_covariance]
        return config if self.target_mean is None else {**config, "target_mean": list(self.target_mean)}

    def sampler_for(self, batch_size: int) -> str:
        """The sampler used at a batch size, with "auto" and the limits of "gram" resolved."""
        gram = self.chains == "persistent" and self.target_mean is None and batch_size > self.num_visible
        if self.sampler == "auto":
            return fastest_sampler(Size(self.num_visible, self.num_hidden, batch_size, self.gibbs_steps), gram=gram)
        return "collapsed" if self.sampler == "gram" and not gram else self.sampler

    def describe_update(self, batch_size: int) -> dict[str, str]:
        return {"sampler": self.sampler_for(batch_size)}

    def _covariance(self) -> np.ndarray:
        given = self.target_covariance
        return np.diag(1.0 / np.array(self.target)) if given is None else np.array(given)

    def _basis(self) -> np.ndarray:
        """Eigenvectors of the target in columns, κ ascending."""
        given = self.target_covariance
        return np.eye(self.num_visible) if given is None else np.linalg.eigh(np.array(given))[1][:, ::-1]

    def _fixed_precision(self) -> np.ndarray:
        """Eigenvalues of K at the fixed point, in the order of ``target``."""
        kappa = np.full(self.num_visible, self.mu2)
        kappa[: self.num_modes] = np.minimum(self.target[: self.num_modes], self.mu2)
        return kappa

    def start(self, *, key: Key, setting: Setting, init: Start, dtype: Any) -> tuple[PyTree, PyTree]:
        size, batch = self.num_visible, setting.batch_size
        matrix = self.init_std * normals(fold(key, purpose("weights")), (size, self.num_hidden), dtype)
        chain = normals(fold(key, purpose("chain")), (size, batch), dtype)
        bias = jnp.zeros_like(matrix[:, 0])
        if init == "random":
            spread = np.full(size, 1.0 / np.sqrt(self.mu2))
        else:
            kappa = self._fixed_precision()
            exact = np.zeros((size, self.num_hidden))
            np.fill_diagonal(exact, np.sqrt((self.mu2 - kappa[: self.num_modes]) / self.sigma_h2))
            matrix = jnp.broadcast_to(trailing_ones(self._basis() @ exact, matrix), matrix.shape)
            spread = 1.0 / np.sqrt(kappa)
        chain = matmul(trailing_ones(self._basis() * spread, chain), chain)
        if self.target_mean is not None:
            mean = np.array(self.target_mean)
            if init == "fixed-point":
                precision = (self._basis() * self._fixed_precision()) @ self._basis().T
                bias = jnp.broadcast_to(trailing_ones(precision @ mean, bias), bias.shape)
                chain = chain + trailing_ones(mean[:, None], chain)
            return {"matrix": matrix, "bias": bias}, chain if self.chains == "persistent" else None
        if self.sampler_for(batch) == "gram":
            return matrix, chain_factor_of(chain)
        return matrix, chain if self.chains == "persistent" else None

    def gradient(
        self, weights: PyTree, memory: PyTree, *, key: Key, setting: Setting, step: Array
    ) -> tuple[PyTree, PyTree]:
        del step
        matrix, bias = _parts(weights)
        batch = setting.batch_size
        chain = self._data(matrix, key, batch) if self.chains == "data" else memory
        sampler, own = self.sampler_for(batch), fold(key, purpose("chain"))
        if sampler == "gram":
            chain = gram_chain(self, matrix, chain, own, batch)
        else:
            draw = naive_chain if sampler == "naive" else collapsed_chain
            chain = draw(self, matrix, bias, chain, own)
        slope = self._slope(matrix, chain, batch)
        kept = chain if self.chains == "persistent" else None
        if bias is None:
            return slope, kept
        return {"matrix": slope, "bias": chain.mean(axis=1) - trailing_ones(np.array(self.target_mean), bias)}, kept

    def _slope(self, matrix: Array, chain: Array, batch: int) -> Array:
        """σ_h² (⟨φφᵀ⟩ of the chains − ⟨φφᵀ⟩ of the target) W."""
        moment = self._covariance()
        if self.target_mean is not None:
            moment = moment + np.outer(self.target_mean, self.target_mean)
        if matrix.ndim == 2 and batch < self.num_visible:  # no square matrix is built if the batch is smaller
            diagonal = self.target_covariance is None and self.target_mean is None
            wanted = np.diag(moment)[:, None] if diagonal else moment
            constant = jnp.asarray(wanted, matrix.dtype)
            drawn = chain @ (chain.T @ matrix) / batch
            return self.sigma_h2 * (drawn - (constant * matrix if diagonal else constant @ matrix))
        difference = matmul(chain, transpose(chain)) / batch - trailing_ones(moment, matrix)
        return self.sigma_h2 * matmul(materialise(difference), matrix)

    def _data(self, like: Array, key: Key, batch: int) -> Array:
        """Samples of the target, from which the chains of CD-k start."""
        draws = normals(fold(key, purpose("data")), (self.num_visible, batch), like.dtype)
        root = self._basis() / np.sqrt(np.array(self.target))
        data = matmul(trailing_ones(root, draws), draws)
        return data if self.target_mean is None else data + trailing_ones(np.array(self.target_mean)[:, None], draws)

    def gram(self, matrix: Array) -> Array:
        """σ_h² WWᵀ or σ_h² WᵀW, whichever is smaller."""
        a = transpose(matrix) if self.num_hidden < self.num_visible else matrix
        return matmul(a, transpose(a)) * np.asarray(self.sigma_h2, matrix.dtype)

    def matrix(self, weights: PyTree) -> Array:
        """σ_h W: its squared singular values are the levels x_i."""
        matrix = _parts(weights)[0]
        return matrix * np.asarray(np.sqrt(self.sigma_h2), matrix.dtype)

    def spectrum(self, weights: PyTree) -> Array:
        return symmetric_eigenvalues(self.gram(_parts(weights)[0]))

    def allowed(self, levels: np.ndarray) -> np.ndarray:
        """Replicas with every level below μ²: beyond it the model cannot be normalised."""
        return np.isfinite(levels).all(axis=-1) & (levels[:, -1] < self.mu2)

    def reduce_memory(self, memory: Array | None, *, setting: Setting) -> PyTree:
        """Moments of the chains: second, lower triangle, shape (N_v(N_v+1)/2,), and with a bias also the mean."""
        if memory is None:
            return None
        second = matmul(memory, transpose(memory)) / setting.batch_size
        rows = np.tril_indices(self.num_visible)
        return second[rows] if self.target_mean is None else {"second": second[rows], "mean": memory.mean(axis=1)}

    def restore_memory(self, statistic: PyTree, *, key: Key, setting: Setting) -> Array | None:
        """Chains with exactly these moments: a root of their covariance times random orthonormal rows.

        Raises:
            InputError: for a batch below :attr:`smallest_batch`, whose moments are singular.
        """
        if statistic is None:
            return None
        batch = setting.batch_size
        if batch < self.smallest_batch:
            fail("batch_size", f"must be at least {self.smallest_batch} to hold any moments of the chains", batch)
        second = statistic["second"] if isinstance(statistic, dict) else statistic
        square = second[pair_index(self.num_visible)]
        if self.sampler_for(batch) == "gram":
            return cholesky(square * batch)
        draws = normals(fold(key, purpose("restore")), (self.num_visible, batch), square.dtype)
        if not isinstance(statistic, dict):
            return cholesky(square) @ (orthonormal_rows(draws) * np.sqrt(batch))
        mean = statistic["mean"]
        rows = orthonormal_rows(draws - draws.mean(axis=1, keepdims=True)) * np.sqrt(batch)
        return cholesky(square - jnp.outer(mean, mean)) @ rows + mean[:, None]

    @property
    def smallest_batch(self) -> int:
        return 1 if self.chains == "data" else self.num_visible + (self.target_mean is not None)

    def healthy(self, weights: PyTree) -> Array:
        gram = self.gram(_parts(weights)[0])
        return positive_definite(trailing_ones(self.mu2 * np.eye(gram.shape[0]), gram) - gram)


def chain_factor_of(chain: Array) -> Array:
    """Square matrix R with R Rᵀ = φφᵀ, the memory of the Gram sampler."""
    return cholesky(matmul(chain, transpose(chain)))


def _parts(weights: PyTree) -> tuple[Array, Array | None]:
    """W and the bias, or None if there is no bias."""
    return (weights["matrix"], weights["bias"]) if isinstance(weights, dict) else (weights, None)
