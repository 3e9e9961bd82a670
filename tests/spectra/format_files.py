"""One small file of every format, written by the library it belongs to, and the matrices that must be read from it.

The truths are sliced and reshaped here by NumPy from what was put in. ``ROWS`` is what the tests and the table of the
page on checkpoints go through.
"""

import importlib
import json
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

os.environ.setdefault("KERAS_BACKEND", "jax")  # which is here; keras would look for TensorFlow
Expected = dict[str, np.ndarray]
Writer = Callable[[Path], tuple[Path, Expected]]


class Row(NamedTuple):
    """One format."""

    title: str
    modules: tuple[str, ...]
    """What must be importable to write it."""
    write: Writer
    needs: str = ""
    """What a reader has to install."""


class Missing(Exception):
    """A library is not installed here."""


def written_by(row: Row) -> str:
    """Library and version that wrote the file.

    Raises:
        Missing: when it is not installed.
    """
    names = []
    for module in row.modules:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = importlib.import_module(module)
        except ImportError:
            raise Missing(module) from None
        top = importlib.import_module(module.split(".")[0])
        names.append(f"{module.split('.')[0]} {getattr(found, '__version__', getattr(top, '__version__', ''))}".strip())
    return ", ".join(names)


def _random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(np.float32)


def _plain() -> Expected:
    return {"blocks.0.key.weight": _random(12, 8), "blocks.0.mlp.weight": _random(6, 9)}


def safetensors(folder: Path):
    from safetensors.numpy import save_file

    arrays = _plain()
    save_file({**arrays, "norm.bias": np.ones(8, np.float32)}, folder / "model.safetensors")
    return folder / "model.safetensors", arrays


def safetensors_under_another_name(folder: Path):
    path, arrays = safetensors(folder)
    return path.rename(folder / "weights.data"), arrays


def npz(folder: Path):
    arrays = _plain()
    np.savez(folder / "model.npz", **arrays)
    return folder / "model.npz", arrays


def npy(folder: Path):
    np.save(folder / "w.npy", _random(6, 9))
    return folder / "w.npy", {"w": _random(6, 9)}


def hdf5(folder: Path):
    import h5py

    arrays = {name.replace(".", "/"): value for name, value in _plain().items()}
    with h5py.File(folder / "model.h5", "w") as file:
        for name, value in arrays.items():
            file[name] = value
    return folder / "model.h5", arrays


def zarr_store(folder: Path):
    import zarr

    group = zarr.open_group(folder / "model.zarr", mode="w", zarr_format=3)
    for name, value in _plain().items():
        group[name] = value
    return folder / "model.zarr", _plain()


KERAS_SHAPES = {
    "conv2d": {"kernel": (3, 3, 2, 5)},
    "depthwise_conv2d": {"depthwise_kernel": (3, 3, 5, 2)},
    "conv1d": {"kernel": (3, 4, 7)},
    "lstm": {"kernel": (6, 16), "recurrent_kernel": (4, 16)},
    "gru": {"kernel": (6, 9), "recurrent_kernel": (3, 9)},
    "dense": {"kernel": (6, 4)},
}


def keras_truth(layer: str, variable: str, values: np.ndarray) -> dict[str, np.ndarray]:
    """What one variable of a layer becomes, by name below the layer."""
    if layer in ("lstm", "gru"):
        gates = {"lstm": ("input", "forget", "cell", "output"), "gru": ("update", "reset", "candidate")}[layer]
        units = values.shape[1] // len(gates)
        return {f"{variable}/{gate}": values[:, i * units : (i + 1) * units] for i, gate in enumerate(gates)}
    if layer == "depthwise_conv2d":
        rows = [values[:, :, c, m].ravel() for c in range(values.shape[2]) for m in range(values.shape[3])]
        return {variable: np.array(rows)}
    if layer.startswith("conv"):
        return {variable: np.stack([values[..., out].ravel() for out in range(values.shape[-1])], axis=1)}
    return {variable: values}


