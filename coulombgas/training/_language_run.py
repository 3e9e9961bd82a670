"""One run of a transformer on disk: losses, recorded spectra, checkpoints, final weights."""

import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
import xarray as xr

from coulombgas._checks import InputError
from coulombgas._files import (
    Anything,
    ListOf,
    MapOf,
    Number,
    OrNull,
    Record,
    Text,
    Whole,
    atomic_file,
    check_document,
    check_output,
    only_writer,
    parse_json,
    publish,
    read_json,
    read_text,
    reading,
    regular_file,
)
from coulombgas._interrupts import deferred, safe_point
from coulombgas._types import PathType, Progress
from coulombgas.models import GPT, Corpus
from coulombgas.spectra import package_versions

from ._language import ADAMW_BETAS, LanguageState, LanguageTrainer, LanguageTraining, make_schedule
from ._parameters import named_arrays
from ._pytree_files import load_arrays, save_arrays
from ._recorder import SpectrumRecorder

SPECTRA = "spectra.zarr"
_CHECKPOINT = "checkpoint.json"
_SEGMENT = 25  # updates between two checks of the clock and of signals
_ENTRY = Record({"step": Whole(), "train": ListOf(Number(finite=False)), "validation": ListOf(Number())})
_SCHEMA = Record({
    "step": Whole(1),
    "file": Text(r"state-\d{1,19}\.npz"),
    "history": ListOf(_ENTRY, least=1),
    "config": MapOf(Anything()),
    "text": Text(),
})  # fmt: skip
_IDENTITY = Record({"config": MapOf(Anything()), "text": Text()})
_LOSSES = ListOf(Record({**_ENTRY.fields, "train": OrNull(ListOf(Number(finite=False)))}), least=1)
_AFRESH = "the checkpoint is damaged; give --overwrite to start afresh"


@dataclass(frozen=True)
class LanguageRun:
    """A finished run."""

    path: Path
    """Directory with ``spectra.zarr``, ``losses.json``, ``config.json``, ``initial_0.safetensors``, ``final_0.…``, …"""
    config: LanguageTraining
    """How it was trained."""
    corpus: Corpus
    """The text it learnt from."""
    losses: xr.Dataset
    """``train_loss`` and ``validation_loss`` over (replica, step), in nats per character."""
    model: GPT
    """Final weights, with a leading axis of replicas."""


def train_language_model(
    config: LanguageTraining,
    corpus: Corpus,
    *,
    out: PathType,
    resume: bool = False,
    overwrite: bool = False,
    checkpoint_seconds: float = 60.0,
    progress: Progress | None = None,
) -> LanguageRun:
    """Train an ensemble of transformers and record the spectra of their matrices.

    Until the run is complete everything is kept in a hidden directory next to ``out``; a killed run continues from its
    last checkpoint with ``resume``, and its result is bit-identical to that of an uninterrupted run. Ctrl-C, SIGTERM
    and SIGUSR1 leave a checkpoint. Only one process at a time may train to a path.

    Args:
        config: shape, optimiser, schedule, what to record.
        corpus: the text.
        out: directory to write.
        resume: continue from the last checkpoint; start afresh if there is none.
        overwrite: replace ``out`` if it exists.
        checkpoint_seconds: time between checkpoints.
        progress: called with (updates done, total number of updates).

    Raises:
        InputError: when ``out`` exists or cannot be written, an interrupted run is waiting there and neither ``resume``
            nor ``overwrite`` is given, or the checkpoint is damaged or of another configuration.
        Interrupted: when a signal arrived; the work so far is kept.
    """
    target = check_output(out, overwrite=overwrite, keep=resume and not overwrite, directory=True)
    with only_writer(target):
        if target.exists() and not overwrite:
            return load_training(target, LanguageTrainer(config, corpus))
        if interrupted_training(target) and not (resume or overwrite):
            raise InputError(
                f"`out` {str(target)!r}: an interrupted run is waiting there: give --resume to go on with it or "
                "--overwrite to start afresh."
            )
        run = _Run(LanguageTrainer(config, corpus), _partial(target), resume and not overwrite, checkpoint_seconds)
        try:
            state = run.train(progress or (lambda done, total: None))
            safe_point()
            with deferred():
                _finish(run, state)
                publish(run.directory, target)
                _remove_checkpoints(target)
        except BaseException:
            if not interrupted_training(target):
                shutil.rmtree(run.directory, ignore_errors=True)
            raise
    return LanguageRun(target, config, corpus, _losses(run.history), state.model)


