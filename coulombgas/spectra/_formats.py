"""From a path to the checkpoints it stands for: file formats, shards, directories that are trajectories."""

import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from coulombgas._checks import InputError
from coulombgas._files import links_stay_in, parse_json, read_json, read_text, regular_file
from coulombgas._types import PathType

from ._array_files import read_hdf5, read_npy, read_npz
from ._directories import read_orbax, read_zarr
from ._safetensors import read_index, read_safetensors
from ._stored import BadArray, Reader, StoredArray
from ._torch_files import read_torch

_READERS: dict[str, Reader] = {
    ".safetensors": read_safetensors,
    ".npz": read_npz,
    ".npy": read_npy,
    ".h5": read_hdf5,
    ".hdf5": read_hdf5,
    ".pt": read_torch,
    ".pth": read_torch,
    ".bin": read_torch,
}
FORMATS = (*_READERS, ".safetensors.index.json", ".zarr", "Orbax directory")
"""What :func:`coulombgas.load_spectra` reads."""
_INDEX = ".safetensors.index.json"
_ZARR_MARKS = ("zarr.json", ".zgroup", ".zarray", ".zmetadata")
_SHARD = re.compile(r"-\d+-of-\d+\.safetensors$")


class Checkpoint(NamedTuple):
    """One checkpoint on disk."""

    path: Path
    reader: Reader
    step: int | None

    def arrays(self) -> Iterator[StoredArray | BadArray]:
        """Its arrays, one after the other, not yet read."""
        yield from self.reader(self.path)


def find_checkpoints(path: PathType | Sequence[PathType]) -> tuple[Checkpoint, ...]:
    """The checkpoints that a path, or several, stand for, ordered by step.

    A directory is one checkpoint when it is a Zarr store, an Orbax checkpoint, or holds ``model.safetensors`` or an
    index of shards; otherwise the checkpoints directly inside it are a trajectory. Several checkpoints take their step
    from the last number in their name, or are counted when a name has none.

    Raises:
        InputError: when there is nothing to read.
    """
    paths = [path] if isinstance(path, str) or not isinstance(path, Sequence) else list(path)
    found = list(itertools.chain.from_iterable(_find(Path(one)) for one in paths))
    if not found:
        raise InputError("`path` is empty: name at least one checkpoint.")
    if len(found) == 1:
        return tuple(found)
    steps = [_step(one.path) for one in found]
    if None in steps or len(set(steps)) < len(steps):
        steps = list(range(len(found)))
    return tuple(sorted((one._replace(step=step) for one, step in zip(found, steps, strict=True)), key=_by_step))


def number_of_heads(path: Path) -> int | None:
    """Number of attention heads from a ``config.json`` beside the checkpoint, if it has one.

    Raises:
        InputError: when there is something of that name that cannot be read as a file.
    """
    folder = path if path.is_dir() else path.parent
    file = folder / "config.json"
    if not file.exists():
        return None
    text = read_text(file, inside=links_stay_in(folder))
    try:
        config = parse_json(text, str(file))
    except InputError:  # another program's file of that name
        return None
    values = [config[key] for key in ("num_attention_heads", "n_head", "num_heads") if key in config]
    return values[0] if values and type(values[0]) is int and values[0] > 0 else None


def _by_step(checkpoint: Checkpoint) -> int:
    return checkpoint.step or 0


def _step(path: Path) -> int | None:
    numbers = re.findall(r"\d+", path.name.removesuffix(path.suffix))
    return int(numbers[-1]) if numbers and len(numbers[-1]) < 16 else None


def _find(path: Path) -> list[Checkpoint]:
    if not path.is_dir():
        regular_file(path)
    one = _single(path)
    if one is not None:
        return [one]
    if not path.is_dir():
        raise InputError(f"{path}: format not known; readable are {', '.join(FORMATS)}.")
    inside = links_stay_in(path)
    try:
        names = sorted(child for child in path.iterdir() if not child.name.startswith((".", "_")))
    except PermissionError:
        raise InputError(f"{path}: no permission to read it.") from None
    children = [_single(child, inside) for child in names]
    found = [child for child in children if child is not None]
    if not found:
        raise InputError(f"{path}: no checkpoint inside; readable are {', '.join(FORMATS)}.")
    return found


def _single(path: Path, inside: Path | None = None) -> Checkpoint | None:
    """The path as one checkpoint, or None when it is none; links stay ``inside`` a folder where one is given."""
    if path.is_dir():
        return _single_directory(path, inside)
    reader = read_index if path.name.endswith(_INDEX) else _READERS.get(path.suffix.lower())
    if reader is None:
        return None
    if regular_file(path, inside=inside).stat().st_size == 0:
        raise InputError(f"{path}: the file is empty.")
    return Checkpoint(path, reader, None)


def _own_format(path: Path) -> str:
    """The format of one of this library's stores of eigenvalues; empty for anything else."""
    if not (path / "zarr.json").exists():
        return ""
    try:
        attributes = read_json(path / "zarr.json", what="store", inside=path).get("attributes")
    except InputError:
        return ""  # damaged: the reader says how
    found = attributes.get("format") if isinstance(attributes, dict) else None
    return found if isinstance(found, str) and found.startswith("coulombgas-") else ""


def _single_directory(path: Path, inside: Path | None = None) -> Checkpoint | None:
    if any((path / mark).exists() for mark in _ZARR_MARKS):
        own = _own_format(path)
        if own and inside is not None:
            return None  # beside the checkpoints of a run
        if own:
            raise InputError(
                f"{path}: holds eigenvalues ({own}), not weights: `coulombgas report` and `spectra` analyse one "
                "recording, `coulombgas rule` several, `coulombgas fit` ensembles."
            )
        return Checkpoint(path, read_zarr, None)
    if (path / "_METADATA").exists() or (path / "default" / "_METADATA").exists():
        return Checkpoint(path, read_orbax, None)
    indices = sorted(path.glob(f"*{_INDEX}"))
    if indices:
        return Checkpoint(path, lambda folder: read_index(indices[0]), None)
    if (path / "model.safetensors").exists():
        regular_file(path / "model.safetensors", inside=links_stay_in(path))
        return Checkpoint(path, lambda folder: read_safetensors(folder / "model.safetensors"), None)
    shards = sorted(file for file in path.glob("*.safetensors") if _SHARD.search(file.name))
    if shards:
        for shard in shards:
            regular_file(shard, inside=links_stay_in(path))
        return Checkpoint(path, lambda folder: itertools.chain.from_iterable(map(read_safetensors, shards)), None)
    return None
