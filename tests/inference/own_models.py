"""Models with three methods and nothing else, for tests."""

import jax
import jax.numpy as jnp
import numpy as np

from coulombgas.models import Model


class QuarticWell(Model):
    """A symmetric X in the wells tr(X⁴)/4 − tr(A X²)/2 with symmetric Gaussian noise: levels ±√a."""

    wells: tuple[float, ...] = (1.0, 2.25, 2.25)
    noise: float = 0.3

    def start(self, *, key, setting, init, dtype):
        del key, setting, init
        return jnp.diag(jnp.full(len(self.wells), 1.2, dtype)), None

    def gradient(self, weights, memory, *, key, setting, step):
        del step
        size = len(self.wells)
        draws = self.noise * jax.random.normal(key, (size, size), weights.dtype) / np.sqrt(setting.batch_size)
        wells = jnp.diag(jnp.asarray(self.wells, weights.dtype))
        force = weights @ weights @ weights - (wells @ weights + weights @ wells) / 2
        return force - (draws + draws.T) / np.sqrt(2), memory

    def matrix(self, weights):
        return weights
