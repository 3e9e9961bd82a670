"""How long does each chain of derivations take, and how much does a second process save?

One pass per chain, in CPU seconds of this process (SymPy caches, so a second pass would measure the cache), then the
same in two fresh processes. On a busy machine only the CPU seconds mean something.
"""

import sys
import time
from pathlib import Path

from _timing import table

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from derivations._framework import chains, run_chain
from derivations._run import run


def main() -> None:
    """Print the tables."""
    found = chains()
    rows, total, begin = [], 0.0, time.perf_counter()
    for name, chain in found.items():
        start = time.process_time()
        results = run_chain(name)
        seconds = time.process_time() - start
        total += seconds
        slowest = max(results, key=lambda result: result.seconds)
        rows.append([name, len(chain.steps), seconds, slowest.step.function.__name__, slowest.seconds])
    one = time.perf_counter() - begin
    rows.append(["all", sum(row[1] for row in rows), total, "", ""])
    table(rows, ["chain", "steps", "CPU s", "slowest step", "wall s"], "derivations, one process")
    start = time.perf_counter()
    run(found, 2)
    two = time.perf_counter() - start
    table(
        [["whole index, wall", one, two, one / two]],
        ["", "1 process, s", "2 processes, s", "ratio"],
        "derivations, all",
    )


if __name__ == "__main__":
    main()
