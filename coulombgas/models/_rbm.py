"""The Gaussian restricted Boltzmann machine, ALP24 section III and appendix C."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from coulombgas._checks import check_choice, check_count, check_finite_array, check_positive, fail

from ._linalg import cholesky, identity_like, matmul, positive_definite, symmetric_eigenvalues, transpose
from ._protocol import Key, Model, Setting, Start
from ._random import fold, normals, purpose
from ._targets import free_scalar_field


class GaussianRBM(Model):
    r"""Gaussian RBM trained by persistent contrastive divergence on an exactly known target.

    .. math::
        S(\varphi, h) = \tfrac{\mu^2}{2}\varphi^T\varphi + \tfrac{1}{2\sigma_h^2} h^T h - \varphi^T W h,
        \qquad K = \mu^2 - \sigma_h^2 W W^T

    The weights W have shape (visible, hidden); the spectrum is that of :math:`\sigma_h^2 W^T W` without the zeros
    that the shape forces, so that :math:`x_i = \mu^2 - \lambda_i` for eigenvalues λ of K. The gradient of the loss is
    :math:`\sigma_h^2 (\langle\varphi\varphi^T\rangle_{model} - \langle\varphi\varphi^T\rangle_{target}) W` with the
    model average over ``batch_size`` persistent chains after ``gibbs_steps`` Gibbs steps.

    Args:
        num_visible: N_v.
        num_hidden: N_h.
        mu2: μ², mass of the visible units; the modes with κ ≥ μ² are not learnt.
        sigma_h2: σ_h², variance of the hidden units.
        target: κ, eigenvalues of the target's inverse covariance, shape (num_visible,); a free scalar field with
            m² = 4 when not given.
        gibbs_steps: k of PCD-k.
        sampler: "collapsed" draws the k Gibbs steps at once (same law, fewer random numbers), "naive" one by one.
        init_std: standard deviation of W at a random start.

    Raises:
        InputError: when a value is out of range or ``target`` has the wrong length.

    Source: ALP24 (20)-(28), settings of the released code.
    """

    num_visible: int = eqx.field(static=True)
    num_hidden: int = eqx.field(static=True)
    mu2: float = eqx.field(static=True)
    sigma_h2: float = eqx.field(static=True)
    target: tuple[float, ...] = eqx.field(static=True)
    gibbs_steps: int = eqx.field(static=True)
    sampler: str = eqx.field(static=True)
    init_std: float = eqx.field(static=True)

    name: ClassVar[str] = "rbm"
    trailing_replicas: ClassVar[bool] = True

    def __init__(
        self,
        *,
        num_visible: int | None = None,
        num_hidden: int | None = None,
        mu2: float = 9.0,
        sigma_h2: float = 1.0,
        target: Sequence[float] | np.ndarray | None = None,
        gibbs_steps: int = 3,
        sampler: Literal["collapsed", "naive"] = "collapsed",
        init_std: float = 0.1,
    ):
        if num_visible is None:
            num_visible = 10 if target is None else len(target)
        self.num_visible = check_count("num_visible", num_visible)
        self.num_hidden = check_count("num_hidden", self.num_visible if num_hidden is None else num_hidden)
        self.mu2 = check_positive("mu2", mu2)
        self.sigma_h2 = check_positive("sigma_h2", sigma_h2)
        self.gibbs_steps = check_count("gibbs_steps", gibbs_steps)
        self.sampler = check_choice("sampler", sampler, ("collapsed", "naive"))
        self.init_std = check_positive("init_std", init_std)
        kappa = free_scalar_field(self.num_visible) if target is None else target
        kappa = np.sort(check_finite_array("target", kappa, ndim=1))
        if kappa.size != self.num_visible:
            fail(
                "target",
                f"must hold one value for each of the {self.num_visible} visible units",
                f"shape {kappa.shape}",
            )
        check_positive("target", kappa[0])
        self.target = tuple(kappa.tolist())

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

    def width2_per_temperature(self, *, learning_rate: float, batch_size: int) -> np.ndarray:
        r""":math:`s_i^2/T = 2\sigma_h^2 x_i^s` at leading order in T and α (ALP24 appendix C), shape (mode,)."""
        del learning_rate, batch_size
        return 2.0 * self.sigma_h2 * self.fixed_point

    def config(self) -> dict[str, Any]:
        names = ("num_visible", "num_hidden", "mu2", "sigma_h2", "target", "gibbs_steps", "sampler", "init_std")
        values = {name: getattr(self, name) for name in names}
        return {"name": self.name, **values, "target": list(self.target)}

    def start(self, *, key: Key, setting: Setting, init: Start, dtype: Any) -> tuple[Array, Array]:
        weights_key, chain_key = fold(key, purpose("weights")), fold(key, purpose("chain"))
        weights = self.init_std * normals(weights_key, (self.num_visible, self.num_hidden), dtype)
        chain = normals(chain_key, (self.num_visible, setting.batch_size), dtype)
        if init == "random":
            return weights.astype(dtype), chain / np.asarray(self.mu2**0.5, dtype)
        exact = np.zeros((self.num_visible, self.num_hidden))
        kappa = np.full(self.num_visible, self.mu2)
        kappa[: self.num_modes] = np.minimum(self.target[: self.num_modes], self.mu2)
        np.fill_diagonal(exact, np.sqrt((self.mu2 - kappa[: self.num_modes]) / self.sigma_h2))
        extra = weights.ndim - 2
        fixed = jnp.broadcast_to(exact.astype(dtype).reshape(*exact.shape, *(1,) * extra), weights.shape)
        return fixed, chain / np.sqrt(kappa).astype(dtype).reshape(-1, 1, *(1,) * extra)

    def gradient(
        self, weights: Array, memory: Array, *, key: Key, setting: Setting, step: Array
    ) -> tuple[Array, Array]:
        del step
        sample = self._collapsed if self.sampler == "collapsed" else self._naive
        chain = sample(weights, memory, key)
        model = matmul(chain, transpose(chain)) / setting.batch_size
        difference = model - self._target_moment(weights)
        return self.sigma_h2 * matmul(difference, weights), chain

    def _target_moment(self, weights: Array) -> Array:
        covariance = np.diag(1.0 / np.array(self.target)).astype(weights.dtype)
        return covariance.reshape(*covariance.shape, *(1,) * (weights.ndim - 2))

    def _collapsed(self, weights: Array, chain: Array, key: Key) -> Array:
        """The k Gibbs steps as one Gaussian draw: φ' = Aᵏφ + chol(Σ_k) ε."""
        mean, covariance = self.collapsed_step(weights)
        noise = normals(key, chain.shape[:2], chain.dtype)
        return matmul(mean, chain) + matmul(cholesky(covariance), noise)

    def collapsed_step(self, weights: Array) -> tuple[Array, Array]:
        r"""Aᵏ and Σ_k of k Gibbs steps.

        .. math::
            A = \sigma_h^2 W W^T/\mu^2, \qquad
            \Sigma_k = \mu^{-2} (1 + A) (1 + A^2 + \dots + A^{2(k-1)})

        Each of shape (visible, visible, *replicas).
        """
        a = matmul(weights, transpose(weights)) * np.asarray(self.sigma_h2 / self.mu2, weights.dtype)
        power, series = a, identity_like(a) + a  # Aᵏ and Σ_{j<2k} Aʲ for k = 1
        for bit in bin(self.gibbs_steps)[3:]:
            series = series + matmul(matmul(power, power), series)
            power = matmul(power, power)
            if bit == "1":
                power = matmul(a, power)
                square = matmul(a, a)
                series = identity_like(a) + a + matmul(square, series)
        return power, series / np.asarray(self.mu2, weights.dtype)

    def _naive(self, weights: Array, chain: Array, key: Key) -> Array:
        """k Gibbs steps: h|φ ~ N(σ_h² Wᵀφ, σ_h²), φ|h ~ N(Wh/μ², 1/μ²)."""
        hidden_std, visible_std = np.sqrt(self.sigma_h2), 1.0 / np.sqrt(self.mu2)
        batch = chain.shape[1]
        for k in range(self.gibbs_steps):
            hidden_noise = normals(fold(key, 2 * k), (self.num_hidden, batch), chain.dtype)
            visible_noise = normals(fold(key, 2 * k + 1), (self.num_visible, batch), chain.dtype)
            hidden = self.sigma_h2 * matmul(transpose(weights), chain) + hidden_noise * hidden_std.astype(chain.dtype)
            chain = matmul(weights, hidden) / self.mu2 + visible_noise * visible_std.astype(chain.dtype)
        return chain

    def _gram(self, weights: Array) -> Array:
        """σ_h² WWᵀ or σ_h² WᵀW, whichever is smaller."""
        if self.num_hidden < self.num_visible:
            return matmul(transpose(weights), weights) * np.asarray(self.sigma_h2, weights.dtype)
        return matmul(weights, transpose(weights)) * np.asarray(self.sigma_h2, weights.dtype)

    def spectrum(self, weights: Array) -> Array:
        return symmetric_eigenvalues(self._gram(weights))

    def healthy(self, weights: Array) -> Array:
        gram = self._gram(weights)
        return positive_definite(np.asarray(self.mu2, gram.dtype) * identity_like(gram) - gram)
