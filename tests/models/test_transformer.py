"""The transformer: initialisation, causality, loss, generation."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import coulombgas as cg
from coulombgas.models import GPT, generate, gpt_size, init_gpt, next_token_loss

VOCABULARY = 17

# compiled: operation by operation the same calls take ten times as long
loss = eqx.filter_jit(next_token_loss)
initialise = eqx.filter_jit(init_gpt)


@eqx.filter_jit
def logits(model, tokens, *, key=None):
    return model(tokens, key=key)


@pytest.fixture(scope="module")
def size():
    return gpt_size("tiny", context=16, width=32)


@pytest.fixture(scope="module")
def model(size):
    return initialise(size, VOCABULARY, key=jax.random.key(0))


def test_initial_entries_have_the_stated_spread(model, size):
    block = model.blocks[1]
    assert float(jnp.std(block.attn.key)) == pytest.approx(0.02, rel=0.1)
    assert float(jnp.std(block.mlp.up)) == pytest.approx(0.02, rel=0.1)
    assert float(jnp.std(block.mlp.down)) == pytest.approx(0.02 / np.sqrt(2 * size.num_layers), rel=0.1)
    assert not np.array_equal(model.blocks[0].attn.key, block.attn.key)


def test_the_future_does_not_reach_the_past(model):
    tokens = jnp.arange(12) % VOCABULARY
    changed = tokens.at[8].set(0)
    before, after = logits(model, tokens), logits(model, changed)
    np.testing.assert_allclose(before[:8], after[:8], atol=1e-6)
    assert not np.allclose(before[8:], after[8:], atol=1e-6)  # control: the change is seen from there on


def test_attention_by_an_independent_route(model, size):
    """One head at a time, with explicit loops and no masks."""
    attn = model.blocks[0].attn
    x = jax.random.normal(jax.random.key(1), (6, size.width))
    from coulombgas.models._transformer import Dropout

    head = size.width // size.num_heads
    mixed = np.zeros((6, size.width))
    for h in range(size.num_heads):
        cut = slice(h * head, (h + 1) * head)
        q, k, v = (np.asarray(x @ m)[:, cut].astype(np.float64) for m in (attn.query, attn.key, attn.value))
        for t in range(6):
            score = np.exp(q[t] @ k[: t + 1].T / np.sqrt(head))
            mixed[t, cut] = score / score.sum() @ v[: t + 1]
    np.testing.assert_allclose(attn(x, Dropout(None, 0.0)), mixed @ np.asarray(attn.output), atol=1e-6)


def test_an_untrained_model_knows_nothing(model):
    tokens = jax.random.randint(jax.random.key(2), (8, 17), 0, VOCABULARY)
    assert float(loss(model, tokens)) == pytest.approx(np.log(VOCABULARY), abs=0.02)


def test_dropout_needs_a_key_and_changes_the_activations(model):
    dropped = GPT(**{**model.__dict__, "dropout": 0.5})
    tokens = jnp.arange(12) % VOCABULARY
    np.testing.assert_array_equal(logits(dropped, tokens), logits(model, tokens))
    assert not np.allclose(logits(dropped, tokens), logits(dropped, tokens, key=jax.random.key(1)))


def test_tied_weights_share_the_embedding(model):
    size = gpt_size("tiny", context=16, width=32, tied=True)
    assert eqx.filter_eval_shape(init_gpt, size, VOCABULARY, key=jax.random.key(0)).head is None
    tied = GPT(**{**model.__dict__, "head": None})
    untied = GPT(**{**model.__dict__, "head": model.token.T})
    tokens = jnp.arange(12) % VOCABULARY
    np.testing.assert_allclose(logits(tied, tokens), logits(untied, tokens), atol=1e-6)


def test_bfloat16_stays_near_float32(model):
    tokens = jax.random.randint(jax.random.key(2), (8, 17), 0, VOCABULARY)
    narrow = float(loss(model, tokens, dtype=jnp.bfloat16))
    assert narrow == pytest.approx(float(loss(model, tokens)), rel=0.02)


def test_generation_follows_the_model_beyond_its_context(size, model):
    """A model whose logits are set by hand to 'the successor of the last token' must count."""
    still = jax.tree.map(jnp.zeros_like, model)
    token = jnp.eye(VOCABULARY, size.width)
    head = 50.0 * jnp.roll(jnp.eye(size.width, VOCABULARY), 1, axis=1)
    counting = still.__class__(
        token=token, position=still.position, blocks=still.blocks, norm=jnp.ones(size.width), head=head, dropout=0.0
    )
    drawn = eqx.filter_jit(generate)(counting, jnp.array([3]), 40, key=jax.random.key(0))
    np.testing.assert_array_equal(drawn, (4 + np.arange(40)) % VOCABULARY)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"num_heads": 5}, "divide"),
        ({"width": 0}, "`width`"),
        ({"dropout": 1.5}, "`dropout`"),
        ({"context": 0}, "context"),
    ],
)
def test_bad_sizes_are_named(changes, match):
    with pytest.raises(cg.InputError, match=match):
        gpt_size("tiny", **changes)


def test_unknown_size():
    with pytest.raises(cg.InputError, match="`size` must be one of 'tiny', 'char'"):
        gpt_size("huge")
