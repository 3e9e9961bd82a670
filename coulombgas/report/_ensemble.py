"""The report of a temperature fit, with intervals and the evidence."""

from collections.abc import Mapping, Sequence
from typing import Any

from coulombgas import plot
from coulombgas._files import atomic_file, check_output
from coulombgas._interval import ratio_text
from coulombgas._types import PathType
from coulombgas.inference import ScalingFit, SettingFit, TemperatureFit, prior_sensitivity
from coulombgas.spectra import package_versions

from ._html import Card, Section, Table, render_page

_MAX_PANELS = 6
_VISIBLE_SCATTER = 0.02
_MOVED = 0.5


def ensemble_report(
    fit: TemperatureFit | Mapping[str, TemperatureFit],
    path: PathType,
    *,
    overwrite: bool = False,
    title: str = "How hot was this training?",
    notes: Sequence[str] = (),
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Write one self-contained HTML page about a fit, or about several fits.

    Args:
        fit: what ``fit_temperature`` returned, or several by name.
        path: file to write.
        overwrite: replace an existing file.
        title: heading.
        notes: paragraphs about the data, shown first.
        provenance: further facts about the origin of the numbers.

    Raises:
        InputError: when the file exists or cannot be written.
    """
    check_output(path, overwrite=overwrite)
    fits = dict(fit) if isinstance(fit, Mapping) else {"": fit}
    settings = [setting for each in fits.values() for setting in each.settings]
    page = render_page(
        title=title,
        lead=_lead(settings, list(fits.values())),
        cards=_cards(settings, fits),
        sections=_sections(fits, notes),
        provenance={
            "sources": ", ".join(dict.fromkeys(setting.path for setting in settings)),
            **(provenance or {}),
            "method": ", ".join(dict.fromkeys(each.method for each in fits.values())),
            **package_versions(),
        },
    )
    with atomic_file(path, overwrite=overwrite) as temporary:
        temporary.write_text(page, encoding="utf-8")


def inside(setting: SettingFit) -> bool:
    """Whether the 95% interval holds the true temperature; True where there is none to hold."""
    return setting.holds is not False


def _lead(settings: Sequence[SettingFit], fits: Sequence[TemperatureFit]) -> str:
    """The result in one or two sentences."""
    temperatures = [setting.known.mean for setting in settings]
    if any(setting.temperature is None for setting in settings):
        return (
            f"{len(settings)} trainings without a model: their temperatures are relative to that of the first, from "
            f"{min(temperatures):.3g} to {max(temperatures):.3g}."
        )
    if len(settings) == 1:
        t, true = settings[0].known, settings[0].nominal
        if not settings[0].consistent:
            return (
                f"The level groups are inconsistent with one temperature (their mean is {t.mean:.4g}): see the remarks."
            )
        verdict = "an interval that contains" if inside(settings[0]) else "an interval that misses"
        return (
            f"The spectra give T = {t.mean:.4g}, with 95% probability between {t.lower:.4g} and {t.upper:.4g}, "
            f"{verdict} {settings[0].formula} = {true:.4g}."
        )
    hits = sum(inside(setting) for setting in settings)
    text = (
        f"{len(settings)} trainings, with temperatures from {min(temperatures):.3g} to {max(temperatures):.3g}, "
        f"inferred from their eigenvalues alone: {hits} of {len(settings)} intervals (95%) contain the true "
        f"temperature {' or '.join(dict.fromkeys(setting.formula for setting in settings))}."
    )
    scatter = max((each.scaling.scatter.lower for each in fits if each.scaling is not None), default=0.0)
    if scatter > _VISIBLE_SCATTER:
        text += (
            f" Between settings, T scatters by at least {100 * scatter:.0f}% more than the intervals of single "
            "settings account for; the scaling rule below includes this scatter."
        )
    return text


def _cards(settings: Sequence[SettingFit], fits: Mapping[str, TemperatureFit]) -> list[Card]:
    """The numbers at the top of the page."""
    replicas = sum(setting.num_replicas for setting in settings)
    copies = Card(label="Trained copies", value=f"{replicas}", note=f"in {len(settings)} settings")
    if len(settings) == 1:
        t = settings[0].known
        return [
            Card(label="Temperature T", value=f"{t.mean:.4g}", note=f"95%: {t.lower:.4g} to {t.upper:.4g}"),
            Card(
                label=f"True T = {settings[0].formula}",
                value=f"{settings[0].nominal:.4g}",
                note=settings[0].label,
            ),
            copies,
        ]
    if any(setting.temperature is None for setting in settings):
        return [copies, *(card for name, each in fits.items() for card in _scaling_cards(each, name and f"{name}: "))]
    hits = sum(inside(setting) for setting in settings)
    cards = [Card(label="Truth inside the 95% interval", value=f"{hits} of {len(settings)}", note="settings"), copies]
    for name, each in fits.items():
        cards += _scaling_cards(each, f"{name}: " if name else "")
    return cards


def _scaling_cards(fit: TemperatureFit, prefix: str) -> list[Card]:
    """A number for each exponent of the scaling rule."""
    if fit.scaling is None:
        return []
    named = (
        (f"{prefix}exponent of the learning rate", fit.scaling.alpha_exponent),
        (f"{prefix}exponent of 1/batch size", fit.scaling.batch_exponent),
    )
    return [
        Card(label=label, value=f"{e.mean:.3f}", note=f"95%: {e.lower:.3f} to {e.upper:.3f}; linear rule: 1")
        for label, e in named
        if e is not None
    ]


def _sections(fits: Mapping[str, TemperatureFit], notes: Sequence[str]) -> list[Section]:
    """Temperatures first, then each fit, then widths and method."""
    settings = tuple(setting for each in fits.values() for setting in each.settings)
    merged = TemperatureFit(settings=settings, scaling=None, method="")
    sections = [
        Section(
            heading="Temperatures",
            text=(*notes, _temperature_prior(list(fits.values()))),
            tables=[_temperature_table(settings)],
            figures=_temperature_figures(merged),
        )
    ]
    for name, each in fits.items():
        sections += _fit_sections(name, each)
    return [*sections, _widths_section(settings), _method_section()]


def _fit_sections(name: str, fit: TemperatureFit) -> list[Section]:
    """The scaling rule of one fit, and its settings with degenerate pairs."""
    sections = []
    if fit.scaling is not None and (axes := plot.scaling_axes(fit.scaling)):
        text = (
            "log T = log c + a log(learning rate) − b log(batch size) + scatter; the linear scaling rule is a = b = 1. "
            f"The scatter between settings is {fit.scaling.scatter.mean:.3f} in log T "
            f"(95%: {fit.scaling.scatter.lower:.3f} to {fit.scaling.scatter.upper:.3f})."
        )
        figures = [(plot.scaling(fit, along=axis), f"The rule along the {axis.replace('_', ' ')}.") for axis in axes]
        heading = f"Scaling rule: {name}" if name else "Scaling rule"
        table = _sensitivity_table(fit.scaling)
        sections.append(
            Section(heading=heading, text=(text, _PRIORS, *fit.scaling.warnings), tables=[table], figures=figures)
        )
    shown = [index for index, setting in enumerate(fit.settings) if plot.pairs_of(setting)][:_MAX_PANELS]
    return sections + [_setting_section(fit, index, folded=number > 0) for number, index in enumerate(shown)]


_PRIORS = (
    "Before the data the exponents are Normal(1, 1) and the scatter is HalfNormal(0.5): wide, but with few settings "
    "the posterior depends on them. The table repeats the fit under priors twice as wide and gives the change of the "
    "interval in posterior standard deviations; beyond 0.5 the settings are too few to outweigh the prior."
)
_SENSITIVITY_HEADER = ("quantity", "mean", "95% interval", "under priors twice as wide", "moves by (sd)")


def _sensitivity_table(scaling: ScalingFit) -> Table:
    """What priors twice as wide do to each interval."""
    named = (
        ("exponent of the learning rate", "alpha_exponent", scaling.alpha_exponent),
        ("exponent of 1/batch size", "batch_exponent", scaling.batch_exponent),
        ("scatter of log T", "scatter", scaling.scatter),
    )
    rows, flags = [], []
    for label, name, own in named:
        wider = scaling.wider_prior.get(name)
        if own is None or wider is None:
            continue
        moved = max(abs(wider.lower - own.lower), abs(wider.upper - own.upper)) / own.sd
        rows.append((
            label, f"{own.mean:.3f}", f"{own.lower:.3f} to {own.upper:.3f}", f"{wider.lower:.3f} to {wider.upper:.3f}",
            f"{moved:.2f}",
        ))  # fmt: skip
        flags.append(moved > _MOVED)
    return Table(header=_SENSITIVITY_HEADER, rows=rows, flags=flags)


def _temperature_prior(fits: Sequence[TemperatureFit]) -> str:
    shift = max((value for fit in fits for value in prior_sensitivity(fit)), default=0.0)
    return (
        "The prior of log T is Normal(0, 10): 95% of it lies within eight orders of magnitude either way. If it "
        f"were squared, no log T would move by more than {shift:.2g} posterior standard deviations."
    )


def _temperature_figures(fit: TemperatureFit) -> list:
    caption = (
        "Temperature inferred from the spectra against learning rate / batch size; bars are 95% highest-density "
        "intervals. Right: their ratio."
    )
    return [(plot.temperature(fit), caption)]


_TEMPERATURE_HEADER = (
    "model", "learning rate", "batch size", "T inferred", "95% interval", "T true", "ratio", "copies", "r_hat",
    "ess", "remarks",
)  # fmt: skip


def _temperature_table(settings: Sequence[SettingFit]) -> Table:
    """A row for each setting, flagged where there are warnings or the truth is outside the interval."""
    rows = []
    for s in settings:
        t, true = s.known, s.nominal if s.temperature is not None else s.nominal / settings[0].nominal
        remarks = [f"assumed: {name} = {value}" for name, value in s.assumed.items()]
        remarks += s.warnings
        rows.append((
            s.model or "none", f"{s.learning_rate:g}", f"{s.batch_size}",
            f"{t.mean:.4g}" if s.consistent else f"inconsistent ({t.mean:.4g})", f"{t.lower:.3g} to {t.upper:.3g}",
            f"{true:.4g}", ratio_text(t.mean / true), f"{s.num_replicas}", f"{s.r_hat:.3f}",
            f"{s.ess:.0f}", "; ".join(remarks) or ("" if inside(s) else "truth outside"),
        ))  # fmt: skip
    return Table(header=_TEMPERATURE_HEADER, rows=rows, flags=[bool(s.warnings) or not inside(s) for s in settings])


def _setting_section(fit: TemperatureFit, index: int, *, folded: bool) -> Section:
    """Spacings and levels of the degenerate pairs of one setting."""
    setting = fit.settings[index]
    return Section(
        heading=f"Level repulsion: {setting.model}, {setting.label}",
        folded=folded,
        figures=[
            (
                plot.spacing(fit, setting=index),
                "Spacings of degenerate pairs with the Wigner surmise at the inferred width (band: 95%); in units of "
                "the mean spacing no parameter is left.",
            ),
            (
                plot.density(fit, setting=index),
                "Both levels of each pair with the density of a pair that repels; a Gaussian would have one hump.",
            ),
        ],
    )


def _widths_section(settings: Sequence[SettingFit]) -> Section:
    """A table of the widths of all level groups, folded."""
    rows = []
    for setting in settings:
        for level in setting.levels:
            w, predicted = level.width, level.predicted_width
            rows.append((
                setting.model, setting.label, f"{level.center:.4g}", f"{level.size}", f"{w.mean:.5g}",
                f"{w.lower:.5g} to {w.upper:.5g}", "" if predicted is None else f"{predicted:.5g}",
                "yes" if level.used else "no",
            ))  # fmt: skip
    header = (
        "model",
        "setting",
        "fixed point",
        "modes",
        "width s",
        "95% interval",
        "s predicted at true T",
        "used for T",
    )
    return Section(heading="Widths of all level groups", folded=True, tables=[Table(header=header, rows=rows)])


def _method_section() -> Section:
    """What the numbers mean, folded."""
    return Section(
        heading="How to read this",
        folded=True,
        text=(
            "The noise of stochastic gradient descent makes a weight matrix fluctuate around the minimum, where its "
            "eigenvalues are a Coulomb gas: "
            "levels with the same target repel each other and share a width s with s² proportional to "
            "T = learning rate / batch size (arXiv:2407.16427). The width of each group is drawn from its "
            "posterior under the normalised law of its levels, and T from that of all groups through the model's own "
            "theory.",
            "Intervals are 95% highest-density intervals. r_hat is near 1 where the chains agree; ess is the effective "
            "number of independent draws. A setting whose sampling or data are doubtful has a remark.",
        ),
    )
