"""What does a state dict cost here, in weightwatcher and with plain ``numpy.linalg.eigvalsh`` of its Gram matrices?

Each way has a process of its own, with the same matrices and number of threads. CPU seconds stand beside the wall times
because other work on the machine disturbs those. Memory is the peak resident memory above what the process held with
its imports and the matrices.

weightwatcher has dependencies of its own: ``WEIGHTWATCHER_PYTHON`` names the interpreter that has it, this one where it
is not set. Where it cannot be imported its row says so.

    python tests/benchmarks/bench_weightwatcher.py [NUMBERxSIZE ...]
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from _timing import table

FRAME = """
import json, resource, sys, time
import numpy as np

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

{setup}
stored = np.load(sys.argv[1])
state = {{name: stored[name] for name in stored.files}}
before, wall, cpu = peak(), time.perf_counter(), time.process_time()
{job}
print(json.dumps([version, time.perf_counter() - wall, time.process_time() - cpu, peak() - before]))
"""
GRAM = (
    """
version = np.__version__
""",
    """
for matrix in state.values():
    wide = matrix.astype(np.float64)
    np.linalg.eigvalsh(wide.T @ wide)
""",
)
OURS = (
    """
import coulombgas
from coulombgas.networks import analyse
from coulombgas.spectra import layer_spectrum
version = coulombgas.__version__
analyse(layer_spectrum("w", np.random.default_rng(0).standard_normal((60, 40)), device="cpu"))
""",
    """
analyse([layer_spectrum(name, matrix, device="cpu") for name, matrix in state.items()])
""",
)
THEIRS = (
    """
import contextlib, io, logging, warnings
warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
import matplotlib
matplotlib.use("Agg")
import weightwatcher
from importlib.metadata import version as version_of
version = version_of("weightwatcher")
""",
    """
with contextlib.redirect_stdout(io.StringIO()):
    weightwatcher.WeightWatcher(model=state).analyze()
""",
)


def main() -> None:
    """Print one table for each state dict."""
    for word in sys.argv[1:] or ["8x1024", "1x4096"]:
        number, size = (int(part) for part in word.split("x"))
        table(*measure(number, size))


def measure(number: int, size: int) -> tuple[list, list[str], str]:
    """Each way once, in turn."""
    rng = np.random.default_rng(0)
    state = {
        f"layers.{index}.weight": 0.02 * rng.standard_t(4, size=(size, size)).astype(np.float32)
        for index in range(number)
    }
    theirs = os.environ.get("WEIGHTWATCHER_PYTHON", sys.executable)
    ways = {
        "Gram matrices and eigvalsh, NumPy": (sys.executable, *GRAM),
        "levels, spikes, bulk, tail, spacings, coulombgas": (sys.executable, *OURS),
        "analyze(), weightwatcher": (theirs, *THEIRS),
    }
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.npz"
        np.savez(path, allow_pickle=False, **state)
        for name, (interpreter, setup, job) in ways.items():
            rows.append([name, *run(interpreter, FRAME.format(setup=setup, job=job), path)])
    base = rows[0][3]
    rows = [[*row, row[3] / base if isinstance(row[3], float) else "–"] for row in rows]
    header = ["way", "version", "seconds", "CPU", "memory, MiB", "of the first's CPU"]
    threads = os.environ.get("OPENBLAS_NUM_THREADS", "all")
    return rows, header, f"{number} of {size}×{size}, float32, {threads} threads"


def run(interpreter: str, program: str, path: Path) -> list:
    """Version, wall seconds, CPU seconds and memory of one way; dashes where its package is missing."""
    done = subprocess.run([interpreter, "-c", program, str(path)], capture_output=True, text=True, check=False)
    if done.returncode and "ModuleNotFoundError" in done.stderr:
        return ["not installed", "–", "–", "–"]
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
