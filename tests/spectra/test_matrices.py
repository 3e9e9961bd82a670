"""Which arrays are matrices, how fused projections are cut and kernels reshaped."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from coulombgas import load_spectra
from coulombgas.spectra import StoredArray, as_matrices

D = 6


def _stored(name, values):
    return StoredArray(name, values.shape, "float32", lambda: values)


def _cut(name, values, heads=None):
    return {one.name: one.read() for one in as_matrices(_stored(name, values), heads)}


@pytest.mark.parametrize(
    ("name", "stem", "axis"),
    [
        ("h.0.attn.c_attn.weight", "h.0.attn.c_attn.{}.weight", 1),
        ("layer.self_attn.in_proj_weight", "layer.self_attn.in_proj.{}", 0),
        ("blocks.3.attn.qkv.weight", "blocks.3.attn.qkv.{}.weight", 0),
        ("model/layers/qkv_proj/kernel", "model/layers/qkv_proj/{}/kernel", 1),
    ],
)
def test_fused_projections_are_cut_in_blocks(name, stem, axis):
    parts = [np.random.default_rng(i).normal(size=(D, D)).astype(np.float32) for i in range(3)]
    found = _cut(name, np.concatenate(parts, axis=axis))
    assert list(found) == [stem.format(word) for word in ("query", "key", "value")]
    for part, value in zip(parts, found.values(), strict=True):
        np.testing.assert_array_equal(part, value)


def test_interleaved_heads_need_their_number():
    heads, size = 3, 2
    blocks = np.random.default_rng(0).normal(size=(heads, 3, size, D)).astype(np.float32)
    fused = blocks.reshape(3 * heads * size, D)
    assert list(_cut("attention.query_key_value.weight", fused)) == ["attention.query_key_value.weight"]
    found = _cut("attention.query_key_value.weight", fused, heads)
    np.testing.assert_array_equal(found["attention.query_key_value.key.weight"], blocks[:, 1].reshape(-1, D))


def test_number_of_heads_comes_from_the_configuration(tmp_path):
    fused = np.random.default_rng(0).normal(size=(18, 6)).astype(np.float32)
    save_file({"query_key_value.weight": fused}, tmp_path / "model.safetensors")
    assert len(load_spectra(tmp_path)) == 1
    (tmp_path / "config.json").write_text(json.dumps({"num_attention_heads": 3}))
    assert len(load_spectra(tmp_path)) == 3


def test_a_name_alone_does_not_cut():
    assert len(_cut("attn.qkv.weight", np.ones((D, D)))) == 1  # not three times the other side
    assert len(_cut("my_qkvish.weight", np.ones((3 * D, D)))) == 1


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        ("conv.weight", (8, 3, 5, 5), (8, 75)),
        ("conv.weight", (8, 3, 5), (8, 15)),
        ("conv/kernel", (5, 5, 3, 8), (75, 8)),
        ("attn/query/kernel", (12, 4, 3), (12, 12)),
        ("attn/out/kernel", (4, 3, 12), (12, 12)),
    ],
)
def test_kernels_become_matrices(name, shape, expected):
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    (found,) = as_matrices(_stored(name, values))
    np.testing.assert_array_equal(found.read(), values.reshape(expected))


def test_convolution_acts_as_its_matrix():
    """out × (in·k): the matrix applied to a flattened patch is the convolution at that place."""
    rng = np.random.default_rng(0)
    kernel, patch = rng.normal(size=(4, 3, 2, 2)), rng.normal(size=(3, 2, 2))
    (found,) = as_matrices(_stored("conv.weight", kernel))
    np.testing.assert_allclose(found.read() @ patch.ravel(), np.einsum("oikl,ikl->o", kernel, patch))


def test_other_stacks_are_taken_apart():
    assert list(_cut("W", np.zeros((3, 4, 5), np.float32))) == ["W[0]", "W[1]", "W[2]"]


def test_optimiser_state_and_integers_are_left_out(tmp_path):
    matrix = np.ones((4, 3), np.float32)
    save_file({"w": matrix, "opt_state.mu.w": matrix, "ids": np.ones((1, 5), np.int64)}, tmp_path / "m.safetensors")
    found = load_spectra(tmp_path / "m.safetensors")
    assert found.names == ("w",)
    assert {line.split(": ")[1].split(",")[0] for line in found.skipped} == {"optimiser state", "type I64"}
