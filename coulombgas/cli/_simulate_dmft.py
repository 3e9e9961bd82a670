"""`coulombgas simulate dmft NAME`: solve a dynamical mean-field theory, and check it against finite copies."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Method = Literal["gd", "heavy-ball", "nesterov", "gradient-flow"]


@dataclass(frozen=True, kw_only=True)
class Command:
    """What every system's command has."""

    dimension: int = 0
    """Size of finite copies to run beside the theory; 0 for the theory alone."""
    replicas: int = 20
    """Finite copies, when a dimension is given."""
    seed: int = 0
    """Seed of all random numbers."""
    figure: Path | None = None
    """Draw the result (and the comparison) to this file, .png or .pdf."""
    overwrite: bool = False
    """Replace the figure if it exists."""
    json: bool = False
    """Print one JSON document."""

    def system(self) -> Any:
        """The parameters for coulombgas.dmft."""
        raise NotImplementedError

    def columns(self) -> tuple[str, ...]:
        """Quantities to print; all one-time quantities when empty."""
        return ()

    def run(self) -> int:
        """Solve, simulate if asked, print, draw."""
        from coulombgas._files import check_output
        from coulombgas.cli._console import progress_bar
        from coulombgas.dmft import compare, simulate

        if self.figure is not None:
            check_output(self.figure, overwrite=self.overwrite, argument="figure")
        system = self.system()
        with progress_bar("solving") as advance:
            theory = system.solve(progress=advance)
        comparison = None
        if self.dimension:
            with progress_bar("finite copies") as advance:
                copies = simulate(
                    system, dimension=self.dimension, replicas=self.replicas, seed=self.seed, progress=advance
                )
            comparison = compare(theory, copies)
        names = self.columns() or tuple(str(n) for n in theory.data_vars if theory[n].dims == ("step",))
        (self._print_json if self.json else self._print_table)(theory, comparison, names)
        self._draw(theory, comparison, names)
        return 0

    def _print_json(self, theory: Any, comparison: Any, names: tuple[str, ...]) -> None:
        from coulombgas.cli._console import write_json

        document: dict[str, Any] = {"step": theory["step"].values}
        if (theory["time"] != theory["step"]).any():
            document["time"] = theory["time"].values
        document |= {name: theory[name].values for name in names}
        document |= {key: theory.attrs[key] for key in ("residual", "sweeps") if key in theory.attrs}
        if comparison is not None:
            document["simulation"] = {name: comparison.data[f"{name}_mean"].values for name in comparison.names
                                      if name in names}  # fmt: skip
            document["standard_error"] = {name: comparison.data[f"{name}_error"].values for name in comparison.names
                                          if name in names}  # fmt: skip
            document["largest_z"] = comparison.worst()
        write_json(document)

    def _print_table(self, theory: Any, comparison: Any, names: tuple[str, ...]) -> None:
        from coulombgas.cli._console import print_table

        num = theory.sizes["step"]
        rows = sorted({round(i * (num - 1) / min(12, max(1, num - 1))) for i in range(13)} & set(range(num)))
        header = ["step", "time", *names]
        body = [[int(theory["step"][i]), float(theory["time"][i]), *(float(theory[n][i]) for n in names)] for i in rows]
        print_table(header, body)
        if "residual" in theory.attrs:
            print(f"fixed point: residual {theory.attrs['residual']:.1e} after {theory.attrs['sweeps']} sweeps")
        if comparison is not None:
            print_table(["quantity", "largest |z|", "rms z", "largest difference"], comparison.table(),
                        title=f"{self.replicas} finite copies of size {self.dimension}")  # fmt: skip

    def _draw(self, theory: Any, comparison: Any, names: tuple[str, ...]) -> None:
        if self.figure is None:
            return
        from coulombgas._files import atomic_file
        from coulombgas.plot import plot_dynamics

        picture = plot_dynamics({"theory": theory}, names[0]) if comparison is None else comparison.plot()
        with atomic_file(self.figure, overwrite=self.overwrite) as path:
            picture.savefig(path, format=self.figure.suffix.lstrip(".") or "png")


@dataclass(frozen=True, kw_only=True)
class GOE(Command):
    """Linear dynamics in a GOE landscape."""

    shift: float = 2.0
    """z, the curvature added to the matrix (spectrum z − 2 … z + 2)."""
    time_step: float = 0.05
    """Length of a step."""
    steps: int = 100
    """Number of steps."""

    def system(self) -> Any:
        from coulombgas.dmft import GOEDynamics

        return GOEDynamics(shift=self.shift, time_step=self.time_step, steps=self.steps)


@dataclass(frozen=True, kw_only=True)
class LinearRegression(Command):
    """Linear regression: gradient descent, momentum, mini-batches, gradient flow."""

    samples_per_dimension: float
    """α = P/N."""
    learning_rate: float = 0.1
    """η; for gradient-flow the time step."""
    noise_variance: float = 0.0
    """σ² of the labels."""
    signal: float = 1.0
    """|w*|²/N."""
    method: Method = "gd"
    """Which algorithm."""
    momentum: float = 0.0
    """β of heavy-ball and nesterov."""
    mass: float = 0.0
    """Inertia of the gradient flow."""
    batch_fraction: float = 1.0
    """Share of the samples in a step (multi-pass SGD)."""
    steps: int = 100
    """Number of steps."""

    def system(self) -> Any:
        from coulombgas.dmft import LinearRegression as System

        return System(
            samples_per_dimension=self.samples_per_dimension, learning_rate=self.learning_rate, steps=self.steps,
            noise_variance=self.noise_variance, signal=self.signal, method=self.method, momentum=self.momentum,
            mass=self.mass, batch_fraction=self.batch_fraction,
        )  # fmt: skip

    def columns(self) -> tuple[str, ...]:
        return ("test_excess", "train_loss")


