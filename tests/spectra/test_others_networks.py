"""Checkpoints whose arrays are easily taken for something else: each shape and number against plain NumPy."""

import json

import h5py
import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

from coulombgas import InputError, load_spectra
from coulombgas.spectra import StoredArray, as_matrices, iterate_matrices
from coulombgas.spectra._kernels import name_parts


def random(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(np.float32)


def read(path, **options):
    return dict(iterate_matrices(path, **options))


def same(found, expected, rtol=1e-6):
    assert sorted(found) == sorted(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=rtol, atol=1e-6, err_msg=name)


def hdf5(path, arrays, **attributes):
    with h5py.File(path, "w") as file:
        for name, value in arrays.items():
            file[name] = value
        for name, value in attributes.items():
            file.attrs[name] = value


# Keras


@pytest.mark.parametrize("name", ["block/conv/kernel:0", "layers/conv2d_3/vars/0", "encoder/stem/vars/0"])
def test_a_keras_convolution_is_taps_times_inputs_by_outputs(tmp_path, name):
    kernel = random(3, 3, 64, 128)
    hdf5(tmp_path / "k.h5", {name: kernel})
    ((_, found),) = iterate_matrices(tmp_path / "k.h5")
    np.testing.assert_array_equal(found, kernel.reshape(576, 128))


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("depthwise_conv2d/depthwise_conv2d/kernel", {}),
        ("a/a/depthwise_kernel:0", {}),
        ("layers/depthwise_conv2d/vars/0", {}),
        ("w/mine/mine/kernel", {"model_config": json.dumps({"config": {"layers": [
            {"class_name": "DepthwiseConv2D", "config": {"name": "mine"}}]}})}),
    ],
)  # fmt: skip
def test_a_depthwise_kernel_has_one_row_for_each_channel(tmp_path, name, attributes):
    kernel = random(3, 3, 5, 2)
    hdf5(tmp_path / "k.h5", {name: kernel}, **attributes)
    (layer,) = load_spectra(tmp_path / "k.h5")
    assert layer.shape == (10, 9)
    assert layer.kind == "depthwise convolution 3×3"
    truth = np.linalg.svd([kernel[..., c, m].ravel() for c in range(5) for m in range(2)], compute_uv=False)
    np.testing.assert_allclose(layer.eigenvalues, truth[::-1] ** 2, rtol=1e-5)


def test_an_einsum_layer_sums_over_what_its_equation_says(tmp_path):
    kernel = random(4, 6, 3)
    config = {"class_name": "EinsumDense", "config": {"name": "mix", "equation": "abc,cde->abde"}}
    with h5py.File(tmp_path / "k.h5", "w") as file:
        file["layers/einsum_dense/vars/0"] = kernel
        file["layers/einsum_dense/vars"].attrs["name"] = "mix"
        file.attrs["model_config"] = json.dumps(config)
    ((_, found),) = iterate_matrices(tmp_path / "k.h5")
    np.testing.assert_array_equal(found, kernel.reshape(4, 18))
    hdf5(tmp_path / "unknown.h5", {"layers/einsum_dense/vars/0": kernel})
    with pytest.raises(InputError, match="order of its axes is not known"):
        load_spectra(tmp_path / "unknown.h5")


def test_biases_of_heads_and_gates_are_no_matrices(tmp_path):
    arrays = {"gru/gru/gru_cell/bias:0": random(2, 9), "mha/query/bias:0": random(2, 4), "dense/kernel:0": random(4, 3)}
    hdf5(tmp_path / "k.h5", arrays)
    found = load_spectra(tmp_path / "k.h5")
    assert found.names == ("dense/kernel",)
    assert sum("a bias" in line for line in found.skipped) == 2


# recurrent layers


@pytest.mark.parametrize(
    ("gates", "names"), [(4, ("input", "forget", "cell", "output")), (3, ("reset", "update", "new")), (1, ())]
)
@pytest.mark.parametrize("end", ["_l0", "_l1_reverse", ""])
def test_gates_of_recurrent_layers(tmp_path, gates, names, end):
    hidden = 5
    arrays = {f"rnn.weight_ih{end}": random(gates * hidden, 7), f"rnn.weight_hh{end}": random(gates * hidden, hidden)}
    save_file(arrays, tmp_path / "m.safetensors")
    expected = {
        f"{stem}.{name}": value[hidden * i : hidden * (i + 1)]
        for stem, value in arrays.items()
        for i, name in enumerate(names)
    }
    same(read(tmp_path / "m.safetensors"), expected or arrays)


