"""Damaged states of interrupted runs, and places that cannot be written: refused before anything is changed."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import coulombgas as cg
from coulombgas.models import gpt_size, read_corpus
from coulombgas.training import LanguageTraining, train, train_language_model
from coulombgas.training._language import LanguageTrainer
from tests.hostile.cases import spread

pytestmark = pytest.mark.timeout(60)

RBM = [
    "simulate",
    "rbm",
    "--num-visible",
    "3",
    "--replicas",
    "8",
    "--steps",
    "60",
    "--learning-rate",
    "0.05",
    "--batch-size",
    "4",
    "--record",
    "20",
    "60",
]
GPT = [
    "simulate",
    "gpt",
    "--width",
    "8",
    "--num-heads",
    "1",
    "--num-layers",
    "1",
    "--context",
    "8",
    "--steps",
    "60",
    "--batch-size",
    "4",
    "--record-every",
    "20",
    "--evaluate-every",
    "30",
    "--warmup",
    "10",
]


class Stop(Exception):
    """In the middle of a run."""


@pytest.fixture(scope="session")
def interrupted_rbm(tmp_path_factory) -> Path:
    """An interrupted run of RBMs with a snapshot."""
    folder = tmp_path_factory.mktemp("rbm")

    def stop(done: int, total: int) -> None:
        if done > total // 2:
            raise Stop

    model = cg.GaussianRBM(num_visible=3, target=cg.free_scalar_field(3, mass2=4.0))
    with pytest.raises(Stop):
        train(
            model,
            learning_rate=0.05,
            batch_size=4,
            replicas=8,
            steps=60,
            record=[20, 60],
            out=folder / "run",
            checkpoint_seconds=0.0,
            progress=stop,
            optimizer=cg.training.Optimizer("sgd", momentum=0.9),
        )
    assert list((folder / ".run.partial" / "state").glob("*.npz"))
    return folder


@pytest.fixture(scope="session")
def interrupted_gpt(tmp_path_factory, reduced) -> Path:
    """An interrupted training of a transformer with a checkpoint; in the quick form the weights stay as they began."""
    folder = tmp_path_factory.mktemp("gpt")
    (folder / "t.txt").write_text("the level repels the level and the gas is warm. " * 40)
    size = gpt_size("tiny", width=8, num_heads=1, num_layers=1, context=8)
    config = LanguageTraining(size=size, steps=60, batch_size=4, record_every=20, evaluate_every=30, warmup=10)

    def stop(done: int, total: int) -> None:
        if done > 40:
            raise Stop

    corpus = read_corpus(folder / "t.txt")
    with pytest.MonkeyPatch.context() as patch:
        if reduced:
            patch.setattr(LanguageTrainer, "advance", lambda _, state, first, last: state)
        with pytest.raises(Stop):
            train_language_model(replace(config), corpus, out=folder / "run", checkpoint_seconds=0.0, progress=stop)
    assert (folder / ".run.partial" / "checkpoint.json").exists()
    return folder


def json_edit(name: str, *keys: object, value: object = None):
    """Change, or without a value remove, an entry of a JSON file of the partial directory."""

    def change(folder: Path) -> None:
        file = folder / ".run.partial" / name
        document = inner = json.loads(file.read_text())
        for key in keys[:-1]:
            inner = inner[key]
        if value is None:
            del inner[keys[-1]]
        else:
            inner[keys[-1]] = value
        file.write_text(json.dumps(document))

    return change


def content(name: str, text: bytes):
    """Write a file of the partial directory anew."""
    return lambda folder: (folder / ".run.partial" / name).write_bytes(text)


def special(name: str, kind: str):
    """A pipe, device or link in the place of a file."""

    def change(folder: Path) -> None:
        file = folder / ".run.partial" / name
        file.unlink()
        os.mkfifo(file) if kind == "pipe" else file.symlink_to(kind)

    return change


def state(pattern: str, change_arrays):
    """Change the arrays of the newest state."""

    def change(folder: Path) -> None:
        (file,) = (folder / ".run.partial").glob(pattern)
        with np.load(file) as archive:
            arrays = {name: archive[name] for name in archive.files}
        arrays = change_arrays(arrays)
        if isinstance(arrays, bytes):
            file.write_bytes(arrays)
        else:
            np.savez(file, **arrays)

    return change


def drop(name: str):
    """Arrays without one of them."""
    return lambda arrays: {key: value for key, value in arrays.items() if key != name}


OBJECT = np.array([{}], dtype=object)


def states(pattern: str, leaf: str) -> dict:
    """What can be wrong with a state."""
    changes = {
        "cut": lambda arrays: b"PK\x03\x04" + bytes(100),
        "empty": lambda arrays: b"",
        "no arrays": lambda arrays: {},
        "no leaf": drop(leaf),
        "another leaf": lambda arrays: {**arrays, f"{leaf}9": np.ones(3)},
        "a stranger": lambda arrays: {**arrays, "stranger": np.ones(3)},
        "another shape": lambda arrays: {**arrays, leaf: np.ones((3, 5, 7), np.float32)},
        "another type": lambda arrays: {**arrays, leaf: arrays[leaf].astype(np.float64)},
        "words": lambda arrays: {**arrays, leaf: np.array("x")},
        "objects": lambda arrays: {**arrays, leaf: OBJECT},
    }
    return {f"state {name}": state(pattern, change) for name, change in changes.items()}


RBM_CASES = {
    **states("state/*.npz", "leaf_0"),
    "state without step": state("state/*.npz", drop("step")),
    "state of step x": state("state/*.npz", lambda arrays: {**arrays, "step": np.array("x")}),
    "state of step -1": state("state/*.npz", lambda arrays: {**arrays, "step": np.array(-1)}),
    "state of step 999": state("state/*.npz", lambda arrays: {**arrays, "step": np.array(999)}),
    "state of many steps": state("state/*.npz", lambda arrays: {**arrays, "step": np.arange(3)}),
    "state without record": state("state/*.npz", drop("record_0_eigenvalue")),
    "state of record 7": state("state/*.npz", lambda arrays: {**arrays, "record_7_eigenvalue": np.ones((8, 3))}),
    "state of record x": state("state/*.npz", lambda arrays: {**arrays, "record_x_eigenvalue": np.ones((8, 3))}),
    "state of another record": state("state/*.npz", lambda arrays: {**arrays, "record_0_eigenvalue": np.ones((2, 3))}),
    "run no JSON": content("run.json", b"{"),
    "run empty": content("run.json", b""),
    "run a list": content("run.json", b"[]"),
    "run nested": content("run.json", b"[" * 100000),
    "run not UTF-8": content("run.json", b"\xff"),
    "run pipe": special("run.json", "pipe"),
    "run device": special("run.json", "/dev/zero"),
    "run elsewhere": special("run.json", "/etc/hostname"),
    "run without identity": json_edit("run.json", "identity"),
    "run without chunks": json_edit("run.json", "chunks"),
    "run of identity x": json_edit("run.json", "identity", value="x"),
    "run of chunks x": json_edit("run.json", "chunks", value="x"),
    "run of chunks 0": json_edit("run.json", "chunks", value=[0]),
    "run of many chunks": json_edit("run.json", "chunks", value=[2, 2]),
    "run of big chunks": json_edit("run.json", "chunks", value=[99]),
    "run of another seed": json_edit("run.json", "identity", "seed", value=7),
    "store without zarr.json": lambda folder: (folder / ".run.partial" / "spectra.zarr" / "zarr.json").unlink(),
    "store without levels": lambda folder: shutil.rmtree(folder / ".run.partial" / "spectra.zarr" / "eigenvalue"),
    "store without rates": lambda folder: shutil.rmtree(folder / ".run.partial" / "spectra.zarr" / "learning_rate"),
    "store of pickles": json_edit("spectra.zarr/eigenvalue/zarr.json", "codecs", value=[{"name": "pickle"}]),
    "store of objects": json_edit("spectra.zarr/eigenvalue/zarr.json", "data_type", value="string"),
    "store of other shape": json_edit("spectra.zarr/eigenvalue/zarr.json", "shape", value=[1, 9, 2, 3]),
}
GPT_CASES = {
    **states("state-*.npz", "leaf0"),
    "checkpoint no JSON": content("checkpoint.json", b"{"),
    "checkpoint empty": content("checkpoint.json", b""),
    "checkpoint a list": content("checkpoint.json", b"[]"),
    "checkpoint nested": content("checkpoint.json", b"[" * 100000),
    "checkpoint pipe": special("checkpoint.json", "pipe"),
    "checkpoint device": special("checkpoint.json", "/dev/zero"),
    **{
        f"checkpoint without {key}": json_edit("checkpoint.json", key)
        for key in ("step", "file", "history", "config", "text")
    },
    **{
        f"checkpoint of {key} x": json_edit("checkpoint.json", key, value=["x"])
        for key in ("step", "file", "history", "config", "text")
    },
    "checkpoint elsewhere": json_edit("checkpoint.json", "file", value="../../t.txt"),
    "checkpoint of no file": json_edit("checkpoint.json", "file", value="state-7.npz"),
    "checkpoint beyond the end": json_edit("checkpoint.json", "step", value=999),
    "checkpoint before its history": json_edit("checkpoint.json", "step", value=1),
    "history of words": json_edit("checkpoint.json", "history", 0, "validation", value=["x"]),
    "history of two": json_edit("checkpoint.json", "history", 0, "validation", value=[1.0, 2.0]),
    "history without loss": json_edit("checkpoint.json", "history", 0, "train"),
    "another rate": json_edit("checkpoint.json", "config", "learning_rate", value=0.5),
    "another text": json_edit("checkpoint.json", "text", value="0"),
    "recording gone": lambda folder: shutil.rmtree(folder / ".run.partial" / "spectra.zarr"),
    "recording of nothing": json_edit("spectra.zarr/zarr.json", "attributes", "format"),
    "recording of words": json_edit("spectra.zarr/zarr.json", "attributes", "complete", value="x"),
}


def arguments_of(kind: str, folder: Path) -> list:
    """The command that began the run."""
    return (
        [*RBM, "--out", folder / "run"]
        if kind == "rbm"
        else [*GPT, "--text", folder / "t.txt", "--out", folder / "run"]
    )


@pytest.mark.parametrize("case", spread(RBM_CASES, "test_ensembles of other fields in test_resume_states.py"))
def test_ensembles(tmp_path, refused, interrupted_rbm, case):
    shutil.copytree(interrupted_rbm, tmp_path, dirs_exist_ok=True)
    RBM_CASES[case](tmp_path)
    refused([*arguments_of("rbm", tmp_path), "--resume"])


@pytest.mark.parametrize("case", spread(GPT_CASES, "test_transformers of other fields in test_resume_states.py"))
def test_transformers(tmp_path, refused, interrupted_gpt, case):
    shutil.copytree(interrupted_gpt, tmp_path, dirs_exist_ok=True)
    GPT_CASES[case](tmp_path)
    refused([*arguments_of("gpt", tmp_path), "--resume"])


@pytest.mark.parametrize("kind", ["rbm", "gpt"])
def test_an_interrupted_run_is_never_lost_by_accident(tmp_path, refused, request, kind, capsys, reduced):
    """Neither flag: refused, and what was done is kept; control: with --resume it goes on to the end.

    Transformers go on in the full form only; `test_an_interrupted_run_ends_bit_for_bit_the_same` resumes them too.
    """
    shutil.copytree(request.getfixturevalue(f"interrupted_{kind}"), tmp_path, dirs_exist_ok=True)
    refused(arguments_of(kind, tmp_path), "--resume", "--overwrite")
    if reduced and kind == "gpt":
        return
    assert cg.cli.main([str(word) for word in [*arguments_of(kind, tmp_path), "--resume"]]) == 0, (
        capsys.readouterr().err
    )
    assert (tmp_path / "run").is_dir()
    assert not (tmp_path / ".run.partial").exists()


def a_folder_of_others(path: Path) -> None:
    """Somebody's work."""
    path.mkdir()
    (path / "thesis.tex").write_text("years of work")


