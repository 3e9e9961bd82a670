"""`coulombgas simulate teacher-student`."""

from dataclasses import dataclass
from typing import Literal

from ._arguments import Counts, Numbers
from ._simulate import Engine, simulate


@dataclass(frozen=True, kw_only=True)
class SimulateTeacherStudent(Engine):
    """Train linear students on a symmetric teacher and store their spectra.

    Every learning rate is combined with every batch size.
    """

    learning_rate: Numbers = (0.1,)
    """Learning rates α."""
    batch_size: Counts = (16,)
    """Batch sizes |B|."""
    replicas: int = 3000
    """Independent students at each setting."""
    steps: int = 5000
    """Updates."""
    noise: float = 0.1
    """ε, noise off the diagonal; √2 ε on it."""
    teacher: Numbers = (2.0, 2.0)
    """Eigenvalues of the teacher."""
    inputs: Literal["quenched", "fresh"] = "quenched"
    """One set of mini-batches for all replicas of a setting, or its own for each."""

    def run(self) -> int:
        from coulombgas.models import TeacherStudent

        return simulate(
            TeacherStudent(teacher=self.teacher, noise=self.noise, inputs=self.inputs),
            self,
            description="training students",
            learning_rate=self.learning_rate,
            batch_size=self.batch_size,
            replicas=self.replicas,
            steps=self.steps,
        )
