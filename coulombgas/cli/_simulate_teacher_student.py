"""`coulombgas simulate teacher-student`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class SimulateTeacherStudent:
    """Train linear students on a symmetric teacher and store their spectra.

    Every learning rate is combined with every batch size.
    """

    out: Path
    """Zarr store to write."""
    learning_rate: tuple[float, ...] = (0.1,)
    """Learning rates α."""
    batch_size: tuple[int, ...] = (16,)
    """Batch sizes |B|."""
    noise: float = 0.1
    """ε, noise off the diagonal; √2 ε on it."""
    teacher: tuple[float, ...] = (2.0, 2.0)
    """Eigenvalues of the teacher."""
    inputs: Literal["quenched", "fresh"] = "quenched"
    """One set of mini-batches for all replicas of a setting, or its own for each."""
    replicas: int = 3000
    """Independent students at each setting."""
    steps: int = 5000
    """Updates."""
    seed: int = 0
    """Seed of all random numbers."""
    init: Literal["random", "fixed-point"] = "random"
    """Start from small random weights, or at the teacher."""
    record: tuple[int, ...] = ()
    """Steps at which spectra are kept; the last one when not given."""
    overwrite: bool = False
    """Replace the store if it exists."""
    json: bool = False
    """Print the summary as one JSON document."""

    def run(self) -> int:
        from coulombgas.models import TeacherStudent

        from ._simulate import simulate

        return simulate(
            TeacherStudent(teacher=self.teacher, noise=self.noise, inputs=self.inputs),
            description="training students",
            json=self.json,
            learning_rate=self.learning_rate,
            batch_size=self.batch_size,
            replicas=self.replicas,
            steps=self.steps,
            seed=self.seed,
            init=self.init,
            record=self.record or None,
            out=self.out,
            overwrite=self.overwrite,
        )
