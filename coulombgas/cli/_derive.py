"""``coulombgas derive``: from a drift and a noise to the stationary law, the Hamiltonian and the spectrum."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ._arguments import Expression, File, Values

if TYPE_CHECKING:
    from coulombgas.symbolic import FokkerPlanck


@dataclass(frozen=True, kw_only=True)
class Derive:
    """Derive everything from dx = K dt + sqrt(2) g dW: potential, stationary law, Hamiltonian, fixed points, spectrum.

    Expressions take names, numbers, + - * / **, parentheses and sqrt exp log abs sign sin cos tan asin acos atan sinh
    cosh tanh asinh acosh atanh erf erfc gamma loggamma digamma besseli. With --params for every parameter the numbers
    are added. The noise may depend on the variable (Ito calculus).
    """

    drift: Expression
    """Drift K, such as "x*(1/kappa - 1/(mu2 - x))"."""
    noise: Expression = "g"
    """Noise amplitude g; the diffusion is its square."""
    variable: str = "x"
    """Name of the variable."""
    domain: tuple[str, str] = ("-oo", "oo")
    """Lower and upper end, reflecting; -oo and oo for none."""
    params: Values = ()
    """Values such as kappa=4 mu2=9 g2=0.1. NAME2 sets the square of a parameter NAME, unless NAME2 is itself a
    parameter."""
    num: int = 6
    """Levels of the spectrum."""
    stratonovich: bool = False
    """Read a noise that depends on the variable in the Stratonovich sense."""
    latex: bool = False
    """Print the formulas in LaTeX."""
    figure: File = None
    """File for the figure (.png, .pdf, .svg); needs --params."""
    overwrite: bool = False
    """Replace an existing figure."""
    json: bool = False
    """Print one JSON object instead of text."""

    @staticmethod
    def prepare(arguments: Sequence[str]) -> list[str]:
        """The arguments, changed so that expressions that begin with a minus sign are read as values."""
        words: list[str] = []
        ends = 0  # number of arguments of --domain still to come
        for word in arguments:
            if words and words[-1] in ("--drift", "--noise"):
                words[-1] += f"={word}"
                continue
            if ends and word.startswith("-") and not word.startswith("--"):
                words.append("none" if word in ("-oo", "-inf") else f"0{word}")
            else:
                words.append(word)
            ends = 2 if word == "--domain" else ends - (ends > 0)
        return words

    def run(self) -> int:
        from coulombgas._checks import InputError, check_count
        from coulombgas._files import check_output

        from ._console import write_json

        check_count("num", self.num)
        if self.figure is not None:
            check_output(self.figure, overwrite=self.overwrite, argument="figure")
            if not self.figure.endswith((".png", ".pdf", ".svg")):
                raise InputError(f"`figure` must end in .png, .pdf or .svg, got {self.figure!r}.")
        values = _read_params(self.params)
        equation = self._equation(values)
        if equation.parameters and values:
            equation.values(values)
        numeric = bool(values) or not equation.parameters
        if self.figure is not None and not numeric:
            raise InputError(f"`figure` needs numbers: give --params for {', '.join(map(str, equation.parameters))}.")
        result = _symbolic(equation, latex=self.latex) | _numeric(equation, values if numeric else None, self.num)
        if self.figure is not None:
            _save(self.figure, equation, values, self.num, overwrite=self.overwrite)
        if self.json:
            write_json(result)
        else:
            _print(result)
        return 0

    def _equation(self, values: dict[str, float]) -> "FokkerPlanck":
        from coulombgas.symbolic import FokkerPlanck

        positive = [name for name, value in values.items() if value > 0 and name != self.variable]
        calculus = "stratonovich" if self.stratonovich else "ito"
        ends = [None if end == "none" else end for end in self.domain]
        return FokkerPlanck(self.drift, self.noise, self.variable, ends, calculus=calculus, positive=positive)


def _read_params(items: tuple[str, ...]) -> dict[str, float]:
    """NAME=VALUE words as numbers."""
    import math

    from coulombgas._checks import InputError

    values: dict[str, float] = {}
    for item in items:
        name, separator, text = item.partition("=")
        name = name.strip()
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not separator or not name.isidentifier() or not math.isfinite(value):
            raise InputError(f"`params` must read NAME=NUMBER, such as kappa=4, got {item[:60]!r}.")
        if name in values:
            raise InputError(f"`params` gives {name!r} twice: keep one.")
        values[name] = value
    return values


def _symbolic(equation: "FokkerPlanck", *, latex: bool) -> dict[str, Any]:
    """The closed forms of an equation as text, None where there is none."""
    from coulombgas.symbolic import to_latex, to_plain

    show = to_latex if latex else to_plain
    hamiltonian = equation.hamiltonian
    return {
        "drift": show(equation.drift),
        "diffusion": show(equation.diffusion),
        "potential": _optional(lambda: show(equation.potential)),
        "stationary": _optional(lambda: show(equation.stationary)),
        "normalisation": _optional(lambda: show(equation.normalisation)),
        "hamiltonian": hamiltonian.to_latex() if latex else str(hamiltonian),
        "fixed_points": [
            {"location": show(p.location), "curvature": show(p.curvature), "kind": p.kind, "at_boundary": p.at_boundary}
            for p in equation.fixed_points
        ],
        "fixed_points_complete": equation.fixed_points_complete,
    }


def _optional(make: Any) -> Any:
    """The result of ``make``, or None if the symbolic engine finds none."""
    from coulombgas._checks import InputError

    try:
        return make()
    except InputError:
        return None


def _numeric(equation: "FokkerPlanck", values: dict[str, float] | None, num: int) -> dict[str, Any]:
    """Fixed points, levels and rates at numbers of the parameters; None for each without numbers."""
    if values is None:
        return {"params": None, "harmonic_levels": None, "spectrum": None, "gap": None, "small_noise_gap": None}
    # a flat fixed point has no harmonic levels; the spectrum is given nevertheless
    picture = _optional(lambda: equation.small_noise(values, num))
    points, levels, rates = (picture.fixed_points, picture.levels, picture.rates) if picture else ((), (), ())
    energies = [float(energy) for energy in equation.spectrum(values, max(num, 2))]
    return {
        "params": {str(k): float(v) for k, v in zip(equation.parameters, equation.values(values), strict=True)},
        "fixed_points": [
            {
                "location": float(point.location), "curvature": float(point.curvature), "kind": point.kind,
                "at_boundary": point.at_boundary,
            }
            for point in points
        ],
        "fixed_points_complete": picture is not None,
        "harmonic_levels": [{"energy": energy, "location": place} for energy, place in levels],
        "kramers_rates": [{"from": a, "to": b, "rate": rate} for a, b, rate in rates],
        "spectrum": energies[:num],
        "gap": energies[1] - energies[0],
        "small_noise_gap": picture.gap if picture else None,
    }  # fmt: skip


def _save(path: str, equation: "FokkerPlanck", values: dict[str, float], num: int, *, overwrite: bool) -> None:
    from coulombgas._files import atomic_file
    from coulombgas.plot import fokker_planck

    with atomic_file(path, overwrite=overwrite) as temporary:
        fokker_planck(equation, values, num).savefig(temporary)


def _print(result: dict[str, Any]) -> None:
    """Print closed forms, fixed points and, where there are numbers, the spectrum as tables."""
    from ._console import print_table

    missing = "no closed form found"
    for key, title in (
        ("drift", "drift K"), ("diffusion", "diffusion D"), ("potential", "potential V, K = -V'"),
        ("stationary", "stationary law, unnormalised"), ("normalisation", "norm"), ("hamiltonian", "Hamiltonian"),
    ):  # fmt: skip
        print(f"{title + ':':32} {result[key] or missing}")
    rows = [(p["location"], p["curvature"], p["kind"], "boundary" if p["at_boundary"] else "inside")
            for p in result["fixed_points"]]  # fmt: skip
    complete = "" if result["fixed_points_complete"] else " (in closed form; --params finds the others)"
    print_table(("location", "curvature V''", "kind", "where"), rows, title=f"fixed points{complete}")
    if result["spectrum"] is None:
        print("give --params for the spectrum")
        return
    harmonic = result["harmonic_levels"]
    blank = {"energy": "", "location": ""}
    harmonic = harmonic + [blank] * (len(result["spectrum"]) - len(harmonic))
    rounding = 1e-9 * max(result["spectrum"])  # the lowest energy is zero: what is left of it is rounding
    rows = [
        (n, f"{energy:.6g}" if abs(energy) > rounding else "0", level["energy"], level["location"])
        for n, (energy, level) in enumerate(zip(result["spectrum"], harmonic, strict=False))
    ]
    print_table(("n", "E_n", "small-noise level", "localised at"), rows, title="spectrum")
    for rate in result["kramers_rates"]:
        print(f"Kramers rate {rate['from']:.6g} -> {rate['to']:.6g}: {rate['rate']:.6g}")
    small = result["small_noise_gap"]
    print(f"gap: {result['gap']:.6g} (small noise: {'no picture' if small is None else f'{small:.6g}'})")
