"""The Lightning callback in real runs. Runs where lightning is installed (`pip install coulombgas[callbacks]`)."""

import numpy as np
import pytest

import coulombgas as cg
from coulombgas.networks import motion_numbers
from coulombgas.training import read_recording

torch = pytest.importorskip("torch")
lightning = pytest.importorskip("lightning")
from coulombgas.callbacks import LightningSpectra  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::Warning")  # Lightning's own advice about loaders and loggers


class Module(lightning.LightningModule):
    def __init__(self, momentum=0.9):
        super().__init__()
        torch.manual_seed(0)
        self.net = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Tanh(), torch.nn.Linear(6, 2))
        self.momentum = momentum
        self.seen = {}

    def training_step(self, batch, _):
        x, y = batch
        return (self.net(x) - y).square().mean()

    def on_train_batch_start(self, *_):
        self.seen[self.trainer.global_step] = self.net[0].weight.detach().double().numpy().copy()

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1, momentum=self.momentum)
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def loader(count=64, batch_size=4):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(count, 4, generator=generator)
    data = torch.utils.data.TensorDataset(x, x[:, :2])
    return torch.utils.data.DataLoader(data, batch_size=batch_size)


def trainer(tmp_path, *callbacks, **options):
    return lightning.Trainer(
        **{
            "default_root_dir": tmp_path, "accelerator": "cpu", "devices": 1, "logger": False, "max_steps": 8,
            "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False,
            "callbacks": list(callbacks), **options,
        }
    )  # fmt: skip


def test_a_run_is_recorded(tmp_path):
    """Spectra, rates, batch size and momentum of eight steps, and the same weights as without the callback."""
    module, alone = Module(), Module()
    trainer(tmp_path, LightningSpectra(tmp_path / "r.zarr", select="net.0.*", every=2)).fit(module, loader())
    trainer(tmp_path).fit(alone, loader())
    assert all(torch.equal(one, other) for one, other in zip(module.parameters(), alone.parameters(), strict=True))
    network = read_recording(tmp_path / "r.zarr")
    assert (network.names, network.steps) == (("net.0.weight",), (2, 4, 6, 8))
    np.testing.assert_allclose(network.training.learning_rate, 0.1 * 0.9 ** np.array([1, 3, 5, 7]))
    np.testing.assert_array_equal(network.training.batch_size, 4)
    assert (network.training.optimizer, network.training.momentum) == ("momentum", 0.9)
    for layer in network[:3]:
        expected = np.linalg.svd(module.seen[layer.step], compute_uv=False)[::-1] ** 2
        np.testing.assert_allclose(layer.eigenvalues, expected, rtol=1e-9)


def test_accumulated_batches_count(tmp_path):
    callback = LightningSpectra(tmp_path / "r.zarr", every=2)
    trainer(tmp_path, callback, accumulate_grad_batches=2, max_steps=4).fit(Module(), loader())
    network = read_recording(tmp_path / "r.zarr")
    assert network.steps == (2, 4)
    np.testing.assert_array_equal(network.training.batch_size, 8)


def test_a_run_goes_on_from_its_checkpoint(tmp_path):
    """Steps are counted on, and records beyond the checkpoint are made again."""
    options = {"select": "net.0.*", "every": 2}
    first = trainer(tmp_path, LightningSpectra(tmp_path / "r.zarr", **options), max_steps=4)
    first.fit(Module(), loader())
    first.save_checkpoint(tmp_path / "four.ckpt")
    for _ in range(2):
        module = Module()
        second = trainer(tmp_path, LightningSpectra(tmp_path / "r.zarr", resume=True, **options))
        second.fit(module, loader(), ckpt_path=tmp_path / "four.ckpt")
    network = read_recording(tmp_path / "r.zarr")
    assert network.steps == (2, 4, 6, 8)
    expected = np.linalg.svd(module.seen[6], compute_uv=False)[::-1] ** 2
    np.testing.assert_allclose(network[2].eigenvalues, expected, rtol=1e-9)


