r"""How a derivation is written, registered, checked and indexed.

One public module of this folder is one chain. It creates one :class:`Chain` named ``chain`` and registers its steps, in
reading order; nothing else is needed, because the index imports every public module and takes its ``chain``::

    import sympy as sp

    from coulombgas import symbolic

    from ._framework import Board, Chain

    chain = Chain(order=30, title="Wigner surmise and pair density")

    @chain.step
    def spacing_law(board: Board) -> None:
        "ALP24 (74): the level spacing follows P(S) = S/(2 s^2) exp(-S^2/(4 s^2))."
        law = board.line("Integrate the centre of mass out of (70):", derived, name="P(S)")
        board.zero("The library states the same law.", law - symbolic.wigner_surmise(1).density)

The first paragraph of the docstring is the index row: ``PAPER (n)``, or ``PAPER`` alone if its numbers are unknown, or
``derived here`` for a result that is in no paper; then a colon and what the equation says, in plain text. A step is one
equation: it has at most one number, and its own sentence and checks.

A step receives an empty :class:`Board`. ``board.line`` writes down a step of the argument, ``board.zero`` checks for an
exact symbolic zero, and ``board.same_numerically`` compares numbers at random points where SymPy cannot prove the zero.
Words are LaTeX; expressions are SymPy. Statements of the library are called through their module
(``symbolic.wigner_surmise``, not a name imported from it) so that the mutation test can patch them and the index can
name them.

Status of a step, given to the decorator (``@chain.step(status="corrected", note="for gap != 0 only")``): see
:data:`STATUSES`. A step that is numerically proved states the number of digits and points, and fails if it compares
fewer. ``identified`` says how the content of a numbered equation is known if not by its own number: as one of a range
of numbers, or by its section; :func:`within` writes this text.
"""

import ast
import importlib
import inspect
import pkgutil
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import mpmath
import sympy as sp

STATUSES = {
    "proved": "exact symbolic zeros only, at least one",
    "numerically proved": "agreement of numbers to the digits and at the points given in the row, where SymPy cannot "
    "prove the zero",
    "corrected": "true only under an assumption not stated in the paper, or in another form; the row says which",
    "definition": "introduces a quantity; consequences are checked if there are any",
    "check": "a published result that the library does not state: exact zeros, or the digits given in the row",
}
"""Status → what it means; printed in the README and in the documentation."""
DIGITS = 50
"""Decimal digits of numerical comparisons: beyond coincidence, and beyond any float left in a formula."""
POINTS = 20
"""Random points of a comparison: two formulas that agree on part of the ranges only would differ at some of them."""
TOLERANCE = DIGITS - 8
"""Digits that must agree: up to eight are left to cancellation."""
_HEAD = re.compile(r"^(?P<paper>[A-Z]+\d*|derived here)(?: \((?P<number>[0-9A-Z.]+)\))?: ", re.S)


class NotProved(AssertionError):
    """A residual that should vanish does not vanish."""


@dataclass(frozen=True)
class Line:
    """One line of an argument: LaTeX words, an expression, the LaTeX left-hand side it is equal to, and its kind."""

    words: str
    expression: Any = None
    name: str = ""
    kind: str = "line"


@dataclass
class Board:
    """Holds the argument of one step; every check raises :class:`NotProved` if it fails."""

    lines: list[Line] = field(default_factory=list)
    num_exact: int = 0
    comparisons: list[tuple[int, int]] = field(default_factory=list)
    """(digits, points) of every numerical comparison."""

    def line(self, words: str, expression: Any = None, name: str = "") -> Any:
        """Write a line and return its expression."""
        self.lines.append(Line(words, expression, name))
        return expression

    def zero(self, words: str, residual: Any, by: Callable[[Any], Any] | None = None) -> None:
        """Check that a residual (or every entry of a matrix or list) is exactly zero.

        What expansion leaves is simplified by ``by`` (a targeted simplification), or else by a common denominator.
        Before ``by`` the residual must vanish at a random point, because simplifying a non-zero expression can take
        forever.
        """
        entries = list(residual) if isinstance(residual, (list, tuple, sp.MatrixBase)) else [residual]
        for entry in entries:
            left = _reduce(sp.sympify(entry), by)
            if left != 0:
                raise NotProved(f"{words} Residual: {str(left)[:400]}")
        self.num_exact += 1
        self.lines.append(Line(words, kind="zero"))

    def true(self, words: str, statement: Any) -> None:
        """Check an exact truth, such as a sign or an ordering decided from assumptions."""
        if not (statement is True or statement == sp.true):
            raise NotProved(f"{words} Not decided as true: {statement}")
        self.num_exact += 1
        self.lines.append(Line(words, kind="zero"))

    def same_numerically(
        self,
        words: str,
        left: Any,
        right: Any,
        ranges: Mapping[sp.Symbol, tuple[float, float]],
        points: int = POINTS,
        tolerance_digits: int = TOLERANCE,
    ) -> None:
        """Compare two expressions, or callables of mpmath numbers, at random points of the ranges.

        Both are evaluated with 50 digits or more, and must agree to ``tolerance_digits``.
        """
        draw = random.Random(words)
        for _ in range(points):
            values = {symbol: _random_rational(draw, *limits) for symbol, limits in ranges.items()}
            with mpmath.workdps(DIGITS + 10):
                one, two = _evaluate(left, values), _evaluate(right, values)
                scale = max(abs(one), abs(two), mpmath.mpf(10) ** -30)
                if abs(one - two) > scale * mpmath.mpf(10) ** -tolerance_digits:
                    raise NotProved(f"{words} At {values}: {mpmath.nstr(one, 20)} against {mpmath.nstr(two, 20)}")
        self.comparisons.append((tolerance_digits, points))
        self.lines.append(Line(f"{words} ({tolerance_digits} digits, {points} points)", kind="numerical"))


