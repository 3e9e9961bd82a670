"""Mutation score of the numerical code, beside that of the symbolic statements in :mod:`tests.mutation`.

    python tests/mutation_numerical.py                        every module of ``PLAN``
    python tests/mutation_numerical.py spectra._levels spectra._unfold --limit 10
    python tests/mutation_numerical.py --named                each mutant of ``NAMED`` against the test that kills it
    python tests/mutation_numerical.py --quick                those of the modules that are tested within seconds
    python tests/mutation_numerical.py --named --out FILE     the table as Markdown
    python tests/mutation_numerical.py --log FILE             in parts: what stands in the file is not run again
    python tests/mutation_numerical.py --log FILE --report --out docs/theory/mutation_numerical.md

Beside operators, signs, whole numbers and arguments, decimal numbers and comparisons change too. ``NAMED`` holds the
mutants that once survived every test: a wrong degree of freedom, a missing error, the wrong side of a matrix.
"""

import argparse
import ast
import gc
import importlib
import inspect
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.mutation import (
    PYTEST,
    Mutant,
    _changes,
    _code_of,
    _functions,
    _ignored,
    check_place,
    live_function,
    mutants,
    survives,
)
from tests.mutation_tables import LIMIT, NAMED, PLAN, REASONS, Named


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


_SYMMETRIC = {"max", "min", "maximum", "minimum", "fmax", "fmin", "logaddexp", "hypot", "convolve"}
"""Functions whose two arguments may change places."""


def numerical_changes(function: ast.FunctionDef) -> Iterator[tuple[Any, str, Any]]:
    """Those of a statement, and: a decimal number half as large again, a comparison the other way round."""
    for node, field, new in _changes(function):
        if field != "args" or ast.unparse(node.func).rsplit(".", 1)[-1] not in _SYMMETRIC:
            yield node, field, new
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
_SECONDS = 120
_LOADED = (
    "pytest",
    "hypothesis",
    "xarray",
    "scipy.stats",
    "coulombgas.spectra",
    "numpyro",
    "coulombgas.inference",
    "coulombgas.networks",
)


def run_named(modules: Sequence[str]) -> list[tuple[Named, bool]]:
    """Each of ``NAMED`` against its own test; with modules those of them alone."""
    cases, rows = [case for case in NAMED if not modules or case.module in modules], []
    if not survives(None, (), tuple(dict.fromkeys(case.test for case in cases)), 10 * _SECONDS):
        raise SystemExit("the tests fail, or take too long, without any mutant")
    for case in cases:
        rows.append((case, survives(named(case), (), (case.test,), _SECONDS)))
        _tell(f"{_word(rows[-1][1])} {case.module}: {case.what}")
    return rows


def run_plan(
    modules: Sequence[str], limit: int, log: Path, *, report: bool = False
) -> dict[str, list[tuple[Mutant, bool]]]:
    """A sample of each module's mutants against the tests that claim it, after a look whether these hold without."""
    results: dict[str, list[tuple[Mutant, bool]]] = {}
    for tests in dict.fromkeys(PLAN[module] for module in modules):
        cases: dict[str, tuple[str, Mutant]] = {}
        for module in (name for name in modules if PLAN[name] == tests):
            for mutant in mutants(f"coulombgas.{module}", numerical_changes, limit):
                same = sum(name.startswith(f"{module} {mutant}") for name in cases)
                cases[f"{module} {mutant}" + f" ({same + 1})" * (same > 0)] = module, mutant
        known = _known(log)
        left = {name: mutant for name, (_, mutant) in cases.items() if name not in known}
        if left and not report and not _try(left, tests, log):
            _tell(f"LEFT OUT {', '.join(tests)}: these fail, or take too long, without any mutant")
            continue
        known = _known(log)
        for name, (module, mutant) in ((name, case) for name, case in cases.items() if name in known):
            results.setdefault(module, []).append((mutant, known[name]))
            _tell(f"{_word(known[name])} {mutant}")
    return results