def _keras_model() -> tuple[Any, dict[str, dict[str, np.ndarray]]]:
    import keras

    values = {
        layer: {name: _random(*shape) for name, shape in variables.items()} for layer, variables in KERAS_SHAPES.items()
    }
    layers = keras.layers
    image, row = keras.Input((8, 8, 2)), keras.Input((9, 4))
    sequence = keras.Input((5, 6))
    made = {
        "conv2d": layers.Conv2D(5, 3, name="conv2d"),
        "depthwise_conv2d": layers.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise_conv2d"),
        "conv1d": layers.Conv1D(7, 3, name="conv1d"),
        "lstm": layers.LSTM(4, name="lstm"),
        "gru": layers.GRU(3, name="gru"),
        "dense": layers.Dense(4, name="dense"),
    }
    outputs = [
        made["depthwise_conv2d"](made["conv2d"](image)), made["conv1d"](row), made["lstm"](sequence),
        made["gru"](sequence), made["dense"](sequence),
    ]  # fmt: skip
    model = keras.Model([image, row, sequence], outputs)
    for name, layer in made.items():
        arrays = list(values[name].values())
        layer.set_weights([*arrays, *layer.get_weights()[len(arrays) :]])
    return model, values


def _keras_expected(values, name: Callable[[str, str], str]) -> Expected:
    return {
        name(layer, below): matrix
        for layer, variables in values.items()
        for variable, value in variables.items()
        for below, matrix in keras_truth(layer, variable, value).items()
    }


def _numbered(layer: str, below: str) -> str:
    return f"layers/{layer}/cell/{below}" if layer in ("lstm", "gru") else f"layers/{layer}/{below}"


def keras_archive(folder: Path):
    model, values = _keras_model()
    model.save(folder / "model.keras")
    return folder / "model.keras", _keras_expected(values, _numbered)


def keras_weights(folder: Path):
    model, values = _keras_model()
    model.save_weights(folder / "model.weights.h5")
    return folder / "model.weights.h5", _keras_expected(values, _numbered)


def _legacy(layer: str, below: str) -> str:
    cell = f"{layer}_cell/" if layer in ("lstm", "gru") else ""
    return f"model_weights/{layer}/{layer}/{cell}{below.replace('depthwise_kernel', 'kernel')}"


def keras_legacy(folder: Path):
    model, values = _keras_model()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(folder / "model.h5")
    return folder / "model.h5", _keras_expected(values, _legacy)


def keras_2(folder: Path):
    import tf_keras as keras

    values = {
        layer: {name: _random(*shape) for name, shape in variables.items()} for layer, variables in KERAS_SHAPES.items()
    }
    layers = keras.layers
    image, row, sequence = keras.Input((8, 8, 2)), keras.Input((9, 4)), keras.Input((5, 6))
    made = {
        "conv2d": layers.Conv2D(5, 3, name="conv2d"),
        "depthwise_conv2d": layers.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise_conv2d"),
        "conv1d": layers.Conv1D(7, 3, name="conv1d"), "lstm": layers.LSTM(4, name="lstm"),
        "gru": layers.GRU(3, name="gru"), "dense": layers.Dense(4, name="dense"),
    }  # fmt: skip
    outputs = [made["depthwise_conv2d"](made["conv2d"](image)), made["conv1d"](row)]
    outputs += [made[name](sequence) for name in ("lstm", "gru", "dense")]
    model = keras.Model([image, row, sequence], outputs)
    for name, layer in made.items():
        arrays = list(values[name].values())
        layer.set_weights([*arrays, *layer.get_weights()[len(arrays) :]])
    model.save(folder / "model2.h5")

    def name(layer: str, below: str) -> str:
        cell = f"{layer}_cell/" if layer in ("lstm", "gru") else ""
        return f"model_weights/{layer}/{layer}/{cell}{below}"

    return folder / "model2.h5", _keras_expected(values, name)


TORCH_GATES = ("input", "forget", "cell", "output")


