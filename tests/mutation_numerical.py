"""Mutation score of the numerical code, beside that of the symbolic statements in :mod:`tests.mutation`.

    python tests/mutation_numerical.py                        every module of ``PLAN``
    python tests/mutation_numerical.py spectra._levels spectra._unfold --limit 10
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
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.mutation import Mutant, _changes, _code_of, _functions, _ignored, mutants, sample, survives
from tests.mutation_tables import NAMED, PLAN, Named


def named(case: Named) -> Mutant:
    """The mutant with ``old``, which must occur once in the module, changed to ``new``."""
    module = f"coulombgas.{case.module}"
    source = Path(inspect.getfile(importlib.import_module(module))).read_text(encoding="utf-8")
    if source.count(case.old) != 1:
        raise LookupError(f"{case.module}: {case.old!r} occurs {source.count(case.old)} times")
    line = source[: source.index(case.old)].count("\n") + 1
    for name, function in _functions(ast.parse(source).body, ""):
        if function.lineno <= line <= (function.end_lineno or 0):
            code = _code_of(compile(source.replace(case.old, case.new), module, "exec"), name)
            return Mutant(module, name, line, f"{case.old} → {case.new}", code)
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


QUICK = ("spectra._levels", "spectra._unfold", "spectra._rigidity")
_LIMIT, _SECONDS = 6, 120
_LOADED = (
    "pytest",
    "hypothesis",
    "xarray",
    "coulombgas.spectra",
    "numpyro",
    "coulombgas.inference",
    "coulombgas.networks",
)


def run_named(quick: bool) -> list[tuple[Named, bool]]:
    """Each of ``NAMED`` against its own test; with ``quick`` those of the modules that are tested within seconds."""
    cases, rows = [case for case in NAMED if not quick or case.module in QUICK], []
    if not survives(None, (), tuple(dict.fromkeys(case.test for case in cases)), 10 * _SECONDS):
        raise SystemExit("the tests fail, or take too long, without any mutant")
    for case in cases:
        rows.append((case, survives(named(case), (), (case.test,), _SECONDS)))
        _tell(f"{_word(rows[-1][1])} {case.module}: {case.what}")
    return rows


def run_plan(modules: Sequence[str], limit: int) -> dict[str, list[tuple[Mutant, bool]]]:
    """A sample of each module's mutants against the tests that claim it, after a look whether these hold without."""
    results: dict[str, list[tuple[Mutant, bool]]] = {}
    for module in modules:
        tests = PLAN[module]
        if not survives(None, (), tests, 10 * _SECONDS):
            _tell(f"LEFT OUT {module}: its tests fail, or take too long, without any mutant")
            continue
        results[module] = []
        for mutant in sample(mutants(f"coulombgas.{module}", numerical_changes), limit):
            alive = survives(mutant, (), tests, 3 * _SECONDS)
            results[module].append((mutant, alive))
            _tell(f"{_word(alive)} {mutant}")
    return results


def _word(alive: bool) -> str:
    return "SURVIVES" if alive else "noticed "


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def named_table(rows: Sequence[tuple[Named, bool]]) -> str:
    """Mutant and the test that kills it, as Markdown."""
    lines = ["| module | mutant | noticed by |", "| --- | --- | --- |"]
    for case, alive in rows:
        file, test = case.test.removeprefix("tests/").split("::")
        lines.append(f"| `{case.module}` | {case.what} | {'**nothing**' if alive else f'`{file}` `{test}`'} |")
    return "\n".join(lines) + "\n"


def plan_table(results: dict[str, list[tuple[Mutant, bool]]]) -> str:
    """The score of each module and the survivors, as Markdown."""
    every = [item for rows in results.values() for item in rows]
    killed = sum(not alive for _, alive in every)
    lines = [f"**{killed} of {len(every)} mutants are noticed ({100 * killed / max(len(every), 1):.0f}%)**", ""]
    lines += ["| module | mutants | noticed |", "| --- | --- | --- |"]
    lines += [f"| `{module}` | {len(rows)} | {sum(not a for _, a in rows)} |" for module, rows in results.items()]
    lines += ["", "Survivors:", "", *(f"- `{mutant}`" for mutant, alive in every if alive)]
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0 if every named mutant, and nine in ten of the others, are noticed."""
    parser = argparse.ArgumentParser(description="Mutation score of the numerical code.")
    parser.add_argument("modules", nargs="*", help="names below coulombgas (default: those of PLAN)")
    parser.add_argument("--named", action="store_true", help="the mutants with a test of their own instead")
    parser.add_argument("--quick", action="store_true", help="those of them that are tested within seconds")
    parser.add_argument("--limit", type=int, default=_LIMIT, help="mutants for each module (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="write the table there as Markdown")
    options = parser.parse_args(argv)
    start = time.perf_counter()
    for name in _LOADED[: 4 if options.quick else None]:
        importlib.import_module(name)
    if options.named or options.quick:
        rows = run_named(options.quick)
        text, good = named_table(rows), bool(rows) and not any(alive for _, alive in rows)
    else:
        results = run_plan(options.modules or tuple(PLAN), options.limit)
        every = [alive for found in results.values() for _, alive in found]
        text, good = plan_table(results), sum(every) <= 0.1 * len(every)
    _tell(text + f"\n{time.perf_counter() - start:.0f} s")
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
