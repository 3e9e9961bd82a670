"""Where the time of the tests goes: ``python tests/durations.py [LABEL] [PATH ...]`` (``make durations``).

Runs the suite as ``make test`` does on a fresh machine and keeps, under LABEL in ``docs/benchmarks/durations.json``,
what it took: wall time, the CPU time of all tests and of the programs that they start, how much was compilation, and
the twenty tests that took most. CPU time is what other work on a machine changes least. With paths only these run and
nothing is kept. What a second run takes, which finds the compiled programs of the first: ``make test``, then
``JAX_COMPILATION_CACHE_DIR=.cache/jax make durations LABEL=again``.
As a plugin (``-p tests.durations``) it writes one line a test to the file named in ``COULOMBGAS_DURATIONS``.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "docs" / "benchmarks" / "durations.json"
_LONGEST = 20
_COMPILING = "/jax/core/compile/backend_compile_duration"
_compiled = {"listening": False, "seconds": 0.0}


def _listen(event: str, seconds: float, **_: Any) -> None:
    if event == _COMPILING:
        _compiled["seconds"] += seconds


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Write the CPU seconds of a test, with its fixtures, its children and its compilations."""
    if not _compiled["listening"] and (jax := sys.modules.get("jax")) and hasattr(jax, "monitoring"):
        jax.monitoring.register_event_duration_secs_listener(_listen)
        _compiled["listening"] = True
    before, compiled = os.times(), _compiled["seconds"]
    outcome = yield
    after = os.times()
    line = {
        "test": item.nodeid,
        "cpu": sum(after[:2]) - sum(before[:2]),
        "children": sum(after[2:4]) - sum(before[2:4]),
        "compiling": _compiled["seconds"] - compiled,
    }
    with Path(f"{os.environ['COULOMBGAS_DURATIONS']}.{os.getpid()}").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    return outcome


def measured(paths: list[str], workers: str) -> tuple[dict[str, Any], int]:
    """Run the tests: what they took, and the status of pytest."""
    compiler = [sys.executable, ROOT / "tests" / "compiler.py"]
    flags = subprocess.run(compiler, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "durations"
        command = [sys.executable, "-m", "pytest", "-q", "-n", workers, "--dist", "worksteal", "-p", "tests.durations"]
        environment = {
            "JAX_COMPILATION_CACHE_DIR": f"{folder}/programs",
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
            "XLA_FLAGS": flags,
            **os.environ,
            "OPENBLAS_NUM_THREADS": "1",
            "COULOMBGAS_DURATIONS": str(log),
        }
        start = time.perf_counter()
        done = subprocess.run([*command, *paths], cwd=ROOT, env=environment, check=False)
        wall = time.perf_counter() - start
        files = [file.read_text("utf-8") for file in log.parent.glob("durations.*")]
    lines = [json.loads(line) for file in files for line in file.splitlines()]
    lines.sort(key=lambda line: line["cpu"] + line["children"], reverse=True)
    total = sum(line["cpu"] + line["children"] for line in lines)
    found = {
        "date": datetime.now(UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "workers": int(workers),
        "tests": len(lines),
        "wall_s": round(wall),
        "cpu_s": round(total),
        "compiling_s": round(sum(line["compiling"] for line in lines)),
        "longest": [[line["test"], round(line["cpu"] + line["children"], 1)] for line in lines[:_LONGEST]],
    }
    return found, done.returncode


def main(arguments: list[str]) -> int:
    """Exit status of pytest."""
    paths = [word for word in arguments if Path(word.partition("::")[0]).exists()]
    labels = [word for word in arguments if word not in paths]
    found, status = measured(paths or ["tests"], os.environ.get("WORKERS", "2"))
    for name, seconds in found["longest"]:
        sys.stdout.write(f"{seconds:7.1f} CPU s  {name}\n")
    sys.stdout.write(", ".join(f"{name} {value}" for name, value in found.items() if name != "longest") + "\n")
    if not paths:
        kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
        kept[labels[0] if labels else "fresh"] = found
        KEPT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
