"""LoRA adapters: the update ΔW = (α/r) B A of each matrix, or the base matrix with it.

PEFT stores ``….lora_A.weight`` (r, in) and ``….lora_B.weight`` (out, r) beside ``adapter_config.json`` with α; others
store ``….lora_down.weight``, ``….lora_up.weight`` and ``….alpha`` (Hu et al., arXiv:2106.09685). With rank-stabilised
scaling the factor is α/√r; DoRA rescales the rows of W + ΔW, and needs W.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from coulombgas._checks import InputError

from ._stored import BadArray, StoredArray

_PEFT = re.compile(
    r"(?P<stem>.+?)\.(?P<kind>lora_|lora_embedding_)(?P<side>[AB])(\.(?!weight$)[^.]+)?(\.(?P<last>weight))?$"
)
_KOHYA = re.compile(r"(?P<stem>.+?)(\.|_)lora([._])(?P<side>down|up)\.weight$")
_OTHERS = re.compile(r"(.+)\.(hada_w\d_[ab]|lokr_w\d(_[ab])?|oft_(r|diag)|ia3_l|boft_\w+|vera_\w+)(\.\w+)*$")
_PREFIXES = ("base_model.model.", "lora_unet_", "lora_te1_", "lora_te2_", "lora_te_")
_MERGE = "merge it with peft: model.merge_and_unload().save_pretrained(FOLDER)"


class _Pair(NamedTuple):
    stem: str
    down: StoredArray
    up: StoredArray
    is_embedding: bool


def has_adapter(arrays: Sequence[StoredArray | BadArray]) -> bool:
    """Whether a checkpoint holds the two factors of an update."""
    return any(_PEFT.fullmatch(array.name) or _KOHYA.fullmatch(array.name) for array in arrays)


def with_adapters(
    arrays: Sequence[StoredArray | BadArray],
    config: Mapping[str, Any] | None,
    base: Sequence[StoredArray | BadArray] | None = None,
) -> Iterator[StoredArray | BadArray]:
    """The arrays with each pair of factors replaced by its update; with ``base``, the base arrays plus the updates.

    Args:
        arrays: arrays of the checkpoint.
        config: its ``adapter_config.json``.
        base: arrays of the model that the adapter belongs to.

    Raises:
        InputError: when ``base`` is given for a checkpoint without an adapter, or lacks one of its matrices.
    """
    pairs, rest = _pairs(arrays)
    if base is not None and not pairs:
        raise InputError("`base` was given, but the checkpoint holds no LoRA adapter: leave `base` out.")
    parts = {array.name: array for array in rest if isinstance(array, StoredArray)}
    used, updates = set(), []
    for pair in pairs:
        update, mine = _update(pair, config, parts, merged=base is not None)
        updates.append((pair, update))
        used |= mine
    if base is None:
        yield from (update for _, update in updates)
        yield from (_other(array) for array in rest if array.name not in used)
    else:
        yield from _merged(base, updates, config, parts)


def _pairs(arrays: Sequence[StoredArray | BadArray]) -> tuple[list[_Pair], list[StoredArray | BadArray]]:
    """Both factors of each LoRA update, and the arrays that are none; a lone factor becomes a bad array."""
    sides: dict[tuple[str, str], dict[str, StoredArray]] = {}
    rest: list[StoredArray | BadArray] = []
    for array in arrays:
        found = _PEFT.fullmatch(array.name) or _KOHYA.fullmatch(array.name)
        if found is None or isinstance(array, BadArray):
            rest.append(array)
            continue
        kind = found.groupdict().get("kind") or "lora_"
        side = {"down": "A", "up": "B"}.get(found["side"], found["side"])
        sides.setdefault((found["stem"], kind), {})[side] = array
    pairs = []
    for (stem, kind), both in sides.items():
        if len(both) == 2:
            pairs.append(_Pair(stem, both["A"], both["B"], kind == "lora_embedding_"))
        else:
            rest.extend(
                BadArray(one.name, f"{one.name}: the other factor is missing: {_MERGE}.") for one in both.values()
            )
    return pairs, rest


def _other(array: StoredArray | BadArray) -> StoredArray | BadArray:
    if _OTHERS.fullmatch(array.name):
        return BadArray(array.name, f"{array.name}: an adapter of another kind than LoRA: {_MERGE}.")
    return array


def _update(pair: _Pair, config: Mapping[str, Any] | None, parts: Mapping[str, StoredArray], *, merged: bool):
    """The update of one matrix, and the arrays that it consists of."""
    name = f"{_plain(pair.stem)}.weight"
    alpha = parts.get(f"{pair.stem}.alpha")
    magnitude = next((one for one in parts if one.startswith(f"{pair.stem}.lora_magnitude_vector")), None)
    used = {f"{pair.stem}.alpha", *([magnitude] if magnitude else [])}
    rank = pair.down.shape[0] if len(pair.down.shape) > 1 else 0
    if not rank or len(pair.up.shape) < 2 or pair.up.shape[1] != rank:
        return BadArray(name, f"{name}: factors of shapes {pair.down.shape} and {pair.up.shape} do not fit."), used
    if alpha is None and config is None:
        return BadArray(
            name, f"{name}: a LoRA update whose α is not known: put its adapter_config.json beside it."
        ), used
    if magnitude and not merged:
        return BadArray(name, f"{name}: DoRA changes the length of its rows: give the base model (--base)."), used
    if config is not None and str(config.get("peft_type", "LORA")).upper() != "LORA":
        return BadArray(name, f"{name}: an adapter of type {config['peft_type']}: {_MERGE}."), used
    shape = _shape(pair)

    def read() -> np.ndarray:
        factor = _factor(pair.stem, rank, config, alpha)
        down, up = (one.read().astype(np.float64).reshape(one.shape[0], -1) for one in (pair.down, pair.up))
        product = factor * (up @ down)
        return (product.T if pair.is_embedding else product).reshape(shape)

    return StoredArray(name, shape, "float64", read, kind=f"LoRA update of rank {rank}"), used


def _shape(pair: _Pair) -> tuple[int, ...]:
    if pair.is_embedding:
        return (pair.down.shape[1], pair.up.shape[0])
    return (pair.up.shape[0], *pair.down.shape[1:])


def _factor(stem: str, rank: int, config: Mapping[str, Any] | None, stored: StoredArray | None) -> float:
    """α/r, or α/√r."""
    if stored is not None:
        return float(stored.read().reshape(-1)[0]) / rank
    config = config or {}
    alpha = config.get("lora_alpha", rank)
    for pattern, value in (config.get("alpha_pattern") or {}).items():
        if re.search(rf"(^|\.){re.escape(pattern)}$", stem):
            alpha = value
    if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not math.isfinite(alpha):
        raise InputError(f"adapter_config.json: `lora_alpha` must be a number, got {alpha!r}: copy the file again.")
    return alpha / math.sqrt(rank) if config.get("use_rslora") is True else alpha / rank


def _plain(stem: str) -> str:
    for prefix in _PREFIXES:
        stem = stem.removeprefix(prefix)
    return stem.removesuffix(".base_layer")


def _merged(base, updates, config, parts) -> Iterator[StoredArray | BadArray]:
    """The arrays of the base model, with the updates added."""
    targets: dict[str, tuple[_Pair, StoredArray | BadArray]] = {}
    names = {array.name: _flat(array.name) for array in base}
    for pair, update in updates:
        wanted = _flat(update.name)
        found = [name for name, flat in names.items() if flat == wanted or flat.endswith(f"_{wanted}")]
        found = found or [name for name, flat in names.items() if wanted.endswith(f"_{flat}")]
        if len(found) != 1:
            raise InputError(
                f"`base` has {len(found) or 'no'} matrices called {update.name}, which the adapter changes: "
                "give the model that it was trained on."
            )
        targets[found[0]] = pair, update
    for array in base:
        if array.name not in targets or isinstance(array, BadArray):
            yield array
        else:
            yield _sum(array, *targets[array.name], config or {}, parts)


def _flat(name: str) -> str:
    return re.sub(r"[./]", "_", _plain(name.removesuffix(".weight")))


def _sum(array: StoredArray, pair: _Pair, update, config: Mapping[str, Any], parts) -> StoredArray | BadArray:
    """The base matrix with its update, and with the column lengths of DoRA where there are any."""
    if isinstance(update, BadArray):
        return update
    turned = bool(config.get("fan_in_fan_out")) and not pair.is_embedding
    if array.shape != (update.shape[::-1] if turned else update.shape):
        return BadArray(array.name, f"{array.name}: shape {array.shape}, but its update has {update.shape}.")
    vector = next((one for name, one in parts.items() if name.startswith(f"{pair.stem}.lora_magnitude_vector")), None)

    def read() -> np.ndarray:
        change = update.read()
        whole = array.read() + (change.T if turned else change)
        if vector is None:
            return whole
        axis = 0 if turned else 1
        length = np.sqrt((whole**2).sum(axis=axis, keepdims=True))
        return whole * vector.read().astype(np.float64).reshape(length.shape) / length

    return replace(array, dtype="float64", read=read, kind=f"with {update.kind}", raw=None)
