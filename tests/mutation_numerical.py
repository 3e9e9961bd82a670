"""Mutation score of the numerical code, beside that of the symbolic statements in :mod:`tests.mutation`.

    python tests/mutation_numerical.py                        every module of ``PLAN``
    python tests/mutation_numerical.py coulombgas.spectra._levels coulombgas.spectra._unfold --limit 10
    python tests/mutation_numerical.py --named                each mutant of ``NAMED`` against the test that kills it
    python tests/mutation_numerical.py --quick                those of the modules that are tested within seconds
    python tests/mutation_numerical.py --named --out FILE     the table as Markdown

Beside operators, signs, whole numbers and arguments, decimal numbers and comparisons change too. ``NAMED`` holds the
mutants that once survived every test: a wrong degree of freedom, a missing error, the wrong side of a matrix.
"""

import argparse
import ast
import importlib
import inspect
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.mutation import TIMEOUT, Mutant, _changes, _code_of, _functions, _ignored, mutants, sample, survives


@dataclass(frozen=True)
class Named:
    """A change of one line, by its text, and the tests that must notice it."""

    module: str
    old: str
    new: str
    what: str
    tests: tuple[str, ...]


def named(case: Named) -> Mutant:
    """The mutant with ``old``, which must occur once in the module, changed to ``new``."""
    source = Path(inspect.getfile(importlib.import_module(case.module))).read_text(encoding="utf-8")
    if source.count(case.old) != 1:
        raise LookupError(f"{case.module}: {case.old!r} occurs {source.count(case.old)} times")
    line = source[: source.index(case.old)].count("\n") + 1
    for name, function in _functions(ast.parse(source).body, ""):
        if function.lineno <= line <= (function.end_lineno or 0):
            code = _code_of(compile(source.replace(case.old, case.new), case.module, "exec"), name)
            return Mutant(case.module, name, line, f"{case.old} → {case.new}", code)
    raise LookupError(f"{case.module}: {case.old!r} is in no function")


_COMPARED: dict[type, type] = {
    ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
}  # fmt: skip


def numerical_changes(function: ast.FunctionDef) -> Iterator[tuple[Any, str, Any]]:
    """Those of a statement, and: a decimal number half as large again, a comparison the other way round."""
    yield from _changes(function)
    skipped = {id(n) for part in _ignored(function) for n in ast.walk(part)}
    for statement in function.body:
        for node in ast.walk(statement):
            if id(node) in skipped:
                continue
            if isinstance(node, ast.Constant) and type(node.value) is float:
                yield node, "value", 1.5 * node.value or 0.5
            elif isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARED:
                yield node, "ops", [_COMPARED[type(node.ops[0])]()]
