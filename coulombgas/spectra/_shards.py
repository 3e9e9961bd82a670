"""Checkpoints in several files: by the index that names the file of each array, or by the numbers of the shards."""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from coulombgas._checks import InputError
from coulombgas._files import links_stay_in, read_json, regular_file

from ._stored import BadArray, Reader, StoredArray

INDEX = ".index.json"
SHARD = re.compile(r"^(?P<stem>.+)-(?P<number>\d+)-of-(?P<total>\d+)(?P<suffix>\.[A-Za-z]+)$")
_PARALLEL = re.compile(r"^(consolidated\.\d+|mp_rank_\d+.*|model_part-\d+)\.(pth|pt)$")


def read_index(path: Path, reader_of: Callable[[Path], Reader]) -> Iterator[StoredArray | BadArray]:
    """The arrays of a checkpoint in several files, from its ``….index.json``; ``reader_of`` returns the reader of a
    file.

    Raises:
        InputError: when it is not an index, or names anything but plain files next to it.
    """
    inside = links_stay_in(path.parent)
    weight_map = read_json(path, what="index", inside=inside).get("weight_map")
    if not isinstance(weight_map, dict) or not all(isinstance(value, str) for value in weight_map.values()):
        raise InputError(f"{path}: not an index of a sharded checkpoint (JSON with `weight_map`): copy it again.")
    shards = dict.fromkeys(weight_map.values())
    for shard in shards:
        if Path(shard).name != shard or shard in ("", ".", "..") or "\\" in shard:
            raise InputError(f"{path}: shard {shard!r} is not a plain file name beside the index: copy it there.")
    for shard in shards:
        file = path.parent / shard
        if not file.exists():
            yield BadArray(shard, f"{file}: shard is missing: download it again.")
            continue
        try:
            regular_file(file, inside=inside)
            yield from (array for array in reader_of(file)(file) if weight_map.get(array.name) == shard)
        except InputError as error:
            yield BadArray(shard, str(error))


def find_shards(files: Sequence[Path]) -> list[Path]:
    """The shards of one checkpoint among the files of a folder, in order; empty if there are none.

    Raises:
        InputError: when one is missing, or when they are slices of the same matrices.
    """
    parallel = [file for file in files if _PARALLEL.match(file.name)]
    if len(parallel) > 1:
        raise InputError(
            f"{parallel[0].parent}: {len(parallel)} slices of each matrix ({parallel[0].name}, …), as model-parallel "
            "training writes them: merge them first, as with transformers' convert_*_weights_to_hf.py."
        )
    found = [(match, file) for file in files if (match := SHARD.match(file.name)) is not None]
    if not found:
        return []
    stems = {(match["stem"], match["suffix"]) for match, _ in found}
    stem, suffix = sorted(stems, key=lambda one: (one[1] != ".safetensors", one))[0]
    mine = {int(match["number"]): file for match, file in found if (match["stem"], match["suffix"]) == (stem, suffix)}
    total = max(int(match["total"]) for match, _ in found if (match["stem"], match["suffix"]) == (stem, suffix))
    missing = total - len(mine)
    if missing > 0:
        raise InputError(
            f"{files[0].parent}: {missing} of the {total} shards {stem}-…{suffix} are missing: download them again, or "
            "name the files that are there one by one."
        )
    return [mine[number] for number in sorted(mine)]
