"""``coulombgas report``: networks, trajectories, ensembles; refusals."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from coulombgas.cli import main
from coulombgas.cli._report import kind_of
from coulombgas.spectra import make_spectra


@pytest.fixture
def run(tmp_path):
    rng = np.random.default_rng(0)
    for step in (0, 100, 200):
        save_file({"w": rng.normal(size=(50, 30)).astype(np.float32)}, tmp_path / f"step-{step}.safetensors")
    return tmp_path


def test_trajectory_page(run, tmp_path):
    out = tmp_path / "page.html"
    assert main(["report", str(run), "--out", str(out), "--title", "<Mine>"]) == 0
    text = out.read_text()
    assert "&lt;Mine&gt;" in text
    assert "Density through training" in text
    assert "no temperature" in text


def test_refuses_to_overwrite_and_to_mix(run, tmp_path, capsys):
    out = tmp_path / "page.html"
    out.write_text("mine")
    assert main(["report", str(run / "step-0.safetensors"), "--out", str(out)]) == 2
    assert out.read_text() == "mine"
    np.savez(tmp_path / "e.npz", eigenvalue=np.ones((2, 2)), learning_rate=0.1)
    capsys.readouterr()
    arguments = ["report", str(run / "step-0.safetensors"), str(tmp_path / "e.npz"), "--out", str(tmp_path / "x.html")]
    assert main(arguments) == 2
    assert "of different kinds" in capsys.readouterr().err
    assert main(["report"]) == 2


def test_kinds(run, tmp_path):
    assert kind_of(str(run)) == "network"
    np.savez(tmp_path / "plain.npz", w=np.ones((3, 3)))
    assert kind_of(str(tmp_path / "plain.npz")) == "network"
    store = tmp_path / "store.zarr"
    spectra = make_spectra(np.ones((1, 2, 1, 2)), learning_rate=[0.1], batch_size=[8], model={"name": "rbm"})
    spectra.to_zarr(store, consolidated=False)
    assert kind_of(str(store)) == "ensemble"
    (tmp_path / "fit").mkdir()
    (tmp_path / "fit" / "fit.nc").touch()
    assert kind_of(str(tmp_path / "fit")) == "fit"


@pytest.mark.parametrize("command", ["report", "fit", "spectra"])
@pytest.mark.parametrize("name", ["empty.npz", "empty.nc", "empty.pt"])
def test_an_empty_file_is_called_empty_by_every_command(tmp_path, capsys, command, name):
    """A download that stopped at once: one word for it, whatever the command and the format of the name."""
    (tmp_path / name).touch()
    out = ["--out", str(tmp_path / "page.html")] if command == "report" else []
    assert main([command, str(tmp_path / name), *out]) == 2
    said = capsys.readouterr().err
    assert f"{name}: the file is empty: copy or download it again." in said
