"""What the small JSON files beside a checkpoint say about its arrays: heads, quantisation, adapter."""

from pathlib import Path
from typing import Any, NamedTuple

from coulombgas._checks import InputError
from coulombgas._files import links_stay_in, parse_json, read_text

from ._matrices import Heads


class Settings(NamedTuple):
    """The settings of a checkpoint."""

    heads: Heads = Heads()
    quantisation: dict[str, Any] = {}  # noqa: RUF012
    adapter: dict[str, Any] | None = None
    """``adapter_config.json`` of PEFT."""


def settings_of(path: Path) -> Settings:
    """The settings beside a file, or in a folder.

    Raises:
        InputError: when something with one of their names cannot be read as a file.
    """
    folder = path if path.is_dir() else path.parent
    config = _json(folder, "config.json") or {}
    text = config.get("text_config")
    source = {**text, **config} if isinstance(text, dict) else config
    number = _whole(source, "num_attention_heads", "n_head", "num_heads")
    shared = 1 if source.get("multi_query") is True else None
    heads = Heads(number, _whole(source, "num_key_value_heads", "n_head_kv") or shared, _whole(source, "head_dim"))
    quantisation = source.get("quantization_config") or source.get("quantization")
    if not isinstance(quantisation, dict):
        quantisation = _json(folder, "quantize_config.json") or _json(folder, "quant_config.json") or {}
    return Settings(heads, quantisation, _json(folder, "adapter_config.json"))


def _json(folder: Path, name: str) -> dict[str, Any] | None:
    file = folder / name
    if not file.exists():
        return None
    text = read_text(file, inside=links_stay_in(folder))
    try:
        return parse_json(text, str(file))
    except InputError:  # a file of another program with that name
        return None


def _whole(config: dict[str, Any], *names: str) -> int | None:
    values = [config[name] for name in names if name in config]
    return values[0] if values and type(values[0]) is int and values[0] > 0 else None
