"""A cost model of an update, which selects the fastest sampler of a Gaussian RBM's chains.

The constants are CPU nanoseconds on one core, fitted to measured updates by ``tests/benchmarks/bench_crossovers.py``,
which also prints how much slower than the fastest the choice is at each size measured.
"""

from typing import NamedTuple

import numpy as np

TRAILING_UP_TO = 12
"""Matrices up to this size are unrolled over vectors of replicas, larger ones go to the backend's matrix product."""
_WORTH_A_LONGER_COMPILATION = 2.0  # gain in speed from which on the Gram sampler is chosen


class Size(NamedTuple):
    """The sizes on which the cost depends."""

    visible: int
    hidden: int
    batch: int
    gibbs_steps: int

    @property
    def squarings(self) -> int:
        """Products of square matrices in the powers and the sum of a collapsed step."""
        return 1 + sum(2 if bit == "0" else 4 for bit in bin(self.gibbs_steps)[3:])


def terms(sampler: str, size: Size) -> np.ndarray:
    """Terms of the cost, one for each constant."""
    n, m, batch, k = size.visible, size.hidden, size.batch, size.gibbs_steps
    match sampler:
        case "naive":  # numbers drawn; products of the chains; products of the gradient
            return np.array([k * (n + m) * batch, 2 * k * n * m * batch, n * m * batch])
        case "collapsed":  # numbers drawn; products with the batch; of square matrices; columns of a factor
            return np.array([n * batch, n * n * batch, size.squarings * n**3, n * n])
        case "gram":  # χ² variates; numbers drawn and columns of two factors; products of square matrices
            return np.array([1, n * n, (size.squarings + 4) * n**3])
    raise AssertionError(sampler)


NANOSECONDS = {
    "naive": np.array([3.6, 0.020, 0.058]),
    "collapsed": np.array([3.8, 0.042, 0.029, 9.6]),
    "gram": np.array([610.0, 24.0, 0.026]),
}


def expected_cost(sampler: str, size: Size) -> float:
    """CPU microseconds of one update of one machine."""
    return float(terms(sampler, size) @ NANOSECONDS[sampler]) / 1000


def fastest_sampler(size: Size, *, gram: bool) -> str:
    """The sampler to use by default; ``gram`` says whether the Gram sampler is applicable."""
    candidates = ["collapsed"]
    if size.visible > TRAILING_UP_TO:  # below it, one draw of all k steps always wins
        candidates.append("naive")
    found = min(candidates, key=lambda sampler: expected_cost(sampler, size))
    if gram and size.batch > size.visible:
        saved = expected_cost(found, size) / expected_cost("gram", size)
        return "gram" if saved > _WORTH_A_LONGER_COMPILATION else found
    return found
