"""`coulombgas simulate rbm`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class SimulateRBM:
    """Train Gaussian restricted Boltzmann machines and store their spectra.

    The target is a free scalar field on a ring; every learning rate is combined with every batch size.
    """

    out: Path
    """Zarr store to write."""
    learning_rate: tuple[float, ...] = (0.02,)
    """Learning rates α."""
    batch_size: tuple[int, ...] = (16,)
    """Batch sizes |B|."""
    replicas: int = 500
    """Independent machines at each setting."""
    steps: int = 4000
    """Updates."""
    seed: int = 0
    """Seed of all random numbers."""
    init: Literal["random", "fixed-point"] = "random"
    """Start from small random weights, or at the fixed point of the mean dynamics."""
    num_visible: int = 10
    """Visible units N_v, sites of the ring."""
    num_hidden: int | None = None
    """Hidden units N_h; as many as visible ones when not given."""
    target_mass2: float = 4.0
    """m² of the scalar field."""
    mu2: float = 9.0
    """μ², mass of the visible units."""
    sigma_h2: float = 1.0
    """σ_h², variance of the hidden units."""
    gibbs_steps: int = 3
    """k of PCD-k."""
    sampler: Literal["collapsed", "naive"] = "collapsed"
    """Draw the k Gibbs steps at once, or one by one (same law)."""
    record: tuple[int, ...] = ()
    """Steps at which spectra are kept; the last one when not given."""
    overwrite: bool = False
    """Replace the store if it exists."""
    json: bool = False
    """Print the summary as one JSON document."""

    def run(self) -> int:
        from coulombgas.models import GaussianRBM, free_scalar_field

        from ._simulate import simulate

        model = GaussianRBM(
            num_visible=self.num_visible,
            num_hidden=self.num_hidden,
            mu2=self.mu2,
            sigma_h2=self.sigma_h2,
            target=free_scalar_field(self.num_visible, mass2=self.target_mass2),
            gibbs_steps=self.gibbs_steps,
            sampler=self.sampler,
        )
        return simulate(
            model,
            description="training RBMs",
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