def torch_state() -> tuple[dict[str, np.ndarray], Expected]:
    """A state dictionary and what it becomes."""
    arrays = {
        "fc.weight": _random(5, 8),
        "conv.weight": _random(6, 3, 3, 3),
        "one.weight": _random(6, 4, 1, 1),
        "deep.weight": _random(6, 1, 3, 3),
        "rnn.weight_ih_l0": _random(16, 5),
        "rnn.weight_hh_l0": _random(16, 4),
    }
    expected = {
        "fc.weight": arrays["fc.weight"],
        "conv.weight": arrays["conv.weight"].reshape(6, 27),
        "one.weight": arrays["one.weight"].reshape(6, 4),
        "deep.weight": arrays["deep.weight"].reshape(6, 9),
    }
    for which in ("ih", "hh"):
        for index, gate in enumerate(TORCH_GATES):
            expected[f"rnn.weight_{which}_l0.{gate}"] = arrays[f"rnn.weight_{which}_l0"][4 * index : 4 * index + 4]
    return arrays, expected


def _tensors(arrays):
    import torch

    return {name: torch.from_numpy(value.copy()) for name, value in arrays.items()}


def torch_zip(folder: Path):
    import torch

    arrays, expected = torch_state()
    torch.save(_tensors(arrays), folder / "weights.anything")
    return folder / "weights.anything", expected


def torch_legacy(folder: Path):
    import torch

    arrays, expected = torch_state()
    torch.save(_tensors(arrays), folder / "old.bin", _use_new_zipfile_serialization=False)
    return folder / "old.bin", expected


def pth_tar(folder: Path):
    import torch

    arrays, expected = torch_state()
    torch.save({"epoch": 3, "state_dict": _tensors(arrays)}, folder / "model_best.pth.tar")
    return folder / "model_best.pth.tar", {f"state_dict.{name}": value for name, value in expected.items()}


def lightning(folder: Path):
    import torch
    from lightning.pytorch import LightningModule, Trainer

    class Net(LightningModule):
        def __init__(self):
            super().__init__()
            self.fc = torch.nn.Linear(8, 5, bias=False)
            self.fc.weight.data = torch.from_numpy(_random(5, 8))

        def training_step(self, batch, batch_index):
            return self.fc(batch).sum()

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), 0.0)

    quiet = dict.fromkeys(("logger", "enable_progress_bar", "enable_checkpointing", "enable_model_summary"), False)
    trainer = Trainer(max_steps=1, accelerator="cpu", **quiet)  # pyright: ignore
    trainer.fit(Net(), torch.utils.data.DataLoader(torch.zeros(2, 8)))
    trainer.save_checkpoint(folder / "epoch=0-step=1.ckpt")
    return folder / "epoch=0-step=1.ckpt", {"state_dict.fc.weight": _random(5, 8)}


def torchscript(folder: Path):
    import torch

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = torch.nn.Linear(8, 5)
            self.conv = torch.nn.Conv2d(3, 6, 3)
            self.fc.weight.data = torch.from_numpy(_random(5, 8))
            self.conv.weight.data = torch.from_numpy(_random(6, 3, 3, 3))

        def forward(self, x):
            return self.fc(x)

    torch.jit.save(torch.jit.script(Net()), folder / "program.pt")
    return folder / "program.pt", {"fc.weight": _random(5, 8), "conv.weight": _random(6, 3, 3, 3).reshape(6, 27)}


def distributed(folder: Path):
    import torch.distributed.checkpoint as checkpoint

    arrays, expected = torch_state()
    checkpoint.save({"model": _tensors(arrays), "step": 3}, checkpoint_id=folder / "shards", no_dist=True)
    return folder / "shards", {f"model.{name}": value for name, value in expected.items()}


