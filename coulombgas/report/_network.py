"""The report of a network: every weight matrix with its bulk, spikes, spacings and tail, on one page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from coulombgas._files import atomic_file
from coulombgas._types import PathType, Progress
from coulombgas.networks import LayerAnalysis, LayerTrajectory, NetworkAnalysis, follow
from coulombgas.plot import layer_charts, motion_charts, overview_charts, thumbnail
from coulombgas.spectra import package_versions, printable

from ._conclusions import conclusions, remarks
from ._html import Card
from ._motion import Moving, headline, isotropy, motion_cards, motion_conclusions

TEMPLATE = "network.html.j2"
_COLUMNS = (
    "matrix", "shape", "variance", "bulk", "spikes", "largest", "stable rank", "exponent", "tail", "Brody q", "⟨r⟩",
    "notes",
)  # fmt: skip
_GLOSSARY = (
    ("variance", "variance of the noise entries that explains the bulk, with its 95% interval, from the joint law of "
     "the levels, spikes set aside"),
    ("bulk", "noise-like where the levels below the spikes lie as those of a matrix of independent entries "
     "(Marchenko-Pastur); shaped where they do not: variance and edge then only describe the levels. This is about the "
     "positions of all levels; the repulsion of neighbours, in the last columns, is independent of it"),
    ("spikes", "levels beyond the edge that noise reaches, by the Tracy-Widom law at the level stated below"),
    ("largest", "strength of the signal behind the largest spike: its singular value, corrected for the noise"),
    ("stable rank", "squared Frobenius norm over squared largest singular value"),
    ("exponent", "power-law exponent of the density beyond the best x_min; the column after it says whether a power "
     "law, a log-normal or an exponential describes the tail best, or that there is none"),
    ("Brody q", "level repulsion: 0 for independent levels, 1 for the Wigner surmise, 0.96 for large random matrices"),
    ("⟨r⟩", "mean ratio of neighbouring spacings: 0.531 for random matrices, 0.386 for independent levels"),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Cell:
    text: str
    value: float | int | str = ""
    small: str = ""
    pill: str = ""


def network_report(
    analysis: NetworkAnalysis,
    path: PathType,
    *,
    overwrite: bool = False,
    title: str | None = None,
    learning_rate: float | Sequence[float] | None = None,
    weight_decay: float | None = None,
    provenance: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> None:
    """Write one self-contained HTML page about the matrices of a checkpoint or a trajectory.

    The page needs no network and stays usable with hundreds of matrices: a table with thumbnails that sorts and
    filters, and for each matrix a panel with density and bulk fit, spacings, tail and, for a trajectory, its evolution.

    Args:
        analysis: what :func:`coulombgas.analyse` returned.
        path: file to write.
        overwrite: replace an existing file.
        title: heading; by default what the page is about.
        learning_rate, weight_decay: of the run, for :func:`coulombgas.networks.follow`.
        provenance: further facts about the origin of the numbers.
        progress: called with (matrices drawn, matrices in all).

    Raises:
        InputError: when the file exists or cannot be written.
    """
    with atomic_file(path, overwrite=overwrite) as temporary:
        temporary.write_text(
            render_network(
                analysis,
                title=title,
                learning_rate=learning_rate,
                weight_decay=weight_decay,
                provenance=provenance,
                progress=progress,
            ),
            encoding="utf-8",
        )


def render_network(
    analysis: NetworkAnalysis,
    *,
    title: str | None,
    learning_rate: float | Sequence[float] | None = None,
    weight_decay: float | None = None,
    provenance: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> str:
    """The page as a string; arguments as for :func:`network_report`."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("coulombgas.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    moving = len(analysis.steps) > 1
    trajectories = follow(analysis, learning_rate=learning_rate, weight_decay=weight_decay) if moving else ()
    motions = [Moving(each.name, each.motion, each.dynamics) for each in trajectories]
    shown = [trajectory.layers[-1] for trajectory in trajectories] if moving else list(analysis)
    rows = []
    for index, layer in enumerate(shown):
        rows.append(_row(layer, trajectories[index] if moving else None, Markup))
        if progress is not None:
            progress(index + 1, len(shown))
    return environment.get_template(TEMPLATE).render(
        title=title or ("How hot was this training?" if moving else "What the weight matrices look like"),
        lead=f"{headline(motions)} {_lead(analysis, shown)}" if moving else _lead(analysis, shown),
        conclusions=motion_conclusions(motions) if moving else conclusions(shown, level=analysis.level),
        remarks=remarks(shown),
        cards=[*(motion_cards(motions) if moving else []), *_cards(analysis, shown)],
        overview=[(Markup(chart), caption) for chart, caption in overview_charts(shown, trajectories)],
        columns=_COLUMNS,
        rows=rows,
        glossary=_GLOSSARY,
        problems=[printable(line) for line in analysis.spectra.problems],
        provenance=_provenance(analysis, provenance),
    )


