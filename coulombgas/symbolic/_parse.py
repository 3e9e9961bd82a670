"""Text to SymPy by an allowlist over Python's syntax tree: nothing is evaluated, and everything is bounded."""

import ast
import math
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import sympy as sp

from coulombgas._checks import InputError

_MAX_LENGTH = 5000  # characters, far beyond any model
_MAX_DEPTH = 60  # nested levels, far below Python's recursion limit
_MAX_EXPONENT = 100  # as the degree below
_MAX_LOG10 = 300.0  # of a number: float64 ends at 308
_MAX_SPECIAL = 170  # of an argument at a number: Γ(172) leaves float64
_MAX_GROWTH = 690.0  # of the argument of exp, sinh and cosh at a number: beyond, the value leaves float64
_MAX_DEGREE = 100  # of the whole expression as a polynomial: beyond, algebra on it takes minutes

_FUNCTIONS: dict[str, tuple[Callable[..., Any], int]] = {
    "sqrt": (sp.sqrt, 1), "exp": (sp.exp, 1), "log": (sp.log, 1), "abs": (sp.Abs, 1), "sign": (sp.sign, 1),
    "sin": (sp.sin, 1), "cos": (sp.cos, 1), "tan": (sp.tan, 1), "asin": (sp.asin, 1), "acos": (sp.acos, 1),
    "atan": (sp.atan, 1), "sinh": (sp.sinh, 1), "cosh": (sp.cosh, 1), "tanh": (sp.tanh, 1), "asinh": (sp.asinh, 1),
    "acosh": (sp.acosh, 1), "atanh": (sp.atanh, 1), "erf": (sp.erf, 1), "erfc": (sp.erfc, 1), "gamma": (sp.gamma, 1),
    "loggamma": (sp.loggamma, 1), "digamma": (sp.digamma, 1), "besseli": (sp.besseli, 2),
}  # fmt: skip
_CONSTANTS = {"pi": sp.pi}
_GROWING = ("exp", "sinh", "cosh")
_EAGER = ("gamma", "loggamma", "digamma", "besseli")  # SymPy evaluates these at integers at once, however large


def parse(text: Any, symbols: Mapping[str, Any] | None = None) -> Any:
    """A SymPy expression from text: names, numbers, + − * / **, parentheses and a list of functions.

    Decimal numbers become exact rationals. A name that is not in ``symbols`` becomes a real symbol; ``pi`` is π.

    Args:
        text: such as ``"x*(1/kappa - 1/(mu2 - x))"``.
        symbols: name to symbol, for names that carry assumptions.

    Raises:
        InputError: for anything else, with what was found; for text beyond 5000 characters or 60 nested levels, and
            for exponents and numbers too large for a model of this kind.
    """
    tree = _syntax_tree(text)
    expression = _Reader(text, symbols or {}).read(tree, 0)
    _check_value(expression, text)
    _check_degree(expression, text)
    return expression


