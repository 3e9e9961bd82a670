"""`coulombgas simulate rbm`."""

from dataclasses import dataclass
from typing import Literal

from ._arguments import Count, Counts, Numbers
from ._simulate import Engine, simulate


@dataclass(frozen=True, kw_only=True)
class SimulateRBM(Engine):
    """Train Gaussian restricted Boltzmann machines and store their spectra.

    The target is a free scalar field on a ring; every learning rate is combined with every batch size.
    """

    learning_rate: Numbers = (0.02,)
    """Learning rates α."""
    batch_size: Counts = (16,)
    """Batch sizes |B|."""
    replicas: int = 500
    """Independent machines at each setting."""
    steps: int = 4000
    """Updates."""
    num_visible: int = 10
    """Visible units N_v, sites of the ring."""
    num_hidden: Count = None
    """Hidden units N_h; by default as many as visible ones."""
    target_mass2: float = 4.0
    """m² of the scalar field."""
    mu2: float = 9.0
    """μ², mass of the visible units."""
    sigma_h2: float = 1.0
    """σ_h², variance of the hidden units."""
    gibbs_steps: int = 3
    """k of PCD-k or CD-k."""
    chains: Literal["persistent", "data"] = "persistent"
    """Chains that persist (PCD) or start from the target at each update (CD)."""
    sampler: Literal["auto", "collapsed", "naive", "gram"] = "auto"
    """Draw the k Gibbs steps at once, one by one, or through the Gram matrix of a large batch (same law); auto takes
    the fastest."""

    def run(self) -> int:
        from coulombgas._checks import check_count
        from coulombgas.models import GaussianRBM, free_scalar_field

        check_count("num_visible", self.num_visible)
        model = GaussianRBM(
            num_visible=self.num_visible,
            num_hidden=self.num_hidden,
            mu2=self.mu2,
            sigma_h2=self.sigma_h2,
            target=free_scalar_field(self.num_visible, mass2=self.target_mass2),
            gibbs_steps=self.gibbs_steps,
            chains=self.chains,
            sampler=self.sampler,
        )
        return simulate(
            model,
            self,
            description="training RBMs",
            learning_rate=self.learning_rate,
            batch_size=self.batch_size,
            replicas=self.replicas,
            steps=self.steps,
        )
