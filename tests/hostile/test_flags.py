"""Every flag of every command with words that no flag can mean, and values that no physics has."""

import dataclasses
import types
import typing

import pytest

from coulombgas.cli._registry import COMMANDS

pytestmark = pytest.mark.timeout(60)

NEEDED = {
    ("simulate", "rbm"): ["--replicas", "2", "--steps", "1", "--num-visible", "3"],
    ("simulate", "teacher-student"): ["--replicas", "2", "--steps", "1"],
    ("simulate", "two-layer"): ["--replicas", "2", "--steps", "1"],
    ("simulate", "gpt"): ["--steps", "1", "--width", "8", "--num-heads", "1", "--num-layers", "1", "--context", "8"],
    ("derive",): ["--drift=-x"],
    ("fit",): ["nothing.npz"],
    ("compare",): ["nothing.npz"],
    ("merge",): ["nothing.zarr"],
    ("spectra",): ["nothing.npz"],
    ("report",): ["nothing.npz"],
    ("calibrate",): ["pair", "--num", "2"],
}


def fields_of(words):
    """Names and plain types of a command's flags."""
    command = COMMANDS[words].load()
    hints = typing.get_type_hints(command, include_extras=False)
    for field in dataclasses.fields(command):
        kinds = set()
        for kind in (hints[field.name], *typing.get_args(hints[field.name])):
            kinds |= {kind} if not isinstance(kind, types.UnionType) else set(typing.get_args(kind))
        if "positional" not in repr(field.type).lower():
            yield field.name, kinds


NUMBERS = [
    (words, name, kind)
    for words in COMMANDS
    for name, kinds in fields_of(words)
    for kind in (int, float)
    if kind in kinds and bool not in kinds
]
WORDS = {int: ("x", "1.5", "99999999999999999999"), float: ("x", "nan", "-inf")}
CASES = [(words, name, value) for words, name, kind in NUMBERS for value in WORDS[kind]]


def start(words, value_flag):
    """The command with what it needs besides the flag under test."""
    needed = list(NEEDED.get(words, []))
    if value_flag in needed:
        at = needed.index(value_flag)
        del needed[at : at + 2]
    fields = {field.name: field for field in dataclasses.fields(COMMANDS[words].load())}
    for name, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        flag = "--" + name.replace("_", "-")
        if (
            required
            and flag != value_flag
            and name not in ("paths", "model")
            and not any(flag in word for word in needed)
        ):
            needed += [flag, "out.x" if name == "out" else "2"]
    return [*words, *needed]


OTHER_WORD = pytest.mark.full("test_a_number_that_is_none of the same flag with another of the three words")
QUICK = [case for index, case in enumerate(CASES) if index % 3 == index // 3 % 3]  # one word for each flag, in turn


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [case if case in QUICK else pytest.param(*case, marks=OTHER_WORD) for case in CASES],
    ids=lambda case: str(case).replace(" ", ""),
)
def test_a_number_that_is_none(refused, words, name, value):
    flag = "--" + name.replace("_", "-")
    line = refused([*start(words, flag), f"{flag}={value}"])
    assert flag in line or f"`{name}`" in line


def test_there_are_many():
    assert len(CASES) > 200
    assert {case[:2] for case in QUICK} == {case[:2] for case in CASES}
    assert {value for *_, value in QUICK} == {value for *_, value in CASES}
    assert {words for words, *_ in CASES} >= {("fit",), ("simulate", "rbm"), ("simulate", "gpt"), ("calibrate",)}


