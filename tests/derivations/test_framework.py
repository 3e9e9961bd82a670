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
    assert board.comparisons == [(42, 20)]
    with pytest.raises(NotProved):
        board.same_numerically("Nearly.", sp.exp(x), sp.exp(x) * (1 + sp.Rational(1, 10**30)), {x: (0.5, 9)})


def test_numerical_comparison_takes_functions_of_mpmath_numbers():
    import mpmath

    board = Board()
    board.same_numerically("Same.", lambda u: mpmath.exp(u), sp.exp(x), {x: (0, 1)})
    assert board.comparisons == [(42, 20)]
    with pytest.raises(NotProved):
        board.same_numerically("Another.", lambda u: mpmath.exp(2 * u), sp.exp(x), {x: (0, 1)})


def test_docstring_gives_paper_number_and_statement():
    chain = Chain(order=1, title="t")

    @chain.step(identified="as one of them")
    def example(board: Board) -> None:
        """ALP24 (3): one equation
        in one step.

        More words.
        """
        board.zero("Trivial.", 0)

    (step,) = chain.steps
    assert step.equations == ("3",)
    assert step.labels == ("ALP24 (3)",)
    assert step.says == "one equation in one step."
    assert step.body == "More words."
    assert step.library == ()
    assert run_step(step).failure == ""


def test_results_of_no_paper_have_one_row():
    chain = Chain(order=1, title="t")

    @chain.step
    def example(board: Board) -> None:
        """derived here: one is one."""
        board.zero("Trivial.", 0)

    assert chain.steps[0].labels == ("derived here",)


@pytest.mark.parametrize("doc", ["", "Something.", "ALP24 74: no brackets", "ALP24 (3)-(5): a range"])
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
        ("check", "none", "nothing was checked"),
    ],
)
def test_a_step_that_does_less_than_its_status_fails(status, check, complaint):
    chain = Chain(order=1, title="t")

    numbers = {"digits": 42, "points": 20} if status == "numerically proved" else {}

    @chain.step(status=status, note="so", **numbers)
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


@pytest.mark.parametrize(
    ("digits", "points", "holds"), [(30, 5, True), (42, 5, False), (30, 20, False), (20, 5, False)]
)
def test_a_numerical_proof_reaches_what_it_says(digits, points, holds):
    """The weakest comparison of the step has 30 digits at 5 points."""
    chain = Chain(order=1, title="t")

    @chain.step(status="numerically proved", digits=digits, points=points)
    def example(board: Board) -> None:
        """ALP24 (1): x."""
        board.same_numerically("Strong.", x, x, {x: (1, 2)})
        board.same_numerically("Weak.", x, x, {x: (1, 2)}, tolerance_digits=30, points=5)

    assert (run_step(chain.steps[0]).failure == "") == holds


def test_a_numerical_proof_says_what_it_reaches():
    with pytest.raises(ValueError, match="how many `digits`"):

        @Chain(order=1, title="t").step(status="numerically proved")
        def example(board: Board) -> None:
            """ALP24 (1): x."""


def test_a_row_names_what_it_takes_from_the_library():
    from derivations._framework import chains

    steps = {step.name: step for chain in chains().values() for step in chain.steps}
    assert steps["discretisation.stationary_variance"].library == ("discrete_width2", "gaussian_average")
    assert "rbm_potential" in steps["fokker_planck.split_by_noise"].library or "FokkerPlanck" in (
        steps["fokker_planck.split_by_noise"].library
    )  # through two helpers
    assert "brody" in steps["stable_forms.log_densities"].library  # through a table
