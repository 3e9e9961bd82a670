"""``coulombgas compare`` as a user meets it."""

import json

import numpy as np

from coulombgas.cli._main import main


def write(path):
    rng = np.random.default_rng(1)
    draws = rng.standard_normal((300, 2, 2))
    levels = np.linalg.eigvalsh(2 * np.eye(2) + 0.01 * (draws + np.swapaxes(draws, 1, 2)) / 2)
    np.savez(
        path, eigenvalue=levels, learning_rate=0.1, batch_size=16, model="teacher-student", target=[2.0, 2.0], noise=0.1
    )
    return str(path)


def test_repulsion_beats_poisson(tmp_path, capsys):
    source = write(tmp_path / "user.npz")
    assert main(["compare", source, "--laws", "pair", "poisson", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["num_observations"] == 300
    assert [law["law"] for law in document["laws"]] == ["pair", "poisson"]
    worse = document["laws"][1]
    assert worse["difference"] > 3 * worse["difference_se"]


def test_scaling_rules(tmp_path, capsys):
    rng, sources = np.random.default_rng(2), []
    for rate, batch in ((0.1, 16), (0.1, 64), (0.02, 16), (0.02, 64)):
        draws = rng.standard_normal((200, 2, 2))
        width = 0.1 * (rate / batch / (1 - rate / 2)) ** 0.5
        levels = np.linalg.eigvalsh(2 * np.eye(2) + width * (draws + np.swapaxes(draws, 1, 2)) / 2)
        sources.append(str(tmp_path / f"{rate}_{batch}.npz"))
        np.savez(
            sources[-1], eigenvalue=levels, learning_rate=rate, batch_size=batch, model="teacher-student",
            target=[2.0, 2.0], noise=0.1,
        )  # fmt: skip
    assert main(["compare", *sources, "--scaling", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {law["law"] for law in document["laws"]} == {"linear rule", "free exponents"}
    assert main(["compare", sources[0], "--scaling"]) == 2
    assert "4 settings" in capsys.readouterr().err


def test_bad_laws_are_one_line(tmp_path, capsys):
    source = write(tmp_path / "user.npz")
    assert main(["compare", source, "--laws", "nonsense"]) == 2
    assert main(["compare", source, "--laws", "pair", "density"]) == 2
    assert main(["compare", str(tmp_path / "none.npz")]) == 2
    assert capsys.readouterr().err.count("\n") == 3
