"""`coulombgas simulate two-layer`."""

from dataclasses import dataclass
from typing import Literal

from ._arguments import Count, Counts, Numbers
from ._simulate import Engine, simulate


@dataclass(frozen=True, kw_only=True)
class SimulateTwoLayer(Engine):
    """Train two-layer linear networks on a noisy teacher and store their singular values.

    Every learning rate is combined with every batch size.
    """

    learning_rate: Numbers = (0.02,)
    """Learning rates α."""
    batch_size: Counts = (16,)
    """Batch sizes |B|."""
    replicas: int = 1000
    """Independent networks at each setting."""
    steps: int = 3000
    """Updates."""
    teacher: Numbers = (2.0, 2.0)
    """Singular values of the teacher."""
    label_noise: float = 0.1
    """ν, standard deviation of the label noise."""
    num_hidden: Count = None
    """Width of the hidden layer; by default as many as inputs."""
    trained: Literal["both", "first", "second"] = "both"
    """Layers that train."""
    balance: float = 1.0
    """Imbalance of the layers at a fixed-point start; 1 is balanced."""

    def run(self) -> int:
        from coulombgas.models import TwoLayerLinear

        model = TwoLayerLinear(
            teacher=self.teacher,
            label_noise=self.label_noise,
            num_hidden=self.num_hidden,
            trained=self.trained,
            balance=self.balance,
        )
        return simulate(
            model,
            self,
            description="training two-layer networks",
            learning_rate=self.learning_rate,
            batch_size=self.batch_size,
            replicas=self.replicas,
            steps=self.steps,
        )
