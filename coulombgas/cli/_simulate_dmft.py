"""`coulombgas simulate dmft NAME`: solve a dynamical mean-field theory, and check it against finite copies.

A command consists of the parameters of a system, whose fields are its flags, and the shared flags.
"""

from dataclasses import dataclass, fields
from typing import Any, ClassVar

from coulombgas import dmft

from ._arguments import Picture


@dataclass(frozen=True, kw_only=True)
class Command:
    """Flags shared by all systems."""

    dimension: int = 0
    """Size of finite copies to simulate; 0 for the theory alone."""
    replicas: int = 20
    """Number of finite copies, if a dimension is given."""
    seed: int = 0
    """Seed of all random numbers."""
    figure: Picture = None
    """Draw the result (and the comparison) to this file, .png or .pdf."""
    overwrite: bool = False
    """Replace the figure if it exists."""
    json: bool = False
    """Print one JSON document."""

    parameters: ClassVar[Any]
    """Class of the parameters."""
    columns: ClassVar[tuple[str, ...]] = ()
    """Quantities to print; all one-time quantities when empty."""

    def __post_init__(self) -> None:
        """Do nothing: values are checked when the system is built, in ``run``."""

    def system(self) -> dmft.System:
        """The parameters alone."""
        return self.parameters(**{field.name: getattr(self, field.name) for field in fields(self.parameters)})

    def run(self) -> int:
        """Solve, simulate if requested, print, draw."""
        from coulombgas._files import check_output
        from coulombgas.cli._console import progress_bar

        if self.figure is not None:
            check_output(self.figure, overwrite=self.overwrite, argument="figure")
        system = self.system()
        with progress_bar("solving") as advance:
            theory = dmft.solve(system, progress=advance)
        comparison = None
        if self.dimension and self.replicas:
            with progress_bar("finite copies") as advance:
                copies = dmft.simulate(
                    system, dimension=self.dimension, replicas=self.replicas, seed=self.seed, progress=advance
                )
            comparison = dmft.compare(theory, copies)
        names = self.columns or tuple(
            str(n) for n in theory.data_vars if theory[n].dims == ("step",) and not str(n).endswith("_error")
        )
        (self._print_json if self.json else self._print_table)(theory, comparison, names)
        self._draw(theory, comparison, names)
        return 0

    def _print_json(self, theory: Any, comparison: Any, names: tuple[str, ...]) -> None:
        """Print curves of the theory, and of finite copies if there are any, as one JSON document."""
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
        """Print at most thirteen steps of the theory, and how far finite copies are from it."""
        from coulombgas.cli._console import print_table

        num = theory.sizes["step"]
        rows = sorted({round(i * (num - 1) / min(12, max(1, num - 1))) for i in range(13)} & set(range(num)))
        header = ["step", "time", *names]
        body = [[int(theory["step"][i]), float(theory["time"][i]), *(float(theory[n][i]) for n in names)] for i in rows]
        print_table(header, body)
        if "residual" in theory.attrs:
            print(f"fixed point: residual {theory.attrs['residual']:.1e} after {theory.attrs['sweeps']} sweeps")
        if comparison is not None:
            found = [list(row.values()) for row in comparison.records()]
            print_table(["quantity", "largest |z|", "rms z", "largest difference"], found,
                        title=f"{self.replicas} finite copies of size {self.dimension}")  # fmt: skip

    def _draw(self, theory: Any, comparison: Any, names: tuple[str, ...]) -> None:
        if self.figure is None:
            return
        from coulombgas import plot
        from coulombgas._files import atomic_file

        picture = plot.dynamics({"theory": theory}, names[0]) if comparison is None else plot.comparison(comparison)
        with atomic_file(self.figure, overwrite=self.overwrite) as path:
            picture.savefig(path, format=self.figure.suffix.lstrip(".") or "png")


@dataclass(frozen=True, kw_only=True)
class GOE(Command, dmft.GOEDynamics):
    """Linear dynamics in a GOE landscape."""

    parameters = dmft.GOEDynamics


@dataclass(frozen=True, kw_only=True)
class LinearRegression(Command, dmft.LinearRegression):
    """Linear regression: gradient descent, momentum, mini-batches, gradient flow."""

    parameters = dmft.LinearRegression
    columns = ("test_excess", "train_loss")


@dataclass(frozen=True, kw_only=True)
class RandomFeatures(Command, dmft.RandomFeatures):
    """Random features: non-Hermitian dynamics, loss not monotone."""

    parameters = dmft.RandomFeatures


@dataclass(frozen=True, kw_only=True)
class SpikedMatrixTensor(Command, dmft.SpikedMatrixTensor):
    """Spiked matrix-tensor model: descent on a rugged sphere."""

    parameters = dmft.SpikedMatrixTensor
    columns = ("overlap", "energy", "norm", "multiplier", "response_to_first")


@dataclass(frozen=True, kw_only=True)
class DiagonalNetwork(Command, dmft.DiagonalNetwork):
    """Diagonal linear network: from the lazy to the rich regime."""

    parameters = dmft.DiagonalNetwork
    columns = ("test_excess", "train_loss", "overlap", "norm1")


@dataclass(frozen=True, kw_only=True)
class DeepLinear(Command, dmft.DeepLinear):
    """Two-layer linear network that learns features, and the spike in its weights."""

    parameters = dmft.DeepLinear
    columns = ("test_excess", "train_loss", "overlap", "readout")


@dataclass(frozen=True, kw_only=True)
class OnePassSGD(Command, dmft.OnePassSGD):
    """Linear regression by SGD with fresh samples: exact at finite size."""

    dimension: int = 0
    """N, which is also the size of the copies; required."""
    replicas: int = 0
    """Number of finite copies to simulate; 0 for the theory alone."""

    parameters = dmft.OnePassSGD
