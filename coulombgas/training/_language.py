"""Training a transformer: an ensemble of seeds under AdamW or SGD, its spectra recorded, resumable bit for bit."""

from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, PyTree

from coulombgas._checks import (
    InputError,
    check_choice,
    check_count,
    check_learning_rate,
    check_non_negative,
    check_seed,
)
from coulombgas.models import GPT, SIZES, Corpus, GPTSize, init_gpt, next_token_loss

ADAMW_BETAS = (0.9, 0.99)
_DTYPES = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}


@dataclass(frozen=True, kw_only=True)
class LanguageTraining:
    """How a transformer is trained.

    Attributes:
        size: shape of the transformer.
        steps: updates.
        learning_rate: peak of the schedule: linear warm-up, then a cosine down to ``final_learning_rate``.
        final_learning_rate: end of the cosine; a tenth of the peak when None; the peak itself gives a constant rate.
        warmup: steps of the linear warm-up.
        batch_size: sequences per update.
        optimizer: "adamw" or "sgd".
        momentum: momentum of SGD.
        weight_decay: decoupled decay of matrices.
        gradient_clip: largest global norm of a gradient; 0 for no clipping.
        replicas: seeds trained together.
        seed: seed of all random numbers; replica i does not depend on the other replicas.
        record_every: steps between recorded spectra.
        evaluate_every: steps between validation losses.
        evaluation_windows: windows of the validation text, equally spaced, that are averaged.
        select: globs on the names of the matrices whose spectra are recorded.
        compute_dtype: "float32" or "bfloat16" for the forward and backward pass; weights stay float32.
    """

    size: GPTSize = field(default=SIZES["tiny"])
    steps: int = 1000
    learning_rate: float = 1e-3
    final_learning_rate: float | None = None
    warmup: int = 100
    batch_size: int = 16
    optimizer: str = "adamw"
    momentum: float = 0.0
    weight_decay: float = 0.1
    gradient_clip: float = 1.0
    replicas: int = 1
    seed: int = 0
    record_every: int = 100
    evaluate_every: int = 100
    evaluation_windows: int = 64
    select: tuple[str, ...] = ("blocks.*",)
    compute_dtype: str = "float32"

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "replicas", "record_every", "evaluate_every", "evaluation_windows"):
            check_count(name, getattr(self, name))
        check_count("warmup", self.warmup, 0)
        check_seed(self.seed)
        check_learning_rate(self.learning_rate)
        for name in ("momentum", "weight_decay", "gradient_clip"):
            check_non_negative(name, getattr(self, name))
        check_choice("optimizer", self.optimizer, ("adamw", "sgd"))
        check_choice("compute_dtype", self.compute_dtype, _DTYPES)

    def as_dict(self) -> dict[str, Any]:
        """JSON-able description, compared when a run is resumed."""
        return {**asdict(self), "select": list(self.select)}


class LanguageState(NamedTuple):
    """Everything a run needs to continue; each leaf has a leading axis of replicas."""

    model: GPT
    optimizer: PyTree
    loss: Array
    """Training loss summed over the updates since it was last reported."""


