"""Mutation score: change one factor, sign, power, argument or index of a module and see whether its checks notice.

    python tests/mutation.py                                  the public symbolic statements, as in ``PLAN``
    python tests/mutation.py coulombgas.symbolic._widths      some of them
    python tests/mutation.py some.module --tests tests/x.py --derivations matrix_ou --limit 40
    python tests/mutation.py --out docs/theory/mutation_score.md

A mutant is the code of one function compiled from a changed syntax tree and put into the live function, so that every
name that is bound to it sees the change. Each mutant runs in a process of its own, forked after all imports: first the
derivations, then the tests (stopped at the first failure). A mutant that no check notices survives. One that is noticed
is noticed by a wrong value, by an exception on the way to one, or by running into the time limit: the score tells them
apart. No mutant can fail at import, for every module is imported before the change.
"""

import argparse
import ast
import functools
import importlib
import inspect
import os
import random
import signal
import sys
import types
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TIMEOUT = 120
"""Seconds of CPU time, at least; a mutant gets five times what the checks take without one."""
PYTEST = (
    "-x", "-q", "--tb=no", "-o", "addopts=", "-p", "no:cacheprovider", "--import-mode=importlib",
    "-W", "ignore::pytest.PytestAssertRewriteWarning",  # of plugins that the modules imported
)  # fmt: skip
"""Without the type checks of the suite's own options: the modules are imported already, which these do not allow."""
OUTCOMES = ("survives", "value", "exception", "time limit")
REASONS: dict[tuple[str, str], str] = {
    ("_matrix_sde.MatrixSDE.multiplicative", "1 → 2"): "equivalent: a complex number has one row, as a real one",
}
"""(function, change) of a mutant that nothing can notice → why."""
PLAN: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "coulombgas.symbolic._widths": (
        ("discretisation", "gradient_noise", "matrix_ou", "teacher_student", "two_layer", "fokker_planck"),
        ("tests/symbolic/test_widths.py",),
    ),
    "coulombgas.symbolic._spacing": (
        ("wigner_surmise", "stable_forms", "matrix_ou", "normalisations"),
        ("tests/symbolic/test_spacing.py",),
    ),
    "coulombgas.symbolic._two_species": (("two_layer", "stable_forms"), ("tests/symbolic/test_spacing.py",)),
    "coulombgas.symbolic._selberg": (("normalisations",), ("tests/symbolic/test_coulomb_gas.py",)),
    "coulombgas.symbolic._bulk": (("large_n", "marchenko_pastur"), ("tests/symbolic/test_large_n.py",)),
    "coulombgas.symbolic._matrix_sde": (
        ("dyson_motion", "rectangular_dyson", "gradient_noise", "gaussian_rbm"),
        ("tests/symbolic/test_matrix_sde.py",),
    ),
    "coulombgas.symbolic._eigenvalue_sde": (
        ("dyson_motion", "many_levels", "rectangular_dyson"),
        ("tests/symbolic/test_matrix_sde.py", "tests/symbolic/test_coulomb_gas.py"),
    ),
    "coulombgas.symbolic._calogero": (("many_levels",), ("tests/symbolic/test_many_levels.py",)),
    "coulombgas.symbolic._loop_equations": (("many_levels",), ("tests/symbolic/test_many_levels.py",)),
    "coulombgas.symbolic._fixed_points": (
        ("fokker_planck",),
        tuple(
            f"tests/symbolic/test_{name}"
            for name in (
                "fokker_planck.py",
                "wells.py::test_fixed_points_of_a_cubic_with_three_real_zeros",
                "wells.py::test_corrections_on_a_wall_leave_an_error_of_the_next_order",
                "wells.py::test_rates_of_escape_sum_to_the_gap_of_the_spectrum",
            )
        ),
    ),
    "coulombgas.symbolic._schrodinger": (("fokker_planck",), ("tests/symbolic/test_fokker_planck.py",)),
    "coulombgas.symbolic._wick": (("gradient_noise", "gaussian_rbm"), ("tests/symbolic/test_wick.py",)),
}
"""Module → (derivations, tests) that claim it."""