PLACES = {
    "exists": (lambda path: path.write_text("mine"), []),
    "a folder of others": (a_folder_of_others, ["--overwrite"]),
    "a pipe": (os.mkfifo, ["--overwrite"]),
    "a device": (lambda path: path.symlink_to("/dev/null"), ["--overwrite"]),
    "a dangling link": (lambda path: path.symlink_to("nowhere"), ["--overwrite"]),
}
WRITERS = {
    "rbm": ([*RBM, "--out"], "`out`"),
    "gpt": ([*GPT, "--out"], "`out`"),
    "merge": (["merge", "nothing.zarr", "--out"], "`out`"),
    "fit": (["fit", "nothing.npz", "--out"], "`out`"),
    "spectra": (["spectra", "nothing.npz", "--out"], "`out`"),
    "report": (["report", "nothing.npz", "--out"], "`out`"),
    "demo": (["demo", "--out"], "`out`"),
    "calibrate": (["calibrate", "pair", "--num", "2", "--figure"], "`figure`"),
    "derive": (["derive", "--drift=-x", "--noise", "1", "--figure"], "`figure`"),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("writer", WRITERS)
def test_places_that_are_not_written(tmp_path, refused, writer, place):
    make, flags = PLACES[place]
    make(tmp_path / "out.png")
    words, argument = WRITERS[writer]
    refused([*words, tmp_path / "out.png", *flags], argument, "out.png")


@pytest.mark.parametrize("name", ["file/x", "closed/x", "x" * 300, ".", "..", "/", ""])
@pytest.mark.parametrize("writer", WRITERS)
def test_paths_that_are_no_places(tmp_path, refused, writer, name):
    (tmp_path / "file").write_text("")
    (tmp_path / "closed").mkdir(mode=0o555)
    words, argument = WRITERS[writer]
    path = name if name in (".", "..", "/", "") else tmp_path / name
    refused([*words, path], argument)
