"""A convolutional network and a transformer trained by plain SGD, with the truth from per-sample gradients.

A network is its parameters and the loss of one sample; its data are finite and batches are drawn with replacement, so
that Var(u_iᵀ G v_i) over all samples, times α²/B, is the exact variance that one update adds to u_iᵀ W v_i. Gradients
and singular vectors here, eigenvalues alone in the code under test.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from coulombgas.models import GPTSize, init_gpt, next_token_loss, read_corpus
from tests.independent.digits import digits


@dataclass(frozen=True)
class Problem:
    """Parameters at the start, loss of one sample, samples (leading axis), and the matrices to follow by name."""

    start: Any
    loss: Callable[[Any, Any], jax.Array]
    samples: Any
    matrices: Callable[[Any], dict[str, jax.Array]]
    decay: float


@dataclass(frozen=True)
class Followed:
    """Eigenvalues (record, mode) and true noise (mode,) of each matrix."""

    steps: np.ndarray
    levels: dict[str, np.ndarray]
    truth: dict[str, np.ndarray]
    params: Any


def convolutional(seed: int) -> Problem:
    """Two 3×3 convolutions of stride 2 and two dense layers on scikit-learn's digits."""
    pixels, labels = digits()
    keys = jax.random.split(jax.random.key(seed), 4)
    shapes = {"first": (12, 1, 3, 3), "second": (24, 12, 3, 3), "hidden": (32, 96), "output": (10, 32)}
    start = {
        name: jax.random.normal(key, shape) / np.sqrt(np.prod(shape[1:]))
        for key, (name, shape) in zip(keys, shapes.items(), strict=True)
    }

    def loss(params, sample):
        image, label = sample
        x = image.reshape(1, 1, 8, 8)
        for name in ("first", "second"):
            x = jnp.tanh(jax.lax.conv_general_dilated(x, params[name], (2, 2), "SAME"))
        scores = params["output"] @ jnp.tanh(params["hidden"] @ x.ravel())
        return -label @ jax.nn.log_softmax(scores)

    def matrices(params):
        return {name: value.reshape(len(value), -1) for name, value in params.items()}

    return Problem(start, loss, (jnp.asarray(pixels, jnp.float32), jnp.asarray(labels, jnp.float32)), matrices, 1e-3)


def transformer(seed: int, *, width: int = 32, windows: int = 1024) -> Problem:
    """Two blocks of width 32 on English text, a sample being a window of 17 characters."""
    corpus = read_corpus()
    size = GPTSize(num_layers=2, num_heads=2, width=width, context=16)
    first = np.random.default_rng(seed).integers(len(corpus.train) - 17, size=windows)
    samples = jnp.asarray(corpus.train[first[:, None] + np.arange(17)])

    def matrices(params):
        found = {}
        for index, block in enumerate(params.blocks):
            own = {name: getattr(block.attn, name) for name in ("query", "key", "value", "output")}
            own |= {"up": block.mlp.up, "down": block.mlp.down}
            found |= {f"{index}.{name}": value for name, value in own.items()}
        return found

    start = init_gpt(size, len(corpus.alphabet), key=jax.random.key(seed))
    start = jax.tree.map(lambda w: 4 * w if w.ndim == 2 else w, start)  # plain SGD takes long from 0.02
    return Problem(start, lambda params, sample: next_token_loss(params, sample[None]), samples, matrices, 1e-3)


def follow(
    problem: Problem, params: Any, *, rate: float, batch: int, steps: int, every: int, seed: int, truths: int = 8
) -> Followed:
    """Train by SGD with weight decay; eigenvalues every ``every`` updates, the true noise at ``truths`` of them."""
    advance, noise = _programs(problem, every, batch)
    key, count = jax.random.key(seed), steps // every
    levels: dict[str, list[np.ndarray]] = {}
    truth: dict[str, list[np.ndarray]] = {}
    for record in range(count):
        params = advance(params, rate, jax.random.fold_in(key, record))
        measured = truths > 0 and record % max(count // max(truths, 1), 1) == 0
        gradients = noise(params) if measured else {}
        for name, matrix in problem.matrices(params).items():
            u, singular, vt = np.linalg.svd(np.asarray(matrix, np.float64), full_matrices=False)
            levels.setdefault(name, []).append(singular[::-1] ** 2)
            if measured:
                each = np.einsum("ik,nij,kj->nk", u, np.asarray(gradients[name]), vt, optimize=True)
                truth.setdefault(name, []).append(rate**2 / batch * each.var(axis=0)[::-1])
    return Followed(
        steps=every * np.arange(1, count + 1),
        levels={name: np.array(rows) for name, rows in levels.items()},
        truth={name: np.mean(rows, axis=0) for name, rows in truth.items()},
        params=params,
    )


def _programs(problem: Problem, every: int, batch: int) -> tuple[Callable, Callable]:
    """``every`` updates, and the gradient of every sample; compiled once for a problem and a batch."""
    known = _COMPILED.setdefault(id(problem.loss), {"keep": problem})
    if (every, batch) not in known:
        known[every, batch] = jax.jit(partial(_advance, problem, every, batch))
    if "noise" not in known:
        known["noise"] = jax.jit(
            lambda params: jax.vmap(lambda sample: problem.matrices(jax.grad(problem.loss)(params, sample)))(
                problem.samples
            )
        )
    return known[every, batch], known["noise"]


_COMPILED: dict[int, dict] = {}


def _advance(problem: Problem, every: int, batch: int, params: Any, rate: Any, key: jax.Array) -> Any:
    def mean(params, drawn):
        chosen = jax.tree.map(lambda values: values[drawn], problem.samples)
        return jax.vmap(problem.loss, (None, 0))(params, chosen).mean()

    def step(params, key):
        count = len(jax.tree.leaves(problem.samples)[0])
        gradient = jax.grad(mean)(params, jax.random.randint(key, (batch,), 0, count))
        return jax.tree.map(lambda w, g: w - rate * (g + problem.decay * w), params, gradient), None

    return jax.lax.scan(step, params, jax.random.split(key, every))[0]
