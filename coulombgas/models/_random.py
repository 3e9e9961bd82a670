r"""Counter-based random numbers whose replica axes trail.

Threefry-2x32 with 20 rounds (Salmon et al. 2011), the generator behind ``jax.random``, written as plain arithmetic
on whole arrays so that the compiler fuses it with the code that uses the numbers; both words of a block are used. A key
is two 32-bit words, shape ``(2, *replicas)``; there is no state, so a replica draws the same numbers in any chunk, on
any device and after resuming.
"""

import math
import zlib
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array

from ._linalg import materialise

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA
# Taylor coefficients, highest power first: exact to float32 on |angle| ≤ π/4
_SINE = (1 / 362880, -1 / 5040, 1 / 120, -1 / 6, 1.0)
_COSINE = (1 / 40320, -1 / 720, 1 / 24, -0.5, 1.0)
# (ln(1 + m) − m + m²/2)/m³ on [1/√2 − 1, √2 − 1]: Chebyshev interpolation of degree 8, relative error 4e-9
_LOG = (0.0714971883, -0.11571181, 0.116615157, -0.124110542, 0.142499364, -0.166684801, 0.200007075, -0.249999891,
        0.333333312)  # fmt: skip


def key_words(key: Array) -> Array:
    """The two words of a typed JAX key; key words are returned unchanged."""
    if not jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        return key
    return jnp.moveaxis(jax.random.key_data(key), -1, 0)


def purpose(name: str) -> int:
    """A number to fold in for a named purpose."""
    return zlib.crc32(name.encode())


def fold(key: Array, data: Array | int) -> Array:
    """``jax.random.fold_in`` for key words: the block of counter (0, data), shape (2, *replicas)."""
    number = np.uint32(data) if isinstance(data, int) else jnp.asarray(data, dtype=jnp.uint32)
    return _fold(key_words(key), number)


@partial(jax.jit, inline=True)
def _fold(words: Array, number: Array) -> Array:
    first, second = threefry(words[0], words[1], jnp.zeros_like(number), number)
    return jnp.stack(jnp.broadcast_arrays(first, second))


@partial(jax.jit, inline=True)  # traced once for each shape: its hundred operations are most of a model's trace
def threefry(key0: Array, key1: Array, counter0: Array, counter1: Array) -> tuple[Array, Array]:
    """One block: 64 bits of counter to 64 random bits, as two 32-bit words."""
    keys = (key0, key1, key0 ^ key1 ^ jnp.uint32(_PARITY))
    first, second = counter0 + keys[0], counter1 + keys[1]
    for injection in range(5):
        for rotation in _ROTATIONS[injection % 2]:
            first = first + second
            second = (second << jnp.uint32(rotation)) | (second >> jnp.uint32(32 - rotation))
            second = first ^ second
        first = first + keys[(injection + 1) % 3]
        second = second + keys[(injection + 2) % 3] + jnp.uint32(injection + 1)
    return first, second


def random_words(key: Array, count: int) -> tuple[Array, Array]:
    """``count`` blocks from one key: two arrays of shape (count, *replicas)."""
    # stored, because the folding of the key would otherwise be recomputed for every number
    words = materialise(key_words(key), own_axes=1)
    counter = lax.broadcasted_iota(jnp.uint32, (count, *words.shape[1:]), 0)
    return threefry(words[0][None], words[1][None], counter, jnp.zeros_like(counter))


def normals(key: Array, shape: tuple[int, ...], dtype: jnp.dtype | type = jnp.float32) -> Array:
    r"""Independent standard normals, shape ``(*shape, *replicas)``.

    Box and Muller: :math:`\sqrt{-2\ln u}\,(\cos\theta, \sin\theta)` from the two words of a block; u on the grid
    (j + ½)/2²⁴ in float32 (tails up to 5.9 standard deviations), of 32 bits in float64.

    Args:
        key: typed key, or words of shape (2, *replicas).
        shape: shape for one replica.
        dtype: float32 or float64.
    """
    draws = _normals(key_words(key), math.prod(shape), double=jnp.dtype(dtype) == jnp.float64)
    return draws.reshape(*shape, *draws.shape[1:])


