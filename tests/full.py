"""The statistical checks at full size, in parts of under an hour: ``python tests/full.py [PART ...]``.

A part is a folder of ``tests`` or ``rest`` (the files beside them). What each part said last is kept in
``docs/benchmarks/full.json``: date, version, passed, failed, skipped, seconds. Without names all parts run.
"""

import json
import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
KEPT = HERE.parent / "docs" / "benchmarks" / "full.json"
COUNTS = ("passed", "failed", "skipped", "error")


def parts() -> dict[str, list[Path]]:
    """Files of each part."""
    folders = sorted(path for path in HERE.iterdir() if any(path.glob("test_*.py")))
    found = {folder.name: sorted(folder.glob("test_*.py")) for folder in folders}
    return {**found, "rest": sorted(HERE.glob("test_*.py"))}


def counts(summary: str) -> dict[str, int]:
    """Numbers of pytest's last line."""
    return {name: int(found[1]) for name in COUNTS if (found := re.search(rf"(\d+) {name}", summary))}


def run(files: list[Path], workers: str) -> dict[str, object]:
    """Run some files at full size and say how it went."""
    from coulombgas import __version__

    start = time.perf_counter()
    command = [sys.executable, "-m", "pytest", "-q", "-n", workers, "--dist", "worksteal", "--timeout", "3600"]
    environment = {**os.environ, "COULOMBGAS_FULL": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([*command, *map(str, files)], env=environment, stdout=subprocess.PIPE, text=True)
    sys.stdout.write(done.stdout[-4000:])
    summary = done.stdout.strip().rpartition("\n")[2]
    found = {"date": datetime.now(UTC).date().isoformat(), "version": __version__, **counts(summary)}
    return {**found, "status": done.returncode, "seconds": round(time.perf_counter() - start)}


def main(names: list[str]) -> int:
    """Exit status 1 if a part failed."""
    known = parts()
    if unknown := set(names) - set(known):
        sys.stderr.write(f"no part called {', '.join(sorted(unknown))}; there are {', '.join(known)}\n")
        return 2
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    failed = False
    for name in names or known:
        kept[name] = run(known[name], os.environ.get("WORKERS", "2"))
        failed |= kept[name]["status"] != 0
        KEPT.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
