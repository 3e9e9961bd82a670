"""What the motion of the levels shows, in sentences and headline numbers."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from coulombgas.motion import SAME_WITHIN
from coulombgas.networks import Dynamics, GroupMotion, LayerMotion, common_temperature
from coulombgas.spectra import printable

from ._conclusions import named
from ._html import Card


class Moving(NamedTuple):
    """One matrix of one run."""

    name: str
    motion: LayerMotion
    dynamics: Dynamics


def headline(layers: Sequence[Moving]) -> str:
    """Temperature of one run, or why there is none."""
    heat, groups = common_temperature([layer.motion for layer in layers]), _groups(layers)
    if heat is not None:
        return (
            f"Temperature {text(heat)} in units of the loss, from levels in equilibrium "
            f"({_setting(layers[0].dynamics)})."
        )
    if not groups:
        return f"No temperature ({_setting(layers[0].dynamics)}): {layers[0].motion.statement}."
    return f"No temperature ({_setting(layers[0].dynamics)}): {why_not(layers)}."


def why_not(layers: Sequence[Moving]) -> str:
    """Why no group has a temperature."""
    groups = _groups(layers)
    states = [group.state.state for _, group, _ in groups]
    if "equilibrium" in states:
        return layers[0].dynamics.why_no_rate
    counts = {word: states.count(word) for word in ("drifting", "flat", "unknown") if word in states}
    said = {"drifting": "still drift", "flat": "diffuse without end", "unknown": "have too few records"}
    parts = ", ".join(f"{count} {said[word]}" for word, count in counts.items())
    return f"of {len(groups)} groups of levels {parts}, none is in equilibrium"


def motion_cards(layers: Sequence[Moving]) -> list[Card]:
    """Temperature, equilibrium and isotropy."""
    heat, groups = common_temperature([layer.motion for layer in layers]), _groups(layers)
    if not groups:
        return [Card(label="temperature", value="none", note="the noise of no matrix could be measured")]
    settled = sum(group.state.state == "equilibrium" for _, group, _ in groups)
    tested = [layer.motion for layer in layers if layer.motion.levels.isotropy is not None]
    uneven = sum(isotropy(motion) == "no" for motion in tested)
    return [
        Card(label="temperature", value="none", note=why_not(layers))
        if heat is None
        else Card(
            label="temperature, units of the loss", value=f"{heat.mean:.3g}",
            note=f"95%: {heat.lower:.3g} to {heat.upper:.3g}",
        ),
        Card(label="in equilibrium", value=f"{settled} of {len(groups)}", note="groups of levels, tested at 1%"),
        Card(label="noise not isotropic", value=f"{uneven} of {len(tested)}", note="matrices, tested at 1%"),
    ]  # fmt: skip


def motion_conclusions(layers: Sequence[Moving]) -> list[str]:
    """Sentences about noise, isotropy and equilibrium of one run."""
    groups = _groups(layers)
    silent = [layer for layer in layers if not layer.motion.groups]
    found = [_noises(groups), _isotropy(layers), _states(groups)] if groups else []
    if silent:
        found.append(
            f"No noise could be measured in {len(silent)} of {_count(len(layers))}; in {printable(silent[0].name)}: "
            f"{silent[0].motion.statement.removeprefix('no noise estimate: ')}."
        )
    return [sentence for sentence in found if sentence]


def isotropy(motion: LayerMotion) -> str:
    """Whether the noise is isotropic: "yes", "no", or "–" where that is undecided."""
    found = motion.levels.isotropy
    return "–" if found is None else {"isotropic": "yes", "anisotropic": "no", "unknown": "–"}[found.verdict]


def text(interval: Any) -> str:
    """Mean and interval."""
    return f"{interval.mean:.3g} [{interval.lower:.3g}, {interval.upper:.3g}]"


def _groups(layers: Sequence[Moving]) -> list[tuple[str, GroupMotion, Moving]]:
    return [(kind, group, layer) for layer in layers for kind, group in layer.motion.groups]


def _noises(groups: Sequence[tuple[str, GroupMotion, Moving]]) -> str:
    ordered = sorted(groups, key=lambda each: each[1].noise.mean)
    (low_kind, low, low_at), (high_kind, high, high_at) = ordered[0], ordered[-1]
    said = f"One update adds a variance of {text(high.noise)} to u_iᵀWv_i in the {_place(high_kind, high_at)}"
    if len(ordered) == 1:
        return f"{said}."
    return f"{said}, where the noise is strongest, and {text(low.noise)} in the {_place(low_kind, low_at)}."


def _isotropy(layers: Sequence[Moving]) -> str:
    """In how many matrices the noise of the levels is one, and where it differs most."""
    uneven = [layer for layer in layers if isotropy(layer.motion) == "no"]
    even = sum(isotropy(layer.motion) == "yes" for layer in layers)
    if not uneven:
        said = (
            f"The noise of the levels differs by less than a factor {SAME_WITHIN:g} in {even} of {_count(len(layers))}."
        )
        return said if even else ""
    ratios = [(layer.motion.levels.isotropy.ratio, layer) for layer in uneven if layer.motion.levels.isotropy]
    ratio, worst = max(ratios, key=lambda pair: pair[0])
    return (
        f"The noise is not isotropic in {len(uneven)} of {_count(len(layers))}, tested at 1%: in "
        f"{printable(worst.name)} it differs by a factor {ratio:.3g} between classes of levels. The entries of "
        "such a matrix have no common noise, and leading levels and bulk are measured separately."
    )


def _states(groups: Sequence[tuple[str, GroupMotion, Moving]]) -> str:
    """How many groups of levels are in each state, and which."""
    by_state: dict[str, list[str]] = {}
    for kind, group, layer in groups:
        by_state.setdefault(group.state.state, []).append(_place(kind, layer))
    said = {
        "equilibrium": "in equilibrium, fluctuating without a trend: at this α/B they come no closer to the "
        "minimum; a lower α/B would bring them closer",
        "drifting": "drifting: they have not arrived yet, and lowering the learning rate now would stop them early",
        "flat": "flat: no restoring force is visible within the records",
        "unknown": "in an unknown state, because there are too few records",
    }
    parts = [
        f"{len(places)} of {len(groups)} groups of levels {'are' if len(places) > 1 else 'is'} {said[state]} "
        f"({named(places)})"
        for state, places in by_state.items()
    ]
    return f"{'. '.join(parts)}."


def _place(kind: str, layer: Moving) -> str:
    return f"{kind} of {printable(layer.name)}"


def _setting(dynamics: Dynamics) -> str:
    rate, batch = dynamics.learning_rate, dynamics.batch_size
    known = [
        f"α = {rate:g}" if rate is not None else "α unknown",
        f"B = {batch:g}" if batch is not None else "B unknown",
    ]
    if dynamics.memory and dynamics.optimizer != "sgd":
        known.append(f"momentum {dynamics.memory:g}")
    return ", ".join([dynamics.optimizer or "optimiser unknown", *known])


def _count(number: int) -> str:
    return f"{number} matri{'x' if number == 1 else 'ces'}"