@partial(jax.jit, static_argnames=("count", "double"))  # traced once for each shape, like threefry
def _normals(key: Array, count: int, double: bool) -> Array:
    """``count`` standard normals, (count, *replicas)."""
    words = random_words(key, -(-count // 2))
    pair = _polar_double(*words) if double else _polar_single(*words)
    # both halves in one array, so that the compiler computes their common block once
    together = materialise(lax.complex(*pair), own_axes=1)
    return materialise(jnp.concatenate([together.real, together.imag])[:count], own_axes=1)


def _polar_double(radial: Array, angular: Array) -> tuple[Array, Array]:
    uniform = (radial.astype(jnp.float64) + 0.5) * 2.0**-32
    radius, angle = jnp.sqrt(-2.0 * jnp.log(uniform)), angular.astype(jnp.float64) * (2.0 * np.pi * 2.0**-32)
    return radius * jnp.cos(angle), radius * jnp.sin(angle)


def _polar_single(radial: Array, angular: Array) -> tuple[Array, Array]:
    """Two standard normals from two words, by Box and Muller in float32 with polynomials."""
    uniform = ((radial >> jnp.uint32(8)).astype(jnp.int32).astype(jnp.float32) + 0.5) * np.float32(2.0**-24)
    radius = jnp.sqrt(np.float32(-2.0) * _log_single(uniform))
    # bit 31: sign, bit 30: swap sine and cosine, the others: an angle in ±π/4
    sign, swap = angular & jnp.uint32(0x80000000), (angular >> jnp.uint32(30)) & jnp.uint32(1) == 1
    signed = lax.bitcast_convert_type(angular << jnp.uint32(2), jnp.int32) >> 8
    angle = signed.astype(jnp.float32) * np.float32(2.0**-24 * np.pi / 2)
    square = angle * angle
    sine, cosine = angle * _horner(square, _SINE), _horner(square, _COSINE)
    radius = lax.bitcast_convert_type(lax.bitcast_convert_type(radius, jnp.uint32) ^ sign, jnp.float32)
    return radius * jnp.where(swap, -sine, cosine), radius * jnp.where(swap, cosine, sine)


def _log_single(x: Array) -> Array:
    """Natural logarithm of x in (0, 1), to about one unit in the last place: exponent plus a minimax polynomial."""
    bits = lax.bitcast_convert_type(x, jnp.int32)
    exponent = (bits - jnp.int32(0x3F3504F3)) >> 23  # mantissa in [1/√2, √2)
    rest = lax.bitcast_convert_type(bits - (exponent << 23), jnp.float32) - np.float32(1.0)
    square = rest * rest
    series = rest - np.float32(0.5) * square + square * rest * _horner(rest, _LOG)
    return exponent.astype(jnp.float32) * np.float32(np.log(2.0)) + series


def _horner(x: Array, coefficients: tuple[float, ...]) -> Array:
    total = jnp.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        total = total * x + np.float32(coefficient)
    return total


def uniforms(key: Array, shape: tuple[int, ...], dtype: jnp.dtype | type = jnp.float32) -> Array:
    """Independent uniforms on the open interval (0, 1), shape ``(*shape, *replicas)``."""
    count = math.prod(shape)
    if jnp.dtype(dtype) == jnp.float64:
        draws = 0.5 + 0.5 * _symmetric_double(*random_words(key, count))
    else:
        both = jnp.concatenate(random_words(key, -(-count // 2)))[:count]
        draws = ((both >> jnp.uint32(9)).astype(jnp.float32) + 0.5) * np.float32(2.0**-23)
    return draws.reshape(*shape, *draws.shape[1:])


def _symmetric_single(words: Array) -> Array:
    signed = lax.bitcast_convert_type(words, jnp.int32) >> 8
    return (signed.astype(jnp.float32) + np.float32(0.5)) * np.float32(2.0**-23)


def _symmetric_double(high: Array, low: Array) -> Array:
    # 53 bits in two exact halves: 32 signed ones and 21 below them
    signed = lax.bitcast_convert_type(high, jnp.int32).astype(jnp.float64)
    below = (low >> jnp.uint32(11)).astype(jnp.float64)
    return (signed * 2.0**21 + below + 0.5) * 2.0**-52


def chi_squared(key: Array, degrees: tuple[int, ...], dtype: jnp.dtype | type = jnp.float32) -> Array:
    r"""Independent :math:`\chi^2` variates with the given degrees of freedom, shape ``(len(degrees), *replicas)``.

    Marsaglia and Tsang (2000): exact, at a cost that does not grow with the degrees of freedom. Attempt t of a
    replica draws from its own key folded by t, so its value does not depend on the other replicas.

    Args:
        key: typed key, or words of shape (2, *replicas).
        degrees: degrees of freedom, each at least 1.
        dtype: float32 or float64.
    """
    words = key_words(key)
    trailing = (1,) * (words.ndim - 1)
    shape = np.array(degrees).reshape(-1, *trailing) / 2.0
    # a shape parameter below one is raised by one, and the draw then scaled down
    boosted = np.where(shape < 1.0, shape + 1.0, shape)
    d = (boosted - 1.0 / 3.0).astype(dtype)
    c = (1.0 / np.sqrt(9.0 * d)).astype(dtype)

    def attempt(carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        number, value, accepted = carry
        fresh = fold(words, number)
        x = normals(fold(fresh, 0), (len(degrees),), dtype)
        u = uniforms(fold(fresh, 1), (len(degrees),), dtype)
        v = (1.0 + c * x) ** 3
        good = (v > 0) & (jnp.log(u) < 0.5 * x * x + d * (1.0 - v + jnp.log(jnp.maximum(v, np.finfo(dtype).tiny))))
        return number + 1, jnp.where(accepted, value, d * v), accepted | good

    start = jnp.zeros((len(degrees), *words.shape[1:]), dtype)
    first = jnp.zeros((), jnp.uint32)
    _, gamma, _ = lax.while_loop(lambda carry: ~carry[2].all(), attempt, (first, start, start > 0))
    if (shape < 1.0).any():
        u = uniforms(fold(words, purpose("boost")), (len(degrees),), dtype)
        gamma = jnp.where(shape < 1.0, gamma * u ** (1.0 / shape).astype(dtype), gamma)
    return 2.0 * gamma


def wishart_factor(key: Array, size: int, degrees: int, dtype: jnp.dtype | type = jnp.float32) -> Array:
    r"""Bartlett's factor T, shape ``(size, min(size, degrees), *replicas)``: T Tᵀ is Wishart(1, degrees).

    Lower trapezoidal, :math:`T_{jj}^2 \sim \chi^2_{degrees - j}`, standard normal below. For fewer degrees of freedom
    than ``size`` the matrix is singular and T has that many columns.
    """
    columns = min(size, degrees)
    diagonal = jnp.sqrt(chi_squared(fold(key, 0), tuple(degrees - j for j in range(columns)), dtype))
    rows, cols = np.tril_indices(size, -1, columns)
    below = normals(fold(key, 1), (max(len(rows), 1),), dtype)
    index = np.zeros((size, columns), dtype=int)
    index[rows, cols] = np.arange(len(rows))
    trailing = (1,) * (diagonal.ndim - 1)
    strict = np.tril(np.ones((size, columns), bool), -1).reshape(size, columns, *trailing)
    on = np.eye(size, columns, dtype=bool).reshape(size, columns, *trailing)
    return jnp.where(strict, below[index], jnp.where(on, diagonal[None], 0))