@dataclass(frozen=True, kw_only=True)
class RandomFeatures(Command):
    """Random features: non-Hermitian dynamics, loss not monotone."""

    samples_per_dimension: float
    """α = P/M."""
    features_per_dimension: float
    """ν = N/M."""
    noise_variance: float = 0.0
    """σ² of the labels."""
    time_points: tuple[float, ...] = (0.0, 0.3, 1.0, 3.0, 10.0, 30.0)
    """Times, ascending."""

    def system(self) -> Any:
        from coulombgas.dmft import RandomFeatures as System

        return System(
            samples_per_dimension=self.samples_per_dimension, features_per_dimension=self.features_per_dimension,
            noise_variance=self.noise_variance, time_points=self.time_points,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class SpikedMatrixTensor(Command):
    """Spiked matrix-tensor model: descent on a rugged sphere."""

    power: int = 3
    """p of the tensor."""
    matrix_noise: float = 0.5
    """Δ₂; inf for no matrix."""
    tensor_noise: float = 2.0
    """Δ_p; inf for no tensor."""
    initial_overlap: float = 0.1
    """Overlap with the signal at the start."""
    learning_rate: float = 0.1
    """η; for gradient-flow the time step."""
    method: Method = "gd"
    """Which algorithm."""
    momentum: float = 0.0
    """β of heavy-ball and nesterov."""
    mass: float = 0.0
    """Inertia of the gradient flow."""
    constraint: Literal["sphere", "ridge"] = "sphere"
    """Unit norm at every step, or a quadratic penalty."""
    ridge: float = 0.0
    """Strength of the penalty."""
    steps: int = 100
    """Number of steps."""

    def system(self) -> Any:
        from coulombgas.dmft import SpikedMatrixTensor as System

        return System(
            power=self.power, matrix_noise=self.matrix_noise, tensor_noise=self.tensor_noise, mass=self.mass,
            initial_overlap=self.initial_overlap, learning_rate=self.learning_rate, method=self.method,
            momentum=self.momentum, constraint=self.constraint, ridge=self.ridge, steps=self.steps,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class DiagonalNetwork(Command):
    """Diagonal linear network: from the lazy to the rich regime."""

    samples_per_dimension: float
    """α = n/d."""
    scale: float = 1.0
    """a, size of the initial weights."""
    noise_variance: float = 0.0
    """σ² of the labels."""
    teacher_values: tuple[float, ...] = (0.0, math.sqrt(5), -math.sqrt(5))
    """Values of the teacher's coefficients."""
    teacher_probabilities: tuple[float, ...] = (0.8, 0.1, 0.1)
    """Their probabilities."""
    time_step: float = 0.05
    """Length of a step."""
    steps: int = 60
    """Number of steps."""
    paths: int = 4000
    """Monte Carlo paths."""
    damping: float = 0.7
    """Share of the new functions in a sweep."""
    max_sweeps: int = 60
    """Sweeps allowed."""

    def system(self) -> Any:
        from coulombgas.dmft import DiagonalNetwork as System

        return System(
            samples_per_dimension=self.samples_per_dimension, scale=self.scale, noise_variance=self.noise_variance,
            teacher_values=self.teacher_values, teacher_probabilities=self.teacher_probabilities, steps=self.steps,
            time_step=self.time_step, paths=self.paths, damping=self.damping, max_sweeps=self.max_sweeps,
            seed=self.seed,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class DeepLinear(Command):
    """Two-layer linear network that learns features, and the spike in its weights."""

    samples_per_dimension: float
    """α = P/D."""
    width_per_dimension: float = 1.0
    """ν = N/D."""
    feature_strength: float = 1.0
    """γ; small is lazy."""
    noise_variance: float = 0.0
    """σ² of the labels."""
    method: Literal["gd", "gradient-flow"] = "gd"
    """Gradient descent of learning rate time-step, or the flow."""
    time_step: float = 0.05
    """Learning rate, or length of a step."""
    steps: int = 60
    """Number of steps."""
    damping: float = 0.7
    """Share of the new functions in a sweep."""
    max_sweeps: int = 300
    """Sweeps allowed."""

    def system(self) -> Any:
        from coulombgas.dmft import DeepLinear as System

        return System(
            samples_per_dimension=self.samples_per_dimension, width_per_dimension=self.width_per_dimension,
            feature_strength=self.feature_strength, noise_variance=self.noise_variance, method=self.method,
            time_step=self.time_step, steps=self.steps, damping=self.damping, max_sweeps=self.max_sweeps,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class OnePassSGD(Command):
    """Linear regression by SGD with fresh samples: exact at finite size (--dimension is part of the system)."""

    batch_size: int
    """Samples in a step."""
    learning_rate: float = 0.1
    """η."""
    noise_variance: float = 0.0
    """σ² of the labels."""
    steps: int = 100
    """Number of steps."""

    def system(self) -> Any:
        from coulombgas.dmft import OnePassSGD as System

        return System(
            dimension=self.dimension, batch_size=self.batch_size, learning_rate=self.learning_rate,
            noise_variance=self.noise_variance, steps=self.steps,
        )  # fmt: skip