def test_numbers_reach_tensorboard(tmp_path):
    event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    from lightning.pytorch.loggers import TensorBoardLogger

    logger = TensorBoardLogger(tmp_path, name="log")

    def gradient(module):
        for x, y in loader():
            yield torch.autograd.grad((module.net(x) - y).square().mean(), list(module.parameters()))

    spectra = LightningSpectra(
        tmp_path / "r.zarr", select="net.0.*", every=2, gradient=gradient, micro_batch_size=4,
        measure=lambda network: {"records": len(network.steps)},
    )  # fmt: skip
    trainer(tmp_path, spectra, logger=logger).fit(Module(), loader())
    events = event_accumulator.EventAccumulator(logger.log_dir)
    events.Reload()
    training = read_recording(tmp_path / "r.zarr").training
    found = {name: events.Scalars(f"coulombgas/{name}") for name in ("temperature", "noise/net.0.weight")}
    for values in found.values():
        assert [one.step for one in values] == [2, 4, 6, 8]
    np.testing.assert_allclose(
        [one.value for one in found["temperature"]], training.nominal_temperature, rtol=1e-6
    )  # fmt: skip
    np.testing.assert_allclose(
        [one.value for one in found["noise/net.0.weight"]], training.noise["net.0.weight"].mean(axis=1), rtol=1e-6
    )
    measured = {one.step: one.value for one in events.Scalars("coulombgas/records")}
    assert (measured[2], measured[8]) == (1, 4)  # once for those that were written together


def test_motion_reaches_the_loggers(tmp_path):
    """Noise and equilibrium of leading levels and bulk: the last value is that of the whole recording."""
    event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    from lightning.pytorch.loggers import TensorBoardLogger

    logger = TensorBoardLogger(tmp_path, name="log")
    spectra = LightningSpectra(tmp_path / "r.zarr", select="net.0.*", every=2)
    trainer(tmp_path, spectra, logger=logger, max_steps=200).fit(Module(momentum=0.0), loader())
    events = event_accumulator.EventAccumulator(logger.log_dir)
    events.Reload()
    expected = motion_numbers(read_recording(tmp_path / "r.zarr"))
    assert any(name.startswith("noise/net.0.weight/") for name in expected)
    for name, value in expected.items():
        assert events.Scalars(f"coulombgas/{name}")[-1].value == pytest.approx(value, rel=1e-6)


def test_weights_that_blow_up_do_not_end_the_training(tmp_path):
    class Hot(Module):
        def on_train_batch_start(self, *_):
            if self.trainer.global_step == 5:
                with torch.no_grad():
                    self.net[0].weight.fill_(float("nan"))

    run = trainer(tmp_path, LightningSpectra(tmp_path / "r.zarr", every=2))
    run.fit(Hot(), loader())
    assert run.global_step == 8
    assert read_recording(tmp_path / "r.zarr").steps == (2, 4)


def test_what_cannot_work_is_said_before_the_first_step(tmp_path):
    class Two(Module):
        def configure_optimizers(self):
            return [torch.optim.SGD(part.parameters(), lr=0.1) for part in (self.net[0], self.net[2])]

        automatic_optimization = False

        def training_step(self, batch, _):
            loss = super().training_step(batch, _)
            for optimizer in self.optimizers():
                optimizer.zero_grad()
            self.manual_backward(loss)
            for optimizer in self.optimizers():
                optimizer.step()

    with pytest.raises(cg.InputError, match="`select` 'nothing' matches no matrix among the parameters: net"):
        trainer(tmp_path, LightningSpectra(tmp_path / "a.zarr", select="nothing")).fit(Module(), loader())
    with pytest.raises(cg.InputError, match="`optimizer_index` must say which of the module's 2 optimisers"):
        trainer(tmp_path, LightningSpectra(tmp_path / "b.zarr")).fit(Two(), loader())
    spectra = LightningSpectra(tmp_path / "c.zarr", select="net.2.*", optimizer_index=1, every=2)
    trainer(tmp_path, spectra).fit(Two(), loader())
    assert read_recording(tmp_path / "c.zarr").steps == (2, 4)
