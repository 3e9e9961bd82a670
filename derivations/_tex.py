r"""The whole chain of derivations as one LaTeX document."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp

from ._framework import Chain, Line, Result

_HEAD = r"""\documentclass[11pt]{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{amsmath,amssymb,graphicx}
\usepackage[margin=2.5cm]{geometry}
\usepackage[hidelinks]{hyperref}
\newsavebox\formula
\newcommand{\fitted}[1]{\sbox\formula{$\displaystyle #1$}%
  \[\ifdim\wd\formula>\linewidth\resizebox{\linewidth}{!}{\usebox\formula}\else\usebox\formula\fi\]}
\newcommand{\exact}{\hfill$\checkmark$}
\newcommand{\numerical}{\hfill(numerical)}
\title{From stochastic gradient descent to the Coulomb gas:\\ the derivations of \texttt{coulombgas}}
\author{written by \texttt{python -m derivations --tex}}
\date{}
\begin{document}
\maketitle
\noindent Each section is one chain, each subsection one equation or result: what it says, the argument line by line,
and the checks. $\checkmark$ marks an exact symbolic zero. Equation numbers are those of arXiv:2407.16427 (ALP24).
\tableofcontents
"""
_TAIL = "\\end{document}\n"
_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "_": r"\_", "^": r"\^{}", "&": r"\&", "%": r"\%",
    "#": r"\#", "$": r"\$", "~": r"\~{}", "<": r"$<$", ">": r"$>$", "|": r"$|$",
}  # fmt: skip


def document(chains: Mapping[str, Chain], results: Mapping[str, Sequence[Result]]) -> str:
    """The LaTeX source of all chains with their steps."""
    parts = [_HEAD]
    for name, chain in chains.items():
        parts.append(f"\n\\section{{{plain(chain.title)}}}\n\\noindent\\texttt{{derivations/{plain(name)}.py}}\n")
        parts.extend(_step(result) for result in results[name])
    return "".join([*parts, _TAIL])


_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "η": "eta", "θ": "theta", "κ": "kappa",
    "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi",
    "χ": "chi", "ψ": "psi", "ω": "omega", "Γ": "Gamma", "Δ": "Delta", "Σ": "Sigma", "Φ": "Phi", "Ω": "Omega",
    "∂": "partial", "∇": "nabla", "∞": "infty", "≤": "le", "≥": "ge", "≠": "ne", "±": "pm", "→": "to", "·": "cdot",
    "∈": "in", "∫": "int", "√": "surd", "×": "times", "…": "ldots", "−": "-", "≈": "approx", "∝": "propto", "ζ": "zeta",
    "ₛ": "_s", "⟨": "langle", "⟩": "rangle", "ħ": "hbar", "∼": "sim", "Λ": "Lambda", "Ψ": "Psi", "†": "dagger",
}  # fmt: skip
_RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ᵀ", "0123456789-+T", strict=True))
_LOWERED = dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True))


def mathematics(text: str) -> str:
    """A formula with letters beyond ASCII replaced by LaTeX commands."""
    return "".join(_command(character) for character in text)


def _command(character: str) -> str:
    if character in _GREEK:
        name = _GREEK[character]
        return f"\\{name} " if name.isalpha() else name
    if character in _RAISED:
        return f"{{}}^{{{_RAISED[character]}}}"
    return f"{{}}_{{{_LOWERED[character]}}}" if character in _LOWERED else character


def plain(text: str) -> str:
    """Plain text with every character that LaTeX would read as a command escaped."""
    return "".join(_SPECIAL.get(c, c) if c.isascii() else _in_text(c) for c in text)


def words(text: str) -> str:
    """LaTeX words: formulas between dollars stay; outside them special characters are escaped."""
    parts = text.split("$")
    outside = (re.sub(r"(?<!\\)[_&%#<>|]|(?<!\\)\^", lambda m: _SPECIAL[m[0]], part) for part in parts[::2])
    escaped = ["".join(c if c.isascii() else _in_text(c) for c in part) for part in outside]
    inside = [f"${mathematics(part)}$" for part in parts[1::2]]
    return "".join(a + b for a, b in zip(escaped, [*inside, ""], strict=True))


def _in_text(character: str) -> str:
    command = _command(character)
    return f"${command}$" if command != character else character


def _step(result: Result) -> str:
    step = result.step
    title = (
        f"{step.paper} {_span(step.equations)}".strip() if step.equations else step.function.__name__.replace("_", " ")
    )
    parts = [f"\n\\subsection*{{{plain(title)}: {plain(step.status)}}}\n", f"\\emph{{{plain(step.says)}}}\n"]
    parts += [
        f"\n{plain(word)}: {plain(text)}.\n"
        for word, text in (("Note", step.note), ("Identified", step.identified))
        if text
    ]
    parts += [_line(line) for line in result.board.lines]
    if result.failure:
        parts.append(f"\n\\textbf{{Failed:}} {plain(result.failure[:300])}\n")
    return "".join(parts)


def _span(equations: Sequence[str]) -> str:
    return f"({equations[0]})" if len(equations) == 1 else f"({equations[0]})-({equations[-1]})"


def _line(line: Line) -> str:
    mark = {"zero": r" \exact", "numerical": r" \numerical"}.get(line.kind, "")
    text = f"\n\\par\\noindent {words(line.words)}{mark}\n" if line.words else "\n"
    if line.expression is None and not line.name:
        return text
    formula = " = ".join(part for part in (line.name, _latex(line.expression)) if part)
    joined = mathematics(formula.replace(r"\propto =", r"\propto"))
    return f"{text}\\fitted{{{joined}}}\n"


def _latex(expression: Any) -> str:
    if expression is None:
        return ""
    text = sp.latex(expression if not isinstance(expression, list | tuple) else sp.Tuple(*expression))
    return re.sub(r"\\operatorname\{(\w+)\}", r"\\mathrm{\1}", text)
