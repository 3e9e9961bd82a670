"""What does a large matrix cost beyond its Gram matrix and eigenvalues, and how much memory?

Goal: at most 1.5 times Gram matrix and ``numpy.linalg.eigvalsh`` (float64) without vectors at 4096². Both are timed in
turn in one process, with the same number of threads, and the smallest of each is taken: what else the machine does then
troubles both alike. CPU seconds stand beside the wall times. ``analyse`` is the whole of what ``coulombgas spectra``
does with a matrix: posterior of the bulk, spikes, tail, spacings. Peak memory is that of this process, in units of the
float64 Gram matrix, above what it held before.

``estimate`` is about a model of 7 billion weights: do the costs that the command line goes by tell, from its first
matrix, the CPU time of the others? It computes the matrices of one of 32 layers; ``estimate=4`` those of a quarter of
the sides.

    python tests/benchmarks/bench_large_matrices.py [SIZE | estimate[=DIVISOR] ...]
"""

import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from _timing import table

from coulombgas.networks import analyse
from coulombgas.spectra import SpectraPlan, layer_spectrum

GOAL = 1.5


def main() -> None:
    """Print one table for each size, and that of the estimate."""
    for word in sys.argv[1:] or ["1024", "2048", "4096", "estimate"]:
        if word.startswith("estimate"):
            table(*estimate(int(word.partition("=")[2] or 1)))
        else:
            table(*measure(int(word), repeat=1 if int(word) > 3000 else 4))


def measure(size: int, repeat: int) -> tuple[list, list[str], str]:
    """Seconds of each way, in turn."""
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal((size, size), dtype=np.float32)
    matrix += rng.standard_normal((size, 3), dtype=np.float32) @ rng.standard_normal((3, size), dtype=np.float32) * 0.2

    def plain() -> None:
        wide = matrix.astype(np.float64)
        np.linalg.eigvalsh(wide.T @ wide)

    jobs: dict[str, Callable[[], object]] = {
        "Gram matrix and eigvalsh": plain,
        "levels": lambda: layer_spectrum("w", matrix, vectors="none", device="cpu"),
        "levels, vectors of the spikes": lambda: layer_spectrum("w", matrix, device="cpu"),
        "the same, analysed": lambda: analyse(layer_spectrum("w", matrix, device="cpu")),
    }
    if size <= 1024:
        jobs["levels, all vectors"] = lambda: layer_spectrum("w", matrix, vectors="all", device="cpu")
    small = rng.standard_normal((60, 40))
    analyse(layer_spectrum("w", small, device="cpu"))  # what is imported and compiled once
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in jobs}
    memory = {}
    for _ in range(repeat):
        for name, job in jobs.items():
            with Peak() as peak:
                wall, cpu = time.perf_counter(), time.process_time()
                job()
                seconds[name].append((time.perf_counter() - wall, time.process_time() - cpu))
            memory[name] = peak.bytes / (8 * size**2)
    base = [min(column) for column in zip(*seconds["Gram matrix and eigvalsh"], strict=True)]
    rows = []
    for name, found in seconds.items():
        wall, cpu = (min(column) for column in zip(*found, strict=True))
        rows.append([name, wall, cpu, wall / base[0], cpu / base[1], memory[name]])
    header = ["job", "seconds", "CPU", "of the first", "of its CPU", "memory, N² float64"]
    return rows, header, f"{size}×{size}, float32, {os.environ.get('OPENBLAS_NUM_THREADS', 'all')} threads"


def estimate(divisor: int) -> tuple[list, list[str], str]:
    """CPU seconds of the first layer, predicted from its first matrix and measured."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "spectra"))
    from test_large_file import PROJECTIONS, write_sparse  # pyright: ignore[reportMissingImports]

    rows, seconds = [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        write_sparse(path, divisor, len(PROJECTIONS))
        plan = SpectraPlan(path, vectors="none", device="cpu")
        for index in range(len(PROJECTIONS)):
            cpu = time.process_time()
            with Peak() as peak:
                plan.compute(index)
            seconds.append(time.process_time() - cpu)
            task = plan.tasks[index]
            said = seconds[0] * task.cost / plan.tasks[0].cost
            memory = [peak.bytes / 2**20, task.memory / 2**20]
            rows.append([task.matrix.name, "×".join(map(str, task.matrix.shape)), seconds[-1], said, *memory])
    cost = [task.cost for task in plan.tasks]
    layer = len(PROJECTIONS)
    rest = seconds[0] * sum(cost[1:layer]) / cost[0]
    rows.append(["the others of the layer", "", sum(seconds[1:]), rest, "", ""])
    rows.append(["all 224", "", "–", seconds[0] * sum(cost) / cost[0], "", ""])
    header = ["matrix", "shape", "CPU seconds", "predicted from the first", "MiB", "predicted"]
    return rows, header, f"a model of 7 billion weights, sides divided by {divisor}"


class Peak:
    """Largest resident memory above that at the start, looked at every 5 ms."""

    def __enter__(self) -> "Peak":
        self._start, self.bytes, self._over = _resident(), 0, threading.Event()
        self._watch = threading.Thread(target=self._look)
        self._watch.start()
        return self

    def _look(self) -> None:
        while not self._over.wait(0.005):
            self.bytes = max(self.bytes, _resident() - self._start)

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._watch.join()


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
