"""Base class of the parameters of all systems. This module and those of the parameters import no solver."""

import dataclasses
from abc import abstractmethod
from typing import Any

import numpy as np


class System:
    """Parameters of one disordered dynamics; abstract.

    A concrete system is a frozen dataclass whose ``__post_init__`` checks its values. :func:`coulombgas.dmft.solve` and
    :func:`coulombgas.dmft.simulate` take it.
    """

    name: str
    """Name of the system on the command line."""

    @abstractmethod
    def times(self) -> np.ndarray:
        """Time of every recorded step."""

    def steps_recorded(self) -> np.ndarray:
        """Step index of every record."""
        return np.arange(len(self.times()))

    def config(self) -> dict[str, Any]:
        """The parameters as plain values, with the system's name."""
        return {"name": self.name, **dataclasses.asdict(self)}  # pyright: ignore[reportArgumentType]
