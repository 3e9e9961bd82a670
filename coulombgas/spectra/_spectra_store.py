"""Finished spectra of a long analysis on disk, so that an interrupted analysis can be resumed bit for bit.

``.NAME.partial/`` next to the final path holds the description of the work (``run.json``) and one archive for each
finished matrix (``spectra/00012.npz``), which appears in one rename. At the end it becomes the final folder, or is
removed if the result is a file.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from coulombgas._checks import InputError
from coulombgas._files import (
    MARKER,
    Anything,
    MapOf,
    Record,
    atomic_file,
    check_document,
    check_output,
    only_writer,
    parse_json,
    publish,
    read_archive,
    read_json,
    remove_partial,
)
from coulombgas._interrupts import deferred

from ._entries import Entries, ShuffledLevels
from ._layers import Change, LayerSpectrum, Participation
from ._plan import SpectraPlan

_RUN, _ROWS, _ANALYSIS = "run.json", "spectra", "analysis.json"
_KNOWN = (_RUN, f".{_RUN}.tmp", _ROWS, _ANALYSIS, f".{_ANALYSIS}.tmp", MARKER, f"{MARKER}.tmp")
_SCHEMA = Record({"identity": MapOf(Anything())})
_ARRAYS = ("eigenvalues", "long", "short", "modes", "before", "update")


class SpectraStore:
    """Storage for finished spectra while the others are computed; created by :func:`spectra_store`."""

    def __init__(self, out: Path, directory: Path):
        self.out, self._directory = out, directory
        self.saved = False
        """Whether there is something to resume."""

    def load(self) -> dict[int, LayerSpectrum]:
        """The spectra that exist already, by index; damaged ones are computed again."""
        found: dict[int, LayerSpectrum] = {}
        for file in sorted((self._directory / _ROWS).glob("*.npz")):
            if not file.stem.isdigit():
                continue
            try:
                found[int(file.stem)] = _unpacked(file)
            except InputError:
                continue
        self.saved = bool(found)
        return found

    def write(self, index: int, layer: LayerSpectrum) -> None:
        """Keep one spectrum."""
        target = self._directory / _ROWS / f"{index:05}.npz"
        temporary = target.with_name(f".{target.name}.tmp")
        with deferred():
            with temporary.open("wb") as file:
                np.savez(file, **_packed(layer))  # pyright: ignore[reportArgumentType]
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
            self.saved = True

    def finish(self, document: Mapping[str, Any]) -> None:
        """Write the results and move everything to the final path."""
        text = json.dumps(document, indent=2) + "\n"
        if _is_file(self.out):
            with atomic_file(self.out, overwrite=True) as path:  # whether it may be replaced was checked at the start
                path.write_text(text, encoding="utf-8")
            remove_partial(self._directory, _KNOWN)
        else:
            for leftover in (self._directory / _ROWS).glob(".*.tmp"):
                leftover.unlink()
            _write(self._directory / _ANALYSIS, text)
            publish(self._directory, self.out)


@contextmanager
def spectra_store(
    out: str | os.PathLike[str], plan: SpectraPlan, options: Mapping[str, Any], *, resume: bool, overwrite: bool
) -> Iterator[SpectraStore]:
    """The store of a plan's spectra for an output path: a JSON file if it ends in ``.json``, otherwise a folder.

    Args:
        out: final path.
        plan: what is computed.
        options: arguments that affect the spectra, by name.
        resume: continue interrupted work with the same plan and options.
        overwrite: start afresh and replace existing output.

    Raises:
        InputError: when there is output already, when interrupted work is waiting or belongs to something else, or when
            another process is writing there.
    """
    target = check_output(out, overwrite=overwrite, keep=resume and not overwrite, directory=not _is_file(Path(out)))
    partial = target.absolute().parent / f".{target.name}.partial"
    identity = json.loads(json.dumps({**options, "files": _fingerprint(plan)}))
    with only_writer(target):
        directory = _claim(target, partial, identity, resume=resume, overwrite=overwrite)
        yield SpectraStore(target, directory)


def _claim(target: Path, partial: Path, identity: dict[str, Any], *, resume: bool, overwrite: bool) -> Path:
    """The partial folder to write into: a new one, or that of the same analysis with ``resume``."""
    waiting = os.path.lexists(partial / _RUN)
    if waiting and not overwrite:
        if not resume:
            raise InputError(
                f"`out` {str(target)!r}: an interrupted analysis is waiting there: give --resume to go on with it or "
                "--overwrite to start afresh."
            )
        _compare(target, partial / _RUN, identity)
        return partial
    if resume and not overwrite and target.exists():
        raise InputError(f"`out` {str(target)!r} is complete already: leave --resume out, or give --overwrite.")
    remove_partial(partial, _KNOWN)
    (partial / _ROWS).mkdir(parents=True)
    _write(partial / _RUN, json.dumps({"identity": identity}))
    return partial


def _compare(target: Path, file: Path, identity: dict[str, Any]) -> None:
    """Raise where an interrupted analysis had other inputs or options."""
    remedy = "the interrupted analysis is damaged; give --overwrite to start afresh"
    stored = check_document(read_json(file, what="description", inside=file.parent), _SCHEMA, str(file), remedy)
    different = [
        key for key in sorted({*stored["identity"], *identity}) if stored["identity"].get(key) != identity.get(key)
    ]
    if different:
        raise InputError(
            f"`out` {str(target)!r}: the interrupted analysis there was another one ({', '.join(different)} differ"
            f"{'s' * (len(different) == 1)}): choose another path or give --overwrite."
        )


def interrupted_analysis(out: str | os.PathLike[str]) -> bool:
    """Whether an interrupted analysis for this path can be resumed."""
    target = Path(out)
    return os.path.lexists(target.absolute().parent / f".{target.name}.partial" / _RUN)


def _is_file(out: Path) -> bool:
    return out.suffix.lower() == ".json"


def _fingerprint(plan: SpectraPlan) -> str:
    """Changes with any of the files, and with the list of matrices."""
    digest = hashlib.sha256()
    for one in plan.checkpoints:
        files = sorted(one.path.rglob("*")) if one.path.is_dir() else [one.path]
        for file in files:
            found = file.stat()
            digest.update(f"{file.absolute()} {found.st_size} {found.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
    for task in plan.tasks:
        digest.update(f"{task.matrix.name} {task.matrix.shape}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _write(target: Path, text: str) -> None:
    temporary = target.with_name(f".{target.name}.tmp")
    with deferred():
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(target)


def _packed(layer: LayerSpectrum) -> dict[str, np.ndarray]:
    """A spectrum as arrays, the rest as JSON in one of them."""
    arrays: dict[str, Any] = {"eigenvalues": layer.eigenvalues}
    if layer.participation is not None:
        arrays |= {name: value for name, value in layer.participation._asdict().items() if value is not None}
    about = _about(layer)
    if layer.change is not None:
        change = layer.change
        arrays |= {"before": change.initial.eigenvalues, "update": change.update.eigenvalues}
        about |= {
            "change": [change.relative_distance, change.spectral_distance, change.alignment],
            "before": _about(change.initial),
            "update": _about(change.update),
        }
    return {**arrays, "about": np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)}


def _about(layer: LayerSpectrum) -> dict[str, Any]:
    """Everything that is not an array; JSON preserves every finite number bit for bit."""
    return {
        "name": layer.name,
        "shape": layer.shape,
        "step": layer.step,
        "kurtosis": layer.kurtosis,
        "kind": layer.kind,
        "entries": None if layer.entries is None else _entries_packed(layer.entries),
    }


def _entries_packed(entries: Entries) -> dict[str, Any]:
    return {**entries._asdict(), "shuffled": entries.shuffled._asdict() if entries.shuffled else None}


def _entries_unpacked(found: Mapping[str, Any] | None) -> Entries | None:
    """Statistics of the entries from JSON."""
    if found is None:
        return None
    shuffled = found["shuffled"]
    numbers = {name: tuple(map(float, found[name])) for name in ("large", "p_values", "correlations")}
    if len(numbers["p_values"]) != 4 or len(numbers["correlations"]) != 2:
        raise ValueError
    known = None
    if shuffled is not None:
        levels = tuple(map(float, shuffled["levels"]))
        known = ShuffledLevels(**{name: float(shuffled[name]) for name in shuffled if name != "levels"}, levels=levels)
    return Entries(float(found["kurtosis"]), **numbers, shuffled=known)  # type: ignore[arg-type]


def _unpacked(file: Path) -> LayerSpectrum:
    """The spectrum in a file of :func:`_packed`."""
    arrays = read_archive(file)
    try:
        about = parse_json(arrays.pop("about").tobytes(), str(file))
        if not set(arrays) <= set(_ARRAYS):
            raise KeyError
        spread = None
        if "long" in arrays:
            spread = Participation(arrays["long"], arrays["short"], arrays.get("modes"))
        change = None
        if "change" in about:
            first, second = (_layer(about[word], arrays[word]) for word in ("before", "update"))
            relative, spectral, alignment = map(float, about["change"])
            change = Change(relative, spectral, alignment, first, second)
        return _layer(about, arrays["eigenvalues"], spread, change)
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{file}: no spectrum, or damaged.") from None


def _layer(
    about: Mapping[str, Any], levels: np.ndarray, spread: Participation | None = None, change: Change | None = None
) -> LayerSpectrum:
    """A spectrum from its description and arrays, checked against its shape."""
    rows, columns = map(int, about["shape"])
    if levels.shape != (min(rows, columns),) or levels.dtype != np.float64:
        raise ValueError
    step = None if about["step"] is None else int(about["step"])
    return LayerSpectrum(
        str(about["name"]), (rows, columns), levels, step, float(about["kurtosis"]), spread, change, str(about["kind"]),
        entries=_entries_unpacked(about.get("entries")),
    )  # fmt: skip
