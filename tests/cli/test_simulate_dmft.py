"""`coulombgas simulate dmft NAME`: one JSON document, tables, figures, refusals."""

import json

import numpy as np
import pytest

from coulombgas.cli._main import _build, main

REGRESSION = [
    "linear-regression",
    "--samples-per-dimension",
    "1.5",
    "--learning-rate",
    "0.2",
    "--noise-variance",
    "0.1",
]


def run(capsys, *arguments):
    status = main(["simulate", "dmft", *arguments])
    out, err = capsys.readouterr()
    assert status == 0, err
    return out


@pytest.mark.full("test_comparison_and_figure in test_simulate_dmft.py")
def test_linear_regression_json(capsys):
    document = json.loads(
        run(capsys, *REGRESSION, "--method", "heavy-ball", "--momentum", "0.5", "--steps", "40", "--json")
    )
    assert list(document) == ["step", "test_excess", "train_loss"]
    assert document["step"] == list(range(41))
    assert document["test_excess"][0] == pytest.approx(1)
    assert document["train_loss"][0] == pytest.approx(1.1)


SYSTEMS = [
    (["goe", "--steps", "10"], "norm", 1.0),
    (["one-pass-sgd", "--dimension", "20", "--batch-size", "10", "--steps", "5"], "test_excess", 1.0),
    (["random-features", "--samples-per-dimension", "0.5", "--features-per-dimension", "2"], "test_excess", 1.0),
    (["spiked-matrix-tensor", "--initial-overlap", "0.3", "--steps", "5"], "overlap", 0.3),
    (["diagonal-network", "--samples-per-dimension", "2", "--steps", "4", "--paths", "200"], "test_excess", 1.0),
    (["deep-linear", "--samples-per-dimension", "2", "--steps", "4"], "test_excess", 2.0),
]
FULL = pytest.mark.full("test_flags_are_the_fields_of_the_parameters in test_simulate_dmft.py")


@pytest.mark.parametrize(
    ("arguments", "quantity", "value"),
    [pytest.param(*case, marks=[FULL] if case[0][0] != "random-features" else []) for case in SYSTEMS],
    ids=[case[0][0] for case in SYSTEMS],
)
def test_every_system_answers(capsys, arguments, quantity, value):
    document = json.loads(run(capsys, *arguments, "--json"))
    assert document[quantity][0] == pytest.approx(value)
    assert len(document[quantity]) == len(document["step"])


def test_fixed_points_report_their_residual(capsys):
    out = run(capsys, "deep-linear", "--samples-per-dimension", "2", "--steps", "4")
    assert "residual" in out
    assert "sweeps" in out


def test_comparison_and_figure(capsys, tmp_path):
    picture = tmp_path / "run.png"
    arguments = [*REGRESSION, "--steps", "8", "--dimension", "60", "--replicas", "6", "--figure", str(picture)]
    document = json.loads(run(capsys, *arguments, "--json"))
    assert list(document)[:3] == ["step", "test_excess", "train_loss"]
    assert document["step"] == list(range(9))
    assert document["test_excess"][0] == pytest.approx(1)
    assert document["train_loss"][0] == pytest.approx(1.1)
    assert set(document["simulation"]) == {"test_excess", "train_loss"}
    assert np.all(np.abs(document["largest_z"]["test_excess"]) < 8)
    assert picture.read_bytes()[:4] == b"\x89PNG"
    assert main(["simulate", "dmft", *arguments]) == 2
    assert "exists already" in capsys.readouterr().err


def test_flags_are_the_fields_of_the_parameters():
    """And a value reaches the system: the flags are inherited, not written again."""
    from dataclasses import fields

    from coulombgas.cli import _simulate_dmft as commands
    from coulombgas.cli._registry import COMMANDS

    names = [entry.load().__name__ for words, entry in COMMANDS.items() if words[:2] == ("simulate", "dmft")]
    assert len(names) == 7
    for name in names:
        command = getattr(commands, name)
        assert {field.name for field in fields(command.parameters)} < {field.name for field in fields(command)}
    system = commands.DeepLinear(samples_per_dimension=2.0, signal=0.7, seed=3).system()
    assert (type(system).__name__, system.signal) == ("DeepLinear", 0.7)
    assert "seed" not in system.config()
    for (name, *words), quantity, _ in SYSTEMS:
        command = _build(("simulate", "dmft", name), words)
        assert isinstance(command.system(), command.parameters)
        found = command.system().config()
        given = dict(zip(words[::2], map(float, words[1::2]), strict=True))
        read = {flag: getattr(command, flag.removeprefix("--").replace("-", "_")) for flag in given}
        assert read == given
        assert not command.columns or quantity in command.columns
        assert {flag: found.get(flag[2:].replace("-", "_"), given[flag]) for flag in given} == given


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([*REGRESSION, "--learning-rate", "0.9"], "must be below"),
        (["spiked-matrix-tensor", "--matrix-noise", "0"], "`matrix_noise` must be above 0"),
        (["spiked-matrix-tensor", "--power", "1"], "`power` must be at least 2"),
        (["deep-linear", "--samples-per-dimension", "2", "--max-sweeps", "2"], "residual"),
        (["one-pass-sgd", "--batch-size", "4"], "dimension"),
        ([*REGRESSION, "--method", "adam"], "`method` must be one of 'gd'"),
        (["perceptron"], "unknown command"),
    ],
)
def test_refuses_with_one_line_and_status_2(capsys, arguments, message):
    assert main(["simulate", "dmft", *arguments]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_help_of_a_system_needs_no_jax():
    import subprocess
    import sys

    code = (
        "import sys\nfrom coulombgas.cli._main import main\n"
        "try: main(['simulate', 'dmft', 'deep-linear', '--help'])\nexcept SystemExit: pass\n"
        "print('jax' in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "--feature-strength" in shown
    assert shown.splitlines()[-1] == "False"


def test_without_a_name_the_help_lists_them(capsys):
    assert main(["simulate", "dmft"]) == 0
    assert "diagonal-network" in capsys.readouterr().out