def test_a_projected_lstm_has_four_gates(tmp_path):
    arrays = {
        "rnn.weight_ih_l0": random(24, 7), "rnn.weight_hh_l0": random(24, 3), "rnn.weight_hr_l0": random(3, 6),
    }  # fmt: skip
    save_file(arrays, tmp_path / "m.safetensors")
    found = load_spectra(tmp_path / "m.safetensors")
    assert len(found) == 9
    assert {layer.kind for layer in found} == {"input gate", "forget gate", "cell gate", "output gate", ""}


def test_a_convolutional_lstm_is_cut_and_reshaped(tmp_path):
    kernel, recurrent = random(3, 3, 2, 16), random(3, 3, 4, 16)
    hdf5(tmp_path / "k.h5", {"c/kernel:0": kernel, "c/recurrent_kernel:0": recurrent})
    found = read(tmp_path / "k.h5")
    np.testing.assert_array_equal(found["c/kernel/forget"], kernel[..., 4:8].reshape(18, 4))
    np.testing.assert_array_equal(found["c/recurrent_kernel/output"], recurrent[..., 12:].reshape(36, 4))


@pytest.mark.parametrize(
    "names", [("input", "forget", "cell", "output"), ("update", "reset", "candidate")], ids=["LSTM", "GRU"]
)
def test_gates_of_a_keras_layer_lie_side_by_side(tmp_path, names):
    arrays = {"r/kernel:0": random(7, 5 * len(names)), "r/recurrent_kernel:0": random(5, 5 * len(names))}
    hdf5(tmp_path / "k.h5", arrays)
    stems = {"r/kernel:0": "r/kernel", "r/recurrent_kernel:0": "r/recurrent_kernel"}
    same(read(tmp_path / "k.h5"), {
        f"{stems[key]}/{name}": value[:, 5 * i : 5 * (i + 1)]
        for key, value in arrays.items() for i, name in enumerate(names)
    })  # fmt: skip


# kernels and stacks


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("kernel.value", ["kernel"]),
        ("a/b/kernel/0", ["a", "b", "kernel"]),
        ("value", ["value"]),
        ("a.0.w", ["a", "0", "w"]),
    ],
)
def test_what_flax_appends_is_no_part_of_a_name(name, parts):
    assert name_parts(name) == parts


@pytest.mark.parametrize(
    ("name", "shape", "matrix", "kind"),
    [
        ("a.weight", (8, 6, 1, 1), (8, 6), "1×1 convolution"),
        ("a.weight", (8, 6, 3, 3), (8, 54), "convolution 3×3"),
        ("a.weight", (8, 1, 3, 3), (8, 9), "depthwise or one-channel convolution 3×3"),
        ("a/kernel", (1, 1, 6, 8), (6, 8), "1×1 convolution"),
        ("a/kernel", (3, 3, 1, 8), (9, 8), "depthwise or one-channel convolution 3×3"),
        ("a/kernel", (1, 7, 16, 16), (112, 16), "convolution 1×7"),
        ("a.weight", (3, 3, 64, 32), (576, 32), "convolution 3×3"),  # axes of TensorFlow under PyTorch's name
        ("filters", (5, 5, 3, 8), (75, 8), "convolution 5×5"),
        ("filters", (8, 3, 5, 5), (8, 75), "convolution 5×5"),
        ("conv_0/kernel", (3, 6, 8), (18, 8), "convolution 3"),
        ("a.weight", (64, 3, 3, 16), (64, 144), "convolution 3×3"),  # MLX
    ],
)
def test_kernels_are_named_for_what_they_are(name, shape, matrix, kind):
    array = StoredArray(name, shape, "float32", lambda: random(*shape))
    (found,) = as_matrices(array)
    assert (found.shape, found.kind) == (matrix, kind)
    assert found.read().shape == matrix


