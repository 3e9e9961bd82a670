"""``coulombgas derive``: output, JSON, figure, bad input."""

import json

import pytest

from coulombgas.cli import main

RBM = ["derive", "--drift", "x*(1/kappa - 1/(mu2 - x))", "--noise", "g", "--domain", "0", "mu2"]
NUMBERS = ["--params", "kappa=4", "mu2=9", "g2=0.1"]


def test_json_with_numbers_and_figure(capsys, tmp_path, reduced):
    """Six levels without --num; five in the reduced form, with it."""
    figure, num = tmp_path / "rbm.png", ["--num", "5"] if reduced else []
    assert main([*RBM, *NUMBERS, *num, "--json", "--figure", str(figure)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {"potential", "stationary", "hamiltonian", "fixed_points", "spectrum", "gap"} <= set(document)
    energies = [0, 0.1132, 0.21964, 0.35228, 0.54423, 0.78021][: 5 if reduced else 6]
    assert [round(energy, 5) for energy in document["spectrum"]] == energies
    assert [point["location"] for point in document["fixed_points"]] == [0, 5]
    assert [point["curvature"] for point in document["fixed_points"]] == pytest.approx([-5 / 36, 5 / 16])
    assert document["gap"] == pytest.approx(0.1132, abs=1e-5)
    assert document["small_noise_gap"] == pytest.approx(5 / 36)
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert main([*RBM, *NUMBERS, "--figure", str(figure)]) == 2
    assert "exists already" in capsys.readouterr().err


def test_text_and_latex_without_numbers(capsys):
    assert main(RBM) == 0
    text = capsys.readouterr().out
    assert "-mu2*log(1 - x/mu2) - x - x**2/(2*kappa)" in text
    assert "give --params" in text
    assert main([*RBM, "--latex", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert r"\mu^{2}" in document["potential"]
    assert r"\partial_{x}" in document["hamiltonian"]
    assert document["spectrum"] is None


MINUS = ["derive", "--drift", "-x", "--noise", "g", "--domain", "-2", "oo", "--num", "3", "--json"]


def test_expressions_that_begin_with_a_minus_sign(capsys):
    assert main(MINUS) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["potential"] == "x**2/2 - 2"
    assert document["spectrum"] is None


@pytest.mark.full("test_json_with_numbers_and_figure in test_derive.py")
def test_as_many_levels_as_are_asked_for(capsys):
    assert main([*MINUS, "--params", "g=1"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["potential"] == "x**2/2 - 2"
    assert len(document["spectrum"]) == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--drift", "__import__('os').system('true')"], "`drift`"),
        (["--drift", "x.__class__"], "attribute access"),
        (["--drift", "10**10**10"], "power beyond"),
        (["--drift", "(" * 50_000 + "x" + ")" * 50_000], "at most 5000 characters"),
        (["--drift", "-x", "--noise", "lambda: 1"], "`noise`"),
        (["--drift", "-x", "--params", "g"], "NAME=NUMBER"),
        (["--drift", "-x", "--params", "g=1", "g=2"], "twice"),
        (["--drift", "-x", "--params", "g=inf"], "NAME=NUMBER"),
        (["--drift", "-x", "--params", "h=1"], "does not have"),
        (["--drift", "-a*x", "--params", "g=1"], "missing a"),
        pytest.param(
            ["--drift", "x", "--params", "g=1"],
            "cannot be normalised",
            marks=pytest.mark.full("test_refuses_what_has_no_discrete_spectrum in test_spectrum.py"),
        ),
        (["--drift", "-x", "--domain", "3", "1"], "lower end below"),
        (["--drift", "-x", "--num", "0"], "`num` must be at least 1"),
        (["--drift", "-x", "--figure", "f.png"], "needs numbers"),
        (["--drift", "-x", "--params", "g=1", "--figure", "f.exe"], "must end in"),
        ([], "--drift"),
    ],
)
def test_bad_input_is_one_line_and_status_2(words, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["derive", *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert not list(tmp_path.iterdir())