def _reduce(entry: Any, by: Callable[[Any], Any] | None) -> Any:
    expanded = sp.expand(entry)
    if expanded == 0:
        return expanded
    if by is not None:
        return by(entry) if _may_vanish(entry) else entry
    return sp.expand(sp.fraction(sp.together(expanded))[0])


def _may_vanish(entry: Any) -> bool:
    """False if the entry is a number other than zero when its symbols are given generic values."""
    draw = random.Random(0)
    values = {
        symbol: sp.Integer(draw.randint(2, 4)) if symbol.is_integer else _random_rational(draw, 0.2, 0.9)
        for symbol in sorted(entry.free_symbols, key=str)
    }
    try:
        number = complex(entry.subs(values).evalf(30))
    except (TypeError, ValueError, ZeroDivisionError):
        return True  # not a number: undefined functions, integrals, unevaluated sums
    return not abs(number) > 1e-12


def _random_rational(draw: random.Random, low: float, high: float) -> sp.Rational:
    low, high = sp.Rational(str(low)), sp.Rational(str(high))
    return low + (high - low) * sp.Rational(draw.randint(1, 9999), 10000)


def _evaluate(side: Any, values: Mapping[sp.Symbol, sp.Rational]) -> Any:
    if callable(side) and not isinstance(side, sp.Basic):
        return side(*(mpmath.mpf(v.p) / v.q for v in values.values()))
    # floats, not rationals: SymPy would look for perfect powers in (p/q)**(a/b)
    numbers = {symbol: sp.Float(value, DIGITS + 25) for symbol, value in values.items()}
    number = sp.N(sp.sympify(side).subs(numbers), DIGITS + 5)
    real, imaginary = number.as_real_imag()
    return mpmath.mpc(str(real), str(imaginary)) if imaginary != 0 else mpmath.mpf(str(real))


@dataclass(frozen=True)
class Step:
    """One registered step: its equations, what it says, its status and its function."""

    function: Callable[[Board], None]
    paper: str
    equations: tuple[str, ...]
    says: str
    status: str
    note: str
    identified: str
    body: str
    digits: int = 0
    points: int = 0

    @property
    def name(self) -> str:
        """``module.function``, without the folder."""
        return f"{self.function.__module__.rsplit('.', 1)[-1]}.{self.function.__name__}"

    @property
    def labels(self) -> tuple[str, ...]:
        """One label for each row of the index: ``ALP24 (73)``, or ``derived here``."""
        return tuple(f"{self.paper} ({n})" for n in self.equations) or (self.paper,)

    @property
    def library(self) -> tuple[str, ...]:
        """Functions of ``coulombgas.symbolic`` called by the step, including helpers of its module, read from the
        source."""
        return _library_names(self.function)


@dataclass(frozen=True)
class Result:
    """Result of a step: its board, the seconds it took and, if it failed, the reason."""

    step: Step
    board: Board
    seconds: float
    failure: str = ""


