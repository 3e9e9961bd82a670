"""The recorder: any loop, any parameters, nothing lost, nothing half-written."""

import signal
import subprocess
import sys
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
import zarr
from threadpoolctl import ThreadpoolController

import coulombgas as cg
from coulombgas.training import (
    RecordingStopped,
    SpectrumRecorder,
    is_recording,
    named_arrays,
    read_recorded_ensemble,
    read_recording,
)

RNG = np.random.default_rng(0)


def params(scale=1.0):
    return {
        "block": [{"key": jnp.asarray(scale * RNG.normal(size=(6, 4))), "bias": jnp.ones(4)}],
        "c_attn": {"weight": jnp.asarray(RNG.normal(size=(4, 12)))},
    }


def test_names_are_paths():
    assert [name for name, _ in named_arrays(params())] == ["block.0.bias", "block.0.key", "c_attn.weight"]


def test_records_are_the_spectra_of_the_parameters(tmp_path):
    history = {}
    with SpectrumRecorder(tmp_path / "r.zarr", select="*.key", every=2) as recorder:
        for step in range(5):
            now = params(1 + step)
            assert recorder(step, now) == (step % 2 == 0)
            history[step] = np.asarray(now["block"][0]["key"], dtype=np.float64)
    network = read_recording(tmp_path / "r.zarr")
    assert network.names == ("block.0.key",)
    assert network.steps == (0, 2, 4)
    for layer in network:
        expected = np.linalg.svd(history[layer.step], compute_uv=False)[::-1] ** 2
        np.testing.assert_allclose(layer.eigenvalues, expected, rtol=1e-5)
        assert layer.shape == (6, 4)


def test_donated_buffers_do_not_reach_the_record(tmp_path):
    update = jax.jit(lambda w: w * 0, donate_argnums=0)
    weights = jnp.asarray(RNG.normal(size=(5, 3)), dtype=jnp.float32)
    expected = np.linalg.svd(np.asarray(weights, dtype=np.float64), compute_uv=False)[::-1] ** 2
    with SpectrumRecorder(tmp_path / "r.zarr", every=1) as recorder:
        recorder(1, {"w": weights})
        update(weights)
    np.testing.assert_allclose(read_recording(tmp_path / "r.zarr")[0].eigenvalues, expected, rtol=1e-4)


def test_fused_projections_are_cut(tmp_path):
    with SpectrumRecorder(tmp_path / "r.zarr", select="c_attn*", every=1) as recorder:
        recorder(1, params())
    assert len(read_recording(tmp_path / "r.zarr").names) == 3


def test_replicas(tmp_path):
    stacked = {"w": jnp.stack([jnp.eye(3), 2 * jnp.eye(3)])}
    with SpectrumRecorder(tmp_path / "r.zarr", every=1, replica_axis=True) as recorder:
        recorder(1, stacked)
    np.testing.assert_allclose(read_recording(tmp_path / "r.zarr", replica=1)[0].eigenvalues, [4, 4, 4])
    with pytest.raises(cg.InputError, match="`replica` must lie between 0 and 1, got 2"):
        read_recording(tmp_path / "r.zarr", replica=2)


def test_an_ensemble_of_replicas_becomes_spectra(tmp_path):
    path, weights = tmp_path / "r.zarr", RNG.normal(size=(3, 5, 4, 3))
    with SpectrumRecorder(path, every=10, replica_axis=True) as recorder:
        for index, value in enumerate(weights):
            recorder(10 * index, {"w": value})
    found = read_recorded_ensemble(path, "w", learning_rate=0.1, batch_size=4)
    assert found.eigenvalue.dims == ("setting", "replica", "step", "mode")
    assert found.step.values.tolist() == [0, 10, 20]
    expected = np.linalg.svd(weights[2, 4], compute_uv=False)[::-1] ** 2
    np.testing.assert_allclose(found.eigenvalue.values[0, 4, 2], expected, rtol=1e-9)
    with pytest.raises(cg.InputError, match="`batch_size` is not stored"):
        read_recorded_ensemble(path, "w", learning_rate=0.1)
    with pytest.raises(cg.InputError, match="`name` 'v' has no record"):
        read_recorded_ensemble(path, "v")