def test_what_no_rule_covers_is_left_out_and_reported(tmp_path):
    np.savez(
        tmp_path / "m.npz", table=random(2, 5, 7, 9), w=random(6, 4), tokens=random(12, 1, 8), one=random(3, 3, 4, 1)
    )
    found = load_spectra(tmp_path / "m.npz")
    assert found.names == ("w",)
    assert sorted(line.split(",")[-2].strip() for line in found.skipped) == [
        "and the order of its axes is not known", "one: a single filter", "tokens: a stack of vectors",
    ]  # fmt: skip


def test_layers_that_were_stacked_by_a_scan_are_no_convolution():
    stack = random(12, 6, 8)
    found = list(as_matrices(StoredArray("layers/mlp/kernel", stack.shape, "float32", lambda: stack)))
    assert [one.name for one in found] == [f"layers/mlp/kernel[{i}]" for i in range(12)]
    np.testing.assert_array_equal(found[3].read(), stack[3])


def test_fewer_heads_of_key_and_value(tmp_path):
    size, heads, shared, width = 4, 6, 2, 24
    fused = random((heads + 2 * shared) * size, width)
    save_file({"a.qkv_proj.weight": fused, "a.gate_up_proj.weight": random(20, width)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"num_attention_heads": heads, "num_key_value_heads": shared}))
    found = read(tmp_path)
    assert {name: value.shape for name, value in found.items()} == {
        "a.qkv_proj.query.weight": (24, width), "a.qkv_proj.key.weight": (8, width),
        "a.qkv_proj.value.weight": (8, width), "a.gate_up_proj.gate.weight": (10, width),
        "a.gate_up_proj.up.weight": (10, width),
    }  # fmt: skip
    np.testing.assert_array_equal(found["a.qkv_proj.value.weight"], fused[32:])


# folders


def hub_folder(folder, arrays, *, shards=2):
    """What Hugging Face's trainer leaves."""
    folder.mkdir(parents=True, exist_ok=True)
    weight_map = {}
    for index, (name, value) in enumerate(arrays.items()):
        file = f"model-{index % shards + 1:05}-of-{shards:05}.safetensors"
        save_file({name: value}, folder / file)
        weight_map[name] = file
    for name in ("training_args.bin", "optimizer.pt", "scheduler.pt", "rng_state.pth", "scaler.pt"):
        (folder / name).write_bytes(b"\x80\x02}q\x00.")
    (folder / "tokenizer.model").write_bytes(b"\x0a\x01a")
    (folder / "trainer_state.json").write_text("{}")
    return weight_map


def test_a_folder_of_shards_is_one_checkpoint(tmp_path):
    arrays = {"a.weight": random(6, 4), "b.weight": random(5, 4)}
    weight_map = hub_folder(tmp_path / "model", arrays)
    same(read(tmp_path / "model"), arrays)  # without an index
    (tmp_path / "model" / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    same(read(tmp_path / "model"), arrays)
    shards = sorted(map(str, (tmp_path / "model").glob("*.safetensors")))
    found = load_spectra(shards)  # as a shell names them
    assert (found.steps, len(found)) == ((), 2)
    (tmp_path / "model" / "model.safetensors.index.json").unlink()
    (tmp_path / "model" / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(InputError, match="1 of the 2 shards"):
        load_spectra(tmp_path / "model")


def test_checkpoints_of_a_trainer_are_a_trajectory_by_their_number(tmp_path):
    for step in (500, 1000, 50):
        hub_folder(tmp_path / "run" / f"checkpoint-{step}", {"a.weight": random(6, 4, seed=step)}, shards=1)
    np.savez(tmp_path / "run" / "predictions.npz", scores=random(9, 7))
    (tmp_path / "run" / "training_args.bin").write_bytes(b"\x80\x02}q\x00.")
    found = load_spectra(tmp_path / "run")
    assert found.steps == (50, 500, 1000)
    assert found.names == ("a.weight",)


def test_slices_of_the_same_matrices_are_not_a_trajectory(tmp_path):
    for index in (0, 1):
        (tmp_path / f"consolidated.0{index}.pth").write_bytes(b"PK")
    with pytest.raises(InputError, match="2 slices of each matrix"):
        load_spectra(tmp_path)


def test_a_pipeline_of_networks_is_not_a_trajectory(tmp_path):
    for name in ("unet", "vae"):
        (tmp_path / name).mkdir()
        save_file({"w": random(4, 3)}, tmp_path / name / "diffusion_pytorch_model.safetensors")
    (tmp_path / "model_index.json").write_text("{}")
    with pytest.raises(InputError, match="several networks: name one"):
        load_spectra(tmp_path)
    assert load_spectra(tmp_path / "unet").names == ("w",)


# adapters


def adapter(folder, arrays, **config):
    folder.mkdir(exist_ok=True)
    save_file(arrays, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 2, "lora_alpha": 6, **config}))
    return folder


