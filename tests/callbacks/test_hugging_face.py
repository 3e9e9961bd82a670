"""The callback of the Hugging Face Trainer in real runs. Runs where transformers and accelerate are installed (`pip
install coulombgas[callbacks]`)."""

import numpy as np
import pytest

import coulombgas as cg
from coulombgas.networks import motion_numbers
from coulombgas.training import read_recording

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("accelerate")
from coulombgas.callbacks import TrainerSpectra  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::Warning")  # of the libraries


def gpt():
    torch.manual_seed(0)
    config = transformers.GPT2Config(n_layer=1, n_head=2, n_embd=12, n_positions=8, vocab_size=20)
    return transformers.GPT2LMHeadModel(config)


def data():
    generator = torch.Generator().manual_seed(1)
    rows = torch.randint(0, 20, (64, 8), generator=generator)
    return [{"input_ids": row, "labels": row} for row in rows]


def trainer(tmp_path, *callbacks, **options):
    arguments = transformers.TrainingArguments(
        **{
            "output_dir": str(tmp_path / "out"), "max_steps": 8, "per_device_train_batch_size": 2, "use_cpu": True,
            "gradient_accumulation_steps": 2, "learning_rate": 1e-2, "lr_scheduler_type": "linear",
            "report_to": [], "save_strategy": "no", "disable_tqdm": True, **options,
        }
    )  # fmt: skip
    return transformers.Trainer(model=gpt(), args=arguments, train_dataset=data(), callbacks=list(callbacks))


def test_a_run_is_recorded(tmp_path):
    """Fused projections are cut; rates are those of a linear decay; the weights are as without the callback."""
    run = trainer(tmp_path, TrainerSpectra(tmp_path / "r.zarr", select="*.attn.c_attn.weight", every=2))
    run.train()
    alone = trainer(tmp_path)
    alone.train()
    pairs = zip(run.model.parameters(), alone.model.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
    network = read_recording(tmp_path / "r.zarr")
    assert network.steps == (2, 4, 6, 8)
    stem = "transformer.h.0.attn.c_attn"
    assert network.names == tuple(f"{stem}.{part}.weight" for part in ("query", "key", "value"))
    np.testing.assert_allclose(network.training.learning_rate, 1e-2 * (1 - np.array([1, 3, 5, 7]) / 8))
    np.testing.assert_array_equal(network.training.batch_size, 4)
    assert (network.training.optimizer, network.training.momentum, network.training.second_moment) == (
        "adamw", 0.9, 0.999,
    )  # fmt: skip
    key = run.model.transformer.h[0].attn.c_attn.weight.detach().double().numpy()[:, 12:24]
    (last,) = [layer for layer in network if layer.step == 8 and ".key." in layer.name]
    np.testing.assert_allclose(last.eigenvalues, np.linalg.svd(key, compute_uv=False)[::-1] ** 2, atol=1e-12)


def test_numbers_reach_the_log(tmp_path):
    spectra = TrainerSpectra(tmp_path / "r.zarr", select="*c_fc.weight", every=4)
    trainer(tmp_path, spectra, optim="sgd").train()
    with_log = TrainerSpectra(tmp_path / "s.zarr", select="*c_fc.weight", every=4)
    run = trainer(tmp_path, with_log, optim="sgd")
    with_log.log_to(run)
    run.train()
    found = [entry for entry in run.state.log_history if "coulombgas/temperature" in entry]
    assert [entry["coulombgas/step"] for entry in found] == [4, 8]
    expected = read_recording(tmp_path / "s.zarr").training.nominal_temperature
    np.testing.assert_allclose([entry["coulombgas/temperature"] for entry in found], expected)


def test_motion_reaches_the_log(tmp_path):
    spectra = TrainerSpectra(tmp_path / "r.zarr", select="*c_fc.weight", every=1)
    run = trainer(tmp_path, optim="sgd", max_steps=60, gradient_accumulation_steps=1, lr_scheduler_type="constant")
    run.add_callback(spectra.log_to(run))
    run.train()
    expected = motion_numbers(read_recording(tmp_path / "r.zarr"))
    assert any(name.startswith("noise/") for name in expected)
    logged = {name: value for entry in run.state.log_history for name, value in entry.items()}  # the last of each
    assert {name: logged[f"coulombgas/{name}"] for name in expected} == pytest.approx(expected)


def test_numbers_reach_tensorboard(tmp_path):
    event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    spectra = TrainerSpectra(tmp_path / "r.zarr", select="*c_fc.weight", every=4)
    run = trainer(tmp_path, optim="sgd", report_to=["tensorboard"])
    run.add_callback(spectra.log_to(run))
    run.train()
    (folder,) = {path.parent for path in tmp_path.rglob("events.out.tfevents.*")}
    events = event_accumulator.EventAccumulator(str(folder))
    events.Reload()
    (name,) = [tag for tag in events.Tags()["scalars"] if tag.endswith("coulombgas/temperature")]
    assert len(events.Scalars(name)) == 2


def test_a_run_goes_on_from_its_checkpoint(tmp_path):
    options = {"select": "*c_fc.weight", "every": 2}
    trainer(tmp_path, TrainerSpectra(tmp_path / "whole.zarr", **options)).train()
    saved = {"save_strategy": "steps", "save_steps": 4}
    trainer(tmp_path, TrainerSpectra(tmp_path / "r.zarr", **options), **saved).train()
    again = trainer(tmp_path, TrainerSpectra(tmp_path / "r.zarr", resume=True, **options))
    again.train(resume_from_checkpoint=str(tmp_path / "out" / "checkpoint-4"))
    whole, parts = read_recording(tmp_path / "whole.zarr"), read_recording(tmp_path / "r.zarr")
    assert parts.steps == whole.steps
    for one, other in zip(parts, whole, strict=True):
        np.testing.assert_allclose(one.eigenvalues, other.eigenvalues, rtol=1e-6)


def test_what_cannot_work_is_said_before_the_first_step(tmp_path):
    run = trainer(tmp_path, TrainerSpectra(tmp_path / "r.zarr", select="nothing"))
    with pytest.raises(cg.InputError, match="`select` 'nothing' matches no matrix among the parameters: transformer"):
        run.train()
    assert run.state.global_step == 0