def bin_shards(folder: Path):
    import torch

    arrays = _plain()
    target = folder / "model"
    target.mkdir()
    files = [f"pytorch_model-0000{i}-of-00002.bin" for i in (1, 2)]
    for (name, value), file in zip(arrays.items(), files, strict=True):
        torch.save(_tensors({name: value}), target / file)
    torch.save({"lr": 0.1}, target / "training_args.bin")
    index = {"weight_map": dict(zip(arrays, files, strict=True))}
    (target / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    return target, arrays


def adapter(folder: Path):
    import torch
    from peft import LoraConfig, get_peft_model

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.proj = torch.nn.Linear(9, 6)

        def forward(self, x):
            return self.proj(x)

    model = get_peft_model(Net(), LoraConfig(r=2, lora_alpha=8, target_modules=["proj"]))  # pyright: ignore
    layer = model.base_model.model.proj
    layer.lora_A["default"].weight.data = torch.from_numpy(_random(2, 9))
    layer.lora_B["default"].weight.data = torch.from_numpy(_random(6, 2))
    model.save_pretrained(folder / "adapter")
    return folder / "adapter", {"proj.weight": 4.0 * _random(6, 2).astype(float) @ _random(2, 9)}


def onnx_model(folder: Path):
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    arrays = {
        "conv": _random(6, 3, 3, 3), "deep": _random(6, 1, 3, 3), "dense": _random(6, 4), "lstm_w": _random(1, 16, 5),
        "lstm_r": _random(1, 16, 4),
    }  # fmt: skip
    nodes = [
        helper.make_node("Conv", ["x", "conv"], ["a"]),
        helper.make_node("Conv", ["a", "deep"], ["b"], group=6),
        helper.make_node("MatMul", ["b", "dense"], ["c"]),
        helper.make_node("LSTM", ["s", "lstm_w", "lstm_r"], ["d"], hidden_size=4),
    ]
    values = [numpy_helper.from_array(value, name) for name, value in arrays.items()]
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("x", "s")]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("c", "d")]
    model = helper.make_model(helper.make_graph(nodes, "g", inputs, outputs, values))
    onnx.save(model, folder / "network.model")
    expected = {
        "conv": arrays["conv"].reshape(6, 27),
        "deep": arrays["deep"].reshape(6, 9),
        "dense": arrays["dense"],
    }
    for word, side in (("w", "input"), ("r", "recurrent")):
        for index, gate in enumerate(("input", "output", "forget", "cell")):
            expected[f"lstm_{word}.{side}.{gate}"] = arrays[f"lstm_{word}"][0, 4 * index : 4 * index + 4]
    return folder / "network.model", expected