A, B = random(2, 9), random(6, 2)
PEFT = {"base_model.model.a.q.lora_A.weight": A, "base_model.model.a.q.lora_B.weight": B}


@pytest.mark.parametrize(
    ("config", "factor"),
    [({}, 3.0), ({"use_rslora": True}, 6 / np.sqrt(2)), ({"alpha_pattern": {"q": 10}}, 5.0)],
)
def test_an_adapter_is_its_update(tmp_path, config, factor):
    same(read(adapter(tmp_path / "lora", PEFT, **config)), {"a.q.weight": factor * B.astype(float) @ A})


def test_updates_of_convolutions_and_embeddings(tmp_path):
    down, up = random(2, 3, 3, 3), random(5, 2, 1, 1)
    arrays = {
        "base_model.model.c.lora_A.weight": down, "base_model.model.c.lora_B.weight": up,
        "base_model.model.e.lora_embedding_A": A, "base_model.model.e.lora_embedding_B": B,
    }  # fmt: skip
    found = read(adapter(tmp_path / "lora", arrays))
    full = 3 * np.einsum("or,rikl->oikl", up[:, :, 0, 0].astype(float), down)
    same(found, {"c.weight": full.reshape(5, 27), "e.weight": 3 * (B.astype(float) @ A).T})


def test_other_programs_store_alpha_beside_the_factors(tmp_path):
    arrays = {
        "lora_unet_mid_q.lora_down.weight": A, "lora_unet_mid_q.lora_up.weight": B,
        "lora_unet_mid_q.alpha": np.array(1.0, np.float32),
    }  # fmt: skip
    save_file(arrays, tmp_path / "m.safetensors")
    same(read(tmp_path / "m.safetensors"), {"mid_q.weight": 0.5 * B.astype(float) @ A})
    base = random(6, 9)
    save_file({"mid.q.weight": base, "mid.k.weight": random(3, 4)}, tmp_path / "base.safetensors")
    found = read(tmp_path / "m.safetensors", base=tmp_path / "base.safetensors")
    same(found, {"mid.q.weight": base + 0.5 * B.astype(float) @ A, "mid.k.weight": random(3, 4)})


def test_an_adapter_in_its_base(tmp_path):
    base, other = random(6, 9), random(4, 4)
    save_file({"model.a.q.weight": base, "model.a.k.weight": other}, tmp_path / "base.safetensors")
    found = read(adapter(tmp_path / "lora", PEFT), base=tmp_path / "base.safetensors")
    same(found, {"model.a.q.weight": base + 3 * B.astype(float) @ A, "model.a.k.weight": other})
    layers = load_spectra(tmp_path / "lora", base=tmp_path / "base.safetensors")
    assert [layer.kind for layer in layers] == ["", "with LoRA update of rank 2"]
    save_file({"model.z.weight": base}, tmp_path / "wrong.safetensors")
    with pytest.raises(InputError, match=r"`base` has no matrices called a\.q\.weight"):
        read(tmp_path / "lora", base=tmp_path / "wrong.safetensors")
    with pytest.raises(InputError, match="holds no LoRA adapter"):
        read(tmp_path / "base.safetensors", base=tmp_path / "base.safetensors")


