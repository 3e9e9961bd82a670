"""A nano-GPT: causal self-attention with separate query, key, value and output matrices, pre-norm, GELU."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from coulombgas._checks import InputError, check_choice, check_count, check_in_interval

INITIAL_STD = 0.02
"""Standard deviation of the weights at initialisation, as in GPT-2."""
_EPSILON = 1e-5


@dataclass(frozen=True, kw_only=True)
class GPTSize:
    """Shape of a transformer.

    Attributes:
        num_layers: blocks.
        num_heads: attention heads; they divide the width.
        width: embedding dimension.
        context: number of tokens seen.
        dropout: probability of dropping an activation while training.
        tied: the output layer is the transposed token embedding.
    """

    num_layers: int
    num_heads: int
    width: int
    context: int
    dropout: float = 0.0
    tied: bool = False

    def __post_init__(self) -> None:
        for name in ("num_layers", "num_heads", "width", "context"):
            check_count(name, getattr(self, name))
        check_in_interval("dropout", self.dropout, 0.0, 0.99)
        if self.width % self.num_heads:
            raise InputError(f"`num_heads` must divide `width` {self.width}, got {self.num_heads}.")

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers."""
        return asdict(self)


SIZES: dict[str, GPTSize] = {
    "tiny": GPTSize(num_layers=2, num_heads=4, width=64, context=64),
    "char": GPTSize(num_layers=6, num_heads=6, width=384, context=256, dropout=0.2),
}
"""Named shapes: one for a CPU, and the public character-level baseline."""


def gpt_size(name: str, **changes: Any) -> GPTSize:
    """A named size with some of its numbers replaced; None keeps a number."""
    base = SIZES[check_choice("size", name, SIZES)]
    return replace(base, **{key: value for key, value in changes.items() if value is not None})