def load_training(path: Path, trainer: LanguageTrainer) -> LanguageRun:
    """Read back a finished run of this configuration and text.

    Raises:
        InputError: when it is damaged, or of another configuration.
    """
    document = read_json(path / "config.json", what="description of the run", inside=path)
    check_document(document, _IDENTITY, str(path / "config.json"), "give --overwrite to train again")
    _compare(_identity(trainer), document)
    _remove_checkpoints(path)
    losses = parse_json(f'{{"losses": {read_text(path / "losses.json", inside=path)}}}', str(path / "losses.json"))
    check_document(losses["losses"], _LOSSES, str(path / "losses.json"), "give --overwrite to train again")
    history = [{**one, "train": one["train"] or [np.nan] * len(one["validation"])} for one in losses["losses"]]
    model = trainer.start().model
    leaves, structure = jax.tree.flatten(model)
    names = [name for name, _ in named_arrays(model)]
    replicas = [_read_weights(path / f"final_{i}.safetensors", names) for i in range(trainer.config.replicas)]
    stacked = [np.stack([one[name] for one in replicas]) for name in names]
    if [one.shape for one in stacked] != [leaf.shape for leaf in leaves]:
        raise InputError(f"{path}: its weights belong to another model: give --overwrite to train again.")
    model = jax.tree.unflatten(structure, [jax.numpy.asarray(one) for one in stacked])
    return LanguageRun(path, trainer.config, trainer.corpus, _losses(history), model)


def _read_weights(path: Path, names: list[str]) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    with reading(regular_file(path)):
        found = load_file(path)
        return {name: found[name] for name in names}


def _identity(trainer: LanguageTrainer) -> dict[str, Any]:
    return {"config": trainer.config.as_dict(), "text": trainer.corpus.digest}


def _compare(ours: dict[str, Any], document: dict[str, Any]) -> None:
    """Check that a run on disk has this configuration and text."""
    theirs, plain = {"config": document["config"], "text": document["text"]}, json.loads(json.dumps(ours))
    if theirs != plain:
        changed = [name for name, value in theirs["config"].items() if value != plain["config"].get(name)]
        raise InputError(
            f"`resume`: the checkpoint differs in {', '.join(changed) or 'its text'}: repeat the options of the "
            "interrupted run, or start afresh without resume."
        )


def interrupted_training(out: PathType) -> bool:
    """Whether an interrupted run for this path can be resumed."""
    return os.path.lexists(_partial(Path(out)) / _CHECKPOINT)


def _partial(target: Path) -> Path:
    return target.absolute().parent / f".{target.name}.partial"