def test_dora_needs_the_base(tmp_path):
    length = np.linspace(1, 2, 6).astype(np.float32)
    arrays = {**PEFT, "base_model.model.a.q.lora_magnitude_vector": length}
    adapter(tmp_path / "dora", arrays, use_dora=True)
    with pytest.raises(InputError, match=r"DoRA .*--base"):
        read(tmp_path / "dora")
    base = random(6, 9)
    save_file({"a.q.weight": base}, tmp_path / "base.safetensors")
    whole = base + 3 * B.astype(float) @ A
    truth = whole * (length / np.linalg.norm(whole, axis=1))[:, None]
    same(read(tmp_path / "dora", base=tmp_path / "base.safetensors"), {"a.q.weight": truth})
    # of a matrix stored as inputs by outputs the same lengths are those of its columns
    adapter(tmp_path / "turned", arrays, use_dora=True, fan_in_fan_out=True)
    save_file({"a.q.weight": np.ascontiguousarray(base.T)}, tmp_path / "base.safetensors")
    same(read(tmp_path / "turned", base=tmp_path / "base.safetensors"), {"a.q.weight": truth.T})


@pytest.mark.parametrize(
    ("arrays", "config", "message"),
    [
        (PEFT, None, "α is not known"),
        ({"base_model.model.a.q.lora_A.weight": A}, {}, "the other factor is missing"),
        ({**PEFT, "base_model.model.a.q.lora_B.weight": random(6, 3)}, {}, "do not fit"),
        ({"b.hada_w1_a": A, **PEFT}, {}, "another kind than LoRA: merge it"),
        (PEFT, {"peft_type": "LOHA"}, "adapter of type LOHA: merge it"),
        (PEFT, {"lora_alpha": "six"}, "`lora_alpha` must be a number"),
    ],
)
def test_adapters_that_cannot_be_merged(tmp_path, arrays, config, message):
    if config is None:
        save_file(arrays, tmp_path / "adapter_model.safetensors")
    else:
        adapter(tmp_path, arrays, **config)
    with pytest.raises(InputError, match=message) as error:
        load_spectra(tmp_path)
    assert "\n" not in str(error.value)


# quantised weights