class Attention(eqx.Module):
    """Causal self-attention; every matrix maps rows of activations, x W, and has shape (width, width)."""

    query: Float[Array, "width width"]
    key: Float[Array, "width width"]
    value: Float[Array, "width width"]
    output: Float[Array, "width width"]
    num_heads: int = eqx.field(static=True)

    def __call__(self, x: Float[Array, "token width"], drop: "Dropout") -> Float[Array, "token width"]:
        """softmax(Q Kᵀ/√d + causal mask) V, head by head, then the output matrix."""
        tokens, width = x.shape
        shape = (tokens, self.num_heads, width // self.num_heads)
        q, k, v = ((x @ matrix).reshape(shape) for matrix in (self.query, self.key, self.value))
        score = jnp.einsum("qhd,khd->hqk", q, k).astype(jnp.float32) * shape[-1] ** -0.5
        causal = jnp.tril(jnp.ones((tokens, tokens), dtype=bool))
        weight = jax.nn.softmax(jnp.where(causal, score, -jnp.inf), axis=-1).astype(x.dtype)
        mixed = jnp.einsum("hqk,khd->qhd", drop("attention", weight), v).reshape(tokens, width)
        return drop("output", mixed @ self.output)


class MLP(eqx.Module):
    """Two layers with a GELU in between, four times as wide inside."""

    up: Float[Array, "width wide"]
    down: Float[Array, "wide width"]

    def __call__(self, x: Float[Array, "token width"], drop: "Dropout") -> Float[Array, "token width"]:
        """gelu(x U) D."""
        return drop("mlp", jax.nn.gelu(x @ self.up) @ self.down)


class Block(eqx.Module):
    """x ← x + attention(norm(x)); x ← x + mlp(norm(x))."""

    attn: Attention
    mlp: MLP
    attn_norm: Float[Array, " width"]
    mlp_norm: Float[Array, " width"]

    def __call__(self, x: Float[Array, "token width"], drop: "Dropout") -> Float[Array, "token width"]:
        """One block of the residual stream."""
        x = x + self.attn(_norm(x, self.attn_norm), drop.at("attn"))
        return x + self.mlp(_norm(x, self.mlp_norm), drop.at("mlp"))


class GPT(eqx.Module):
    """A character-level language model; ``jax.vmap`` it over sequences.

    Attributes:
        token: embedding of each character.
        position: embedding of each place in the context.
        blocks: attention and perceptron, each after a normalisation.
        norm: scales of the last normalisation.
        head: output layer; None where it is the transposed embedding.
        dropout: probability of dropping an activation where a key is given.
    """

    token: Float[Array, "vocabulary width"]
    position: Float[Array, "context width"]
    blocks: tuple[Block, ...]
    norm: Float[Array, " width"]
    head: Float[Array, "width vocabulary"] | None
    dropout: float = eqx.field(static=True)

    def __call__(self, tokens: Int[Array, " token"], *, key: Array | None = None) -> Float[Array, "token vocabulary"]:
        """Logits of the next character after each token; with a ``key`` activations are dropped."""
        drop = Dropout(key if self.dropout else None, self.dropout)
        x = self.token[tokens] + self.position[: tokens.shape[0]]
        x = drop("embedding", x)
        for index, block in enumerate(self.blocks):
            x = block(x, drop.at(index))
        head = self.token.T if self.head is None else self.head
        return (_norm(x, self.norm) @ head).astype(jnp.float32)


class Dropout(eqx.Module):
    """Drops activations, with an independent key for each place; does nothing without a key."""

    key: Array | None
    rate: float = eqx.field(static=True)

    def at(self, place: int | str) -> "Dropout":
        """The dropout of a named part."""
        return self if self.key is None else Dropout(jax.random.fold_in(self.key, _number(place)), self.rate)

    def __call__(self, place: str, x: Array) -> Array:
        """x / (1 − rate) where it is kept, 0 elsewhere."""
        if self.key is None:
            return x
        keep = jax.random.bernoulli(jax.random.fold_in(self.key, _number(place)), 1 - self.rate, x.shape)
        return jnp.where(keep, x / (1 - self.rate), 0).astype(x.dtype)


def init_gpt(size: GPTSize, vocabulary: int, *, key: Array) -> GPT:
    """Random weights: every matrix N(0, 0.02²), those that write to the residual stream 0.02/√(2·layers); norms 1."""
    check_count("vocabulary", vocabulary, 2)
    width, wide = size.width, 4 * size.width
    residual = INITIAL_STD / (2 * size.num_layers) ** 0.5

    def normal(place: str, shape: tuple[int, int], std: float = INITIAL_STD) -> Array:
        return std * jax.random.normal(jax.random.fold_in(key, _number(place)), shape, dtype=jnp.float32)

    def block(i: int) -> Block:
        projections = {name: normal(f"{i}.{name}", (width, width)) for name in ("query", "key", "value")}
        attn = Attention(
            **projections, output=normal(f"{i}.output", (width, width), residual), num_heads=size.num_heads
        )
        mlp = MLP(up=normal(f"{i}.up", (width, wide)), down=normal(f"{i}.down", (wide, width), residual))
        return Block(attn=attn, mlp=mlp, attn_norm=jnp.ones(width), mlp_norm=jnp.ones(width))

    return GPT(
        token=normal("token", (vocabulary, width)),
        position=normal("position", (size.context, width)),
        blocks=tuple(block(i) for i in range(size.num_layers)),
        norm=jnp.ones(width),
        head=None if size.tied else normal("head", (width, vocabulary)),
        dropout=size.dropout,
    )


def next_token_loss(
    model: GPT, tokens: Int[Array, "batch token"], *, key: Array | None = None, dtype: Any = jnp.float32
) -> Float[Array, ""]:
    """Mean cross-entropy of the next character, in nats; the forward pass runs in ``dtype``, the loss in float32."""
    cast = jax.tree.map(lambda w: w.astype(dtype), model)
    keys = None if key is None else jax.random.split(key, tokens.shape[0])
    logits = jax.vmap(lambda x, k: cast(x, key=k), in_axes=(0, None if keys is None else 0))(tokens[:, :-1], keys)
    picked = jnp.take_along_axis(jax.nn.log_softmax(logits), tokens[:, 1:, None], axis=-1)
    return -picked.mean()


def generate(model: GPT, prompt: Int[Array, " token"], num: int, *, key: Array) -> Int[Array, " num"]:
    """``num`` characters after a prompt, drawn from the model, which sees the last ``context`` ones."""
    context = model.position.shape[0]
    seen = prompt[-context:]
    window = jnp.zeros(context, prompt.dtype).at[-seen.shape[0] :].set(seen)
    start = context - seen.shape[0]

    def step(carry, i):
        window, first = carry
        # positions before the first real token are cut off by shifting the window to the left edge
        shifted = jnp.roll(window, -first)
        logits = model(shifted)[context - 1 - first]
        drawn = jax.random.categorical(jax.random.fold_in(key, i), logits).astype(window.dtype)
        return (jnp.roll(window, -1).at[-1].set(drawn), jnp.maximum(first - 1, 0)), drawn

    return jax.lax.scan(step, (window, jnp.asarray(start)), jnp.arange(num))[1]


def _norm(x: Float[Array, "token width"], scale: Float[Array, " width"]) -> Float[Array, "token width"]:
    wide = x.astype(jnp.float32)
    centred = wide - wide.mean(axis=-1, keepdims=True)
    spread = jax.lax.rsqrt((centred**2).mean(axis=-1, keepdims=True) + _EPSILON)
    return (centred * spread).astype(x.dtype) * scale


def _number(place: int | str) -> int:
    import zlib

    return zlib.crc32(str(place).encode())
