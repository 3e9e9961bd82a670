"""Quantised weights as numbers, if their layout is public; a weight in any other layout is an error, not skipped.

- GPTQ: ``qweight`` (in·bits/32, out), ``qzeros``, ``scales`` (group, out), ``g_idx``: W = s (q − z − 1), as bits of one
  stream down the columns (layout of Frantar et al. and AutoGPTQ; without the 1 if ``checkpoint_format`` is
  ``gptq_v2``);
- AWQ (gemm): ``qweight`` (in, out/8) in the order 0 2 4 6 1 3 5 7 of each word: W = s (q − z);
- bitsandbytes: int8 ``weight`` with ``SCB``: W = q·SCB/127 by rows; 4 bits by ``quant_map`` and ``absmax`` by blocks;
- 8-bit floats and integers with ``weight_scale`` or ``weight_scale_inv``, one for all, for rows, or for blocks;
- MLX: ``weight`` (uint32), ``scales``, ``biases``: W = s q + b;
- MXFP4: ``…_blocks`` (pairs of E2M1) and ``…_scales`` (powers of two).
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from coulombgas._checks import InputError
from coulombgas._files import reading

from ._stored import BadArray, StoredArray

_Arrays = Mapping[str, StoredArray]
_AWQ_ORDER = np.argsort([0, 2, 4, 6, 1, 3, 5, 7])
_E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, 0, -0.5, -1, -1.5, -2, -3, -4, -6], dtype=np.float32)
_WEIGHT_WORDS = ("weight", "qweight", "kernel", "weight_packed", "weight_q", "W_q")
_REMEDY = "save the dequantised model, as with transformers: model.dequantize().save_pretrained(FOLDER)"


def dequantised(
    arrays: Sequence[StoredArray | BadArray], settings: Mapping[str, Any] | None = None
) -> Iterator[StoredArray | BadArray]:
    """The arrays of a checkpoint with its quantised weights as numbers, in place of the parts that encode them.

    Args:
        arrays: everything that the checkpoint holds.
        settings: its ``quantization_config``.
    """
    named = {array.name: array for array in arrays if isinstance(array, StoredArray)}
    made: dict[str, StoredArray | BadArray] = {}
    used: set[str] = set()
    for name, array in named.items():
        for rule in (_packed, _bitsandbytes, _scaled, _mlx, _mxfp4):
            found = rule(array, named, settings or {})
            if found is not None:
                made[name], parts = found
                used.update(parts)
                break
    for array in arrays:
        if array.name in made:
            yield made[array.name]
        elif array.name not in used:
            yield _unknown(array) if isinstance(array, StoredArray) else array


def _unknown(array: StoredArray) -> StoredArray | BadArray:
    """A weight of integers that no rule covers is an error."""
    whole = array.dtype.lower().lstrip("<>|=q").startswith(("int", "uint", "i", "u")) and not array.is_real
    word = array.name.replace("/", ".").split(".")[-1]
    if whole and word in _WEIGHT_WORDS and len([side for side in array.shape if side > 1]) > 1:
        return BadArray(
            array.name, f"{array.name}: quantised ({array.dtype}) in a layout that is not known: {_REMEDY}."
        )
    return array


def _values(array: StoredArray) -> np.ndarray:
    return array.read() if array.raw is None else np.asarray(array.raw())


def _made(array: StoredArray, name: str, shape: tuple[int, ...], kind: str, compute: Callable[[], np.ndarray]):
    def read() -> np.ndarray:
        with reading(name):
            found = np.asarray(compute(), dtype=np.float32)
        if found.shape != shape:
            raise InputError(f"{name}: its parts give shape {found.shape}, not {shape}: the file is damaged.")
        return found

    return replace(array, name=name, shape=shape, dtype="float32", read=read, kind=f"dequantised {kind}", raw=None)


def _unpack(words: np.ndarray, bits: int, axis: int) -> np.ndarray:
    """Consecutive numbers of ``bits`` bits, lowest bit first, in 32-bit words along an axis."""
    stream = np.moveaxis(np.ascontiguousarray(words).view(np.uint32), axis, -1)
    if 32 % bits == 0:
        shifts = np.arange(0, 32, bits, dtype=np.uint32)
        numbers = (stream[..., None] >> shifts) & np.uint32(2**bits - 1)
        return np.moveaxis(numbers.reshape(*stream.shape[:-1], -1), -1, axis).astype(np.int32)
    octets = np.ascontiguousarray(stream).astype("<u4").view(np.uint8)
    flat = np.unpackbits(octets, axis=-1, bitorder="little")
    numbers = flat.reshape(*stream.shape[:-1], -1, bits) @ (1 << np.arange(bits))
    return np.moveaxis(numbers, -1, axis).astype(np.int32)


def _packed(array: StoredArray, named: _Arrays, settings: Mapping[str, Any]):
    """GPTQ and AWQ."""
    if not array.name.endswith("qweight") or len(array.shape) != 2:
        return None
    stem = array.name.removesuffix("qweight")
    parts = {word: named.get(stem + word) for word in ("scales", "qzeros", "g_idx")}
    used = [stem + word for word in parts]
    scales, zeros, order = parts["scales"], parts["qzeros"], parts["g_idx"]
    name = f"{stem}weight"
    refusal = BadArray(name, f"{name}: packed (`qweight`) in a layout that is not known: {_REMEDY}."), used
    if scales is None or zeros is None or len(scales.shape) != 2 or len(zeros.shape) != 2 or not scales.shape[1]:
        return refusal
    outputs = scales.shape[1]
    if array.shape[1] == outputs:  # words run along the inputs
        bits = 32 * zeros.shape[1] // outputs
        inputs = order.shape[0] if order is not None else 32 * array.shape[0] // max(bits, 1)
        if bits not in (2, 3, 4, 8) or array.shape[0] * 32 != inputs * bits:
            return refusal
        one = 0 if settings.get("checkpoint_format") == "gptq_v2" else 1
        return _made(array, name, (inputs, outputs), f"GPTQ {bits} bits",
                     lambda: _gptq(array, scales, zeros, order, bits, one)), used  # fmt: skip
    if array.shape[1] * 8 == outputs and settings.get("version", "gemm").lower() == "gemm":
        return _made(array, name, (array.shape[0], outputs), "AWQ 4 bits", lambda: _awq(array, scales, zeros)), used
    return refusal


def _gptq(array, scales, zeros, order, bits: int, one: int) -> np.ndarray:
    numbers = _unpack(_values(array), bits, 0)
    zero = _unpack(_values(zeros), bits, 1) + one
    scale = scales.read()
    size = -(-numbers.shape[0] // scale.shape[0])
    group = np.arange(numbers.shape[0]) // size if order is None else _values(order).astype(np.int64)
    return scale[group] * (numbers - zero[group])


def _awq(array, scales, zeros) -> np.ndarray:
    def numbers(part: StoredArray) -> np.ndarray:
        flat = _unpack(_values(part), 4, 1)
        return flat.reshape(flat.shape[0], -1, 8)[:, :, _AWQ_ORDER].reshape(flat.shape[0], -1)

    scale = scales.read()
    group = np.arange(array.shape[0]) // (array.shape[0] // scale.shape[0])
    return scale[group] * (numbers(array) - numbers(zeros)[group])


def _bitsandbytes(array: StoredArray, named: _Arrays, settings: Mapping[str, Any]):
    """A matrix quantised by bitsandbytes to 8 or 4 bits with the arrays it uses; None for any other."""
    del settings
    stem = array.name.removesuffix("weight")
    rows = named.get(f"{stem}SCB")
    if array.name.endswith("weight") and rows is not None and array.dtype.lower() in ("i8", "int8"):
        used = [rows.name, f"{stem}weight_format"]
        return _made(array, array.name, array.shape, "int8", lambda: _int8(array, rows)), used
    state = [named.get(f"{array.name}.quant_state.bitsandbytes__{word}") for word in ("nf4", "fp4")]
    found = next((one for one in state if one is not None), None)
    if found is None:
        return None
    used = [name for name in named if name.startswith(f"{array.name}.")]
    try:
        document = json.loads(_values(found).astype(np.uint8).tobytes())
        shape = tuple(int(side) for side in document["shape"])
        word = str(document["quant_type"])
    except (KeyError, TypeError, ValueError):
        return BadArray(array.name, f"{array.name}: the state of its quantisation is damaged: copy it again."), used
    return _made(array, array.name, shape, word, lambda: _four_bits(array, named, document, shape)), used


def _int8(array: StoredArray, rows: StoredArray) -> np.ndarray:
    return _values(array) * (rows.read().reshape(-1, 1) / 127)


def _four_bits(array: StoredArray, named: _Arrays, document: Mapping[str, Any], shape: tuple[int, ...]) -> np.ndarray:
    """Values of nf4 or fp4 codes, with scales for blocks that may be quantised themselves."""
    packed = _values(array).astype(np.uint8).ravel()
    codes = np.stack([packed >> 4, packed & 15], axis=1).ravel()
    scale = _values(named[f"{array.name}.absmax"])
    if f"{array.name}.nested_absmax" in named:
        table, block = _values(named[f"{array.name}.nested_quant_map"]), int(document["nested_blocksize"])
        outer = np.repeat(_values(named[f"{array.name}.nested_absmax"]), block)[: scale.size]
        scale = table[scale.astype(np.int64)] * outer + float(document["nested_offset"])
    size = math.prod(shape)
    values = _values(named[f"{array.name}.quant_map"])[codes[:size]]
    return (values * np.repeat(scale, int(document["blocksize"]))[:size]).reshape(shape)


def _scaled(array: StoredArray, named: _Arrays, settings: Mapping[str, Any]):
    """8-bit weights with separate scales."""
    if not array.dtype.lower().startswith(("f8", "float8", "i8", "int8")) or len(array.shape) != 2:
        return None
    stem = array.name.removesuffix("weight")
    words = (f"{array.name}_scale", f"{array.name}_scale_inv", f"{stem}scale", f"{stem}scale_weight")
    scale = next((named[word] for word in words if word in named), None)
    if scale is None:
        return None
    zero = next((word for word in (f"{array.name}_zero_point", f"{stem}zero_point") if word in named), None)
    used = [scale.name, f"{stem}input_scale", f"{stem}activation_scale"]
    if zero is not None:
        used.append(zero)
        reason = f"{array.name}: quantised with a zero point in a layout that is not known: {_REMEDY}."
        return BadArray(array.name, reason), used
    block = _block(array.shape, scale.shape, settings.get("weight_block_size"))
    if block is None:
        reason = f"{array.name}: scales of shape {scale.shape}, whose blocks are not known: {_REMEDY}."
        return BadArray(array.name, reason), used
    return _made(array, array.name, array.shape, "8 bits", lambda: _times(array, scale, block)), used


def _block(shape: tuple[int, ...], parts: tuple[int, ...], given: Any) -> tuple[int, int] | None:
    """Rows and columns that share a scale; None if unknown."""
    if len(parts) < 2:
        fits = math.prod(parts) in (1, shape[0])
        return ((shape[0] if math.prod(parts) == 1 else 1), shape[1]) if fits else None
    sides = zip(shape, parts, strict=True)
    exact = tuple(side // part if part and side % part == 0 else 0 for side, part in sides)
    for block in (given, (128, 128), exact):  # blocks of 128 are common, cut at the edge
        good = isinstance(block, list | tuple) and len(block) == 2 and all(type(b) is int and b > 0 for b in block)
        if good and tuple(-(-side // b) for side, b in zip(shape, block, strict=True)) == tuple(parts):
            return block[0], block[1]
    return None


def _times(array: StoredArray, scale: StoredArray, block: tuple[int, int]) -> np.ndarray:
    values, factors = _values(array).astype(np.float32), scale.read()
    if factors.ndim < 2:
        factors = factors.reshape(-1, 1)
    full = np.repeat(np.repeat(factors, block[0], axis=0), block[1], axis=1)
    return values * full[: values.shape[0], : values.shape[1]]


def _mlx(array: StoredArray, named: _Arrays, settings: Mapping[str, Any]):
    """A matrix quantised by MLX with the arrays it uses; None for any other."""
    stem = array.name.removesuffix("weight")
    scales, biases = named.get(f"{stem}scales"), named.get(f"{stem}biases")
    good = array.name.endswith("weight") and array.dtype.lower() in ("u32", "uint32") and len(array.shape) == 2
    if not good or scales is None or biases is None or len(scales.shape) != 2:
        return None
    used, group = [scales.name, biases.name], settings.get("group_size", 64)
    columns = scales.shape[1] * group if type(group) is int and group > 0 else 0
    bits = 32 * array.shape[1] // columns if columns else 0
    if bits not in (2, 3, 4, 5, 6, 8) or bits * columns != 32 * array.shape[1]:
        return BadArray(array.name, f"{array.name}: quantised for MLX; its config.json must give `group_size`: "
                        "mlx_lm.convert --dequantize."), used  # fmt: skip

    def compute() -> np.ndarray:
        numbers = _unpack(_values(array), bits, 1)
        return np.repeat(scales.read(), group, axis=1) * numbers + np.repeat(biases.read(), group, axis=1)

    return _made(array, array.name, (array.shape[0], columns), f"MLX {bits} bits", compute), used


def _mxfp4(array: StoredArray, named: _Arrays, settings: Mapping[str, Any]):
    """A matrix in MXFP4 (E2M1 codes, one power of two for 32 of them) with its scales; None for any other."""
    del settings
    scales = named.get(array.name.removesuffix("_blocks") + "_scales")
    if not array.name.endswith("_blocks") or array.dtype.lower() not in ("u8", "uint8") or scales is None:
        return None
    if array.shape[:-1] != scales.shape:
        return BadArray(array.name, f"{array.name}: its scales have another shape: {_REMEDY}."), [scales.name]
    shape = (*array.shape[:-2], array.shape[-2] * array.shape[-1] * 2)

    def compute() -> np.ndarray:
        packed = _values(array)
        values = _E2M1[np.stack([packed & 15, packed >> 4], axis=-1)].reshape(*packed.shape[:-1], -1)
        return np.ldexp(values, _values(scales).astype(np.int32)[..., None] - 127).reshape(shape)

    return _made(array, array.name.removesuffix("_blocks"), shape, "MXFP4", compute), [scales.name]