def packed(numbers, bits):
    """Words of 32 bits with the numbers of each column one after the other, the first one lowest."""
    rows = []
    for column in numbers.T.tolist():
        stream = sum(value << (bits * place) for place, value in enumerate(column))
        rows.append([(stream >> (32 * word)) & 0xFFFFFFFF for word in range(len(column) * bits // 32)])
    return np.array(rows, dtype=np.uint32).T.copy().view(np.int32)


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("version", ["gptq", "gptq_v2"])
def test_gptq(tmp_path, bits, version):
    rng = np.random.default_rng(bits)
    inputs, outputs, groups = 64, 32, 4
    numbers, zeros = rng.integers(0, 2**bits, (inputs, outputs)), rng.integers(1, 2**bits, (groups, outputs))
    order = rng.permutation(np.arange(inputs) % groups).astype(np.int32)
    scales = rng.uniform(0.5, 2, (groups, outputs)).astype(np.float16)
    stored = zeros - (version == "gptq")
    arrays = {
        "a.q.qweight": packed(numbers, bits), "a.q.qzeros": packed(stored.T, bits).T.copy(), "a.q.scales": scales,
        "a.q.g_idx": order, "a.norm.weight": np.ones(4, np.float32),
    }  # fmt: skip
    save_file(arrays, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"quantization_config": {"checkpoint_format": version}}))
    truth = scales[order].astype(float) * (numbers - zeros[order])
    same(read(tmp_path), {"a.q.weight": truth})
    assert load_spectra(tmp_path)[0].kind == f"dequantised GPTQ {bits} bits"


def test_awq(tmp_path):
    rng = np.random.default_rng(0)
    inputs, outputs, groups = 32, 16, 2
    numbers, zeros = rng.integers(0, 16, (inputs, outputs)), rng.integers(0, 16, (groups, outputs))
    scales = rng.uniform(0.5, 2, (groups, outputs)).astype(np.float16)

    def words(values):
        order = [0, 2, 4, 6, 1, 3, 5, 7]
        blocks = values.reshape(len(values), -1, 8)[:, :, order].astype(np.int64)
        return (blocks << (4 * np.arange(8))).sum(axis=2).astype(np.uint32).view(np.int32)

    save_file({"q.qweight": words(numbers), "q.qzeros": words(zeros), "q.scales": scales}, tmp_path / "m.safetensors")
    group = np.arange(inputs) // (inputs // groups)
    same(read(tmp_path / "m.safetensors"), {"q.weight": scales[group].astype(float) * (numbers - zeros[group])})


def test_eight_bits_with_scales(tmp_path):
    whole = np.random.default_rng(0).integers(-127, 128, (6, 8)).astype(np.int8)
    rows = np.linspace(1, 2, 6).astype(np.float32)
    arrays = {"a.weight": whole, "a.SCB": rows, "b.weight": whole, "b.weight_scale": rows[:, None]}
    save_file(arrays, tmp_path / "m.safetensors")
    same(read(tmp_path / "m.safetensors"), {"a.weight": whole * rows[:, None] / 127, "b.weight": whole * rows[:, None]})


@pytest.mark.parametrize(
    ("word", "blocks"), [("weight_scale_inv", (2, 2)), ("weight_scale", ()), ("weight_scale", (200,))]
)
def test_float8_with_scales(tmp_path, word, blocks):
    values = random(200, 150).astype(ml_dtypes.float8_e4m3fn)
    scale = np.random.default_rng(1).uniform(0.5, 2, blocks).astype(np.float32)
    full = scale[:, None] if scale.ndim == 1 else scale
    if scale.ndim == 2:  # squares of 128, cut at the edge
        full = np.kron(scale, np.ones((128, 128)))[:200, :150]
    text = {"a.weight": ("F8_E4M3", values), f"a.{word}": ("F32", scale)}
    header, data = {}, b""
    for name, (kind, array) in text.items():
        header[name] = {
            "dtype": kind,
            "shape": list(array.shape),
            "data_offsets": [len(data), len(data) + array.nbytes],
        }
        data += array.tobytes()
    content = json.dumps(header).encode()
    (tmp_path / "m.safetensors").write_bytes(len(content).to_bytes(8, "little") + content + data)
    same(read(tmp_path / "m.safetensors"), {"a.weight": values.astype(float) * full})


def test_mxfp4(tmp_path):
    packed_pairs = np.random.default_rng(0).integers(0, 256, (3, 4, 16)).astype(np.uint8)
    exponents = np.random.default_rng(1).integers(120, 131, (3, 4)).astype(np.uint8)
    table = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
    truth = []
    for row, powers in zip(packed_pairs.tolist(), exponents.tolist(), strict=True):
        pairs = [(byte, power) for block, power in zip(row, powers, strict=True) for byte in block]
        nibbles = [(nibble, power) for byte, power in pairs for nibble in (byte & 15, byte >> 4)]
        truth.append([(-1) ** (n >> 3) * table[n & 7] * 2.0 ** (power - 127) for n, power in nibbles])
    save_file({"e.up_blocks": packed_pairs, "e.up_scales": exponents}, tmp_path / "m.safetensors")
    same(read(tmp_path / "m.safetensors"), {"e.up": np.array(truth)})


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a.qweight": np.ones((5, 6), np.int32), "a.scales": random(2, 6)}, "packed .* layout that is not known"),
        ({"a.weight": np.ones((5, 6), np.int8)}, "quantised .* in a layout that is not known: save the dequantised"),
        ({"a.weight_packed": np.ones((5, 6), np.int32), "a.weight_scale": random(5, 2)}, "layout that is not known"),
        ({"a.weight": np.ones((4, 8), np.uint32), "a.scales": random(4, 3), "a.biases": random(4, 3)}, "group_size"),
    ],
)
def test_quantised_weights_of_unknown_layouts_are_refused(tmp_path, arrays, message):
    save_file({**arrays, "b.weight": random(4, 3)}, tmp_path / "m.safetensors")
    with pytest.raises(InputError, match=message):
        load_spectra(tmp_path / "m.safetensors")
    rest = load_spectra(tmp_path / "m.safetensors", keep_going=True)
    assert "b.weight" in rest.names
    assert not any(name.startswith("a.scales") for name in rest.names)