class LanguageTrainer:
    """Compiled updates and losses of one configuration on one corpus.

    Trainers with the same configuration and text compare equal, so that a process compiles their programs once.
    """

    def __init__(self, config: LanguageTraining, corpus: Corpus):
        length = config.size.context + 1
        for name, text in (("training", corpus.train), ("validation", corpus.validation)):
            if len(text) < length:
                raise InputError(f"`text` has {len(text)} {name} characters, fewer than `context` + 1 = {length}.")
        self.config, self.corpus = config, corpus
        self._tokens = jnp.asarray(corpus.train)
        self._optimizer = make_optimizer(config)
        self._windows = validation_windows(config, corpus)
        self._keys = jax.vmap(partial(jax.random.fold_in, jax.random.key(config.seed)))(jnp.arange(config.replicas))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LanguageTrainer) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @property
    def _identity(self) -> tuple[LanguageTraining, str]:
        return self.config, self.corpus.digest

    def start(self) -> LanguageState:
        """Random weights for every replica."""
        model = _initialise(self.config.size, len(self.corpus.alphabet), self._keys)
        params: Any = model  # optax's annotations allow dictionaries and arrays only
        return LanguageState(model, jax.vmap(self._optimizer.init)(params), jnp.zeros(self.config.replicas))

    def advance(self, state: LanguageState, first: int, last: int) -> LanguageState:
        """Updates ``first`` … ``last − 1`` of every replica; the same program for every segment."""
        return _advance(self, self._keys, state, jnp.asarray(first), jnp.asarray(last))

    def validation_loss(self, state: LanguageState) -> np.ndarray:
        """Loss on the validation windows, in nats per character, shape (replica,)."""
        loss = _validate(state.model, self._windows, self.config.compute_dtype)
        return np.asarray(loss, dtype=np.float64)

    def update(self, key: Array, model: GPT, memory: PyTree, step: Array) -> tuple[GPT, PyTree, Array]:
        """One update of one replica: a batch of random windows, a gradient, the optimiser."""
        config = self.config
        at = jax.random.fold_in(jax.random.fold_in(key, 1), step)
        length = config.size.context + 1
        start = jax.random.randint(
            jax.random.fold_in(at, 0), (config.batch_size, 1), 0, len(self.corpus.train) - length + 1
        )
        batch = self._tokens[start + jnp.arange(length)]
        loss, gradient = jax.value_and_grad(next_token_loss)(
            model, batch, key=jax.random.fold_in(at, 1), dtype=_DTYPES[config.compute_dtype]
        )
        params: Any = model
        change, memory = self._optimizer.update(gradient, memory, params)
        updated: Any = optax.apply_updates(params, change)
        return updated, memory, loss


def make_optimizer(config: LanguageTraining) -> optax.GradientTransformation:
    """Clipping, then AdamW (β2 = 0.99) or SGD, with decay of matrices only and the cosine schedule."""
    schedule = make_schedule(config)

    def matrices(params: PyTree) -> PyTree:
        return jax.tree.map(lambda w: w.ndim >= 2, params)

    if config.optimizer == "adamw":
        rule = optax.adamw(schedule, *ADAMW_BETAS, weight_decay=config.weight_decay, mask=matrices)
    else:
        decay = optax.add_decayed_weights(config.weight_decay, mask=matrices)
        rule = optax.chain(decay, optax.sgd(schedule, momentum=config.momentum or None))
    return optax.chain(optax.clip_by_global_norm(config.gradient_clip), rule) if config.gradient_clip else rule


def make_schedule(config: LanguageTraining) -> optax.Schedule:
    """Linear warm-up to the learning rate, then a cosine down to its final value at the last step."""
    final = config.learning_rate / 10 if config.final_learning_rate is None else config.final_learning_rate
    warmup = min(config.warmup, config.steps - 1)
    return optax.warmup_cosine_decay_schedule(
        config.learning_rate / max(warmup, 1) if warmup else config.learning_rate,
        config.learning_rate, warmup, config.steps, check_non_negative("final_learning_rate", final),
    )  # fmt: skip


def validation_windows(config: LanguageTraining, corpus: Corpus) -> Array:
    """Equally spaced windows of the validation text, shape (window, context + 1)."""
    length = config.size.context + 1
    starts = np.unique(np.linspace(0, len(corpus.validation) - length, config.evaluation_windows).astype(int))
    return jnp.asarray(corpus.validation[starts[:, None] + np.arange(length)])


@eqx.filter_jit
def _initialise(size: GPTSize, vocabulary: int, keys: Array) -> GPT:
    return jax.vmap(lambda key: init_gpt(size, vocabulary, key=jax.random.fold_in(key, 0)))(keys)


@eqx.filter_jit
def _advance(trainer: LanguageTrainer, keys: Array, state: LanguageState, first: Array, last: Array) -> LanguageState:
    def step(index: Array, state: LanguageState) -> LanguageState:
        model, memory, loss = jax.vmap(trainer.update, in_axes=(0, 0, 0, None))(
            keys, state.model, state.optimizer, index
        )
        return LanguageState(model, memory, state.loss + loss)

    return jax.lax.fori_loop(first, last, step, state)


@eqx.filter_jit
def _validate(model: GPT, windows: Array, dtype: str) -> Array:
    def loss(one: GPT) -> Array:
        return jax.lax.map(lambda w: next_token_loss(one, w[None], dtype=_DTYPES[dtype]), windows).mean()

    return jax.vmap(loss)(model)