def _row(layer: LayerAnalysis, trajectory: LayerTrajectory | None, markup: Any) -> dict[str, Any]:
    """What the template needs for one matrix."""
    tags = ["spikes"] if layer.spikes and layer.spikes.num_spikes else []
    tags += ["misfit"] if not layer.is_noise else []
    tags += ["warned"] if layer.warnings else []
    return {
        "name": printable(layer.name),
        "tags": tags,
        "thumbnail": markup(thumbnail(layer)),
        "cells": _cells(layer),
        "charts": [(markup(chart), caption) for chart, caption in _charts(layer, trajectory)],
        "facts": _facts(layer, trajectory),
        "statement": f"{trajectory.statement}; {trajectory.motion.statement}" if trajectory else "",
        "warnings": layer.warnings,
    }


def _charts(layer: LayerAnalysis, trajectory: LayerTrajectory | None) -> list[tuple[str, str]]:
    """Of a trajectory first what moves."""
    return [*(motion_charts(trajectory.motion) if trajectory else []), *layer_charts(layer, trajectory)]


def _cells(layer: LayerAnalysis) -> list[_Cell]:
    """The cells of one matrix in the table, each with the value it is sorted by."""
    fit, tail, repulsion, ratio = layer.spikes, layer.tail, layer.repulsion, layer.ratio
    rows, columns = layer.spectrum.shape
    cells = [_Cell(text=f"{rows}×{columns}", value=rows * columns)]
    if fit is None:
        cells += [_Cell(text="–")] * 4
    else:
        word, pill = ("noise-like", "on") if layer.is_noise else ("shaped", "off")
        cells += [
            _interval_cell(fit.bulk.variance),
            _Cell(text=word, value=fit.bulk.distance / fit.bulk.distance_limit, pill=pill),
            _Cell(text=str(fit.num_spikes), value=fit.num_spikes),
            _Cell(text=f"{fit.spikes[0].strength.mean:.3g}", value=fit.spikes[0].strength.mean)
            if fit.spikes
            else _Cell(text="–"),
        ]
    cells.append(
        _Cell(text=f"{layer.stable_rank.mean:.1f}", value=layer.stable_rank.mean)
        if layer.stable_rank
        else _Cell(text="–")
    )
    cells.append(_interval_cell(layer.tail_exponent) if layer.tail_exponent else _Cell(text="–"))
    cells.append(_Cell(text=tail.preferred, value=tail.preferred) if tail else _Cell(text="–"))
    cells.append(_interval_cell(repulsion.brody) if repulsion else _Cell(text="–"))
    cells.append(
        _Cell(text=f"{ratio.mean:.3f}", value=ratio.mean, small=f"± {ratio.error:.3f}") if ratio else _Cell(text="–")
    )
    count = len(layer.warnings)
    cells.append(_Cell(text=str(count) if count else "", value=count, pill="warn" if count else ""))
    return cells


def _interval_cell(interval: Any) -> _Cell:
    low, high = f"{interval.lower:.3g}", f"{interval.upper:.3g}"
    return _Cell(text=f"{interval.mean:.3g}", value=interval.mean, small=f"[{low}, {high}]")


