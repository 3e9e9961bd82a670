"""``coulombgas rescale``: the learning rate that keeps the temperature at another batch size."""

from dataclasses import dataclass

from ._arguments import Name, Number, Paths


@dataclass(frozen=True, kw_only=True)
class Rescale:
    """The learning rate that keeps the temperature when the batch size changes.

    SGD and momentum: linear in the batch; Adam: its square root. With recordings of such trainings (RUN, as for
    `coulombgas rule`) the exponents are inferred from them, the answer has an interval, and limits are checked.
    """

    paths: Paths = ()
    """Recordings of trainings at several settings; none to use the law alone."""
    learning_rate: float
    """Current learning rate."""
    batch_size: int
    """Current batch size: samples in one update, including accumulation and devices."""
    to_batch_size: int
    """New batch size."""
    optimizer: Name = None
    """sgd, momentum, nesterov, adam or adamw; by default that of the recordings, else sgd."""
    momentum: Number = None
    """Current momentum, for momentum and nesterov."""
    to_momentum: Number = None
    """New momentum; the same by default."""
    beta1: Number = None
    """Adam's β1, to be rescaled as well."""
    beta2: Number = None
    """Adam's β2, to be rescaled as well."""
    json: bool = False
    """Print one JSON object."""
    seed: int = 0
    """Seed of the posterior draws."""

    def run(self) -> int:
        from coulombgas.inference import rescale

        from ._console import write_json

        found = rescale(
            self.paths,
            learning_rate=self.learning_rate,
            batch_size=self.batch_size,
            to_batch_size=self.to_batch_size,
            optimizer=self.optimizer,
            momentum=self.momentum,
            to_momentum=self.to_momentum,
            beta1=self.beta1,
            beta2=self.beta2,
            seed=self.seed,
        )
        if self.json:
            write_json(found.record())
        else:
            print(found.table())
        return 0
