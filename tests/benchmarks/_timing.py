"""Timing for the benchmarks: best of several runs, ratios side by side, tables that are printed and kept."""

import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

KEEP = "COULOMBGAS_BENCH_TABLES"
"""Environment variable that names a file to which every table is added as one line of JSON."""


def best_of(function: Callable[[], Any], repeat: int = 5) -> float:
    """Shortest wall time of ``repeat`` calls, in seconds; JAX results are waited for. The first call is not counted."""
    import jax

    jax.block_until_ready(function())
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        jax.block_until_ready(function())
        times.append(time.perf_counter() - start)
    return min(times)


def best_of_both(ours: Callable[[], Any], other: Callable[[], Any], repeat: int = 40) -> tuple[float, float]:
    """Shortest wall times in seconds of two functions called in turn: what else the machine does meets both."""
    import jax

    times = []
    for _ in range(repeat + 1):
        for function in (ours, other):
            start = time.perf_counter()
            jax.block_until_ready(function())
            times.append(time.perf_counter() - start)
    return min(times[2::2]), min(times[3::2])


def table(rows: Sequence[Sequence[Any]], header: Sequence[str], title: str = "") -> None:
    """Print rows under a header, and keep them for ``tests/benchmarks/run.py`` when it asks."""
    texts = [[f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    grid = Table(*header, title=title or None)
    for row in texts:
        grid.add_row(*row)
    Console(width=110).print(grid)
    if kept := os.environ.get(KEEP):
        labels = [min((i for i, cell in enumerate(row) if isinstance(cell, float)), default=len(row)) for row in rows]
        record = {"title": title, "header": list(header), "labels": min(labels, default=1), "rows": texts}
        with Path(kept).open("a", encoding="utf-8") as file:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