def _syntax_tree(text: Any) -> ast.expr:
    """The syntax tree of one line of text of bounded length and depth."""
    if not isinstance(text, str):
        raise InputError(f"an expression must be text, got {type(text).__name__}.")
    if not text.strip():
        raise InputError("an expression must not be empty.")
    if len(text) > _MAX_LENGTH:
        raise InputError(f"an expression must have at most {_MAX_LENGTH} characters, got {len(text)}.")
    if not text.isprintable():
        raise InputError(f"expression {_short(text)} must be one line of printable text.")
    if _nesting(text) > _MAX_DEPTH:
        raise InputError(f"expression {_short(text)} nests parentheses more than {_MAX_DEPTH} deep: simplify it.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the tokeniser's warnings about text such as "1or"
            return ast.parse(text.strip(), mode="eval").body
    except (RecursionError, MemoryError):
        raise InputError(f"expression {_short(text)} is nested too deeply: simplify it.") from None
    except (SyntaxError, ValueError):
        raise InputError(f"expression {_short(text)} is not valid syntax{_hint(text)}.") from None


def _nesting(text: str) -> int:
    depth = deepest = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        deepest = max(deepest, depth)
    return deepest


def _hint(text: str) -> str:
    if re.search(r"\blambda\b", text):
        return ": 'lambda' is a reserved word, choose another name such as 'lam'"
    if re.search(r"\d\s*[A-Za-z(]", text):
        return ": write products with *, as in 2*x"
    return ": use names, numbers, + - * / **, parentheses and functions"


class _Reader:
    """Walks the tree of one expression."""

    def __init__(self, text: str, symbols: Mapping[str, Any]) -> None:
        self._text = text
        self._symbols = symbols

    def read(self, node: ast.expr, depth: int) -> Any:
        """The value of a node; raises for anything but arithmetic, names, numbers and known functions."""
        if depth > _MAX_DEPTH:
            self._refuse(f"is nested more than {_MAX_DEPTH} levels deep: simplify it")
        if isinstance(node, ast.BinOp):
            return self._chain(node, depth)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.UAdd | ast.USub):
            value = self.read(node.operand, depth + 1)
            return -value if isinstance(node.op, ast.USub) else value
        if isinstance(node, ast.Constant):
            return self._number(node.value)
        if isinstance(node, ast.Name):
            return self._name(node.id)
        if isinstance(node, ast.Call):
            return self._call(node, depth)
        return self._refuse(
            f"contains {_describe(node)}, which is not allowed: use names, numbers, + - * / ** and functions"
        )

    def _chain(self, node: ast.BinOp, depth: int) -> Any:
        """A left-deep chain a + b − c …, walked in a loop so that long sums need no deep recursion."""
        links: list[ast.BinOp] = []
        left: ast.expr = node
        while isinstance(left, ast.BinOp):
            links.append(left)
            left = left.left
        value = self.read(left, depth + 1)
        for link in reversed(links):
            value = self._operate(link.op, value, self.read(link.right, depth + 1))
        return value

    def _operate(self, operator: ast.operator, left: Any, right: Any) -> Any:
        """One binary operation on values."""
        if isinstance(operator, ast.Pow):
            return self._power(left, right)
        if isinstance(operator, ast.Add):
            result = left + right
        elif isinstance(operator, ast.Sub):
            result = left - right
        elif isinstance(operator, ast.Mult):
            result = left * right
        elif isinstance(operator, ast.Div):
            if right.is_zero:
                self._refuse("divides by zero")
            result = left / right
        else:
            extra = ": write ** for powers" if isinstance(operator, ast.BitXor) else ""
            self._refuse(f"contains {_describe(operator)}, which is not allowed{extra}")
        if isinstance(operator, ast.Mult | ast.Div):
            _check_degree(result, self._text)
        _check_value(result, self._text)
        return result

    def _power(self, base: Any, exponent: Any) -> Any:
        """A power, refused where its exponent or its value is too large."""
        if exponent.is_number:
            size = abs(float(exponent.evalf(15)))
            if size > _MAX_EXPONENT and not base.is_number:
                self._refuse(f"has an exponent of {size:.3g}; at most {_MAX_EXPONENT} is allowed")
            if base.is_number and not base.is_zero:
                log_size = size * abs(math.log10(abs(complex(base.evalf(15))) or 1.0))
                if not log_size <= _MAX_LOG10 or size > 10 * _MAX_EXPONENT:
                    self._refuse("has a number raised to a power beyond 1e300")
        elif base.is_zero:
            self._refuse("raises zero to a symbolic power")
        if base.is_zero and exponent.is_negative:
            self._refuse("divides by zero")
        result = base**exponent
        total = result.as_base_exp()[1]
        if not result.is_number and total.is_number and abs(total) > _MAX_EXPONENT:
            self._refuse(f"has an exponent of {float(abs(total)):.3g}; at most {_MAX_EXPONENT} is allowed")
        _check_value(result, self._text)
        return result

    def _number(self, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._refuse(f"contains {value!r:.40}, which is not a real number")
        if not abs(value) <= 10**_MAX_LOG10:
            self._refuse("contains a number beyond 1e300")
        return sp.Integer(value) if isinstance(value, int) else sp.Rational(repr(value))

    def _name(self, name: str) -> Any:
        if name in self._symbols:
            return self._symbols[name]
        if name in _CONSTANTS:
            return _CONSTANTS[name]
        if name in _FUNCTIONS:
            self._refuse(f"uses the function {name!r} without an argument: write {name}(...)")
        if not re.fullmatch(r"[^\W\d_]\w{0,39}", name) or "__" in name:
            self._refuse(f"contains the name {name[:40]!r}: a name starts with a letter and has no double underscore")
        return sp.Symbol(name, real=True)

    def _call(self, node: ast.Call, depth: int) -> Any:
        """A known function of its arguments, refused where its value is too large or too slow to find."""
        known = ", ".join(_FUNCTIONS)
        if not isinstance(node.func, ast.Name):
            self._refuse(f"calls {_describe(node.func)}, which is not allowed: only functions by name, {known}")
        name = node.func.id
        if name not in _FUNCTIONS:
            self._refuse(f"calls {name[:40]!r}, which is not a known function; there are {known}")
        function, num_args = _FUNCTIONS[name]
        if node.keywords or len(node.args) != num_args or any(isinstance(arg, ast.Starred) for arg in node.args):
            self._refuse(f"calls {name!r} with other than {num_args} plain argument{'s' * (num_args > 1)}")
        args = [self.read(arg, depth + 1) for arg in node.args]
        if name in _GROWING and any(arg.is_number and abs(float(arg.evalf(15))) > _MAX_GROWTH for arg in args):
            self._refuse(f"calls {name!r} at a number beyond {_MAX_GROWTH:g}: its value leaves the range of floats")
        if name in _EAGER and any(arg.is_number and abs(complex(arg.evalf(15))) > _MAX_SPECIAL for arg in args):
            self._refuse(f"calls {name!r} at a number beyond {_MAX_SPECIAL}")
        result = function(*args)
        _check_value(result, self._text)
        return result

    def _refuse(self, reason: str) -> NoReturn:
        raise InputError(f"expression {_short(self._text)} {reason}.")


def _check_value(value: Any, text: str) -> None:
    _check_symbols(value, text)
    if value.is_number and not value.is_Rational:
        _check_number(value, text)


def _check_number(value: Any, text: str) -> None:
    """Check that a constant is real and fits into a float: SymPy accepts asin(2) or 1/(sin²1 + cos²1 − 1)."""
    try:
        number = value.evalf(15, maxn=400)
    except (OverflowError, ValueError):
        raise InputError(f"expression {_short(text)} contains a number beyond 1e300.") from None
    if number.is_real is not False and not number.is_comparable:
        raise InputError(
            f"expression {_short(text)} contains {_short(str(value))}, which cannot be distinguished from zero."
        )
    if not number.is_comparable:
        raise InputError(f"expression {_short(text)} contains {_short(str(value))}, which is not a real number.")
    if not abs(number) < sp.Float(10) ** int(_MAX_LOG10):
        raise InputError(f"expression {_short(text)} contains a number beyond 1e300.")


def _check_degree(value: Any, text: str) -> None:
    """Check after each product too: a long one is refused at its factor beyond the limit, not when it has grown."""
    if _degree(value) > _MAX_DEGREE:
        raise InputError(f"expression {_short(text)} has a degree above {_MAX_DEGREE}: simplify it.")


def _degree(node: Any) -> Any:
    """Degree as a polynomial in all symbols together, before anything cancels; a function counts as its argument."""
    if not node.free_symbols:
        return 0
    if node.is_Mul:
        return sum(_degree(arg) for arg in node.args)
    if node.is_Pow and node.exp.is_number:
        return abs(node.exp) * _degree(node.base)
    return max((_degree(arg) for arg in node.args), default=1)


def _check_symbols(value: Any, text: str) -> None:
    if value.has(sp.zoo, sp.nan, sp.oo, -sp.oo):
        raise InputError(f"expression {_short(text)} divides by zero or is infinite.")
    if value.has(sp.I):
        raise InputError(f"expression {_short(text)} is not real.")
    numbers = (value, *value.args) if not value.is_Atom else (value,)
    for number in numbers:
        if number.is_Rational and max(abs(number.p), number.q) > 10**400:
            raise InputError(f"expression {_short(text)} contains a number beyond 1e300.")


def _describe(node: ast.AST) -> str:
    """What a node is, in words for a message."""
    names = {
        ast.Attribute: "attribute access", ast.Subscript: "an index", ast.Lambda: "a lambda",
        ast.ListComp: "a comprehension", ast.GeneratorExp: "a comprehension", ast.SetComp: "a comprehension",
        ast.DictComp: "a comprehension",
        ast.Compare: "a comparison", ast.BoolOp: "a logical operator", ast.IfExp: "a condition", ast.List: "a list",
        ast.Tuple: "a tuple", ast.Dict: "a dict", ast.Set: "a set", ast.JoinedStr: "a format string",
        ast.NamedExpr: "an assignment", ast.Starred: "a star", ast.BitXor: "'^'", ast.Mod: "'%'", ast.FloorDiv: "'//'",
        ast.MatMult: "'@'", ast.Call: "the result of a call",
    }  # fmt: skip
    return names.get(type(node), f"{type(node).__name__.lower()!r}")


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
