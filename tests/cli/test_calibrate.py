"""``coulombgas calibrate`` as a user meets it."""

import json

from coulombgas.cli._main import main


def test_json_and_figure(tmp_path, capsys):
    figure = tmp_path / "ranks.png"
    command = ["calibrate", "pair", "--num", "60", "--num-observations", "30", "--figure", str(figure), "--json"]
    assert main(command) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["model"] == "pair"
    assert document["passed"] is True
    assert figure.stat().st_size > 1000
    assert main(command) == 2  # the figure exists


def test_bad_input_is_one_line(capsys):
    assert main(["calibrate", "nonsense"]) == 2
    assert main(["calibrate", "pair", "--num", "2"]) == 2
    assert capsys.readouterr().err.count("\n") == 2
