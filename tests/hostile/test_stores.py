"""Our own formats, damaged one field, one array, one chunk at a time: ensembles, recordings, saved fits."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr

import coulombgas as cg
from coulombgas._interval import summarise
from coulombgas.inference import LevelFit, SettingFit
from coulombgas.spectra import write_store
from coulombgas.training import SpectrumRecorder
from tests.hostile.cases import spread

pytestmark = pytest.mark.timeout(60)

RNG = np.random.default_rng(0)


@pytest.fixture(scope="session")
def ensemble(tmp_path_factory) -> Path:
    """A store of an RBM's spectra."""
    levels = np.array([1.0, 3.0, 5.0]) + 0.1 * RNG.normal(size=(1, 6, 1, 3))
    model = {"name": "rbm", "mu2": 9.0, "sigma_h2": 1.0, "target": [4.0, 6.0, 8.0]}
    failed = np.full((1, 6), -1)
    spectra = cg.spectra.make_spectra(
        levels,
        learning_rate=[0.02],
        batch_size=[16],
        model=model,
        target=[8.0, 6.0, 4.0],
        fixed_point=[1.0, 3.0, 5.0],
        failed_step=failed,
    )
    path = tmp_path_factory.mktemp("ensemble") / "e.zarr"
    write_store(spectra, path)
    return path


@pytest.fixture(scope="session")
def recording(tmp_path_factory) -> Path:
    """A recording of one matrix, with its training and the noise of its gradient."""
    path = tmp_path_factory.mktemp("recording") / "r.zarr"
    with SpectrumRecorder(
        path, every=1, learning_rate=0.1, batch_size=8, optimizer={"optimizer": "momentum", "momentum": 0.9},
        gradient=lambda params: {"w": RNG.normal(size=(4, 6, 4))},
    ) as recorder:  # fmt: skip
        for step in range(3):
            recorder(step, {"w": RNG.normal(size=(6, 4))})
    return path


@pytest.fixture(scope="session")
def fit(tmp_path_factory) -> Path:
    """A saved fit, made up."""
    draws, width = 0.001 + 1e-5 * RNG.normal(size=(2, 50)), 0.1 + 0.001 * RNG.normal(size=(2, 50))
    level = LevelFit(
        center=4.0,
        modes=(0, 1),
        levels=np.sort(RNG.normal(size=(20, 2))),
        width_draws=width,
        center_draws=width,
        width=summarise(width),
    )
    setting = SettingFit(
        path="e.zarr",
        model="rbm",
        learning_rate=0.02,
        batch_size=16,
        temperature=summarise(draws),
        temperature_draws=draws,
        levels=(level,),
        num_replicas=20,
        r_hat=1.0,
        ess=90.0,
        divergences=0,
    )
    path = tmp_path_factory.mktemp("fit") / "fit.nc"
    cg.inference.TemperatureFit(settings=(setting,), scaling=None, method="made up").save(path)
    return path


def edit(name: str, *keys: str, value: object = None):
    """Change, or without a value remove, an entry of a JSON file."""

    def change(store: Path) -> None:
        document = inner = json.loads((store / name).read_text())
        for key in keys[:-1]:
            inner = inner[key]
        if value is None:
            del inner[keys[-1]]
        else:
            inner[keys[-1]] = value
        (store / name).write_text(json.dumps(document))

    return change


def remove(name: str):
    """Remove a file or a folder."""

    def change(store: Path) -> None:
        shutil.rmtree(store / name) if (store / name).is_dir() else (store / name).unlink()

    return change


