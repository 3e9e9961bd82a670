"""The whitelist parser: what it reads, and one clear, quick error for everything else."""

import gc
import time

import pytest
import sympy as sp

from coulombgas import InputError, symbolic
from coulombgas.symbolic import parse, to_plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x*(1/kappa - 1/(mu2 - x))", "x*(1/kappa - 1/(mu2 - x))"),
        ("-x**3 + 0.1*x", "x/10 - x**3"),
        ("  exp(-x**2/2)/sqrt(2*pi) ", "sqrt(2)*exp(-x**2/2)/(2*sqrt(pi))"),
        ("+x - -y", "x + y"),
        ("2**3**2", "512"),
        ("1e-3*tanh(x)", "tanh(x)/1000"),
        ("besseli(0, x) + erf(κ)", "besseli(0, x) + erf(κ)"),
        ("x**-0.5", "1/sqrt(x)"),
        ("+".join(["x"] * 900), "900*x"),
    ],
)
def test_reads(text, expected):
    expression = parse(text)
    names = {symbol.name: symbol for symbol in expression.free_symbols}
    assert sp.simplify(expression - parse(expected, names)) == 0
    assert all(symbol.is_real for symbol in expression.free_symbols)


def test_plain_text_reads_back():
    expression = parse("x*(1/kappa - 1/(mu2 - x)) + exp(-x**2/3)*sqrt(x)")
    assert parse(to_plain(expression)) == expression


def test_symbols_carry_their_assumptions():
    x = sp.Symbol("x", positive=True)
    assert parse("sqrt(x**2)", {"x": x}) == x


SECONDS = 10.0  # the slowest takes 0.1 on a quiet machine; without the bounds some take minutes
HOSTILE = [
    "__import__('os').system('true')", "x.__class__", "(lambda x: x)(1)", "lambda x: x", "lambda*x",
    "[x for x in y]", "{x: 1}", "x[0]", "x if y else z", "x and y", "x < y", "f'{x}'", "'text'", "1j", "True",
    "None", "...", "x := 3", "x = 3", "import os", "x; y", "print(x)", "exec('1')", "1or x", "exp", "exp(x, y)",
    "exp(*x)", "exp(x=1)", "x^2", "x % 2", "x // 2", "x @ y", "~x", "not x", "2x", "2 x", "x y", "(", ")", "", "   ",
    "10**10**10", "9**9**9**9", "x**10**10", "((x**99)**99)**99", "(x+1)**1000", "2**100000", "10**-400", "0.5**99999",
    "gamma(10**9)", "digamma(10**7)", "loggamma(10**8)", "besseli(10**7, x)", "1/0", "x/(1-1)", "0**-1", "0**x",
    "log(0)",
    "sqrt(-1)", "1e999", "9" * 5000, "1e308*1e308", "*".join(["10**100"] * 500), "_x", "a__b", "x" * 50, "x\ny",
    "x\x00y", "(" * 50_000 + "x" + ")" * 50_000, "(" * 200 + "x" + ")" * 200, "-" * 4000 + "x",
    "exp(" * 900 + "x" + ")" * 900,
    "2**" * 1500 + "2", "x+" * 50_000 + "x", "~" * 4000 + "x", "[" * 4000, "((((((x", "x.y.z()",
    "()", "(x,)", "await x", "yield",
    "a" + ".b" * 2000, "a" + "[0]" * 1600, "a" + "()" * 2400, "not " * 1200 + "x", "tan(pi/2)", "exp(exp",
    "loggamma(-1.5)", "asin(2)", "acos(-3)", "acosh(0.5)", "atanh(2)", "sqrt(sqrt(2)-2)", "(-8)**(1/3)",
    "besseli(0.5, -2)",
    "log(log(log(2)))", "1/(sin(1)**2+cos(1)**2-1)", "log(sin(1)**2+cos(1)**2-1)", "erfc(10**300)",
    "exp(exp(exp(5)))", "sinh(600)*sinh(600)", "exp(-10**300)", "cosh(10**9)", "x*asin(2)", "x**asin(2)",
    "*".join("x" * 301), "/".join("x" * 300), "(x**50+1)**50", "*".join(f"(x+{i})" for i in range(300)),
    "(x+1)**99*(x+2)**2", "(x*y)**60",
]  # fmt: skip


@pytest.fixture
def without_collections():
    """In a process with millions of objects a collection of garbage takes longer than the parser."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:24]))
def test_refuses_at_once_with_one_line(text, without_collections):
    start = time.thread_time()
    with pytest.raises(InputError) as caught:
        parse(text)
    assert time.thread_time() - start < SECONDS
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    assert message.endswith(".")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("loggamma(2.5)", 0.2846828704729192), ("asin(1/2)", 0.5235987755982989), ("exp(-600)", 2.650396553e-261),
        ("sin(10**100)", -0.3723761236612767), ("digamma(0.3)", -3.502524222200133), ("tan(1)", 1.557407724654902),
    ],
)  # fmt: skip
def test_constants_that_are_real_numbers_pass(text, value):
    assert float(parse(text)) == pytest.approx(value, rel=1e-9)


def test_a_tower_of_powers_is_read():
    x = sp.Symbol("x", real=True)
    assert parse("x**x**x") == x ** (x**x)


@pytest.mark.parametrize("value", [None, 3, b"x", ["x"]])
def test_refuses_what_is_not_text(value):
    with pytest.raises(InputError, match="must be text"):
        parse(value)


def test_hints():
    with pytest.raises(InputError, match="write \\*\\* for powers"):
        parse("x^2")
    with pytest.raises(InputError, match="'lambda' is a reserved word"):
        parse("lambda*x")
    with pytest.raises(InputError, match="write products with"):
        parse("2x")
    with pytest.raises(InputError, match="not a known function; there are sqrt"):
        parse("foo(x)")


@pytest.mark.parametrize(
    "build", [lambda text: symbolic.CoulombGas((text,)), lambda text: symbolic.to_jax(text, ("x",))]
)
def test_text_is_never_evaluated_elsewhere(build, tmp_path):
    """SymPy's own reading of strings is Python's ``eval``: nothing but the parser may read one."""
    target = tmp_path / "touched"
    with pytest.raises((ValueError, TypeError)):
        build(f"open({str(target)!r}, 'w')")
    assert not target.exists()


def test_the_library_gives_sympy_no_text_to_evaluate():
    import ast
    from pathlib import Path

    import coulombgas

    calls = [
        (path.name, {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords})
        for path in Path(coulombgas.__file__).parent.rglob("*.py")
        if "sympify" in (text := path.read_text(encoding="utf-8"))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("sympify")
    ]
    assert len(calls) > 10
    assert [name for name, keywords in calls if keywords.get("strict") != "True"] == []