def _facts(layer: LayerAnalysis, trajectory: LayerTrajectory | None) -> list[tuple[str, str]]:
    """(quantity, value) of one matrix, as text, in the order of the panel."""
    facts = [*_spike_facts(layer), *_tail_facts(layer)]
    if layer.repulsion is not None and layer.unfolding is not None:
        facts.append(("spacings", f"{layer.repulsion.preferred}, unfolded by {layer.unfolding.method}"))
    return [*facts, *_entry_facts(layer), *(_history(trajectory) if trajectory is not None else [])]


def _spike_facts(layer: LayerAnalysis) -> list[tuple[str, str]]:
    """Names and numbers of the bulk and the first five spikes."""
    fit = layer.spikes
    if fit is None:
        return []
    bulk, best = fit.bulk, int(np.argmax(fit.probabilities))
    signals = [
        (f"spike {number}: signal θ", f"{_text(spike.strength)}, overlap {spike.overlap_short:.2f}")
        for number, spike in enumerate(fit.spikes[:5], start=1)
    ]
    return [
        ("variance", _text(bulk.variance)),
        ("effective rows", f"{_text(bulk.rows)} of {layer.spectrum.rows}"),
        ("bulk edges, singular values", f"{np.sqrt(bulk.lower_edge):.3g} to {np.sqrt(bulk.edge):.3g}"),
        ("displacement of bulk levels", f"{bulk.distance:.1f} (random: {bulk.distance_limit:.1f}) spacings"),
        ("most probable number of spikes", f"{fit.candidates[best]} ({100 * fit.probabilities[best]:.0f}%)"),
        *signals,
    ]


def _tail_facts(layer: LayerAnalysis) -> list[tuple[str, str]]:
    facts, tail, signals = [], layer.tail, layer.signal_tail
    if tail is not None:
        share = ", ".join(f"{name} {100 * value:.0f}%" for name, value in tail.probabilities.items())
        facts.append((f"tail beyond {tail.minimum:.3g}", f"{tail.num_tail} levels: {share}"))
    if signals is not None:
        exponent = f"{_text(signals.exponent)}, noise corrected"
        facts.append((f"tail of the {signals.num_tail} strongest signals", exponent))
    return facts


def _entry_facts(layer: LayerAnalysis) -> list[tuple[str, str]]:
    """Ranks, singular vectors and entries."""
    facts: list[tuple[str, str]] = []
    spectrum = layer.spectrum
    if layer.participation_ratio is not None and layer.stable_rank is not None:
        facts += [
            ("stable rank", _text(layer.stable_rank)),
            ("participation ratio of levels", _text(layer.participation_ratio)),
        ]
    if layer.localisation is not None:
        for side, part in zip(("long", "short"), layer.localisation, strict=True):
            of = (
                spectrum.rank
                if spectrum.participation is None or spectrum.participation.modes is None
                else "the spikes"
            )
            found = f"{part.num_localised} of {of}; spread {part.mean:.2f} of random"
            facts.append((f"localised vectors, {side} side", found))
    facts.append(("excess kurtosis of the entries", f"{spectrum.kurtosis:.2f}"))
    if layer.spikes is not None and layer.spikes.from_entries:
        facts.append(("levels of single large entries", str(len(layer.spikes.from_entries))))
    if layer.independence is not None:
        said = "; ".join(layer.independence.departures) or "not rejected"
        facts.append(("independent entries of one law", said))
    if layer.structure is not None:
        facts.append(("generalised Marchenko-Pastur", layer.structure.statement))
    if spectrum.change is not None:
        moved = f"{spectrum.change.relative_distance:.3g}, alignment {spectrum.change.alignment:.2f}"
        facts.append(("distance from initialisation", moved))
    return facts


def _history(trajectory: LayerTrajectory) -> list[tuple[str, str]]:
    facts = [(f"spike {birth.rank} born", _birth(birth)) for birth in trajectory.births[:6]]
    if trajectory.drift is not None:
        change = 100 * trajectory.drift.mean, 100 * trajectory.drift.sd
        facts.append(("drift of the bulk variance", f"{change[0]:+.2g}% ± {change[1]:.2g}% over the later half"))
    return [*facts, *_motion_facts(trajectory)]


