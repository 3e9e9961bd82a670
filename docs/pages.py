"""What pages use to show stored numbers: a page prints nothing that no command has written."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from IPython.display import Markdown

HERE = Path(__file__).resolve().parent


def rows(header: Sequence[str], body: Iterable[Sequence[Any]]) -> Markdown:
    """A table; floats with four digits, measured numbers as value ± standard error."""
    lines = [f"| {' | '.join(header)} |", f"|{' --- |' * len(header)}"]
    lines += [f"| {' | '.join(map(text, row))} |" for row in body]
    return Markdown("\n".join(lines))


def text(cell: Any) -> str:
    """One cell."""
    if isinstance(cell, dict) and "error" in cell:
        return f"{cell['value']:.4g} ± {cell['error']:.1g}"
    if isinstance(cell, dict):
        return f"{cell['mean']:.4g} [{cell['lower']:.4g}, {cell['upper']:.4g}]"
    return "–" if str(cell) == "nan" else f"{cell:.4g}" if isinstance(cell, float) else str(cell)


def papers(part: str) -> dict[str, Any]:
    """What ``python -m simulations.papers PART`` wrote."""
    return json.loads((HERE / "reproduction" / f"{part}.json").read_text(encoding="utf-8"))


def provenance(*parts: str) -> Markdown:
    """Size, seed, cost and versions of each part."""
    header = ["part", "replicas", "updates", "seed", "CPU s", "wall s", "cores", "versions"]
    body = []
    for part in parts:
        record = papers(part)
        config, took, machine = record["config"], record["took"], record["machine"]
        versions = ", ".join(f"{name} {machine[name]}" for name in ("coulombgas", "jax", "numpy"))
        size = [config.get("replicas", "–"), config.get("steps", "–"), config.get("seed", "–")]
        resumed = " (resumed)" if took["resumed"] else ""
        body.append(
            [part, *size, took.get("cpu", "–"), f"{took.get('wall', '–')}{resumed}", machine["cores"], versions]
        )
    return rows(header, body)


def benchmark(name: str, title: str = "", columns: Sequence[str] | None = None) -> Markdown:
    """A table of ``docs/benchmarks/results.json``, whole or some of its columns, with date and versions of its run."""
    record = json.loads((HERE / "benchmarks" / "results.json").read_text(encoding="utf-8"))[name]
    (found,) = (table for table in record["tables"] if title in table["title"])
    kept = [found["header"].index(column) for column in columns or found["header"]]
    versions = ", ".join(f"{package} {version}" for package, version in record["versions"].items())
    source = f"*`bench_{name}.py`, {record['date']}, {record['cores']} cores; {versions}.*"
    body = [[row[index] for index in kept] for row in found["rows"]]
    grid = rows([found["header"][index] for index in kept], body)
    return Markdown("\n\n".join(part for part in (f"**{found['title']}**", grid.data, source) if part.strip("*")))


def durations(label: str, *, longest: bool = True) -> Markdown:
    """The total of one run of ``tests/durations.py``, and its longest tests in words that can wrap."""
    run = json.loads((HERE / "benchmarks" / "durations.json").read_text(encoding="utf-8"))[label]
    said = (
        f"{run['tests']} tests, {run['cpu_s']} s of CPU time, of which {run['compiling_s']} s compiled (counted by the "
        f"clock), {run['wall_s']} s by the clock with {run['workers']} workers on {run['cores']} cores; {run['date']}."
    )
    if not longest:
        return Markdown(said)
    body = []
    for name, seconds in run["longest"]:
        file, _, test = name.removeprefix("tests/").partition("::test_")
        body.append([f"{seconds:.1f}", f"`{file}`", test.replace("_", " ").replace("[", " [")])
    return Markdown(f"{said}\n\n{rows(['CPU s', 'file', 'test'], body).data}")


def full() -> Markdown:
    """How the parts of the tests ended at full size when they ran last, by ``tests/full.py``."""
    kept = json.loads((HERE / "benchmarks" / "full.json").read_text(encoding="utf-8"))
    header = ["part", "passed", "failed", "skipped", "s", "date"]
    body = [
        [name, part.get("passed", 0), part.get("failed", 0), part.get("skipped", 0), part["seconds"], part["date"]]
        for name, part in sorted(kept.items())
    ]
    return rows(header, body)
