"""How long do the laws take: Tracy-Widom against the numbers of its peer, the pair laws against SciPy, sampling?

SciPy uses one core; so do ours when the process is bound to one (``taskset -c 0``), which is the fair ratio.

The peer figures of Tracy-Widom (package TracyWidom 0.4.0, β = 1, 1000 points: pdf 0.44 ms, cdf 0.08 ms) were measured
on two cores; everything else is timed here, side by side, after compilation, in float64.
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from _timing import best_of, table
from scipy import stats

from coulombgas._precision import x64
from coulombgas.laws import (
    CoulombGas,
    GaussianBlock,
    PairDensity,
    RiceSpacing,
    TracyWidom,
    WignerSurmise,
    partition_function,
)

PEER_MS = {"pdf": 0.44, "cdf": 0.08}


def tracy_widom() -> None:
    points = jnp.linspace(-4.0, 2.0, 1000)
    rows = []
    for beta in (1, 2, 4):
        law = TracyWidom(beta)
        functions = {
            "pdf": jax.jit(lambda s, law=law: jnp.exp(law.log_prob(s))),
            "cdf": jax.jit(law.cdf),
            "icdf": jax.jit(lambda s, law=law: law.icdf((s + 4.5) / 7)),
        }
        for name, function in functions.items():
            ours = 1e3 * best_of(lambda function=function: function(points), repeat=200)
            peer = PEER_MS.get(name) if beta == 1 else None
            rows.append([f"β = {beta} {name}", ours, peer or "", peer / ours if peer else ""])
    table(rows, ["1000 points", "ms", "peer (recorded), ms", "to the record"], "Tracy-Widom")


def against_scipy() -> None:
    count, width, gap = 100_000, 0.3, 0.5
    spacing = np.abs(np.random.default_rng(0).normal(size=count)) + 1e-3
    chi, rice = (
        stats.chi(2, scale=math.sqrt(2) * width),
        stats.rice(gap / (math.sqrt(2) * width), scale=math.sqrt(2) * width),
    )
    device = jnp.asarray(spacing)
    cases = {
        "surmise log_prob": (WignerSurmise(width).log_prob, chi.logpdf),
        "surmise cdf": (WignerSurmise(width).cdf, chi.cdf),
        "Rice log_prob": (RiceSpacing(gap, width).log_prob, rice.logpdf),
        "Rice cdf": (RiceSpacing(gap, width).cdf, rice.cdf),
        "pair density log_prob": (PairDensity(0.0, width).log_prob, None),
        "pair density cdf": (PairDensity(0.0, width).cdf, None),
    }
    rows = []
    for name, (ours, other) in cases.items():
        compiled = jax.jit(ours)
        first = 1e3 * best_of(lambda compiled=compiled: compiled(device), repeat=10)
        second = 1e3 * best_of(lambda other=other: other(spacing), repeat=3) if other else None
        rows.append([name, first, second or "", second / first if second else ""])
    table(rows, [f"{count} points", "ms", "SciPy, ms", "ratio"], "Pair laws")


def normalisations() -> None:
    """log Z of a gas in one quartic well: exact against annealing (its default work, one temperature)."""
    well, bounds, rows = (lambda x: x**4 / 4 - x**2 / 2 + 0.2 * x), (-6.0, 6.0), []
    for levels in (6, 12, 24):
        exact = jax.jit(lambda t, n=levels: CoulombGas(well, t, bounds=bounds, num_levels=n).log_z)
        ours = 1e3 * best_of(lambda exact=exact: exact(0.2), repeat=20)
        anneal = functools.partial(
            partition_function, well, key=jax.random.key(0), temperature=0.2, bounds=bounds, num_levels=levels
        )
        error = anneal().error.max()
        other = 1e3 * best_of(lambda anneal=anneal: anneal().log_correction, repeat=2)
        rows.append([levels, ours, other, other / ours, error])
    table(rows, ["levels", "exact, ms", "annealing, ms", "ratio", "error of annealing"], "log Z at T = 0.2, β = 1")


def sampling() -> None:
    key = jax.random.key(0)
    rows = []
    for law, shape in ((RiceSpacing(0.5, 0.3), 100_000), (PairDensity(0.0, 0.3), 100_000), (TracyWidom(1), 10_000)):
        draw = jax.jit(lambda key, law=law, shape=shape: law.sample(key, (shape,)))
        rows.append([type(law).__name__, shape, 1e3 * best_of(lambda draw=draw: draw(key), repeat=5)])
    block = GaussianBlock(0.0, 1.0, 4)
    rows.append(["GaussianBlock of 4", 10_000, 1e3 * best_of(lambda: block.sample(key, (10_000,)), repeat=5)])
    table(rows, ["law", "draws", "ms"], "Sampling")


def main() -> None:
    with x64():
        tracy_widom()
        against_scipy()
        sampling()
        normalisations()


if __name__ == "__main__":
    main()
