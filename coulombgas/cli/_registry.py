"""All commands: their words, modules and summaries, in the order of the help."""

import importlib
from typing import Any, NamedTuple


class Command(NamedTuple):
    """A command, imported when it is called.

    Attributes:
        where: "module:Class" of a frozen dataclass with ``run(self) -> int``.
        summary: one line for ``coulombgas --help``.
    """

    where: str
    summary: str

    def load(self) -> type[Any]:
        """The dataclass."""
        module, name = self.where.split(":")
        return getattr(importlib.import_module(module), name)


COMMANDS: dict[tuple[str, ...], Command] = {
    ("demo",): Command(
        "coulombgas.cli._demo:Demo", "train, infer and report: from nothing to a temperature in two minutes"
    ),
    ("fit",): Command("coulombgas.cli._fit:Fit", "infer temperatures from spectra"),
    ("spectra",): Command(
        "coulombgas.cli._spectra:Spectra", "analyse the weight matrices of a checkpoint: bulk, spikes, tail, spacings"
    ),
    ("rule",): Command(
        "coulombgas.cli._rule:Rule", "infer how hot trainings were from recordings, and whether only α/B counts"
    ),
    ("rescale",): Command(
        "coulombgas.cli._rescale:Rescale", "the learning rate that keeps the temperature at another batch size"
    ),
    ("report",): Command(
        "coulombgas.cli._report:Report", "write one HTML page about a network, a run, an ensemble or a fit"
    ),
    ("compare",): Command("coulombgas.cli._compare:Compare", "rank laws of level spacings by leave-one-out prediction"),
    ("calibrate",): Command("coulombgas.cli._calibrate:Calibrate", "test a model's intervals on its own simulations"),
    ("derive",): Command(
        "coulombgas.cli._derive:Derive", "from a drift and a noise to stationary law, Hamiltonian and spectrum"
    ),
    ("simulate", "rbm"): Command(
        "coulombgas.cli._simulate_rbm:SimulateRBM",
        "train Gaussian restricted Boltzmann machines and store their spectra",
    ),
    ("simulate", "teacher-student"): Command(
        "coulombgas.cli._simulate_teacher_student:SimulateTeacherStudent",
        "train linear students on a teacher and store their spectra",
    ),
    ("simulate", "two-layer"): Command(
        "coulombgas.cli._simulate_two_layer:SimulateTwoLayer",
        "train two-layer linear networks and store their singular values",
    ),
    ("simulate", "dmft", "goe"): Command(
        "coulombgas.cli._simulate_dmft:GOE", "mean-field theory: linear dynamics in a GOE landscape"
    ),
    ("simulate", "dmft", "linear-regression"): Command(
        "coulombgas.cli._simulate_dmft:LinearRegression",
        "mean-field theory: linear regression: descent, momentum, mini-batches, flow",
    ),
    ("simulate", "dmft", "one-pass-sgd"): Command(
        "coulombgas.cli._simulate_dmft:OnePassSGD", "mean-field theory: linear regression with fresh samples"
    ),
    ("simulate", "dmft", "random-features"): Command(
        "coulombgas.cli._simulate_dmft:RandomFeatures", "mean-field theory: random features: non-Hermitian dynamics"
    ),
    ("simulate", "dmft", "spiked-matrix-tensor"): Command(
        "coulombgas.cli._simulate_dmft:SpikedMatrixTensor", "mean-field theory: descent on a rugged sphere"
    ),
    ("simulate", "dmft", "diagonal-network"): Command(
        "coulombgas.cli._simulate_dmft:DiagonalNetwork", "mean-field theory: diagonal linear network, lazy to rich"
    ),
    ("simulate", "dmft", "deep-linear"): Command(
        "coulombgas.cli._simulate_dmft:DeepLinear", "mean-field theory: two-layer linear network with feature learning"
    ),
    ("simulate", "gpt"): Command(
        "coulombgas.cli._simulate_gpt:SimulateGPT", "train transformers and record the spectra of their matrices"
    ),
    ("merge",): Command("coulombgas.cli._merge:Merge", "merge stores of the same model and training"),
}