@dataclass(frozen=True)
class Mutant:
    """One change: in which function, at which line, from what to what."""

    module: str
    function: str
    line: int
    change: str
    code: Any

    def __str__(self) -> str:
        return f"{self.module.rsplit('.', 1)[-1]}.{self.function}:{self.line}: {self.change}"


def mutants(module: str, changes: "Changes | None" = None, limit: int | None = None) -> list[Mutant]:
    """All mutants of the functions of a module, or ``limit`` of them; ``changes`` gives those of one function."""
    changes = changes or _changes
    source = Path(inspect.getfile(importlib.import_module(module))).read_text(encoding="utf-8")
    tree = ast.parse(source)
    places = [(name, change) for name, node in _functions(tree.body, "") for change in changes(node)]
    found = []
    for name, (node, field, new) in places if limit is None else sample(places, limit):
        before, old = ast.unparse(node), getattr(node, field)
        setattr(node, field, new)
        ast.fix_missing_locations(node)
        code = _code_of(compile(tree, module, "exec"), name)
        found.append(Mutant(module, name, node.lineno, _change(before, ast.unparse(node)), code))
        setattr(node, field, old)
    return found


def _functions(body: Sequence[ast.stmt], prefix: str) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _functions(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef) and node.name not in _TEXTS:
            yield prefix + node.name, node


def _changes(function: ast.FunctionDef) -> Iterator[tuple[Any, str, Any]]:
    """(node, field, new value) of every change; docstrings, annotations and messages of errors are left alone."""
    skipped = {id(n) for part in _ignored(function) for n in ast.walk(part)}
    for statement in function.body:
        for node in ast.walk(statement):
            if id(node) in skipped:
                continue
            if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
                yield node, "op", _OPERATORS[type(node.op)]()
            elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
                yield node, "op", ast.UAdd()
            elif isinstance(node, ast.Constant) and type(node.value) is int:
                yield node, "value", node.value + 1
            elif isinstance(node, ast.Call) and _can_be_swapped(node):
                yield node, "args", node.args[::-1]


Changes = Callable[[ast.FunctionDef], Iterator[tuple[Any, str, Any]]]
_OPERATORS: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
}  # fmt: skip
_UNORDERED = {
    "isinstance",
    "range",
    "getattr",
    "Symbol",
    "symbols",
    "sympify",
    "zeros",
    "Rational",
    "set",
    "sum",
    "fail",
}


_TEXTS = {"__str__", "__repr__", "latex", "to_latex"}
"""Functions that write text: they state nothing."""


def _can_be_swapped(node: ast.Call) -> bool:
    if len(node.args) != 2 or node.keywords or ast.unparse(node.func).rsplit(".", 1)[-1] in _UNORDERED:
        return False
    return ast.dump(node.args[0]) != ast.dump(node.args[1])


def _ignored(function: ast.FunctionDef) -> Iterator[ast.AST]:
    for node in ast.walk(function):
        if isinstance(node, ast.Raise | ast.JoinedStr):
            yield node
        elif isinstance(node, ast.AnnAssign):
            yield node.annotation
        elif isinstance(node, ast.FunctionDef):
            yield node.args
            if node.returns:
                yield node.returns


def _code_of(code: types.CodeType, name: str) -> types.CodeType:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            if constant.co_qualname == name:
                return constant
            if name.startswith(f"{constant.co_qualname}."):
                return _code_of(constant, name)
    raise LookupError(name)


def live_function(module: str, name: str) -> Any:
    """The function object behind a method, property, cache or class method."""
    owner: Any = importlib.import_module(module)
    *classes, last = name.split(".")
    for part in classes:
        owner = getattr(owner, part)
    found = inspect.getattr_static(owner, last)
    while not isinstance(found, types.FunctionType):
        if isinstance(found, property):
            found = found.fget
        elif isinstance(found, functools.cached_property):
            found = found.func
        else:
            inner: Any = getattr(found, "__func__", None)
            found = inspect.unwrap(found) if inner is None else inner  # pyright: ignore[reportArgumentType]
    return inspect.unwrap(found)  # a decorated function is itself one