def _motion_facts(trajectory: LayerTrajectory) -> list[tuple[str, str]]:
    """Noise and state of leading levels and bulk, and what may be said of an entry."""
    motion, facts = trajectory.motion, []
    for name, group in motion.groups:
        facts.append((f"noise of one update, {name}", f"variance {_text(group.noise)} of u_iᵀWv_i"))
        facts.append((f"state, {name}", group.state.state))
        if group.temperature is not None:
            facts.append((f"temperature, {name}", f"{_text(group.temperature)}, units of the loss"))
    if motion.levels.isotropy is not None:
        ratio, p_value = motion.levels.isotropy.ratio, motion.levels.isotropy.p_value
        said = {"yes": "isotropic", "no": "not isotropic", "–": "cannot be told"}[isotropy(motion)]
        facts.append(("isotropy of the noise", f"{said}: factor {ratio:.3g} between levels, p = {p_value:.1g}"))
    if motion.noise is not None:
        facts.append(("noise of one update, variance an entry", _text(motion.noise)))
    return facts


def _birth(birth: Any) -> str:
    return (
        "before the first record" if birth.previous_step is None else f"in steps {birth.previous_step} to {birth.step}"
    )


def _text(interval: Any) -> str:
    if not np.isfinite(interval.lower):
        return f"{interval.mean:.3g}"
    return f"{interval.mean:.3g} [{interval.lower:.3g}, {interval.upper:.3g}]"


def _lead(analysis: NetworkAnalysis, shown: Sequence[LayerAnalysis]) -> str:
    fitted = [layer.spikes for layer in shown if layer.spikes is not None]
    random = sum(layer.is_noise for layer in shown)
    learnt = sum(fit.num_spikes > 0 for fit in fitted)
    parts = [f"{len(shown)} weight {'matrix' if len(shown) == 1 else 'matrices'}"]
    if len(analysis.steps) > 1:
        parts.append(f"at {len(analysis.steps)} steps from {analysis.steps[0]} to {analysis.steps[-1]}")
    return f"{' '.join(parts)}: spikes beyond noise in {learnt} of {len(fitted)}, a noise-like bulk in {random}."


def _cards(analysis: NetworkAnalysis, shown: Sequence[LayerAnalysis]) -> list[Card]:
    """The numbers at the top of the page."""
    fitted = [layer.spikes for layer in shown if layer.spikes is not None]
    ratios = np.array([layer.ratio[:2] for layer in shown if layer.ratio is not None])
    heavy = sum(layer.tail is not None and layer.tail.preferred == "power law" for layer in shown)
    spikes = sum(fit.num_spikes for fit in fitted)
    cards = [
        Card(
            label="weight matrices",
            value=str(len(shown)),
            note=f"{len(analysis.spectra.skipped)} other arrays left out",
        ),
        Card(
            label="noise-like bulk",
            value=f"{sum(layer.is_noise for layer in shown)} of {len(fitted)}",
            note="Marchenko-Pastur fits the bulk levels",
        ),
        Card(label="spikes", value=str(spikes), note=f"false in {100 * analysis.level:g}% of noise matrices"),
        Card(label="power-law tails", value=str(heavy), note="preferred to log-normal and exponential"),
    ]
    if len(ratios):
        of = f"median of {len(ratios)} matrices; " if len(ratios) > 1 else ""
        note = f"{of}random matrices 0.531, independent 0.386"
        cards.append(Card(label="spacing ratio ⟨r⟩", value=f"{np.median(ratios[:, 0]):.3f}", note=note))
    return cards


def _provenance(analysis: NetworkAnalysis, more: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        "sources": printable(", ".join(analysis.spectra.source)) or "arrays in memory",
        "spike level": f"{analysis.level:g}",
        **(more or {}),
        **package_versions(),
    }
