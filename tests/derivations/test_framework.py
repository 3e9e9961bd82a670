"""The framework: what a board accepts, what it refuses, and what a docstring must say."""

import pytest
import sympy as sp

from derivations._framework import Board, Chain, NotProved, run_step

x, y = sp.symbols("x y", positive=True)


def test_exact_zero_by_expansion_and_common_denominator():
    board = Board()
    board.zero("Squares.", (x + y) ** 2 - x**2 - 2 * x * y - y**2)
    board.zero("Fractions.", 1 / x - 1 / y - (y - x) / (x * y))
    board.zero("A list.", [sp.S.Zero, x - x])
    assert board.num_exact == 3
    assert len(board.lines) == 3


@pytest.mark.parametrize("residual", [x, [0, x - y], sp.Matrix([[x]]), sp.nan])
def test_what_is_not_zero_is_refused(residual):
    with pytest.raises(NotProved, match=r"Residual"):
        Board().zero("No.", residual)


def test_a_truth_must_be_decided():
    board = Board()
    board.true("Positive.", x > 0)
    with pytest.raises(NotProved, match="Not decided"):
        board.true("Unknown.", x > y)


def test_numerical_comparison_sees_one_part_in_1e30():
    board = Board()
    board.same_numerically("Same.", sp.gamma(x + 1), x * sp.gamma(x), {x: (0.5, 9)})
    assert board.num_numerical == 1
    with pytest.raises(NotProved):
        board.same_numerically("Nearly.", sp.exp(x), sp.exp(x) * (1 + sp.Rational(1, 10**30)), {x: (0.5, 9)})


def test_numerical_comparison_takes_functions_of_mpmath_numbers():
    import mpmath

    board = Board()
    board.same_numerically("Same.", lambda u: mpmath.exp(u), sp.exp(x), {x: (0, 1)})
    assert board.num_numerical == 1
    with pytest.raises(NotProved):
        board.same_numerically("Another.", lambda u: mpmath.exp(2 * u), sp.exp(x), {x: (0, 1)})


def test_docstring_gives_paper_numbers_and_statement():
    chain = Chain(order=1, title="t")

    @chain.step(identified="as one of them")
    def example(board: Board) -> None:
        """ALP24 (3)-(5), (7): four equations
        in one step.

        More words.
        """
        board.zero("Trivial.", 0)

    (step,) = chain.steps
    assert step.equations == ("3", "4", "5", "7")
    assert step.labels == ("ALP24 (3)", "ALP24 (4)", "ALP24 (5)", "ALP24 (7)")
    assert step.says == "four equations in one step."
    assert step.body == "More words."
    assert run_step(step).failure == ""


def test_results_of_no_paper_have_one_row():
    chain = Chain(order=1, title="t")

    @chain.step
    def example(board: Board) -> None:
        """derived here: one is one."""
        board.zero("Trivial.", 0)

    assert chain.steps[0].labels == ("derived here",)


@pytest.mark.parametrize("doc", ["", "Something.", "ALP24 74: no brackets"])
def test_a_docstring_without_a_head_is_refused(doc):
    def example(board: Board) -> None: ...

    example.__doc__ = doc
    with pytest.raises(ValueError, match="docstring must start"):
        Chain(order=1, title="t").step(example)


def test_a_correction_must_say_how():
    with pytest.raises(ValueError, match="needs a `note`"):

        @Chain(order=1, title="t").step(status="corrected")
        def example(board: Board) -> None:
            """ALP24 (1): x."""


def test_unknown_status_is_refused():
    with pytest.raises(ValueError, match="`status` must be one of"):

        @Chain(order=1, title="t").step(status="todo")
        def example(board: Board) -> None:
            """ALP24 (1): x."""


@pytest.mark.parametrize(
    ("status", "check", "complaint"),
    [
        ("proved", "none", "no exact check"),
        ("proved", "numerical", "relies on a numerical one"),
        ("numerically proved", "exact", "nothing was compared"),
        ("corrected", "none", "nothing was checked"),
    ],
)
def test_a_step_that_does_less_than_its_status_fails(status, check, complaint):
    chain = Chain(order=1, title="t")

    @chain.step(status=status, note="so")
    def example(board: Board) -> None:
        """ALP24 (1): x."""
        if check == "exact":
            board.zero("Trivial.", 0)
        if check == "numerical":
            board.zero("Trivial.", 0)
            board.same_numerically("Trivial.", x, x, {x: (1, 2)})

    assert complaint in run_step(chain.steps[0]).failure


def test_a_broken_step_is_a_failed_step():
    chain = Chain(order=1, title="t")

    @chain.step
    def example(board: Board) -> None:
        """ALP24 (1): x."""
        raise KeyError("gone")

    assert run_step(chain.steps[0]).failure == "KeyError: 'gone'"
