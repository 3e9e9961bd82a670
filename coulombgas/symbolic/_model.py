"""Reading a user's stochastic model: drift, noise, variables, domain and parameters, from text or SymPy."""

import math
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from coulombgas._checks import InputError, check_choice, fail

from ._parse import parse


@dataclass(frozen=True)
class DiffusionModel:
    r"""dx = K dt + √2 B dW in the Itô sense: variables, drift K, amplitude matrix B, domain of each variable."""

    variables: tuple[Any, ...]
    drift: sp.ImmutableDenseMatrix
    amplitude: sp.ImmutableDenseMatrix
    domain: tuple[tuple[Any, Any], ...]

    @property
    def parameters(self) -> tuple[Any, ...]:
        """The free symbols that are not variables, by name."""
        ends = [end for pair in self.domain for end in pair]
        free = self.drift.free_symbols.union(self.amplitude.free_symbols, *(end.free_symbols for end in ends))
        return tuple(sorted(free - set(self.variables), key=str))

    @property
    def diffusion(self) -> sp.ImmutableDenseMatrix:
        """D = B Bᵀ."""
        return sp.ImmutableDenseMatrix(self.amplitude * self.amplitude.T)


def read_model(
    drift: Any, noise: Any, variable: Any, domain: Any, *, calculus: str, positive: Sequence[str]
) -> DiffusionModel:
    """The model, with names resolved to the same symbols in all its parts.

    Raises:
        InputError: for text that does not parse, symbols of one name with different assumptions, or shapes that differ.
    """
    check_choice("calculus", calculus, ("ito", "stratonovich"))
    names = variable if _is_list(variable) else (variable,)
    known = _known_symbols(drift, noise, names, domain, positive)
    variables = tuple(_symbol(name, known) for name in names)
    known.update({symbol.name: symbol for symbol in variables})
    rows = [_expression("drift", item, known) for item in (drift if _is_list(drift) else [drift])]
    if len(rows) != len(variables):
        fail("drift", f"must have one component for each of the {len(variables)} variables", len(rows))
    amplitude = _amplitude(noise, known, len(variables))
    ends = _domain(domain, known, len(variables))
    vector = sp.Matrix(rows)
    if calculus == "stratonovich":
        vector += _spurious_drift(amplitude, variables)
    model = DiffusionModel(variables, sp.ImmutableDenseMatrix(vector), sp.ImmutableDenseMatrix(amplitude), ends)
    _check_names(model)
    return model


def resolve_parameters(parameters: Sequence[Any], values: Mapping[Any, Any]) -> list[Any]:
    """The values in the order of ``parameters``.

    A key is a symbol or its name. ``NAME2`` for a parameter that the model calls ``NAME`` is read as its square, so
    ``g2=0.1`` sets g = √0.1 in a model with noise g; in a model that has a symbol ``mu2`` the key means that symbol.

    Raises:
        InputError: for a parameter without value, an unknown name, or a parameter given twice.
    """
    wanted = {symbol.name: symbol for symbol in parameters}
    found: dict[str, Any] = {}
    for key, value in values.items():
        name, number = _resolve_one(str(key), value, wanted)
        if name in found:
            fail("params", f"gives {name!r} twice, once as its square: keep one", name)
        found[name] = number
    missing = [name for name in wanted if name not in found]
    if missing:
        raise InputError(f"`params` must give every parameter, missing {', '.join(missing)}.")
    return [found[name] for name in wanted]


def _resolve_one(name: str, value: Any, wanted: Mapping[str, Any]) -> tuple[str, Any]:
    """Name and value of one parameter; ``name2`` may stand for the square of ``name``."""
    concrete = isinstance(value, numbers.Real)
    if concrete and not math.isfinite(float(value)):
        fail("params", f"must be finite numbers; {name!r} is not", value)
    if name in wanted:
        if concrete and wanted[name].is_positive and float(value) <= 0:
            fail("params", f"{name!r} must be positive", value)
        return name, value
    if name.endswith("2") and name[:-1] in wanted:
        if concrete and float(value) < 0:
            fail("params", f"{name!r} is the square of {name[:-1]!r} and must not be negative", value)
        return name[:-1], _square_root(value)
    known = ", ".join(wanted) or "none"
    raise InputError(f"`params` names {name!r}, which the model does not have; its parameters are {known}.")


def _square_root(value: Any) -> Any:
    if isinstance(value, sp.Basic):
        return sp.sqrt(value)
    if isinstance(value, numbers.Real):
        return math.sqrt(float(value))
    import jax.numpy as jnp

    return jnp.sqrt(value)


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple | sp.Tuple | sp.MatrixBase)


def _known_symbols(drift: Any, noise: Any, names: Any, domain: Any, positive: Sequence[str]) -> dict[str, Any]:
    """Symbols of the SymPy parts by name; a bare noise name and the ends of a domain are positive parameters."""
    known: dict[str, Any] = {}
    for part in _flatten([drift, noise, names, domain]):
        if isinstance(part, sp.Basic):
            for symbol in part.free_symbols:
                _add(known, symbol)
    listed = [positive] if isinstance(positive, str) else list(positive)
    listed += [part for part in _flatten([noise]) if isinstance(part, str) and part.isidentifier()]
    listed += [part for part in _flatten([domain]) if isinstance(part, str) and part.isidentifier() and part != "oo"]
    variables = {name for name in names if isinstance(name, str)}
    for name in listed:
        if name not in known and name not in variables:
            symbol = parse(name)
            if isinstance(symbol, sp.Symbol):
                known[name] = sp.Symbol(name, positive=True)
    return known