class _Run:
    """Progress of a run in its hidden directory."""

    def __init__(self, trainer: LanguageTrainer, directory: Path, resume: bool, checkpoint_seconds: float):
        self.trainer, self.directory, self.every = trainer, directory, checkpoint_seconds
        self.identity = _identity(trainer)
        self.history: list[dict[str, Any]] = []
        self.resumed = resume and (directory / _CHECKPOINT).exists()
        if not self.resumed and os.path.lexists(directory):
            if directory.is_symlink() or not directory.is_dir():
                raise InputError(
                    f"`out`: {str(directory)!r} is in the way and is not a directory of coulombgas: move it away."
                )
            shutil.rmtree(directory)
        directory.mkdir(parents=True, exist_ok=True)

    def train(self, progress: Progress) -> LanguageState:
        """Train from the last checkpoint, or the start, to the end."""
        config, trainer = self.trainer.config, self.trainer
        state, step = self._load(trainer.start()) if self.resumed else (trainer.start(), 0)
        recorder = SpectrumRecorder(
            self.directory / SPECTRA, select=config.select, every=config.record_every, replica_axis=True,
            learning_rate=make_schedule(config), batch_size=config.batch_size, optimizer=_optimizer(config),
            resume=self.resumed, strict=True, attrs={"config": config.as_dict()},
        )  # fmt: skip
        if self.resumed:
            kept, due = recorder.truncate_after(step), list(range(0, step + 1, config.record_every))
            if kept != due:
                raise InputError(
                    f"`resume`: {self.directory / SPECTRA} holds records of steps {kept[:6]}, not of {due[:6]}: "
                    "the run is damaged; give --overwrite to start afresh."
                )
        saved = time.monotonic()
        with deferred() as stop, recorder:
            if step == 0:
                recorder(0, state.model)
                _save_weights(self.directory, "initial", state.model)
                self._note(0, state)
            while step < config.steps:
                last = min(self._next_event(step), step + _SEGMENT, config.steps)
                state = trainer.advance(state, step, last)
                step = last
                recorder(step, state.model)
                if step % config.evaluate_every == 0 or step == config.steps:
                    state = self._note(step, state)
                progress(step, config.steps)
                if stop.is_set() or (step < config.steps and time.monotonic() - saved > self.every):
                    recorder.flush()
                    self._save(state, step)
                    saved = time.monotonic()
                if stop.is_set():
                    break  # the end of the deferred block raises
        return state

    def _next_event(self, step: int) -> int:
        periods = (self.trainer.config.record_every, self.trainer.config.evaluate_every)
        return min((step // period + 1) * period for period in periods)

    def _note(self, step: int, state: LanguageState) -> LanguageState:
        since = step - (self.history[-1]["step"] if self.history else 0)
        train = np.asarray(state.loss, dtype=np.float64) / since if since else np.full(len(state.loss), np.nan)
        validation = self.trainer.validation_loss(state)
        if not np.isfinite(validation).all():
            rate = self.trainer.config.learning_rate
            raise InputError(f"`learning_rate` {rate:g} is too large: the loss is no longer finite at step {step}.")
        self.history.append({"step": step, "train": train.tolist(), "validation": validation.tolist()})
        return state._replace(loss=0 * state.loss)

    def _save(self, state: LanguageState, step: int) -> None:
        file = f"state-{step}.npz"
        save_arrays(self.directory / file, state)
        with atomic_file(self.directory / _CHECKPOINT, overwrite=True) as temporary:
            document = {"step": step, "file": file, "history": self.history, **self.identity}
            temporary.write_text(json.dumps(document), encoding="utf-8")
        for old in self.directory.glob("state-*.npz"):
            if old.name != file:
                old.unlink()

    def _load(self, like: LanguageState) -> tuple[LanguageState, int]:
        """State and step of the checkpoint, checked against this run."""
        source = self.directory / _CHECKPOINT
        document = read_json(source, what="checkpoint", inside=self.directory)
        check_document(document, _SCHEMA, str(source), _AFRESH)
        _compare(self.identity, document)
        step, self.history = document["step"], document["history"]
        replicas = self.trainer.config.replicas
        steps = [entry["step"] for entry in self.history]
        lengths = {len(entry[word]) for entry in self.history for word in ("train", "validation")}
        if steps != sorted(set(steps)) or steps[-1] > step or step > self.trainer.config.steps or lengths != {replicas}:
            raise InputError(f"{source}: `history` does not fit `step` {step} and {replicas} replicas: {_AFRESH}.")
        return load_arrays(self.directory / document["file"], like), step


def _optimizer(config: LanguageTraining) -> dict[str, Any]:
    """The optimiser in the format of a recording."""
    if config.optimizer == "adamw":
        betas = {"momentum": ADAMW_BETAS[0], "second_moment": ADAMW_BETAS[1]}
        return {"optimizer": "adamw", **betas, "weight_decay": config.weight_decay}
    name = "momentum" if config.momentum else "sgd"
    return {"optimizer": name, "momentum": config.momentum, "weight_decay": config.weight_decay}


def _finish(run: _Run, state: LanguageState) -> None:
    _save_weights(run.directory, "final", state.model)
    documents = {
        "config.json": {**run.identity, "source": run.trainer.corpus.source, "versions": package_versions()},
        # before the first update there is no training loss: null, because JSON has no NaN
        "losses.json": [{**entry, "train": entry["train"] if entry["step"] else None} for entry in run.history],
    }
    for name, document in documents.items():
        (run.directory / name).write_text(json.dumps(document, indent=1, allow_nan=False), encoding="utf-8")


def _remove_checkpoints(directory: Path) -> None:
    """Done last, so that a run killed earlier continues from its last checkpoint."""
    for pattern in ("state-*.npz", f".{_CHECKPOINT}.*", ".state-*", _CHECKPOINT):
        for file in directory.glob(pattern):
            file.unlink()


def _save_weights(directory: Path, stem: str, model: GPT) -> None:
    from safetensors.numpy import save_file

    arrays = {name: np.asarray(value) for name, value in named_arrays(model)}
    for replica in range(len(next(iter(arrays.values())))):
        one = {name: np.ascontiguousarray(value[replica]) for name, value in arrays.items()}
        save_file(one, directory / f"{stem}_{replica}.safetensors")


def _losses(history: list[dict[str, Any]]) -> xr.Dataset:
    def stacked(name: str) -> tuple[tuple[str, str], np.ndarray]:
        return ("replica", "step"), np.array([entry[name] for entry in history]).T

    return xr.Dataset(
        {"train_loss": stacked("train"), "validation_loss": stacked("validation")},
        coords={"step": [entry["step"] for entry in history]},
    )