def check_place(mutant: Mutant) -> None:
    """A mutant whose function is not the live one is an error, not a mutant that is noticed."""
    if live_function(mutant.module, mutant.function).__code__.co_freevars != mutant.code.co_freevars:
        raise LookupError(f"{mutant}: its function was not found")


def survives(mutant: Mutant | None, derivations: Sequence[str], tests: Sequence[str], timeout: int = TIMEOUT) -> bool:
    """Whether no check fails with the mutant in place (with None: whether the checks hold at all)."""
    return outcome(mutant, derivations, tests, timeout) == OUTCOMES[0]


def outcome(mutant: Mutant | None, derivations: Sequence[str], tests: Sequence[str], timeout: int = TIMEOUT) -> str:
    """How the checks take the mutant: one of ``OUTCOMES``; with None, whether they hold at all."""
    if mutant:
        check_place(mutant)
    child = os.fork()
    if child == 0:
        os._exit(_checks(mutant, derivations, tests, timeout))
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return "time limit" if os.WTERMSIG(status) == signal.SIGPROF else "exception"
    return OUTCOMES[os.WEXITSTATUS(status)]


def _checks(mutant: Mutant | None, derivations: Sequence[str], tests: Sequence[str], timeout: int) -> int:
    """Index into ``OUTCOMES``; an endless mutant is ended by the timer."""
    signal.setitimer(signal.ITIMER_PROF, timeout)  # CPU time: a busy machine must not look like an endless mutant
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    try:
        if mutant is not None:
            live_function(mutant.module, mutant.function).__code__ = mutant.code
        for step in _steps(mutant, derivations):
            from derivations._framework import run_step

            if failure := run_step(step).failure:
                return 1 if failure.startswith("NotProved") else 2
        return _tests(tests) if tests else 0
    except BaseException:
        return 2


def _steps(mutant: Mutant | None, derivations: Sequence[str]) -> list[Any]:
    """The steps of the chains, those first that call the mutated function or class by name."""
    if not derivations:
        return []
    from derivations._framework import chains

    steps = [step for name in derivations for step in chains()[name].steps]
    called = "" if mutant is None else mutant.function.partition(".")[0]
    return sorted(steps, key=lambda step: called not in step.library)


def _tests(tests: Sequence[str]) -> int:
    import pytest

    class Watch:
        """Remembers whether the first failure is that of an assertion."""

        found = 2

        def pytest_runtest_makereport(self, item: Any, call: Any) -> None:
            if call.excinfo is not None and issubclass(call.excinfo.type, AssertionError | pytest.fail.Exception):
                Watch.found = 1

    return 0 if pytest.main([*PYTEST, *tests], plugins=[Watch()]) == 0 else Watch.found


def sample(found: Sequence[Any], limit: int, seed: int = 0) -> list[Any]:
    """At most ``limit`` of them, drawn once and for all, in order."""
    chosen = random.Random(seed).sample(range(len(found)), min(limit, len(found)))
    return [found[k] for k in sorted(chosen)]