class Chain:
    """The steps of one module in reading order. ``order`` places the chain in the document."""

    def __init__(self, *, order: int, title: str) -> None:
        self.order, self.title = order, title
        self.steps: list[Step] = []

    def step(
        self,
        function: Callable[[Board], None] | None = None,
        *,
        status: str = "proved",
        note: str = "",
        identified: str = "",
        digits: int = 0,
        points: int = 0,
    ) -> Any:
        """Register a step; the equation number and the statement are read from the docstring.

        ``digits`` and ``points``: those of the weakest numerical comparison of the step.
        """
        if function is None:
            return partial(
                self.step, status=status, note=note, identified=identified, digits=digits, points=points
            )  # fmt: skip
        if status not in STATUSES:
            raise ValueError(f"`status` must be one of {tuple(STATUSES)}, got {status!r}.")
        if status == "numerically proved" and not (digits and points):
            raise ValueError(f"{function.__name__}: say to how many `digits` and at how many `points`.")
        if status == "corrected" and not note:
            raise ValueError(f"{function.__name__}: a corrected equation needs a `note` that says how.")
        head, _, body = _unwrap(function.__doc__ or "").partition("\n\n")
        match = _HEAD.match(head)
        if match is None:
            raise ValueError(
                f"{function.__name__}: the docstring must start like 'ALP24 (74): ...', one equation a step."
            )
        equations = (match["number"],) if match["number"] else ()
        says = head[match.end() :]
        self.steps.append(
            Step(function, match["paper"], equations, says, status, note, identified, body, digits, points)
        )
        return function


def _unwrap(doc: str) -> str:
    paragraphs = re.split(r"\n\s*\n", doc.strip())
    return "\n\n".join(" ".join(p.split()) for p in paragraphs)


def run_step(step: Step) -> Result:
    """Run one step and check that it did what its status claims."""
    board, start = Board(), time.perf_counter()
    failure = ""
    try:
        step.function(board)
        failure = _contradiction(step, board)
    except Exception as error:  # a broken step is a failed step, whatever broke it
        failure = f"{type(error).__name__}: {error}"
    return Result(step, board, time.perf_counter() - start, failure)


def _contradiction(step: Step, board: Board) -> str:
    checked = board.num_exact + len(board.comparisons)
    if step.status == "proved" and (board.num_exact == 0 or board.comparisons):
        return "called proved, but it has no exact check or relies on a numerical one"
    if step.status == "numerically proved" and not board.comparisons:
        return "called numerically proved, but nothing was compared"
    if step.status in ("corrected", "check") and not checked:
        return f"called {step.status}, but nothing was checked"
    weakest = tuple(min(column) for column in zip(*board.comparisons, strict=True)) if board.comparisons else (0, 0)
    if (step.digits, step.points) != weakest:
        return f"says {step.digits} digits at {step.points} points, but its weakest comparison has {weakest}"
    return ""


def within(first: int, last: int) -> str:
    """Text of ``identified`` for an equation whose number is known only as one of a range."""
    return (
        f"as one of ({first})-({last}); the paper's text was not available; the position within the range "
        "follows the order of the argument"
    )


def _library_names(function: Callable[..., Any]) -> tuple[str, ...]:
    found, seen, todo = set(), set(), [(function.__module__, function.__name__)]
    while todo:
        module, name = todo.pop()
        if (module, name) in seen:
            continue
        seen.add((module, name))
        for node in ast.walk(_top_level(module).get(name, ast.Pass())):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "symbolic":
                found.add(node.attr)
            elif isinstance(node, ast.Name):
                home = getattr(getattr(importlib.import_module(module), node.id, None), "__module__", module)
                todo += [(place, node.id) for place in {module, home} if node.id in _top_level(str(place))]
    return tuple(sorted(found))


@cache
def _top_level(module: str) -> dict[str, ast.AST]:
    """The functions and assignments of a module of this folder by name."""
    if not module.startswith(f"{__package__}."):
        return {}
    table: dict[str, ast.AST] = {}
    for node in ast.parse(inspect.getsource(importlib.import_module(module))).body:
        if isinstance(node, ast.FunctionDef):
            table[node.name] = node
        elif isinstance(node, ast.Assign):
            names = [item.id for target in node.targets for item in ast.walk(target) if isinstance(item, ast.Name)]
            table |= dict.fromkeys(names, node.value)
    return table


def chains() -> dict[str, Chain]:
    """All chains of this folder by module name, in reading order."""
    names = [m.name for m in pkgutil.iter_modules([str(Path(__file__).parent)]) if not m.name.startswith("_")]
    found = {name: importlib.import_module(f"derivations.{name}").chain for name in names}
    return dict(sorted(found.items(), key=lambda item: (item[1].order, item[0])))


def run_chain(name: str) -> list[Result]:
    """Run all steps of one chain."""
    return [run_step(step) for step in importlib.import_module(f"derivations.{name}").chain.steps]
