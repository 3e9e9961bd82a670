"""Run benchmarks and keep their tables, or compare the ratios of a new run with those that are kept.

    python tests/benchmarks/run.py [NAME ...]            run them, keep their tables in docs/benchmarks/results.json
    python tests/benchmarks/run.py --check [NAME ...]    run them, fail where a ratio fell below 0.7 of the kept one

NAME is ``rbm`` for ``bench_rbm.py``; without names all of them run. Only ratios between two programs timed in the same
run are compared, never times: a machine half as fast shows the same ratios. Each benchmark keeps the date, the versions
and the number of cores of its own run.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from _timing import KEEP

HERE = Path(__file__).parent
RESULTS = HERE.parents[1] / "docs" / "benchmarks" / "results.json"

GUARDED = ("ratio", "×NumPy", "× loop", "× clever", "SciPy/f32", "SciPy/f64")
"""Columns that hold how many times faster than another program of the same run."""


def benchmarks() -> list[str]:
    """Names of all benchmarks."""
    return sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))


def run(name: str) -> dict[str, Any]:
    """Run one and return its tables with date, seconds, versions and machine.

    Raises:
        SystemExit: when the benchmark fails.
    """
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "tables.jsonl"
        done = subprocess.run([sys.executable, HERE / f"bench_{name}.py"], env={**os.environ, KEEP: str(kept)})
        if done.returncode:
            raise SystemExit(f"bench_{name}.py ended with status {done.returncode}")
        lines = kept.read_text(encoding="utf-8").splitlines() if kept.exists() else []
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "seconds": round(time.perf_counter() - start),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "architecture": platform.machine(),
        "versions": {"python": platform.python_version(), **versions("coulombgas", "jax", "numpyro", "numpy", "scipy")},
        "tables": [json.loads(line) for line in lines],
    }


def versions(*packages: str) -> dict[str, str]:
    """Installed versions."""
    return {package: importlib.metadata.version(package) for package in packages}


def ratios(record: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], float]]:
    """Every guarded ratio under (title, column, labels of its row)."""
    for table in record["tables"]:
        for column, name in enumerate(table["header"]):
            if name not in GUARDED:
                continue
            for row in table["rows"]:
                if row[column]:
                    yield (table["title"], name, *row[: table["labels"]]), float(row[column])


def fallen(old: dict[str, Any], new: dict[str, Any], tolerance: float) -> list[str]:
    """One line for each ratio that fell below ``tolerance`` times the kept one, or is there no longer."""
    now, lines = dict(ratios(new)), []
    for key, before in ratios(old):
        if key not in now:
            lines.append(f"{' · '.join(key)}: was {before:.3g}, is no longer measured")
        elif now[key] < tolerance * before:
            lines.append(f"{' · '.join(key)}: was {before:.3g}, is {now[key]:.3g}")
    return lines


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 1 if a ratio fell, or if there is nothing to compare with."""
    parser = argparse.ArgumentParser(description="Run benchmarks; keep or compare their tables.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(benchmarks()))
    parser.add_argument("--check", action="store_true", help="compare with the kept tables instead of replacing them")
    parser.add_argument("--tolerance", type=float, default=0.7, help="smallest share of a kept ratio (%(default)s)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where tables are kept")
    options = parser.parse_args(argv)
    if unknown := set(options.names) - set(benchmarks()):
        parser.error(f"no benchmark called {', '.join(sorted(unknown))}; there are {', '.join(benchmarks())}")
    kept = json.loads(options.results.read_text(encoding="utf-8")) if options.results.exists() else {}
    lines: list[str] = []
    compared = 0
    for name in options.names or benchmarks():
        if options.check and not any(True for _ in ratios(kept.get(name, {"tables": []}))):
            continue  # nothing to compare with
        record = run(name)
        if options.check:
            compared += len(dict(ratios(kept[name])))
            lines += [f"{name}: {line}" for line in fallen(kept[name], record, options.tolerance)]
        else:
            kept[name] = record
            options.results.write_text(json.dumps(kept, indent=1, ensure_ascii=False, sort_keys=True) + "\n", "utf-8")
    if options.check:
        print("\n".join([*lines, f"{compared} ratios compared, {len(lines)} fell"]))
    return int(options.check and (bool(lines) or compared == 0))


if __name__ == "__main__":
    sys.exit(main())
