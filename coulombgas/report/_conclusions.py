"""What the analysis of a checkpoint shows, in sentences that give the numbers they rest on."""

from collections.abc import Sequence

import numpy as np

from coulombgas.networks import NO_TAIL, LayerAnalysis
from coulombgas.spectra import RATIO_MEANS, printable

_POISSON, _RANDOM = RATIO_MEANS[0], RATIO_MEANS[1]
_SPURIOUS = 8.0
_SOURCE = "the documentation of WeightWatcher 0.7.7 reports values near 2 in the best layers and discards those above 8"
_NAMED = 3  # matrices that a sentence names
_REACH = 3.0  # standard errors
_LOW_RANK = 0.05  # of the rank: a stable rank that is worth a sentence


def conclusions(layers: Sequence[LayerAnalysis], *, level: float) -> list[str]:
    """The sentences, most important first; none where nothing could be analysed.

    Args:
        layers: the matrices of one checkpoint.
        level: probability of a false spike in a matrix of pure noise.
    """
    found = [_signals(layers, level), _bulks(layers), _tails(layers), _ranks(layers), _repulsion(layers)]
    said = [sentence for sentence in found if sentence]
    if said:
        said.append(
            "None of this is a temperature: a temperature needs the motion of the levels, which one checkpoint does "
            "not show. Record a training and run `coulombgas rule`."
        )
    return said


def remarks(layers: Sequence[LayerAnalysis]) -> list[tuple[str, list[tuple[int, str, str]]]]:
    """Warnings by kind: the kind, and index, name and details of each matrix that it concerns."""
    grouped: dict[str, list[tuple[int, str, str]]] = {}
    for index, layer in enumerate(layers):
        for warning in layer.warnings:
            kind, _, details = warning.partition(": ")
            grouped.setdefault(kind, []).append((index, printable(layer.name), details))
    return sorted(grouped.items(), key=lambda item: -len(item[1]))


def named(names: Sequence[str]) -> str:
    """The first names of a list and how many more there are."""
    shown = [printable(name) for name in names[:_NAMED]]
    more = len(names) - len(shown)
    if more:
        return f"{', '.join(shown)} and {more} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def _signals(layers: Sequence[LayerAnalysis], level: float) -> str:
    """How many directions stand out of the noise, and the strongest; empty without a fitted bulk."""
    fitted = [(layer, layer.spikes) for layer in layers if layer.spikes is not None]
    if not fitted:
        return ""
    spiked = [(layer, fit) for layer, fit in fitted if fit.num_spikes]
    if not spiked:
        return (
            f"No direction stands out of the noise in {_of(len(fitted))}: 0 spikes, where noise alone would give "
            f"{level * len(fitted):.2g}. Untrained weights look like this."
        )
    total = sum(fit.num_spikes for _, fit in spiked)
    layer, fit = max(spiked, key=lambda pair: pair[1].spikes[0].strength.mean / np.sqrt(pair[1].bulk.edge))
    ratio = fit.spikes[0].strength.mean / np.sqrt(fit.bulk.edge)
    return (
        f"{total} direction{'s' * (total != 1)} beyond noise in {len(spiked)} of {_of(len(fitted))}; noise alone would "
        f"give {level * len(fitted):.2g}. The strongest for its matrix is in {printable(layer.name)}: singular value "
        f"{fit.spikes[0].strength.mean:.3g}, {ratio:.1f} times the edge of the noise."
    )


def _bulks(layers: Sequence[LayerAnalysis]) -> str:
    """In how many matrices the bulk is that of noise, and where it is least; empty without a fitted bulk."""
    fitted = [(layer, layer.spikes.bulk) for layer in layers if layer.spikes is not None]
    if not fitted:
        return ""
    shaped = sorted(
        ((layer, bulk) for layer, bulk in fitted if not layer.is_noise), key=lambda pair: -pair[1].distance
    )  # fmt: skip
    if not shaped:
        worst = max(bulk.distance / bulk.distance_limit for _, bulk in fitted)
        return (
            f"The other levels lie where noise puts them in {_all(len(fitted))}: displaced by at most "
            f"{100 * worst:.0f}% of what noise reaches. What was learnt, if anything, is in the spikes."
        )
    layer, bulk = shaped[0]
    return (
        f"The other levels lie where noise puts them in {len(fitted) - len(shaped)} of {_of(len(fitted))}. They do not "
        f"in {named([one.name for one, _ in shaped])}: in {printable(layer.name)} they are displaced by up to "
        f"{bulk.distance:.1f} spacings, noise reaches {bulk.distance_limit:.1f}. Either more than "
        "spikes was learnt there, or the entries were never independent (sparse, tied or of unequal scale)."
    )


