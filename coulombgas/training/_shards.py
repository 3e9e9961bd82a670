"""Shards of a run: each holds some of its replicas, and together they hold all."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr

from coulombgas._checks import InputError
from coulombgas._files import Record, Text, Whole, check_document

_SHARD = Record({
    "shard": Text(r"\d{1,9}/\d{1,9}"),
    "shard_of": Record({"replicas": Whole(1), "first_replica": Whole()}),
})  # fmt: skip


def whole_run(training: Mapping[str, Any]) -> dict[str, Any]:
    """The description of a shard's training without its shard numbers."""
    return {key: value for key, value in training.items() if key not in ("shard", "shard_of")}


def check_shards(parts: Sequence[xr.Dataset], names: Sequence[str]) -> None:
    """Check that, if there are shards, all shards of each run are present.

    Raises:
        InputError: naming those that are missing.
    """
    runs: dict[tuple, dict[int, str]] = {}
    for part, name in zip(parts, names, strict=True):
        training = json.loads(part.attrs.get("config", "{}")).get("training", {})
        if "shard" in training:
            check_document(training, _SHARD, f"{name}: attribute `config`: training", "run the shard again")
            index, number = map(int, training["shard"].split("/"))
            of = training["shard_of"]
            settings = (tuple(part.learning_rate.values.tolist()), tuple(part.batch_size.values.tolist()))
            runs.setdefault((number, of["first_replica"], of["replicas"], settings), {})[index] = name
    for (number, *_), found in runs.items():
        missing = [f"{index}/{number}" for index in range(number) if index not in found]
        if missing:
            shown = ", ".join(missing[:8]) + (f" and {len(missing) - 8} more" if len(missing) > 8 else "")
            some = "shards {} {} are missing" if len(missing) > 1 else "shard {} {} is missing"
            raise InputError(
                some.format(shown, f"of the run of {next(iter(found.values()))}")
                + f": run the same command with --shard {missing[0]} --resume, then merge all {number}."
            )