def test_a_record_cut_off_by_a_crash_does_not_exist(tmp_path):
    path = tmp_path / "r.zarr"
    with SpectrumRecorder(path, every=1) as recorder:
        for step in (1, 2):
            recorder(step, {"w": jnp.eye(3)})
    group = zarr.open_group(path, mode="a")
    group["eigenvalue.w"].append(np.full((1, 1, 3), 7.0))  # what a kill between two writes leaves
    assert read_recording(path).steps == (1, 2)
    with SpectrumRecorder(path, every=1, resume=True) as recorder:
        recorder.truncate_after(1)
        recorder(2, {"w": 3 * jnp.eye(3)})
    again = read_recording(path)
    assert again.steps == (1, 2)
    np.testing.assert_allclose(again[1].eigenvalues, [9, 9, 9])


OPENERS = {
    "zarr": xr.open_zarr,
    "dataset": lambda path: xr.open_dataset(path, engine="zarr"),
    "tree": lambda path: xr.open_datatree(path, engine="zarr"),
}


def recorded(path, steps, **options):
    """A recorder of a matrix that doubles from step to step, not closed."""
    recorder = SpectrumRecorder(path, every=1, **options)
    for step in steps:
        recorder(step, {"w": 2.0**step * jnp.eye(3)})
    recorder.flush()
    return recorder


@pytest.mark.parametrize("opened", OPENERS.values(), ids=OPENERS)
def test_a_closed_recording_opens_in_xarray_without_a_warning(tmp_path, opened):
    """Warnings are errors here; one that is still open has no copy of its metadata, and xarray says so."""
    recorder = recorded(tmp_path / "r.zarr", (1, 2))
    with pytest.warns(RuntimeWarning, match="consolidated"):
        opened(tmp_path / "r.zarr").close()
    recorder.close()
    found = opened(tmp_path / "r.zarr")
    assert found["step"].values.tolist() == [1, 2]
    np.testing.assert_allclose(found["eigenvalue.w"].values[:, 0, 0], [4.0, 16.0])
    found.close()


KILLED = """
import os, sys
import jax.numpy as jnp
from coulombgas.training import SpectrumRecorder

recorder = SpectrumRecorder(sys.argv[1], every=1, resume=True)
recorder(3, {"w": 8.0 * jnp.eye(3)})
recorder.flush()
os.kill(os.getpid(), 9)
"""


def test_a_recording_killed_after_it_was_closed_shows_no_old_metadata(tmp_path, reduced):
    """Closed with two records, resumed, killed after the third, resumed again: every reader sees all records.

    In the quick form the second recorder is left as it is after its third record, which is all that a kill leaves.
    """
    path = tmp_path / "r.zarr"
    recorded(path, (1, 2)).close()
    if reduced:
        left = recorded(path, (3,), resume=True)
        assert not left.stopped
    else:
        assert subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False).returncode == -signal.SIGKILL
    with pytest.warns(RuntimeWarning, match="consolidated"):
        killed = xr.open_zarr(path)
    assert killed["step"].values.tolist() == [1, 2, 3]
    assert zarr.open_group(path, mode="r")["eigenvalue.w"].shape == (3, 1, 3)
    assert read_recording(path).steps == (1, 2, 3)
    with SpectrumRecorder(path, every=1, resume=True) as recorder:
        recorder(4, {"w": 16.0 * jnp.eye(3)})
    assert xr.open_zarr(path)["step"].values.tolist() == [1, 2, 3, 4]
    assert read_recording(path).steps == (1, 2, 3, 4)


def test_a_recorder_that_goes_on_after_it_was_closed_leaves_no_old_metadata(tmp_path):
    recorder = recorded(tmp_path / "r.zarr", (1, 2))
    recorder.close()
    recorder(3, {"w": 8.0 * jnp.eye(3)})
    recorder.flush()
    with pytest.warns(RuntimeWarning, match="consolidated"):
        assert xr.open_zarr(tmp_path / "r.zarr")["step"].values.tolist() == [1, 2, 3]
    recorder.close()
    assert recorder.truncate_after(1) == [1]
    assert xr.open_zarr(tmp_path / "r.zarr")["step"].values.tolist() == [1]


