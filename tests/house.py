"""Counts of the house that anybody can take: ``python tests/house.py``. Status 1 where one is not what is promised.

Cycles and private imports are those of ``tests/test_layers.py``: lazy, typing and text imports count. A synonym is a
public name or argument that says in another word what the glossary has a word for.
"""

import ast
import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.test_layers import Package, cycle, private, upward  # noqa: E402 - the path comes first

PACKAGES = (
    "symbolic", "laws", "ensembles", "spectra", "models", "training", "theory", "inference", "networks", "motion",
    "dmft", "plot", "callbacks", "report",
)  # fmt: skip
SYNONYMS = {
    r"n_\w+|nb_\w+|\w+_count|count": "num_…",
    r"rng|random_state|random_seed": "seed at the surface, key in pure functions",
    r"lr|eta": "learning_rate",
    r"significance|fap": "false_alarm",
    r"dof|df": "degrees_of_freedom",
    r"filename|fname|outfile|output": "path, out",
    r"epoch_index|iteration": "step",
    r"batchsize|bs": "batch_size",
}


def long_functions(limit: int = 40) -> Iterator[str]:
    """Functions whose body, without its docstring, has more lines than ``limit``."""
    for path in sorted((ROOT / "coulombgas").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                if body and (body[-1].end_lineno or 0) - body[0].lineno + 1 > limit:
                    yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"


def private_pages() -> Iterator[str]:
    """Pages that import from a private module."""
    for page in sorted((ROOT / "docs").rglob("*.md")):
        if "_build" not in page.parts and re.search(r"(from|import) coulombgas[\w.]*\._", page.read_text("utf-8")):
            yield str(page.relative_to(ROOT))


def public() -> dict[str, object]:
    """Every public name of a package, and what it is."""
    found = {}
    for package in PACKAGES:
        module = importlib.import_module(f"coulombgas.{package}")
        for name in getattr(module, "__all__", [name for name in dir(module) if not name.startswith("_")]):
            try:
                value = getattr(module, name, None)
            except ImportError:  # its framework is not installed
                value = None
            if not inspect.ismodule(value):
                found[f"{package}.{name}"] = value
    return found


def synonyms(names: dict[str, object]) -> Iterator[str]:
    """Public names and arguments in words that are not the house's."""
    for full, value in names.items():
        words = [full.split(".")[1].lower()]
        if callable(value):
            try:
                words += list(inspect.signature(value).parameters)
            except (TypeError, ValueError):
                continue
        for word in words:
            for pattern, better in SYNONYMS.items():
                if re.fullmatch(pattern, word):
                    yield f"{full}: {word}, elsewhere {better}"


def main() -> int:
    """Print the counts and what is behind those that are not zero."""
    package, names = Package(ROOT / "coulombgas"), public()
    counts = {
        "modules in a cycle of imports": cycle(package),
        "imports that do not point down": upward(package),
        "private imports across packages": private(package),
        "pages with private imports": list(private_pages()),
        "functions above 40 lines": list(long_functions()),
        "synonyms among public names and arguments": list(synonyms(names)),
    }
    print(f"{'modules':42}{len(package.paths):5d}\n{'public names':42}{len(names):5d}")
    for name, found in counts.items():
        print(f"{name:42}{len(found):5d}", *found, sep="\n    ")
    return int(any(counts.values()))


if __name__ == "__main__":
    sys.exit(main())
