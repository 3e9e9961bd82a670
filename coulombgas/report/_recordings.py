"""The report of several recordings: the scaling rule, the temperature of each run, and each matrix."""

from collections.abc import Mapping
from typing import Any

from coulombgas._files import atomic_file
from coulombgas._types import PathType
from coulombgas.inference import ScalingRule
from coulombgas.plot import motion_charts, rule_charts
from coulombgas.spectra import package_versions, printable

from ._html import Card, Section, Table, render_page
from ._motion import Moving, isotropy, text, why_not

_MOST_PANELS = 60  # matrices of all runs together that have charts
_OPEN = 3
_WORDS = {"alpha_exponent": "an exponent of the learning rate", "batch_exponent": "an exponent of 1/batch size"}


def recordings_report(
    rule: ScalingRule,
    path: PathType,
    *,
    overwrite: bool = False,
    title: str = "How hot were these trainings?",
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Write one self-contained HTML page about recordings of trainings.

    Args:
        rule: what :func:`coulombgas.scaling_rule` returned for recordings.
        path: file to write.
        overwrite: replace an existing file.
        title: heading.
        provenance: further facts about the origin of the numbers.

    Raises:
        InputError: when the file exists or cannot be written.
    """
    sections = [_runs_section(rule), *_rule_section(rule), *_layer_sections(rule)]
    page = render_page(
        title=title,
        lead=f"Linear scaling rule, T ∝ α/B: {rule.verdict}.",
        cards=_cards(rule),
        sections=sections,
        provenance={
            "sources": ", ".join(printable(run.path) for run in rule.runs), **(provenance or {}), **package_versions()
        },
    )  # fmt: skip
    with atomic_file(path, overwrite=overwrite) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _cards(rule: ScalingRule) -> list[Card]:
    """The numbers at the top of the page: verdict, exponents, temperatures, groups in equilibrium."""
    word = {True: "holds", False: "does not hold", None: "cannot be told"}[rule.holds]
    cards = [Card(label="linear scaling rule", value=word, note=f"from {len(rule.runs)} runs")]
    if rule.scaling is not None:
        named = (("the learning rate", rule.scaling.alpha_exponent), ("1/batch size", rule.scaling.batch_exponent))
        cards += [
            Card(label=f"exponent of {name}", value=f"{e.mean:.2f}", note=f"95%: {e.lower:.2f} to {e.upper:.2f}")
            for name, e in named
            if e is not None
        ]
    hot = [run.temperature.mean for run in rule.runs if run.temperature is not None]
    low, high = (f"{min(hot):.3g}", f"{max(hot):.3g}") if hot else ("none", "")
    cards.append(
        Card(
            label="temperature, units of the loss", value=low if low == high or not high else f"{low} to {high}",
            note=f"of levels in equilibrium, in {len(hot)} of {len(rule.runs)} runs",
        )
    )  # fmt: skip
    groups = [group for run in rule.runs for layer in run.layers for _, group in layer.motion.groups]
    settled = sum(group.state.state == "equilibrium" for group in groups)
    return [*cards, Card(label="in equilibrium", value=f"{settled} of {len(groups)}", note="groups of levels")]


def _runs_section(rule: ScalingRule) -> Section:
    """A table of the runs, with why some have no temperature."""
    header = ("run", "optimiser", "learning rate", "batch", "temperature [95%]", "groups in equilibrium", "isotropic")
    rows, remarks = [], []
    for run in rule.runs:
        own, layers = run.dynamics, _moving(run)
        groups = [group for layer in layers for _, group in layer.motion.groups]
        settled = sum(group.state.state == "equilibrium" for group in groups)
        words = [isotropy(layer.motion) for layer in layers]
        heat = "none" if run.temperature is None else text(run.temperature)
        rows.append((
            printable(run.path), own.optimizer or "unknown", _number(own.learning_rate), _number(own.batch_size), heat,
            f"{settled} of {len(groups)}", f"{words.count('yes')} of {len(words)}",
        ))  # fmt: skip
        if run.temperature is None and layers:
            remarks.append(f"{printable(run.path)} has no temperature: {why_not(layers)}.")
        remarks += [f"{printable(run.path)}: {word}." for word in (run.remark,) if word]
        remarks += [f"{printable(run.path)}: {run.noise_scale.statement}."] if run.noise_scale is not None else []
    told = "T = s²/2α of the leading levels in equilibrium, of the bulk where none is; s² is the noise of one update."
    return Section(
        heading="The runs", text=(told, *remarks, *(_in_words(one) for one in rule.warnings)),
        tables=[Table(header=header, rows=rows)],
    )  # fmt: skip


def _rule_section(rule: ScalingRule) -> list[Section]:
    charts = rule_charts(rule)
    if not charts:
        return []
    said = (
        "log(s²/2α) = log c + a log α − b log B + scatter, c being that of each group of levels; the rule is a = b = 1."
    )
    scatter = () if rule.scaling is None else (f"Scatter between runs: {text(rule.scaling.scatter)} in log T.",)
    return [Section(heading="The scaling rule across runs", text=(said, *scatter), charts=[("", charts)])]


def _layer_sections(rule: ScalingRule) -> list[Section]:
    """One section a matrix, with all runs; charts as long as there are not too many."""
    names = list(dict.fromkeys(layer.name for run in rule.runs for layer in run.layers))
    drawn = max(1, _MOST_PANELS // max(len(rule.runs), 1))
    return [_layer_section(rule, name, index, charts=index < drawn) for index, name in enumerate(names)]


def _layer_section(rule: ScalingRule, name: str, index: int, *, charts: bool) -> Section:
    """A table of one matrix in all runs, with charts if wanted."""
    header = ("run", "levels", "noise [95%]", "temperature [95%]", "state", "isotropic")
    rows, groups, said = [], [], []
    for run in rule.runs:
        for layer in _moving(run):
            if layer.name != name:
                continue
            for kind, group in layer.motion.groups:
                heat = "–" if group.temperature is None else text(group.temperature)
                rows.append((run.label, kind, text(group.noise), heat, group.state.state, isotropy(layer.motion)))
            said += [f"{run.label}: {layer.motion.statement}."] if not layer.motion.groups else []
            if charts:
                groups.append((run.label, motion_charts(layer.motion)))
    return Section(
        heading=printable(name), text=said, tables=[Table(header=header, rows=rows)] if rows else [],
        charts=groups, folded=index >= _OPEN,
    )  # fmt: skip


def _moving(run: Any) -> list[Moving]:
    return [Moving(layer.name, layer.motion, run.dynamics) for layer in run.layers]


def _in_words(warning: str) -> str:
    for name, word in _WORDS.items():
        warning = warning.replace(name, word)
    return f"{printable(warning[0].upper() + warning[1:])}."


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:g}"