def gguf_file(folder: Path):
    import gguf

    plain, wide = _random(6, 9), _random(4, 64)
    writer = gguf.GGUFWriter(str(folder / "m.gguf"), "llama")
    writer.add_tensor("blk.0.attn_q.weight", plain)
    packed = gguf.quants.quantize(wide, gguf.GGMLQuantizationType.Q8_0)
    writer.add_tensor("blk.0.ffn_up.weight", packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    blocks = wide.reshape(-1, 32)
    scale = (np.abs(blocks).max(axis=1, keepdims=True) / 127).astype(np.float32)
    rounded = np.round(blocks / scale) * scale.astype(np.float16).astype(np.float32)
    return folder / "m.gguf", {"blk.0.attn_q.weight": plain, "blk.0.ffn_up.weight": rounded.reshape(wide.shape)}


def flax_msgpack(folder: Path):
    from flax import serialization

    tree = {
        "params": {"Conv_0": {"kernel": _random(3, 3, 2, 5)}, "Dense_0": {"kernel": _random(6, 4), "bias": _random(4)}}
    }
    (folder / "params.msgpack").write_bytes(serialization.to_bytes(tree))
    kernel = _random(3, 3, 2, 5)
    return folder / "params.msgpack", {
        "params/Conv_0/kernel": kernel.reshape(18, 5),
        "params/Dense_0/kernel": _random(6, 4),
    }


def orbax_folder(folder: Path):
    import orbax.checkpoint as ocp

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with ocp.StandardCheckpointer() as checkpointer:
            checkpointer.save((folder / "orbax").absolute(), _plain())
    return folder / "orbax", _plain()


def equinox_module() -> Any:
    """A module of the same kind as the one that is written."""
    import equinox as eqx
    import jax

    first, second = jax.random.split(jax.random.key(0))
    return {"fc": eqx.nn.Linear(8, 5, key=first), "conv": eqx.nn.Conv2d(3, 6, 3, key=second)}


def equinox_file(folder: Path):
    import equinox as eqx
    import jax.numpy as jnp

    module = equinox_module()
    module = eqx.tree_at(lambda m: (m["fc"].weight, m["conv"].weight), module,
                         (jnp.asarray(_random(5, 8)), jnp.asarray(_random(6, 3, 3, 3))))  # fmt: skip
    eqx.tree_serialise_leaves(folder / "model.eqx", module)
    return folder / "model.eqx", {"fc.weight": _random(5, 8), "conv.weight": _random(6, 3, 3, 3).reshape(6, 27)}


def mlx_file(folder: Path):
    import mlx.core as mx

    wide = _random(4, 128)
    packed, scales, biases = mx.quantize(mx.array(wide), group_size=64, bits=4)
    truth = np.array(mx.dequantize(packed, scales, biases, group_size=64, bits=4))
    target = folder / "mlx"
    target.mkdir()
    arrays = {
        "fc.weight": packed,
        "fc.scales": scales,
        "fc.biases": biases,
        "conv.weight": mx.array(_random(5, 3, 3, 2)),
    }
    mx.save_safetensors(str(target / "model.safetensors"), arrays, metadata={"format": "mlx"})
    (target / "config.json").write_text(json.dumps({"quantization": {"group_size": 64, "bits": 4}}))
    return target, {"fc.weight": truth, "conv.weight": _random(5, 3, 3, 2).reshape(5, 18)}


def bitsandbytes_file(folder: Path):
    import bitsandbytes.functional as functional
    import torch
    from safetensors.torch import save_file

    wide = torch.from_numpy(_random(8, 64))
    packed, state = functional.quantize_4bit(wide, blocksize=64, quant_type="nf4", compress_statistics=True)
    truth = functional.dequantize_4bit(packed, state).float().numpy()
    arrays = {"fc.weight": packed}
    arrays.update({f"fc.weight.{name}": value for name, value in state.as_dict(packed=True).items()})
    save_file(arrays, folder / "nf4.safetensors")
    return folder / "nf4.safetensors", {"fc.weight": truth}


ROWS = (
    Row("safetensors", ("safetensors",), safetensors),
    Row("safetensors under another name", ("safetensors",), safetensors_under_another_name),
    Row("`numpy.savez`", ("numpy",), npz),
    Row("`numpy.save`", ("numpy",), npy),
    Row("HDF5", ("h5py",), hdf5),
    Row("Zarr", ("zarr",), zarr_store),
    Row("Keras 3 `.keras`", ("keras",), keras_archive),
    Row("Keras 3 `.weights.h5`", ("keras",), keras_weights),
    Row("Keras 3 legacy `.h5`", ("keras",), keras_legacy),
    Row("Keras 2 `.h5`", ("tf_keras",), keras_2),
    Row("PyTorch, any name", ("torch",), torch_zip, "`coulombgas[torch]`"),
    Row("PyTorch before 1.6", ("torch",), torch_legacy, "`coulombgas[torch]`"),
    Row("`.pth.tar`", ("torch",), pth_tar, "`coulombgas[torch]`"),
    Row("Lightning", ("lightning", "torch"), lightning, "`coulombgas[torch]`"),
    Row("TorchScript, not executed", ("torch",), torchscript, "`coulombgas[torch]`"),
    Row("PyTorch distributed", ("torch",), distributed, "`coulombgas[torch]`"),
    Row("Hugging Face folder of `.bin` shards", ("torch",), bin_shards, "`coulombgas[torch]`"),
    Row("LoRA adapter of PEFT", ("peft", "torch"), adapter),
    Row("ONNX", ("onnx",), onnx_model, "`coulombgas[formats]`"),
    Row("GGUF", ("gguf",), gguf_file, "`coulombgas[formats]`"),
    Row("Flax msgpack", ("flax", "msgpack"), flax_msgpack, "`coulombgas[formats]`"),
    Row("Orbax", ("orbax.checkpoint",), orbax_folder, "`coulombgas[formats]`"),
    Row("Equinox, with a template", ("equinox",), equinox_file),
    Row("MLX, quantised", ("mlx.core",), mlx_file),
    Row("bitsandbytes nf4", ("bitsandbytes", "torch"), bitsandbytes_file),
)