def _try(cases: dict[str, Mutant], tests: tuple[str, ...], log: Path) -> bool:
    """Write what becomes of the mutants to the log; False where the tests fail without any."""
    for mutant in cases.values():
        check_place(mutant)
    child = os.fork()
    if child == 0:
        os._exit(_tests_for_each(cases, tests, log))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status == _THREADS and survives(None, (), tests, 10 * _SECONDS):
        status = 0
        for name, mutant in cases.items():
            _write(log, name, survives(mutant, (), tests, 3 * _SECONDS), 0.0)
    return status == 0


_THREADS = 3


def _tests_for_each(cases: dict[str, Mutant], tests: tuple[str, ...], log: Path) -> int:
    """Collect the tests once; run them in a fork without a mutant, then with each, the shortest of a file first."""
    import pytest

    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)

    class Forks:
        status, inner, limit = 1, False, 10.0 * _SECONDS

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtestloop(self, session: Any) -> bool | None:
            if session.testsfailed or len(list(Path("/proc/self/task").iterdir())) > 1:
                self.status = 1 if session.testsfailed else _THREADS  # no fork of a process with threads is safe
                return True
            with tempfile.NamedTemporaryFile("r") as times:
                self.times: str | None = times.name
                if not self.fork(None):
                    return None if self.inner else True
                lengths = dict(line.rstrip().split(" ", 1)[::-1] for line in times)
            self.times = None
            files = list(dict.fromkeys(item.path for item in session.items))
            session.items.sort(key=lambda item: (files.index(item.path), float(lengths.get(item.nodeid, 0))))
            gc.freeze()
            for name, mutant in cases.items():
                start = _cpu()
                alive = self.fork(mutant)
                if self.inner:
                    return None
                _write(log, name, alive, _cpu() - start)
            self.status = 0
            return True

        def fork(self, mutant: Mutant | None) -> bool:
            """Whether all tests pass; a child returns and runs them."""
            start, child = _cpu(), os.fork()
            if child == 0:
                self.inner = True
                signal.setitimer(signal.ITIMER_PROF, self.limit)
                if mutant is not None:
                    live_function(mutant.module, mutant.function).__code__ = mutant.code
                return False
            status = os.waitpid(child, 0)[1]
            if mutant is None:
                self.limit = max(_SECONDS / 2, 5 * (_cpu() - start))
            return status == 0

        def pytest_runtest_logreport(self, report: Any) -> None:
            if self.times is not None and report.when == "call":
                with Path(self.times).open("a", encoding="utf-8") as file:
                    file.write(f"{report.duration} {report.nodeid}\n")

    forks = Forks()
    code = pytest.main([*PYTEST, *tests], plugins=[forks])
    return int(code) if forks.inner else forks.status


def _cpu() -> float:
    return sum(os.times()[2:4])  # of the children that have ended


def _known(log: Path) -> dict[str, bool]:
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    return {row["mutant"]: row["alive"] for row in map(json.loads, lines)}


def _write(log: Path, name: str, alive: bool, seconds: float) -> None:
    with log.open("a", encoding="utf-8") as file:
        file.write(
            json.dumps({"mutant": name, "alive": alive, "seconds": round(seconds, 1)}, ensure_ascii=False) + "\n"
        )


def _word(alive: bool) -> str:
    return "SURVIVES" if alive else "noticed "


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def named_table(rows: Sequence[tuple[Named, bool]]) -> str:
    """Mutant and the test that kills it, in words that a narrow page can break, as Markdown."""
    lines = ["| module | mutant | noticed by |", "| --- | --- | --- |"]
    for case, alive in rows:
        file, test = case.test.removeprefix("tests/").split("::")
        words = test.removeprefix("test_").replace("_", " ")
        lines.append(f"| `{case.module}` | {case.what} | {'**nothing**' if alive else f'{words} (`{file}`)'} |")
    return "\n".join(lines) + "\n"


