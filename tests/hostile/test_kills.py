"""A process that dies before any one of its writes: the resumed run ends bit for bit as if it had not.

The disk is stopped in this process: an audit hook counts everything that changes a folder, and from the n-th on lets
nothing through, which is what SIGKILL leaves behind. With ``torn`` the file written last has lost its second half, as
where the machine went down.
"""

import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import coulombgas as cg
from coulombgas.cli import main
from coulombgas.models import gpt_size, read_corpus
from coulombgas.spectra import make_spectra, write_store
from coulombgas.training import LanguageTraining, SpectrumRecorder, merge_stores, train, train_language_model

CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.link", "os.symlink", "os.chmod"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Killed(BaseException):
    """The process is dead."""


class Disk:
    """Changes of a folder, counted, and stopped from the ``last``-th on."""

    def __init__(self, folder: Path, last: int | None = None):
        self.folder, self.last = os.fspath(folder), last
        self.count = 0
        self.written: str | None = None

    def change(self, event: str, arguments: tuple) -> None:
        """Count one change, or stop it."""
        path = arguments[0]
        if not isinstance(path, str | bytes | os.PathLike) or not os.fsdecode(path).startswith(self.folder):
            return
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & WRITING):
            return
        if event != "open" and event not in CHANGES:
            return
        if self.last is not None and self.count >= self.last:
            raise Killed
        self.count += 1
        self.written = os.fsdecode(path) if event == "open" else None

    def tear(self) -> None:
        """The second half of what was written last never reached the disk."""
        if self.written is not None and Path(self.written).is_file():
            os.truncate(self.written, Path(self.written).stat().st_size // 2)


_active: list[Disk] = []


def _hook(event: str, arguments: tuple) -> None:
    if _active and (event == "open" or event.startswith("os.")):
        _active[-1].change(event, arguments)


sys.addaudithook(_hook)


def die_after(disk: Disk, work: Any) -> bool:
    """Run until the disk stops; whether it did."""
    _active.append(disk)
    try:
        work()
    except BaseException as error:
        chain, seen = error, []
        while chain is not None:
            seen.append(chain)
            chain = chain.__cause__ or chain.__context__
        if not any(isinstance(one, Killed) for one in seen):
            raise
    finally:
        if disk.count == disk.last:
            time.sleep(0.1)  # a thread of the dead run that has opened a file must not rename it afterwards
        _active.clear()
    return disk.count == disk.last


def arrays_of(store: Path) -> dict[str, np.ndarray]:
    """Every array of a store."""
    group: Any = zarr.open_group(store, mode="r", use_consolidated=False)
    return {name: np.asarray(array[...]) for name, array in group.arrays()}


def same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert sorted(found) == sorted(expected)
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


SMALL = cg.GaussianRBM(num_visible=3)


def rbm(folder: Path, resume: bool = False) -> dict[str, np.ndarray]:
    """Two chunks, each with a checkpoint before its record."""
    train(
        SMALL,
        learning_rate=0.05,
        batch_size=4,
        replicas=4,
        steps=40,
        record=[30, 40],
        chunk=2,
        out=folder / "run",
        checkpoint_seconds=0.0,
        resume=resume,
    )
    return arrays_of(folder / "run")


def merge(folder: Path, resume: bool = False) -> dict[str, np.ndarray]:
    """Two stores of two replicas, beside the folder."""
    parts = folder.parent / "parts"
    for first in (0, 2):
        if not (parts / f"{first}.zarr").exists():
            levels = np.arange(6.0).reshape(1, 2, 1, 3) + first
            spectra = make_spectra(levels, learning_rate=[0.1], batch_size=[4], model={"name": "mine"})
            write_store(spectra.assign_coords(replica=[first, first + 1]), parts / f"{first}.zarr")
    merge_stores(str(parts / "*.zarr"), out=folder / "run", resume=resume)
    return arrays_of(folder / "run")


def record(folder: Path, resume: bool = False) -> dict[str, np.ndarray]:
    """Four records with learning rate and noise of the gradient; a resumed loop goes on after the last whole one."""

    def gradient(params: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {"w": np.random.default_rng(int(params["w"][0, 0])).normal(size=(3, 3, 3))}

    with SpectrumRecorder(
        folder / "run", every=1, resume=resume, learning_rate=lambda count: 0.1 / (1 + count), batch_size=4,
        optimizer="sgd", gradient=gradient,
    ) as recorder:  # fmt: skip
        kept = recorder.truncate_after(99) if resume else []
        for step in range(len(kept), 4):
            recorder(step, {"w": (1 + step) * np.eye(3)})
            recorder.flush()
    return arrays_of(folder / "run")


def upgrade(folder: Path, resume: bool = False) -> dict[str, np.ndarray]:
    """A recording of the first version, gone on with."""
    first = folder.parent / "first.zarr"
    if not first.exists():
        with SpectrumRecorder(first, every=1) as recorder:
            for step in range(2):
                recorder(step, {"w": (1 + step) * np.eye(3)})
        to_first_version(first)
    if not (folder / "run").exists():
        active, _active[:] = _active[:], []  # the disk that dies is that of the resumed run
        shutil.copytree(first, folder / "run")
        _active[:] = active
    with SpectrumRecorder(folder / "run", every=1, resume=True, learning_rate=0.5, batch_size=4) as recorder:
        kept = recorder.truncate_after(99)
        for step in range(len(kept), 4):
            recorder(step, {"w": (1 + step) * np.eye(3)})
            recorder.flush()
    return arrays_of(folder / "run")


def to_first_version(path: Path) -> None:
    """Take from a recording what its second version added."""
    group: Any = zarr.open_group(path, mode="r+", use_consolidated=False)
    for name in ("learning_rate", "batch_size"):
        del group[name]
    kept = {name: value for name, value in group.attrs.items() if name != "training"}
    group.attrs.put({**kept, "format": "coulombgas-recording/1"})


TEXT = "the level repels the level and the gas is warm. " * 40
CONFIG = LanguageTraining(
    size=gpt_size("tiny", width=8, num_heads=1, num_layers=1, context=8), steps=50, batch_size=4, warmup=5,
    record_every=25, evaluate_every=25, evaluation_windows=2, select=("*.key",),
)  # fmt: skip


def gpt(folder: Path, resume: bool = False) -> dict[str, np.ndarray]:
    """Two segments and a checkpoint between them."""
    text = folder.parent / "t.txt"
    text.write_text(TEXT)
    run = train_language_model(CONFIG, read_corpus(text), out=folder / "run", checkpoint_seconds=0.0, resume=resume)
    import jax

    weights = {f"leaf{i}": np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(run.model))}
    return {**arrays_of(folder / "run" / "spectra.zarr"), **weights, "loss": run.losses.validation_loss.values}


def spectra(folder: Path, resume: bool = False) -> dict[str, np.ndarray]:
    """Three matrices, each kept when it is done."""
    weights = folder.parent / "weights.npz"
    if not weights.exists():
        rng = np.random.default_rng(0)
        np.savez(weights, **{f"w{index}": rng.normal(size=(12, 7)) for index in range(3)})
    folder.mkdir(exist_ok=True)
    words = ["spectra", str(weights), "--out", str(folder / "run"), "--json", *(["--resume"] if resume else [])]
    words += ["--overwrite"] if resume and (folder / "run").exists() else []  # killed when all was done
    assert main(words) == 0
    found = {"analysis": np.frombuffer((folder / "run" / "analysis.json").read_bytes(), dtype=np.uint8)}
    for file in (folder / "run" / "spectra").glob("*.npz"):
        found |= {f"{file.stem}/{name}": value for name, value in np.load(file).items()}
    return found


WORKS = {"rbm": rbm, "merge": merge, "recorder": record, "upgrade": upgrade, "gpt": gpt, "spectra": spectra}
REDUCED = {"rbm": 3, "merge": 3, "recorder": 3, "upgrade": 3, "spectra": 3}
IN_MEMORY = pytest.mark.full(
    "[rbm] of the same test; test_an_interrupted_run_ends_bit_for_bit_the_same of tests/training"
)


@pytest.mark.slow
@pytest.mark.parametrize("name", [pytest.param(name, marks=IN_MEMORY) if name == "gpt" else name for name in WORKS])
def test_killed_before_every_write(tmp_path, name, reduced):
    """Every write, whole and torn, in the full form; a spread of them, alternating, in the reduced one."""
    work = WORKS[name]
    expected, counted = work(tmp_path / "first"), Disk(tmp_path / "counted")  # the first one compiles, and is slower
    assert not die_after(counted, lambda: work(tmp_path / "counted"))
    assert counted.count > 10
    points = (
        np.unique(np.linspace(0, counted.count - 1, REDUCED[name]).astype(int)) if reduced else range(counted.count)
    )
    for index, point in enumerate(points):
        for torn in [bool(index % 2)] if reduced else [False, True]:
            folder = tmp_path / f"{point}-{torn}"
            disk = Disk(folder, int(point))
            assert die_after(disk, lambda folder=folder: work(folder)), point
            if torn:
                disk.tear()
            same(work(folder, resume=True), expected)
            left = sorted(path.name for path in folder.iterdir())
            assert left == ["run"], (point, torn, left)