IMPOSSIBLE = [
    ("simulate rbm", "learning-rate", "-1"),
    ("simulate rbm", "learning-rate", "0"),
    ("simulate rbm", "learning-rate", "1e300"),
    ("simulate rbm", "batch-size", "0"),
    ("simulate rbm", "mu2", "1e300"),
    ("simulate rbm", "mu2", "-1"),
    ("simulate rbm", "sigma-h2", "1e300"),
    ("simulate rbm", "sigma-h2", "0"),
    ("simulate rbm", "target-mass2", "1e300"),
    ("simulate rbm", "target-mass2", "-9"),
    ("simulate rbm", "num-visible", "0"),
    ("simulate rbm", "num-hidden", "0"),
    ("simulate rbm", "gibbs-steps", "0"),
    ("simulate rbm", "replicas", "0"),
    ("simulate rbm", "replicas", "1000000000000"),
    ("simulate rbm", "steps", "-1"),
    ("simulate rbm", "steps", "5000000000"),
    ("simulate rbm", "seed", "-1"),
    ("simulate rbm", "seed", "4294967296"),
    ("simulate rbm", "first-replica", "-1"),
    ("simulate rbm", "first-replica", "4294967296"),
    ("simulate rbm", "record", "-1"),
    ("simulate rbm", "record", "2"),
    ("simulate rbm", "momentum", "1.5"),
    ("simulate rbm", "checkpoint-seconds", "-1"),
    ("simulate rbm", "init", "warm"),
    ("simulate rbm", "combine", "all"),
    ("simulate rbm", "optimizer", "lion"),
    ("simulate rbm", "schedule", "step"),
    ("simulate rbm", "dtype", "int8"),
    ("simulate rbm", "chains", "none"),
    ("simulate rbm", "sampler", "exact"),
    ("simulate rbm", "shard", "8/8"),
    ("simulate rbm", "shard", "0/0"),
    ("simulate rbm", "shard", "-1/2"),
    ("simulate rbm", "shard", "0/3"),
    ("simulate rbm", "shard", "1"),
    ("simulate rbm", "shard", "a/b"),
    ("simulate rbm", "shard", "1/2/3"),
    ("simulate teacher-student", "noise", "0"),
    ("simulate teacher-student", "noise", "-1"),
    ("simulate teacher-student", "noise", "1e300"),
    ("simulate teacher-student", "teacher", "1e300"),
    ("simulate teacher-student", "inputs", "old"),
    ("simulate two-layer", "label-noise", "-1"),
    ("simulate two-layer", "label-noise", "1e300"),
    ("simulate two-layer", "num-hidden", "0"),
    ("simulate two-layer", "balance", "0"),
    ("simulate two-layer", "balance", "1e300"),
    ("simulate two-layer", "trained", "none"),
    ("simulate gpt", "steps", "0"),
    ("simulate gpt", "size", "huge"),
    ("simulate gpt", "learning-rate", "-1"),
    ("simulate gpt", "batch-size", "0"),
    ("simulate gpt", "optimizer", "lion"),
    ("simulate gpt", "momentum", "-1"),
    ("simulate gpt", "replicas", "0"),
    ("simulate gpt", "seed", "-1"),
    ("simulate gpt", "dropout", "1.5"),
    ("simulate gpt", "num-heads", "3"),
    ("simulate gpt", "context", "0"),
    ("simulate gpt", "compute-dtype", "int8"),
    ("simulate gpt", "shard", "0/2"),
    ("simulate gpt", "shard", "/2"),
    ("simulate gpt", "shard", "all"),
    ("simulate gpt", "text", "nothing.txt"),
    ("simulate gpt", "text", "/dev/zero"),
    ("fit", "seed", "-1"),
    ("fit", "model", "nonsense"),
    ("compare", "seed", "-1"),
    ("report", "seed", "-1"),
    ("report", "level", "2"),
    ("report", "replica", "-1"),
    ("spectra", "seed", "-1"),
    ("spectra", "level", "0"),
    ("spectra", "replica", "-1"),
    ("calibrate", "seed", "-1"),
    ("calibrate", "num", "0"),
    ("calibrate", "num-observations", "0"),
    ("calibrate", "simulate-with", "nonsense"),
    ("demo", "replicas", "1"),
    ("demo", "seed", "-1"),
    ("derive", "drift", "__import__('os')"),
    ("derive", "drift", "(" * 300 + "x" + ")" * 300),
    ("derive", "drift", "x+" * 5000 + "x"),
    ("derive", "drift", "9**9**9**9"),
    ("derive", "noise", "0"),
    ("derive", "variable", "1x"),
    ("derive", "params", "kappa"),
    ("derive", "params", "kappa=nan"),
    ("derive", "num", "0"),
    ("derive", "plot", "figure.xyz"),
]


@pytest.mark.parametrize(("command", "name", "value"), IMPOSSIBLE, ids=lambda case: str(case)[:30].replace(" ", "-"))
def test_a_value_that_cannot_be(refused, command, name, value):
    words = tuple(command.split())
    refused([*start(words, f"--{name}"), f"--{name}={value}"])
