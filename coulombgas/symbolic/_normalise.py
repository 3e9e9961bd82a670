"""Normalisation of stationary laws, for the families whose integrals are known."""

from typing import Any

import sympy as sp


def normalisation(density: Any, variables: tuple[Any, ...], domains: tuple[tuple[Any, Any], ...]) -> Any:
    """∫ density over the domain: in closed form for the Gaussian, gamma, beta and quartic families, else unevaluated.

    SymPy's general integrator may run for hours on such densities; only exponents that these families share are tried.
    """
    if len(variables) == 1 and _is_known(density, variables[0], domains[0]):
        found = _positive_integral(density, variables[0], domains[0])
        if found is not None:
            return found
    limits = [(x, low, high) for x, (low, high) in zip(variables, domains, strict=True)]
    return sp.Integral(density, *limits)


def exp_with_powers(exponent: Any) -> Any:
    """exp of a sum in which every multiple c·log(u) has become a power u^c."""
    rest, powers = [], sp.Integer(1)
    for term in sp.Add.make_args(sp.expand(exponent)):
        logs = [factor for factor in sp.Mul.make_args(term) if isinstance(factor, sp.log)]
        if len(logs) == 1:
            powers *= logs[0].args[0] ** (term / logs[0])
        else:
            rest.append(term)
    return powers * sp.exp(sp.Add(*rest))


def _is_known(density: Any, x: Any, domain: tuple[Any, Any]) -> bool:
    """Whether SymPy is known to integrate a density of this form correctly."""
    exponent = sp.expand(sp.expand_log(sp.log(density), force=True))
    rest = sp.Integer(0)
    logs: set[Any] = set()
    for term in sp.Add.make_args(exponent):
        if not term.has(x):
            continue
        found = [node for node in term.atoms(sp.log) if node.has(x)]
        if found:
            logs.add(found[0])
            if (term / found[0]).has(x):
                return False
        else:
            rest += term
    if not rest.is_polynomial(x):
        return False
    powers = {monomial[0] for monomial in sp.Poly(rest, x).monoms()} if rest != 0 else set()
    if not logs:
        return powers <= {0, 1, 2} or powers <= {0, 4}
    low, high = domain
    if logs == {sp.log(x)} and low == 0 and high is sp.oo:
        return len(powers - {0}) == 1
    return False


def _positive_integral(density: Any, x: Any, domain: tuple[Any, Any]) -> Any:
    """The integral with every parameter taken as positive, then given back its own assumptions."""
    free = density.free_symbols.union(*(end.free_symbols for end in domain)) - {x}
    stand_in = {symbol: sp.Dummy(symbol.name, positive=True) for symbol in free}
    back = {dummy: symbol for symbol, dummy in stand_in.items()}
    y = sp.Dummy("x", real=True) if domain[0] != 0 else sp.Dummy("x", positive=True)
    low, high = (end.xreplace(stand_in) for end in domain)
    integrand = density.xreplace({**stand_in, x: y})
    result = sp.integrate(integrand, (y, low, high), conds="none")
    if result.has(sp.Integral) or result.has(sp.nan, sp.zoo, sp.oo):
        return None
    return sp.simplify(result).xreplace(back)
