"""The formats that are read, each checked against a file that its own library wrote: ``python docs/formats.py``.

A row holds what was read of the file after every number was compared with what was put in. The command checks the
formats whose libraries are installed here and keeps their rows, with versions and date, in
``docs/benchmarks/formats.json``; the others keep the row of an earlier run. The page on checkpoints checks what it can
when it is built, and shows the kept row of the rest.
"""

import json
import sys
import tempfile
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from coulombgas.spectra import SpectraPlan, iterate_matrices

HERE = Path(__file__).resolve().parent
KEPT = HERE / "benchmarks" / "formats.json"
sys.path.insert(0, str(HERE.parent / "tests" / "spectra"))
import format_files  # noqa: E402


def checked(row: Any, folder: Path) -> dict[str, str]:
    """Write a file, read it, compare every number, and say what was read.

    Raises:
        format_files.Missing: where the library is not installed.
        ValueError: where something else is read than was put in.
    """
    library = format_files.written_by(row)
    path, expected = row.write(folder)
    template = format_files.equinox_module() if row.write is format_files.equinox_file else None
    found = dict(iterate_matrices(path, template=template))
    if sorted(found) != sorted(expected):
        raise ValueError(f"{row.title}: {sorted(found)} instead of {sorted(expected)}")
    for name, value in expected.items():
        if not np.allclose(found[name], value, rtol=1e-6, atol=1e-6):
            raise ValueError(f"{row.title}: {name} is not what was put in")
    tasks = SpectraPlan(path, template=template).tasks
    shown = next((task.matrix for task in tasks if task.matrix.kind), tasks[0].matrix)
    return {
        "library": library,
        "name": shown.name,
        "shape": "×".join(map(str, shown.shape)),
        "kind": shown.kind or "matrix",
    }


def kept() -> dict[str, dict[str, str]]:
    """Rows of earlier runs by title."""
    return json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}


def every() -> dict[str, dict[str, str]]:
    """Every format: checked now where its library is installed, as kept elsewhere, without a row where never."""
    earlier, found = kept(), {}
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")  # of the libraries that write
        for index, row in enumerate(format_files.ROWS):
            place = Path(folder) / str(index)
            place.mkdir()
            try:
                found[row.title] = checked(row, place)
            except format_files.Missing as missing:
                found[row.title] = earlier.get(row.title, {"missing": str(missing)})
    return found


def table() -> str:
    """Rows of all formats in Markdown."""
    lines = ["| format | written by | a matrix of it | its shape | what it is | to read it |", "| --- " * 6 + "|"]
    rows = every()
    for row in format_files.ROWS:
        one = rows[row.title]
        when = " †" if "date" in one else ""
        cells = (
            [f"{one['missing']}: never installed", "–", "–", "–"]
            if "missing" in one
            else [one["library"] + when, f"`{one['name']}`", one["shape"], one["kind"]]
        )
        lines.append(f"| {' | '.join([row.title, *cells, row.needs or '–'])} |")
    dates = sorted({one["date"] for one in rows.values() if "date" in one})
    note = f"\n\n† checked {' and '.join(dates)}; the library was not there when this page was built." if dates else ""
    return "\n".join(lines) + note


if __name__ == "__main__":
    rows, today = every(), datetime.now(UTC).date().isoformat()
    for title, one in rows.items():
        sys.stdout.write(f"{title}: {one.get('library', one.get('missing'))} {one.get('date', '')}\n")
        if "missing" not in one:
            one.setdefault("date", today)
    rows = {title: one for title, one in rows.items() if "missing" not in one}
    KEPT.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