def test_errors_reach_the_loop(tmp_path):
    recorder = SpectrumRecorder(tmp_path / "r.zarr", every=1, strict=True)
    recorder(1, {"w": jnp.full((3, 3), jnp.nan)})
    with pytest.raises(cg.InputError, match="NaN"):
        recorder.flush()
    recorder.close()
    with pytest.raises(cg.InputError, match=r"matches no matrix among the parameters: block\.0\.key, c_attn"):
        SpectrumRecorder(tmp_path / "s.zarr", select="nothing", every=1)(1, params())


@pytest.mark.parametrize(
    ("step", "second", "match"),
    [
        (1, {"w": jnp.eye(3)}, "`step` must ascend from record to record, got 1 after 1"),
        (2, {"w": jnp.ones((4, 3))}, r"w had shape \(3, 3\) in the first record, now \(4, 3\)"),
        (2, {"w": jnp.eye(3), "v": jnp.eye(3)}, "v is in this record but not in the first"),
        (2, {"u": jnp.eye(3)}, "u is in this record but not in the first"),
    ],
)
@pytest.mark.parametrize("strict", [True, False])
def test_records_must_fit_each_other(tmp_path, step, second, match, strict):
    recorder = SpectrumRecorder(tmp_path / "r.zarr", every=1, strict=strict)
    recorder(1, {"w": jnp.eye(3)})
    recorder(step, second)
    with pytest.raises(cg.InputError, match=match) if strict else pytest.warns(RecordingStopped, match=match):
        recorder.close()
    assert read_recording(tmp_path / "r.zarr").steps == (1,)


def test_refusals(tmp_path):
    (tmp_path / "r.zarr").mkdir()
    with pytest.raises(cg.InputError, match="exists already"):
        SpectrumRecorder(tmp_path / "r.zarr")
    with pytest.raises(cg.InputError, match="not a recording"):
        read_recording(tmp_path / "r.zarr")
    assert not is_recording(tmp_path / "none")
    with pytest.raises(cg.InputError, match="`every`"):
        SpectrumRecorder(tmp_path / "q.zarr", every=0)


def test_pytorch_modules_and_optimisers(tmp_path):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Linear(6, 2))
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    with SpectrumRecorder(tmp_path / "r.zarr", select="0.*", every=2) as recorder:
        handle = recorder.attach(optimizer, module)
        for _ in range(4):
            optimizer.zero_grad()
            module(torch.ones(3, 4)).square().mean().backward()
            optimizer.step()
        handle.remove()
        optimizer.step()
    network = read_recording(tmp_path / "r.zarr")
    assert network.steps == (2, 4)
    final = module[0].weight.detach().numpy()
    assert network[-1].eigenvalues.shape == (4,)
    assert final.shape == (6, 4)


def test_records_are_computed_on_one_thread(tmp_path):
    """Waiting threads of a linear algebra library take the cores of the training."""
    blas = ThreadpoolController().select(internal_api="openblas")
    if not blas.info():
        pytest.skip("NumPy and SciPy do not use OpenBLAS here")

    def threads():
        return [library["num_threads"] for library in blas.info()]

    def set_threads(number):  # as an environment variable would: no thread that still runs holds the limit
        setter = threading.Thread(target=lambda: [one.set_num_threads(number) for one in blas.lib_controllers])
        setter.start()
        setter.join()

    seen, before = [], threads()

    def measure(_):  # called in the thread that computes the records
        seen.extend(threads())
        return {}

    try:
        set_threads(3)
        with SpectrumRecorder(tmp_path / "r.zarr", every=1, measure=measure) as recorder:
            recorder(1, {"w": np.eye(4)})
            recorder.flush()
        after = threads()
    finally:
        set_threads(before[0])
    assert set(seen) == {1}
    assert set(after) == {3}  # as the user left it