def put(name: str, content: bytes | str):
    """Write a file."""

    def change(store: Path) -> None:
        (store / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    return change


def special(name: str, kind: str):
    """Put something that is no file, or a link that leads away, in the place of a file or folder."""

    def change(store: Path) -> None:
        remove(name)(store)
        if kind == "pipe":
            os.mkfifo(store / name)
        elif kind == "folder":
            (store / name).mkdir()
        else:
            (store / name).symlink_to(kind)

    return change


def cut(name: str, keep: int):
    """Keep only the first bytes."""

    def change(store: Path) -> None:
        (store / name).write_bytes((store / name).read_bytes()[:keep])

    return change


def array_cases(array: str, chunk: str) -> dict:
    """What can be wrong with one array of a store."""
    meta = f"{array}/zarr.json"
    damage = {
        "gone": remove(array),
        "chunk gone": remove(chunk),
        "chunk cut": cut(chunk, 3),
        "chunk empty": cut(chunk, 0),
        "chunk noise": put(chunk, b"\xff" * 40),
        "chunk bomb": put(chunk, bytes(10**6)),
        "chunk pipe": special(chunk, "pipe"),
        "chunk device": special(chunk, "/dev/zero"),
        "chunk elsewhere": special(chunk, "/etc/hostname"),
        "no JSON": put(meta, "{"),
        "a list": put(meta, "[]"),
        "nested": put(meta, "[" * 100000),
        "not UTF-8": put(meta, b'{"a": "\xff"}'),
        "meta pipe": special(meta, "pipe"),
        "meta device": special(meta, "/dev/zero"),
        "meta folder": special(meta, "folder"),
        "objects": edit(meta, "data_type", value="string"),
        "dates": edit(meta, "data_type", value={"name": "numpy.datetime64", "configuration": {"unit": "s"}}),
        "no type": edit(meta, "data_type"),
        "no shape": edit(meta, "shape"),
        "shape of words": edit(meta, "shape", value=["a"]),
        "negative shape": edit(meta, "shape", value=[-1]),
        "huge shape": edit(meta, "shape", value=[2**50, 2**50, 1, 3]),
        "many chunks": edit(meta, "chunk_grid", "configuration", "chunk_shape", value=[0, 0, 0, 0]),
        "huge chunks": edit(meta, "chunk_grid", "configuration", "chunk_shape", value=[2**40]),
        "another grid": edit(meta, "chunk_grid", "name", value="rectilinear"),
        "no codecs": edit(meta, "codecs"),
        "pickle": edit(meta, "codecs", value=[{"name": "numcodecs.pickle"}, {"name": "bytes"}]),
        "nested pickle": edit(
            meta, "codecs", value=[{"name": "sharding_indexed", "configuration": {"codecs": [{"name": "pickle"}]}}]
        ),
        "codec of words": edit(meta, "codecs", value="bytes"),
        "codec without a name": edit(meta, "codecs", value=[{"configuration": {}}]),
        "codec badly set": edit(meta, "codecs", value=[{"name": "bytes", "configuration": {"endian": "middle"}}]),
        "transformers": edit(meta, "storage_transformers", value=[{"name": "x"}]),
        "another key": edit(meta, "chunk_key_encoding", value={"name": "fancy"}),
        "other names": edit(meta, "dimension_names", value=["a", "b", "c", "d", "e"]),
        "a group": edit(meta, "node_type", value="group"),
        "another version": edit(meta, "zarr_format", value=4),
    }
    return {f"{array} {name}": change for name, change in damage.items()}


META = "zarr.json"
ENSEMBLE = {
    **array_cases("eigenvalue", "eigenvalue/c/0/0/0/0"),
    **{
        name: change
        for array in ("learning_rate", "batch_size", "step", "failed_step", "target")
        for name, change in array_cases(array, f"{array}/c/0{'/0' * (array == 'failed_step')}").items()
        if name.split(" ", 1)[1] in ("chunk gone", "chunk noise", "objects", "negative shape", "other names", "pickle")
    },
    "learning_rate gone": remove("learning_rate"),
    "batch_size gone": remove("batch_size"),
    "batch_size real": edit("batch_size/zarr.json", "data_type", value="bool"),
    "step real": edit("step/zarr.json", "data_type", value="float64"),
    "elsewhere": special("eigenvalue", "/etc"),
    "no JSON": put(META, "nonsense"),
    "empty": put(META, ""),
    "a list": put(META, "[]"),
    "pipe": special(META, "pipe"),
    "device": special(META, "/dev/zero"),
    "elsewhere itself": special(META, "/etc/hostname"),
    "no attributes": edit(META, "attributes"),
    "attributes of words": edit(META, "attributes", value="x"),
    "no format": edit(META, "attributes", "format"),
    "another format": edit(META, "attributes", "format", value="coulombgas-spectra/99"),
    "seed of words": edit(META, "attributes", "seed", value="x"),
    "negative seed": edit(META, "attributes", "seed", value=-1),
    "no config": edit(META, "attributes", "config"),
    "config of numbers": edit(META, "attributes", "config", value=3),
    "config no JSON": edit(META, "attributes", "config", value="{"),
    "config a list": edit(META, "attributes", "config", value="[]"),
    "config without a model": edit(META, "attributes", "config", value="{}"),
    "model of words": edit(META, "attributes", "config", value='{"model": "rbm"}'),
    "model without a name": edit(META, "attributes", "config", value='{"model": {}}'),
    "model unknown": edit(META, "attributes", "config", value='{"model": {"name": "nonsense"}}'),
    "rbm without anything": edit(META, "attributes", "config", value='{"model": {"name": "rbm"}}'),
    "rbm with words": edit(META, "attributes", "config", value='{"model": {"name": "rbm", "mu2": "x", "target": [1]}}'),
    "student without noise": edit(
        META, "attributes", "config", value='{"model": {"name": "teacher-student", "teacher": [1.0, 2.0, 3.0]}}'
    ),
    "two-layer without a teacher": edit(META, "attributes", "config", value='{"model": {"name": "two-layer"}}'),
    "training of words": edit(
        META, "attributes", "config", value='{"model": {"name": "rbm"}, "training": {"replicas": "x"}}'
    ),
    "identity of numbers": edit(META, "attributes", "identity", value=7),
    "identity no JSON": edit(META, "attributes", "identity", value="{"),
    "merged from numbers": edit(META, "attributes", "merged_from", value=7),
    "consolidated words": edit(META, "consolidated_metadata", value="x"),
    "consolidated objects": edit(
        META, "consolidated_metadata", value={"metadata": {"a": {"zarr_format": 2, "shape": [1], "dtype": "|O"}}}
    ),
    "another version": edit(META, "zarr_format", value=4),
    "no kind": edit(META, "node_type"),
}


@pytest.mark.parametrize("case", spread(ENSEMBLE, "test_ensembles of other fields in test_stores.py"))
def test_ensembles(tmp_path, refused, ensemble, case):
    shutil.copytree(ensemble, tmp_path / "input.zarr")
    ENSEMBLE[case](tmp_path / "input.zarr")
    refused(["fit", tmp_path / "input.zarr"], "input.zarr")


MERGED = ("eigenvalue gone", "eigenvalue chunk gone", "failed_step chunk noise", "merged from numbers", "pipe")


@pytest.mark.parametrize("case", MERGED)
@pytest.mark.parametrize("command", ["merge", "compare", "report"])
def test_ensembles_of_other_commands(tmp_path, refused, ensemble, command, case):
    shutil.copytree(ensemble, tmp_path / "input.zarr")
    shutil.copytree(ensemble, tmp_path / "good.zarr")
    ENSEMBLE[case](tmp_path / "input.zarr")
    paths = [tmp_path / "good.zarr", tmp_path / "input.zarr"]
    refused(
        [command, *(paths if command == "merge" else paths[1:]), *(["--out", "m.zarr"] if command == "merge" else [])]
    )


@pytest.mark.parametrize("name", ["failed_step", "target", "fixed_point"])
def test_a_merge_of_unlike_stores(tmp_path, refused, ensemble, name):
    for copy in ("a.zarr", "b.zarr"):
        shutil.copytree(ensemble, tmp_path / copy)
    remove(name)(tmp_path / "b.zarr")
    refused(["merge", tmp_path / "a.zarr", tmp_path / "b.zarr", "--out", "m.zarr"], "b.zarr")


def store_values(array: str, *values: float):
    """Other numbers at the start of an array."""

    def change(store: Path) -> None:
        group: Any = zarr.open_group(store, mode="r+", use_consolidated=False)
        group[array][(slice(0, len(values)), *[0] * (group[array].ndim - 1))] = np.array(values)

    return change


def stretched(array: str, records: int):
    """Another number of records than the others have."""

    def change(store: Path) -> None:
        group: Any = zarr.open_group(store, mode="r+", use_consolidated=False)
        group[array].resize((records, *group[array].shape[1:]))

    return change


def training(**words: object):
    """One word of the attribute `training`."""
    ((word, value),) = words.items()
    return {f"training {word} {value!r}": edit(META, "attributes", "training", word, value=value)}


def of_training(array: str, chunk: str) -> dict:
    """What can be wrong with an array of the training."""
    some = ("chunk gone", "chunk noise", "chunk cut", "objects", "negative shape", "other names", "pickle", "pipe")
    found = {name: change for name, change in array_cases(array, chunk).items() if name.split(" ", 1)[1] in some}
    if array != "gradient_norm2":  # unbiased, so it may be negative
        found[f"{array} negative"] = store_values(array, -1.0)
    return {
        **found,
        f"{array} infinite": store_values(array, 0.1, np.inf),
        f"{array} whole numbers": edit(f"{array}/zarr.json", "data_type", value="int64"),
        f"{array} short": stretched(array, 2),
    }


TRAINING = {
    **of_training("learning_rate", "learning_rate/c/0"),
    **of_training("batch_size", "batch_size/c/0"),
    **of_training("noise_trace", "noise_trace/c/0"),
    **of_training("gradient_norm2", "gradient_norm2/c/0"),
    **of_training("noise.w", "noise.w/c/0/0/0"),
    "learning_rate gone": remove("learning_rate"),
    "batch_size gone": remove("batch_size"),
    "batch_size zero": store_values("batch_size", 0.0),
    "noise of other levels": edit("noise.w/zarr.json", "shape", value=[3, 1, 3]),
    "noise of other replicas": edit("noise.w/zarr.json", "shape", value=[3, 2, 4]),
    "training a list": edit(META, "attributes", "training", value=[1]),
    "training words": edit(META, "attributes", "training", value="sgd"),
    **training(optimizer=3),
    **training(momentum="0.9"),
    **training(momentum=-0.1),
    **training(momentum=1.5),
    **training(momentum=float("nan")),
    **training(momentum=True),
    **training(second_moment=2),
    **training(nesterov=1),
    **training(dampening=float("inf")),
    **training(weight_decay=-1e-3),
    **training(weight_decay=[0.1]),
    **training(source={}),
    **training(changed="momentum"),
    **training(changed=[1]),
}
RECORDING = {
    **TRAINING,
    **array_cases("eigenvalue.w", "eigenvalue.w/c/0/0/0"),
    **{
        name: change
        for name, change in array_cases("kurtosis.w", "kurtosis.w/c/0/0").items()
        if "chunk" in name or "gone" in name
    },
    **{name: change for name, change in array_cases("step", "step/c/0").items() if "chunk" in name or "gone" in name},
    "step real": edit("step/zarr.json", "data_type", value="float64"),
    "complete of words": edit(META, "attributes", "complete", value="x"),
    "complete negative": edit(META, "attributes", "complete", value=-1),
    "complete beyond": edit(META, "attributes", "complete", value=9),
    "complete real": edit(META, "attributes", "complete", value=1.5),
    "no complete": edit(META, "attributes", "complete"),
    "no matrices": edit(META, "attributes", "matrices"),
    "matrices a list": edit(META, "attributes", "matrices", value=["w"]),
    "matrices of words": edit(META, "attributes", "matrices", value={"w": "x"}),
    "matrices of one side": edit(META, "attributes", "matrices", value={"w": [6]}),
    "matrices of other sides": edit(META, "attributes", "matrices", value={"w": [6, 5]}),
    "matrices negative": edit(META, "attributes", "matrices", value={"w": [6, -4]}),
    "another matrix": edit(META, "attributes", "matrices", value={"w": [6, 4], "v": [6, 4]}),
}


@pytest.mark.parametrize("case", spread(RECORDING, "test_recordings of other fields in test_stores.py"))
def test_recordings(tmp_path, refused, recording, case):
    shutil.copytree(recording, tmp_path / "input.zarr")
    RECORDING[case](tmp_path / "input.zarr")
    refused(["spectra", tmp_path / "input.zarr"], "input.zarr")


def attribute(value: object):
    """Change, or without a value remove, the description of a fit."""

    def change(path: Path) -> None:
        with h5py.File(path, "a") as file:
            attrs = file["posterior"].attrs
            if value is None:
                del attrs["description"]
            elif callable(value):
                attrs["description"] = json.dumps(value(json.loads(attrs["description"])))
            else:
                attrs["description"] = value

    return change


def without(*keys: object):
    """A description with one field removed."""

    def change(document: dict) -> dict:
        inner = document
        for key in keys[:-1]:
            inner = inner[key]
        del inner[keys[-1]]
        return document

    return change


def gone(name: str):
    """A file without a group or variable."""

    def change(path: Path) -> None:
        with h5py.File(path, "a") as file:
            del file[name]

    return change


def filled(name: str, value: float):
    """A variable with one value everywhere."""

    def change(path: Path) -> None:
        with h5py.File(path, "a") as file:
            file[name][...] = value

    return change


def instead(name: str, array: object):
    """Another array, without dimensions, in the place of a variable."""

    def change(path: Path) -> None:
        with h5py.File(path, "a") as file:
            del file[name]
            file[name] = array

    return change


def setting(**changes: object):
    """A description with fields of its setting changed."""
    return attribute(lambda d: {**d, "settings": [{**d["settings"][0], **changes}]})


FITS = {
    **{
        f"{name} of {value}": filled(name, value)
        for name in ("posterior/temperature", "posterior/width", "posterior/center", "observed_data/eigenvalue")
        for value in (np.nan, np.inf, -1.0)
        if value != -1.0 or name in ("posterior/temperature", "posterior/width")
    },
    "observations of -5": filled("observed_data/observations", -5),
    "observations of 0": filled("observed_data/observations", 0),
    **{
        f"{name} of shape {np.shape(array)}": instead(name, array)
        for name in ("posterior/temperature", "posterior/width")
        for array in (1.0, np.ones((2, 3)), np.ones((2, 50, 1)))
    },
    "words for a temperature": instead("posterior/temperature", np.array([b"x"] * 3)),
    "no levels": instead("observed_data/eigenvalue", np.zeros(0)),
    "true temperature NaN": setting(true_temperature=float("nan")),
    "true temperature 0": setting(true_temperature=0.0),
    "infinite rate": setting(learning_rate=float("inf")),
    "predicted width NaN": attribute(
        lambda d: {
            **d,
            "settings": [
                {**d["settings"][0], "levels": [{**d["settings"][0]["levels"][0], "predicted_width": float("nan")}]}
            ],
        }
    ),
    "noise": lambda path: path.write_bytes(RNG.bytes(5000)),
    "empty": lambda path: path.write_bytes(b""),
    "no description": attribute(None),
    "description of numbers": attribute(3.0),
    "description no JSON": attribute("{"),
    "description a list": attribute("[]"),
    "description empty": attribute("{}"),
    **{f"without {key}": attribute(without(key)) for key in ("settings", "method")},
    **{
        f"setting without {key}": attribute(without("settings", 0, key))
        for key in ("path", "model", "learning_rate", "batch_size", "levels", "warnings", "r_hat", "num_replicas")
    },
    **{
        f"level without {key}": attribute(without("settings", 0, "levels", 0, key))
        for key in ("center", "modes", "used", "predicted_width")
    },
    "zero batch": attribute(lambda d: {**d, "settings": [{**d["settings"][0], "batch_size": 0}]}),
    "twice the settings": attribute(lambda d: {**d, "settings": d["settings"] * 2}),
    "other modes": attribute(
        lambda d: {
            **d,
            "settings": [{**d["settings"][0], "levels": [{**d["settings"][0]["levels"][0], "modes": [0] * 5}]}],
        }
    ),
    **{
        f"no {name}": gone(name)
        for name in (
            "posterior",
            "observed_data",
            "posterior/temperature",
            "posterior/width",
            "observed_data/eigenvalue",
            "observed_data/observations",
        )
    },
    "cut": lambda path: path.write_bytes(path.read_bytes()[:3000]),
}


@pytest.mark.parametrize("case", spread(FITS, "test_fits of other fields in test_stores.py"))
def test_fits(tmp_path, refused, fit, case):
    shutil.copy(fit, tmp_path / "input.nc")
    FITS[case](tmp_path / "input.nc")
    refused(["report", tmp_path / "input.nc"], "input.nc")


def test_the_undamaged_pass(tmp_path, ensemble, recording, fit, capsys):
    """Control: what is refused above is refused for the damage."""
    assert cg.read_spectra(ensemble).sizes["replica"] == 6
    network = cg.read_recording(recording)
    assert network.steps == (0, 1, 2)
    assert network.training.momentum == 0.9
    assert network.training.noise["w"].shape == (3, 4)
    assert len(cg.load_fit(fit).settings) == 1


def test_unknown_values_and_a_negative_unbiased_square_pass(tmp_path, recording):
    """Control: NaN is unknown, and |G|² is unbiased."""
    shutil.copytree(recording, tmp_path / "r.zarr")
    for array in ("learning_rate", "batch_size", "noise_trace", "noise.w"):
        store_values(array, np.nan)(tmp_path / "r.zarr")
    store_values("gradient_norm2", -1.0)(tmp_path / "r.zarr")
    training = cg.read_recording(tmp_path / "r.zarr").training
    assert np.isnan([training.learning_rate[0], training.batch_size[0], training.noise_trace[0]]).all()
    assert training.gradient_norm2[0] == -1.0
