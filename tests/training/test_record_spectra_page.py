"""The snippets of "Record spectra of your own training" that need a framework, run as they stand on the page."""

import re
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

import coulombgas as cg

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "record_spectra.md"
SNIPPETS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def snippet(*words):
    """The one snippet with these words."""
    (found,) = [one for one in SNIPPETS if all(word in one for word in words)]
    return compile(found, str(PAGE), "exec")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def torch_names(torch):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Linear(6, 2))
    x = torch.randn(256, 4)
    data = torch.utils.data.TensorDataset(x, x[:, :2])
    return {
        "cg": cg, "torch": torch, "islice": islice, "model": model, "loss_function": torch.nn.functional.mse_loss,
        "optimizer": torch.optim.SGD(model.parameters(), lr=0.1),
        "loader": torch.utils.data.DataLoader(data, batch_size=2),
    }  # fmt: skip


def test_every_snippet_is_run():
    words = [("recorder.close()",), ("def gradients",), ("LightningSpectra",), ("TrainerSpectra",), ("KerasSpectra",)]
    assert len({snippet(*one) for one in words}) == len(SNIPPETS)


def test_pytorch(here):
    names = torch_names(pytest.importorskip("torch"))
    exec(snippet("recorder.close()"), names)
    training = cg.read_recording("run.zarr").training
    assert training.step.tolist() == [100]
    assert (training.learning_rate[0], training.batch_size[0], training.optimizer) == (0.1, 32, "sgd")
    exec(snippet("def gradients"), names)
    names["recorder"].every = 1
    names["optimizer"].step()
    names["recorder"].close()
    assert cg.read_recording("noise.zarr").training.noise["0.weight"].shape == (1, 4)


@pytest.mark.filterwarnings("ignore::Warning")
def test_lightning(here):
    torch, lightning = pytest.importorskip("torch"), pytest.importorskip("lightning")
    names = {**torch_names(torch), "lightning": lightning}
    exec(snippet("LightningSpectra"), names)
    (callback,) = [one for one in names["trainer"].callbacks if type(one).__name__ == "LightningSpectra"]
    assert callback.recorder.every == 100


@pytest.mark.filterwarnings("ignore::Warning")
def test_hugging_face(here):
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    config = transformers.GPT2Config(n_layer=1, n_head=1, n_embd=4, n_positions=4, vocab_size=5)
    arguments = transformers.TrainingArguments(
        output_dir=str(here), max_steps=100, report_to=[], use_cpu=True, save_strategy="no", disable_tqdm=True
    )
    row = torch.zeros(4, dtype=torch.long)
    names = {
        "transformers": transformers, "model": transformers.GPT2LMHeadModel(config), "arguments": arguments,
        "data": [{"input_ids": row, "labels": row}] * 8,
    }  # fmt: skip
    exec(snippet("TrainerSpectra"), names)
    names["trainer"].train()
    assert cg.read_recording("trainer.zarr").steps == (100,)


@pytest.mark.filterwarnings("ignore::Warning")
def test_keras(here, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    x = np.ones((3200, 4), dtype=np.float32)
    exec(snippet("KerasSpectra"), {"model": model, "x": x, "y": x[:, :2]})
    assert cg.read_recording("keras.zarr").steps == (100,)
