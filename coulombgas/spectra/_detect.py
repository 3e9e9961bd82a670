"""The format of a file, from its first bytes; a suffix decides only where the bytes do not.

Formats that are known but not read are refused here, with the command that converts them, before any library is
imported.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import IO, NamedTuple

from coulombgas._checks import InputError
from coulombgas._files import check_not_empty, list_members, open_regular, read_npy_header

from ._array_files import KERAS_WEIGHTS, read_hdf5, read_keras, read_npy, read_npz
from ._equinox_files import MAGIC, read_equinox
from ._gguf_files import read_gguf
from ._msgpack_files import read_msgpack
from ._onnx_files import read_onnx
from ._pickle_tree import global_names
from ._safetensors import read_safetensors
from ._stored import Reader
from ._torch_files import LEGACY, read_torch, read_torchscript

_HEAD = 1 << 16
_TF_TO_NPZ = (
    "python -c \"import numpy, tensorflow as tf; r = tf.train.load_checkpoint('{0}'); numpy.savez('model.npz', "
    '**{{k: r.get_tensor(k) for k in r.get_variable_to_shape_map() if r.get_variable_to_dtype_map()[k].is_floating}})"'
)
_LEVELDB = b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"


class Format(NamedTuple):
    """A format that can be read."""

    name: str
    reader: Reader


SAFETENSORS = Format("safetensors", read_safetensors)
NPZ = Format("npz", read_npz)
NPY = Format("npy", read_npy)
HDF5 = Format("HDF5", read_hdf5)
KERAS = Format("Keras", read_keras)
TORCH = Format("PyTorch", read_torch)
TORCHSCRIPT = Format("TorchScript", read_torchscript)
ONNX = Format("ONNX", read_onnx)
GGUF = Format("GGUF", read_gguf)
MSGPACK = Format("Flax msgpack", read_msgpack)
EQUINOX = Format("Equinox", read_equinox)

_BY_SUFFIX = {
    ".safetensors": SAFETENSORS, ".npz": NPZ, ".npy": NPY, ".h5": HDF5, ".hdf5": HDF5, ".keras": KERAS, ".gguf": GGUF,
}  # fmt: skip
TORCH_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt")
_COMPRESSED = {
    b"\x1f\x8b": "gunzip {0}", b"BZh": "bunzip2 {0}", b"\xfd7zXZ\x00": "unxz {0}", b"\x28\xb5\x2f\xfd": "unzstd {0}",
    b"7z\xbc\xaf\x27\x1c": "7z x {0}", b"Rar!": "unrar x {0}",
}  # fmt: skip
_REFUSED: tuple[tuple[Callable[[bytes], bool], str], ...] = (
    (lambda head: head.startswith(b"version https://git-lfs"),
     "only the pointer of a file in Git LFS: git lfs pull --include {0}"),
    (lambda head: head.lstrip()[:9].lower() in (b"<!doctype", b"<html><he") or head.lstrip()[:5].lower() == b"<html",
     "a web page, not a checkpoint: download the file itself again, signed in where that is needed"),
    (lambda head: head[4:8] == b"TFL3",
     "a TensorFlow Lite model: python -m tf2onnx.convert --tflite {0} --output model.onnx"),
    (lambda head: head[:4] in (b"lmgg", b"fmgg", b"tjgg", b"algg"),
     "GGML of before GGUF: python convert_llama_ggml_to_gguf.py --input {0} --output model.gguf (of llama.cpp)"),
    (lambda head: head[257:262] == b"ustar", "a tar archive: tar -xf {0}"),
    (lambda head: head.startswith(b"MATLAB 5.0 MAT-file"),
     "a MATLAB file: python -c \"import numpy, scipy.io; numpy.savez('model.npz', **{{k: v for k, v in "
     "scipy.io.loadmat('{0}').items() if k[0] != '_'}})\""),
)  # fmt: skip


def detect(path: Path) -> Format | None:
    """The format of a file; None when it cannot be determined.

    Raises:
        InputError: for an empty file, and for a format that is known but not read, with its remedy.
    """
    with open_regular(path) as file:
        check_not_empty(path, file)
        size = os.fstat(file.fileno()).st_size
        head = file.read(_HEAD)
        found = _by_content(path, file, head, size)
    if found is not None:
        return found
    suffix = path.suffix.lower()
    if suffix in TORCH_SUFFIXES:
        raise InputError(f"{path}: damaged, or no PyTorch file (it begins {head[:8]!r}): copy or download it again.")
    return _BY_SUFFIX.get(suffix)


def _by_content(path: Path, file: IO[bytes], head: bytes, size: int) -> Format | None:
    """The format that the first bytes show; refuses known formats that are not read."""
    if head.startswith(b"PK\x03\x04"):
        return _of_zip(path)
    if head.startswith(LEGACY):
        return TORCH
    if head.startswith(MAGIC):
        return _one_or_many(path, file, size)
    if any(head[place : place + 8] == b"\x89HDF\r\n\x1a\n" for place in (0, 512, 1024, 2048, 4096)):
        return HDF5
    if head.startswith(b"GGUF"):
        return GGUF
    if head[8:9] == b"{":
        return SAFETENSORS
    if head[:1] == b"{" and head.find(b"\n" + MAGIC) > 0:
        return EQUINOX
    _refuse(path, file, head, size)
    if _is_onnx(file, size):
        return ONNX
    return MSGPACK if _is_msgpack(head) else None


def _of_zip(path: Path) -> Format:
    """The format of a zip archive, by the names of its members."""
    names = list_members(path)
    last = {name.split("/")[-1] for name in names}
    if KERAS_WEIGHTS in names:
        return KERAS
    if "constants.pkl" in last and "data.pkl" in last:
        return TORCHSCRIPT
    if "data.pkl" in last:
        return TORCH
    if any(name.endswith(".npy") for name in names) or path.suffix.lower() == ".npz":
        return NPZ
    raise InputError(f"{path}: a zip archive of something else ({', '.join(names[:3])}, …): unzip {path.name}")


def _one_or_many(path: Path, file: IO[bytes], size: int) -> Format:
    """Equinox for several arrays in a row, else NumPy: both begin with the same bytes."""
    file.seek(0)
    try:
        shape, dtype = read_npy_header(path.stem, file, size)
    except InputError:
        return NPY  # its reader says what is wrong
    needed = dtype.itemsize
    for side in shape:
        needed *= side
    file.seek(needed, os.SEEK_CUR)
    return EQUINOX if file.read(len(MAGIC)) == MAGIC else NPY


def _refuse(path: Path, file: IO[bytes], head: bytes, size: int) -> None:
    """Raise for a format that is known but not read, with the command that converts it."""
    for magic, command in _COMPRESSED.items():
        if head.startswith(magic):
            raise InputError(f"{path}: compressed: {command.format(path.name)}")
    for test, remedy in _REFUSED:
        if test(head):
            raise InputError(f"{path}: {remedy.format(path.name)}")
    tensorflow = re.match(r"(.+)\.(index|data-\d+-of-\d+|meta)$", path.name)
    if path.name.endswith(".index"):
        file.seek(max(0, size - 8))
        tensorflow = tensorflow if file.read(8) == _LEVELDB else None
    if tensorflow:
        refuse_tensorflow(path, tensorflow[1])
    if path.name == "saved_model.pb":
        refuse_tensorflow(path, "variables/variables")
    if re.match(rb"\x80[\x02-\x05]", head):
        _refuse_pickle(path, file)


def refuse_tensorflow(path: Path, prefix: str) -> None:
    """A TensorFlow checkpoint, which only TensorFlow reads."""
    raise InputError(f"{path}: a TensorFlow checkpoint, which only TensorFlow reads: {_TF_TO_NPZ.format(prefix)}")


def _refuse_pickle(path: Path, file: IO[bytes]) -> None:
    """Raise, with the first name that a pickle asks for; nothing of it is executed."""
    file.seek(0)
    try:
        names = sorted(global_names(file.read(_HEAD * 16)))
    except Exception:  # pickletools may raise anything on damaged pickles, and on those that are cut here
        names = []
    what = names[0] if names else "Python object"
    raise InputError(
        f"{path}: holds a pickled {what} besides tensors; it is never executed, so nothing was loaded: save its arrays "
        "with numpy.savez or safetensors where you trust the file."
    )


def _is_onnx(file: IO[bytes], size: int) -> bool:
    """Whether the outermost message, to its last byte, has the fields of an ONNX model."""
    kinds = {1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2, 26: 2}
    place, seen = 0, set()
    for _ in range(100_000):
        if place == size:
            return 7 in seen and (1 in seen or 8 in seen)
        file.seek(place)
        block = file.read(20)
        tag, used = _varint(block, 0)
        number, kind = tag >> 3, tag & 7
        if kinds.get(number) != kind:
            return False
        value, used = _varint(block, used)
        place += used + (value if kind == 2 else 0)
        seen.add(number)
        if place > size or used < 0:
            return False
    return False


def _varint(block: bytes, place: int) -> tuple[int, int]:
    """A variable-length integer and the place where it ends; (−1, −1) if it does not end."""
    value = 0
    for shift in range(10):
        if not 0 <= place < len(block):
            return -1, -1
        value |= (block[place] & 0x7F) << (7 * shift)
        place += 1
        if block[place - 1] < 0x80:
            return value, place
    return -1, -1


def _is_msgpack(head: bytes) -> bool:
    """Whether it is a map whose first key is text, with an array of Flax somewhere near the top."""
    is_map = head[:1] in b"\xde\xdf" or 0x80 <= head[0] <= 0x8F
    array = re.search(rb"(\xc7.|\xc8..|\xc9....)\x01\x93[\x90-\x9f]", head, re.DOTALL)
    return bool(is_map and array)