def report(results: dict[str, list[tuple[Mutant, str]]]) -> str:
    """The score as Markdown: one row for each module, and the survivors."""
    every = [item for rows in results.values() for item in rows]
    counts = Counter(found for _, found in every)
    killed = len(every) - counts["survives"]
    lines = [
        "# Mutation score",
        "",
        "`python tests/mutation.py --out docs/theory/mutation_score.md` changes one factor, sign, power, argument or",
        "index of a public symbolic statement and runs the derivations and tests that claim it. A mutant is noticed",
        "by a wrong value (a residual that is not zero, an assertion that fails), by an exception on the way to one,",
        "or by the time limit. None can fail at import, for the change is made after it.",
        "",
        f"**{killed} of {len(every)} mutants are noticed ({100 * killed / max(len(every), 1):.0f}%)**: "
        + ", ".join(f"{counts[name]} by {_A[name]}" for name in OUTCOMES[1:])
        + ".",
        "",
        "| module | mutants | " + " | ".join(OUTCOMES) + " |",
        "| --- |" + " --- |" * (len(OUTCOMES) + 1),
    ]
    for module, rows in results.items():
        of = Counter(found for _, found in rows)
        lines.append(f"| `{module}` | {len(rows)} | " + " | ".join(str(of[name]) for name in OUTCOMES) + " |")
    survivors = [mutant for mutant, found in every if found == "survives"]
    lines += ["", "Survivors:" if survivors else "No survivors.", ""]
    lines += [f"- `{mutant}`: {REASONS.get(_place(mutant), 'not explained yet')}" for mutant in survivors]
    return "\n".join(lines).rstrip() + "\n"


_A = {"value": "a wrong value", "exception": "an exception", "time limit": "the time limit"}


def _place(mutant: Mutant) -> tuple[str, str]:
    """Where and what, without the line: what a reason is kept under."""
    return f"{mutant.module.rsplit('.', 1)[-1]}.{mutant.function}", mutant.change


def _known(log: Path | None) -> dict[str, str]:
    """Mutant → outcome from the lines of an earlier run."""
    if log is None or not log.exists():
        return {}
    lines = [line for line in log.read_text(encoding="utf-8").splitlines() if line[:10].strip() in OUTCOMES]
    return {line[11:]: line[:10].strip() for line in lines}


def _tell(line: str, log: Path | None) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()
    if log is not None:
        with log.open("a", encoding="utf-8") as file:
            file.write(line)


def _change(before: str, after: str) -> str:
    """Both in short, from near the first difference where that comes late."""
    if _short(before) == _short(after):
        start = next(k for k in range(len(before)) if before[: k + 1] != after[: k + 1]) - 20
        before, after = f"…{before[start:]}", f"…{after[start:]}"
    return f"{_short(before)} → {_short(after)}"


def _short(text: str) -> str:
    return text if len(text) <= 50 else text[:47] + "..."


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0 if at least 95% of the mutants are noticed."""
    parser = argparse.ArgumentParser(description="Mutation score of modules.")
    parser.add_argument("modules", nargs="*", help="dotted names (default: those of PLAN)")
    parser.add_argument("--tests", nargs="*", help="test files, in place of the plan's")
    parser.add_argument("--derivations", nargs="*", help="chains, in place of the plan's")
    parser.add_argument("--limit", type=int, default=16, help="mutants for each module (default: %(default)s)")
    parser.add_argument("--log", type=Path, help="append each result there, and take those that are there as they are")
    parser.add_argument("--out", type=Path, help="write the score there as Markdown")
    options = parser.parse_args(argv)
    results: dict[str, list[tuple[Mutant, str]]] = {}
    known = _known(options.log)
    for module in options.modules or PLAN:
        chains, tests = PLAN.get(module, ((), ()))
        chains = tuple(options.derivations) if options.derivations is not None else chains
        tests = tuple(options.tests) if options.tests is not None else tests
        results[module] = []
        chosen = mutants(module, limit=options.limit)
        if all(str(mutant) in known for mutant in chosen):
            results[module] = [(mutant, known[str(mutant)]) for mutant in chosen]
            continue
        before = os.times().children_user
        if outcome(None, chains, tests, 10 * TIMEOUT) != "survives":
            parser.error(f"the checks of {module} fail, or take too long, without any mutant")
        limit = max(TIMEOUT, round(5 * (os.times().children_user - before)))
        for mutant in chosen:
            found = known.get(str(mutant)) or outcome(mutant, chains, tests, limit)
            _tell(f"{found:10} {mutant}\n", options.log if str(mutant) not in known else None)
            results[module].append((mutant, found))
    text = report(results)
    sys.stdout.write(text)
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    every = [found for rows in results.values() for _, found in rows]
    return 0 if every.count("survives") <= 0.05 * len(every) else 1


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    sys.exit(main())
