"""From a path to the checkpoints it stands for: files of any format, shards, folders, trajectories."""

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from coulombgas._checks import InputError
from coulombgas._files import is_store, links_stay_in, read_json, regular_file
from coulombgas._types import PathType

from ._detect import detect, refuse_tensorflow
from ._directories import orbax_folder, read_orbax, read_zarr
from ._equinox_files import read_equinox
from ._shards import INDEX, SHARD, find_shards, read_index
from ._stored import BadArray, Reader, StoredArray
from ._torch_distributed import METADATA, read_distributed

FORMATS = (
    "safetensors", "npz", "npy", "HDF5", "Keras", "PyTorch", "TorchScript", "ONNX", "GGUF", "Flax msgpack", "Equinox",
    "an index of shards", "Zarr", "Orbax", "PyTorch distributed",
)  # fmt: skip
"""What :func:`coulombgas.load_spectra` reads, told by content."""
_WEIGHTS = (
    "adapter_model.safetensors", "adapter_model.bin", "model.safetensors", "diffusion_pytorch_model.safetensors",
    "pytorch_model.bin", "diffusion_pytorch_model.bin", "flax_model.msgpack", "tf_model.h5", "weights.npz",
    "pytorch_lora_weights.safetensors", "model.weights.h5",
)  # fmt: skip
"""Names under which a folder holds its one network, the preferred one first."""
_IGNORED = re.compile(
    r"(training_args|optimizer|optim|scheduler|scaler|rng_state|random_states|trainer_state|tokenizer|vocab|merges|"
    r"sentencepiece|special_tokens|generation_config|loss|metrics|events\.out)[\w.=-]*\."
    r"(bin|pt|pth|pkl|json|txt|model|npz|npy|ckpt|tfevents.*)$",
    re.IGNORECASE,
)  # what a training writes beside its weights
_SUFFIXES = (
    ".safetensors", ".npz", ".npy", ".h5", ".hdf5", ".keras", ".gguf", ".pt", ".pth", ".bin", ".ckpt", ".onnx",
    ".msgpack", ".eqx", ".tar",
)  # fmt: skip
_STEP_FOLDER = re.compile(r"(checkpoint|ckpt|step|global_step|epoch|iter)[-_=]?\d+$", re.IGNORECASE)


class Checkpoint(NamedTuple):
    """One checkpoint on disk."""

    path: Path
    reader: Reader
    step: int | None

    def arrays(self) -> Iterator[StoredArray | BadArray]:
        """Its arrays, one after the other, not yet read."""
        yield from self.reader(self.path)


def find_checkpoints(path: PathType | Sequence[PathType], *, template: Any = None) -> tuple[Checkpoint, ...]:
    """The checkpoints that a path, or several, stand for, ordered by step.

    A directory is one checkpoint when it is a Zarr store, an Orbax or distributed checkpoint, or holds one network
    under a usual name (``model.safetensors``, ``pytorch_model.bin``, …), an index of shards, or numbered shards;
    otherwise the checkpoints directly inside it are a trajectory, of its folders ``checkpoint-N`` or ``stepN`` where it
    has such. Several checkpoints take their step from the last number in their name, or are counted when a name has
    none.

    Args:
        path: file, folder, or sequence of them.
        template: module that Equinox files were written from, which names their arrays.

    Raises:
        InputError: when there is nothing to read.
    """
    paths = [path] if isinstance(path, str) or not isinstance(path, Sequence) else list(path)
    given = [Path(one) for one in paths]
    found = _one_of_shards(given) or list(itertools.chain.from_iterable(_find(one) for one in given))
    if not found:
        raise InputError("`path` is empty: name at least one checkpoint.")
    if template is not None:
        found = [_templated(one, template) for one in found]
    if len(found) == 1:
        return tuple(found)
    steps = [_step(one.path) for one in found]
    if None in steps or len(set(steps)) < len(steps):
        steps = list(range(len(found)))
    return tuple(sorted((one._replace(step=step) for one, step in zip(found, steps, strict=True)), key=_by_step))


def _templated(checkpoint: Checkpoint, template: Any) -> Checkpoint:
    if checkpoint.reader is not read_equinox:
        raise InputError(f"{checkpoint.path}: `template` names the arrays of Equinox files only: leave it out.")
    return checkpoint._replace(reader=lambda path: read_equinox(path, template))


def _by_step(checkpoint: Checkpoint) -> int:
    return checkpoint.step or 0