def plan_table(results: dict[str, list[tuple[Mutant, bool]]]) -> str:
    """The score of each package and module, and the survivors with what is known of them, as Markdown."""
    every = [item for rows in results.values() for item in rows]
    alive = [(mutant, _reason(mutant)) for mutant, alive in every if alive]
    same = sum(reason.startswith("equivalent") for _, reason in alive)
    share = 100 - 100 * len(alive) / max(len(every), 1)
    lines = [
        f"**{_share(every)} mutants are noticed ({share:.1f}%)**. Of the other {len(alive)}, {same} change nothing",
        "that could be noticed; they count as survivors all the same.",
        "",
    ]
    lines += ["| package | mutants noticed | modules |", "| --- | --- | --- |"]
    for package in dict.fromkeys(module.partition(".")[0] for module in results):
        own = {name: rows for name, rows in results.items() if name.startswith(f"{package}.")}
        modules = ", ".join(f"`{name.partition('.')[2]}` {_share(rows, '/')}" for name, rows in own.items())
        lines.append(f"| `{package}` | {_share([item for rows in own.values() for item in rows])} | {modules} |")
    lines += ["", "Survivors:", ""]
    lines += [f"- `{_place(mutant)}`: `{mutant.change}`: {reason}" for mutant, reason in alive]
    return "\n".join(lines) + "\n"


def _place(mutant: Mutant) -> str:
    return f"{mutant.module.removeprefix('coulombgas.')}.{mutant.function}"


def _reason(mutant: Mutant) -> str:
    return REASONS.get((_place(mutant), mutant.change), "open")


def write_part(path: Path, part: str, text: str) -> None:
    """Write the text to a file; in a page that has them, between ``<!-- part -->`` and ``<!-- end of part -->``."""
    begin, end = f"<!-- {part} -->\n", f"<!-- end of {part} -->"
    page = path.read_text(encoding="utf-8") if path.exists() else ""
    if begin in page and end in page:
        text = page[: page.index(begin)] + begin + "\n" + text + "\n" + page[page.index(end) :]
    path.write_text(text, encoding="utf-8")


def _share(rows: Sequence[tuple[Mutant, bool]], word: str = " of ") -> str:
    return f"{len(rows) - _alive(rows)}{word}{len(rows)}"


def _alive(rows: Sequence[tuple[Mutant, bool]]) -> int:
    return sum(alive for _, alive in rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0 if every named mutant, and nine in ten of the others, are noticed."""
    parser = argparse.ArgumentParser(description="Mutation score of the numerical code.")
    parser.add_argument("modules", nargs="*", help="names below coulombgas (default: those of PLAN)")
    parser.add_argument("--named", action="store_true", help="the mutants with a test of their own instead")
    parser.add_argument("--quick", action="store_true", help="those of them that are tested within seconds")
    parser.add_argument("--limit", type=int, default=LIMIT, help="mutants for each module (default: %(default)s)")
    parser.add_argument("--log", type=Path, help="append each result there, and take those that are there as they are")
    parser.add_argument("--report", action="store_true", help="what the log holds; nothing is run")
    parser.add_argument("--out", type=Path, help="write the table there as Markdown, or into its place in a page")
    options = parser.parse_args(argv)
    start = time.perf_counter()
    for name in _LOADED[: 5 if options.quick else None]:
        importlib.import_module(name)
    if options.named or options.quick:
        rows = run_named([name for name in QUICK if name in (options.modules or QUICK)] if options.quick else ())
        text, good = named_table(rows), bool(rows) and not any(alive for _, alive in rows)
    else:
        with tempfile.TemporaryDirectory() as folder:
            log = options.log or Path(folder) / "log"
            results = run_plan(options.modules or tuple(PLAN), options.limit, log, report=options.report)
        every = [alive for found in results.values() for _, alive in found]
        text, good = plan_table(results), sum(every) <= 0.1 * len(every)
    _tell(text + f"\n{time.perf_counter() - start:.0f} s")
    if options.out:
        write_part(options.out, "named" if options.named or options.quick else "sample", text)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