def _add(known: dict[str, Any], symbol: Any) -> None:
    if known.setdefault(symbol.name, symbol) != symbol:
        fail("drift", "and the other parts use one name for symbols with different assumptions", symbol.name)


def _flatten(value: Any) -> list[Any]:
    if isinstance(value, sp.MatrixBase):
        return list(value.flat())
    if isinstance(value, list | tuple | sp.Tuple):
        return [leaf for item in value for leaf in _flatten(item)]
    return [value]


def _symbol(name: Any, known: Mapping[str, Any]) -> Any:
    if isinstance(name, sp.Symbol):
        return name
    if isinstance(name, str) and name in known:
        return known[name]
    symbol = parse(name)
    if not isinstance(symbol, sp.Symbol):
        fail("variable", "must be a name", name)
    return symbol


def _expression(argument: str, value: Any, known: Mapping[str, Any]) -> Any:
    """Text, number or SymPy expression as a finite expression; errors name the argument."""
    if isinstance(value, str):
        try:
            return parse(value, known)
        except InputError as error:
            raise InputError(f"`{argument}`: {error}") from None
    if isinstance(value, bool) or not isinstance(value, sp.Expr | numbers.Real):
        fail(argument, "must be text, a number or a SymPy expression", value)
    result = sp.nsimplify(value) if isinstance(value, float) else sp.sympify(value, strict=True)
    if result.has(sp.nan, sp.zoo) or (argument != "domain" and result.has(sp.oo, -sp.oo)):
        fail(argument, "must be finite", value)
    return result


def _amplitude(noise: Any, known: Mapping[str, Any], size: int) -> Any:
    """The matrix B of the noise B dW, from one entry, one for each variable, or a matrix."""
    if isinstance(noise, sp.MatrixBase) and noise.shape[0] == size and noise.shape[1] > 1:
        return sp.Matrix(noise)
    if _is_list(noise) and all(_is_list(row) for row in noise):
        matrix = sp.Matrix([[_expression("noise", item, known) for item in row] for row in noise])
        if matrix.shape[0] != size:
            fail("noise", f"must have {size} rows", matrix.shape[0])
        return matrix
    entries = list(noise) if _is_list(noise) else [noise] * size
    if len(entries) != size:
        fail("noise", f"must have one entry for each of the {size} variables", len(entries))
    diagonal = [_expression("noise", item, known) for item in entries]
    if any(entry.is_zero for entry in diagonal):
        fail("noise", "must not be zero: without noise there is no stationary law", str(noise))
    return sp.diag(*diagonal)


def _domain(domain: Any, known: Mapping[str, Any], size: int) -> tuple[tuple[Any, Any], ...]:
    if domain is None:
        return ((-sp.oo, sp.oo),) * size
    pairs = [domain] if size == 1 and not _is_list(domain[0]) else list(domain)
    if len(pairs) != size or any(not _is_list(pair) or len(pair) != 2 for pair in pairs):
        fail("domain", f"must be a pair (low, high){' for each variable' if size > 1 else ''}", domain)
    return tuple(_ends(pair, known) for pair in pairs)


def _ends(pair: Any, known: Mapping[str, Any]) -> tuple[Any, Any]:
    low, high = (_end(item, sign, known) for item, sign in zip(pair, (-1, 1), strict=True))
    if (high - low).is_extended_positive is False:
        fail("domain", "must have its lower end below its upper end", f"({low}, {high})")
    return low, high


def _end(value: Any, sign: int, known: Mapping[str, Any]) -> Any:
    if value is None or (isinstance(value, float) and math.isinf(value)):
        value = sign * sp.oo if value is None else (sp.oo if value > 0 else -sp.oo)
    if isinstance(value, str) and value.strip().lstrip("+-") in ("oo", "inf"):
        value = -sp.oo if value.strip().startswith("-") else sp.oo
    end = _expression("domain", value, known)
    if end == -sign * sp.oo:
        fail("domain", "must have its lower end below its upper end", str(value))
    return end


def _spurious_drift(amplitude: Any, variables: tuple[Any, ...]) -> Any:
    """Σ_jk B_jk ∂_j B_ik: what turns a Stratonovich drift into the Itô one."""
    rows, columns = amplitude.shape
    return sp.Matrix(
        [
            sum(
                (amplitude[j, k] * sp.diff(amplitude[i, k], variables[j]) for j in range(rows) for k in range(columns)),
                sp.Integer(0),
            )
            for i in range(rows)
        ]
    )


def _check_names(model: DiffusionModel) -> None:
    seen: dict[str, Any] = {}
    for symbol in (*model.variables, *model.parameters):
        _add(seen, symbol)
    for low, high in model.domain:
        if (low.free_symbols | high.free_symbols) & set(model.variables):
            fail("domain", "must not contain the variables", f"({low}, {high})")