def _step(path: Path) -> int | None:
    numbers = re.findall(r"\d+", path.name.removesuffix(path.suffix))
    return int(numbers[-1]) if numbers and len(numbers[-1]) < 16 else None


def _one_of_shards(paths: Sequence[Path]) -> list[Checkpoint] | None:
    """All the shards of one checkpoint, named one by one, as a shell expands them."""
    found = [(path.parent, match["stem"]) for path in paths if (match := SHARD.match(path.name)) is not None]
    if len(paths) < 2 or len(found) < len(paths) or len(set(found)) > 1:
        return None
    return [Checkpoint(paths[0].parent, _reader_of_shards(find_shards(sorted(paths))), None)]


def _reader_of_shards(shards: Sequence[Path]) -> Reader:
    for shard in shards:
        regular_file(shard, inside=links_stay_in(shard.parent))
    return lambda folder: itertools.chain.from_iterable(_reader(shard)(shard) for shard in shards)


def _reader(path: Path) -> Reader:
    found = detect(path)
    if found is None:
        raise InputError(f"{path}: format not known; readable are {', '.join(FORMATS)}: save it as safetensors.")
    return found.reader


def _read_index(path: Path) -> Iterator[StoredArray | BadArray]:
    return read_index(path, _reader)


def _find(path: Path) -> list[Checkpoint]:
    """The checkpoints at a path: itself, or those inside a directory, folders of steps first."""
    if not path.is_dir():
        regular_file(path)
        if path.name.endswith(INDEX):
            return [Checkpoint(path, _read_index, None)]
        return [Checkpoint(path, _reader(path), None)]
    one = _single_directory(path)
    if one is not None:
        return [one]
    found = [child for child in map(_child(path), _inside(path)) if child is not None]
    steps = [child for child in found if child.path.is_dir() and _STEP_FOLDER.match(child.path.name)]
    if not found:
        raise InputError(f"{path}: no checkpoint inside; readable are {', '.join(FORMATS)}.")
    return steps or found


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(child for child in folder.iterdir() if not child.name.startswith((".", "_")))
    except PermissionError:
        raise InputError(f"{folder}: no permission to read it.") from None


def _child(folder: Path) -> Callable[[Path], Checkpoint | None]:
    """The checkpoint that an entry of a folder is, or None."""
    inside = links_stay_in(folder)

    def look(path: Path) -> Checkpoint | None:
        if path.is_dir():
            return _single_directory(path, child=True)
        if _IGNORED.match(path.name):
            return None
        regular_file(path, inside=inside)
        try:
            found = detect(path)
        except InputError:
            if path.suffix.lower() in _SUFFIXES:
                raise
            return None  # a compressed log or text file
        return None if found is None else Checkpoint(path, found.reader, None)

    return look


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


def _single_directory(path: Path, *, child: bool = False) -> Checkpoint | None:
    """The one checkpoint that a directory is, or None where it may hold several."""
    if is_store(path):
        own = _own_format(path)
        if own and child:
            return None  # beside the checkpoints of a run
        if own:
            raise InputError(
                f"{path}: holds eigenvalues ({own}), not weights: `coulombgas report` and `spectra` analyse one "
                "recording, `coulombgas rule` several, `coulombgas fit` ensembles."
            )
        return Checkpoint(path, read_zarr, None)
    if orbax_folder(path) is not None:
        return Checkpoint(path, read_orbax, None)
    if (path / METADATA).is_file() and any(path.glob("*.distcp")):
        return Checkpoint(path, read_distributed, None)
    if (path / "saved_model.pb").exists():
        refuse_tensorflow(path, f"{path.name}/variables/variables")
    files = [
        file for file in _inside(path)
        if (not file.is_dir() or file.name.endswith(INDEX)) and not _IGNORED.match(file.name)
    ]  # fmt: skip
    names = {file.name: file for file in files}
    indices = sorted(
        (name for name in names if name.endswith(INDEX)), key=lambda name: ("safetensors" not in name, name)
    )
    chosen = next((name for name in _WEIGHTS if name in names), None)
    if indices and not (chosen or "").startswith("adapter_model"):
        return Checkpoint(path, lambda folder: _read_index(folder / indices[0]), None)
    if chosen is not None:
        file = regular_file(names[chosen], inside=links_stay_in(path))
        reader = _reader(file)
        return Checkpoint(path, lambda folder: reader(folder / chosen), None)
    if "model_index.json" in names:
        raise InputError(f"{path}: a pipeline of several networks: name one of its folders, as {path / 'unet'}.")
    shards = find_shards(files)
    return Checkpoint(path, _reader_of_shards(shards), None) if shards else None