def _tails(layers: Sequence[LayerAnalysis]) -> str:
    """How many tails are power laws, and with which exponents; empty without tails."""
    fitted = [(layer, layer.tail) for layer in layers if layer.tail is not None]
    heavy = [layer for layer, tail in fitted if tail.preferred == "power law"]
    if not fitted:
        return ""
    if not heavy:
        other = sum(tail.preferred != NO_TAIL for _, tail in fitted)
        rest = f"a log-normal or exponential describes {other}, the rest have none"
        return f"No power-law tail in {_of(len(fitted))}: {rest}."
    said = f"A power law describes the tail best in {len(heavy)} of {_of(len(fitted))}"
    known = [(layer, layer.tail_exponent.mean) for layer in heavy if layer.tail_exponent is not None]
    if not known:
        return f"{said}; there are too few signals beyond the noise for an exponent."
    values = sorted(value for _, value in known)
    span = f"{values[0]:.2g}" if len(values) == 1 else f"{values[0]:.2g} to {values[-1]:.2g}"
    odd = [layer.name for layer, value in known if value > _SPURIOUS]
    outside = f", as here {named(odd)}" if odd else ""
    return f"{said}, with exponent {span} of the signals, corrected for the noise ({_SOURCE}{outside})."


def _ranks(layers: Sequence[LayerAnalysis]) -> str:
    """The matrix that one direction dominates most; empty where none does."""
    ranked = [(layer.stable_rank.mean / layer.spectrum.columns, layer) for layer in layers if layer.stable_rank]
    if not ranked:
        return ""
    share, layer = min(ranked, key=lambda pair: pair[0])
    if share > _LOW_RANK or layer.stable_rank is None:
        return ""
    return (
        f"One direction dominates {printable(layer.name)}: its stable rank is {layer.stable_rank.mean:.1f}, of "
        f"{layer.spectrum.columns} levels."
    )


def _repulsion(layers: Sequence[LayerAnalysis]) -> str:
    """Matrix by matrix, so that one with many equal levels does not decide for all."""
    rated = [(layer.name, *layer.ratio[:2]) for layer in layers if layer.ratio is not None]
    if not rated:
        return ""
    random = [each for each in rated if abs(each[1] - _RANDOM) <= _REACH * each[2]]
    other = [each for each in rated if each not in random]
    strong = bool(random) and _REACH * _pooled(random)[1] < _RANDOM - _POISSON
    parts = []
    if strong:
        parts.append(
            f"Neighbouring levels repel each other as in random matrices in {len(random)} of {_of(len(rated))} "
            f"({_ratio(random)}). Almost every dense matrix does, trained or not, whatever the shape of its "
            "spectrum, so this is no sign of learning."
        )
    for name, mean, error in other[:_NAMED]:
        lie = (
            "as if independent, so the matrix falls into blocks"
            if abs(mean - _POISSON) <= _REACH * error
            else "like neither"
        )
        parts.append(
            f"In {printable(name)} the levels lie {lie} (⟨r⟩ = {mean:.3f} ± {error:.3f}, random matrices "
            f"{_RANDOM:.3f}, independent levels {_POISSON:.3f})."
        )
    if len(other) > _NAMED:
        parts.append(f"{len(other) - _NAMED} more are not like random matrices.")
    if not parts:
        return f"The spacings are too few to decide how neighbouring levels repel each other ({_ratio(rated)})."
    return " ".join(parts) if strong else " ".join(["Spacings of neighbouring levels:", *parts])


def _pooled(rated: Sequence[tuple[str, float, float]]) -> tuple[float, float]:
    means, errors = np.array([[mean, error] for _, mean, error in rated]).T
    weight = errors**-2.0
    return float(weight @ means / weight.sum()), float(weight.sum() ** -0.5)


def _ratio(rated: Sequence[tuple[str, float, float]]) -> str:
    mean, error = _pooled(rated)
    return f"⟨r⟩ = {mean:.3f} ± {error:.3f}, random matrices {_RANDOM:.3f}, independent levels {_POISSON:.3f}"


def _all(count: int) -> str:
    return "the one matrix" if count == 1 else f"all {count} matrices"


def _of(count: int) -> str:
    return f"{count} matri{'x' if count == 1 else 'ces'}"
