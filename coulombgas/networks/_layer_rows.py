"""JSON rows of one matrix's analysis."""

from typing import Any

from coulombgas._interval import Interval
from coulombgas._json import finite
from coulombgas.spectra import LongRangeStatistic, SpacingRatio


def short_row(layer: Any) -> dict[str, Any]:
    """What ``coulombgas spectra --json`` prints of a :class:`~coulombgas.networks.LayerAnalysis`."""
    bulk = layer.spikes.bulk if layer.spikes else None
    row = {
        "name": layer.name,
        "shape": list(layer.spectrum.shape),
        "bulk": {"variance": _numbers(bulk and bulk.variance), "edge": bulk.edge if bulk else None},
        "num_spikes": layer.spikes.num_spikes if layer.spikes else None,
        "spikes": [
            {"eigenvalue": spike.eigenvalue, "strength": spike.strength.as_dict(), "p_value": spike.p_value}
            for spike in (layer.spikes.spikes if layer.spikes else ())
        ],
        "tail": {
            "exponent": _numbers(layer.tail_exponent),
            "preferred": layer.tail.preferred if layer.tail else None,
        },
        "spacing": {"brody": _numbers(layer.repulsion and layer.repulsion.brody), "ratio": _ratio(layer.ratio)},
        "warnings": list(layer.warnings),
    }
    return finite(row)


def full_row(layer: Any) -> dict[str, Any]:
    """The short row with all that it leaves out."""
    row = {
        **short_row(layer),
        "step": layer.step,
        "rank": layer.spectrum.rank,
        "kurtosis": layer.spectrum.kurtosis,
        "stable_rank": _numbers(layer.stable_rank),
        "participation_ratio": _numbers(layer.participation_ratio),
        **_bulk(layer),
        "tail_minimum": layer.tail.minimum if layer.tail else None,
        "tail_probabilities": layer.tail.probabilities if layer.tail else None,
        "signal_tail": {
            "exponent": _numbers(layer.signal_tail and layer.signal_tail.exponent),
            "preferred": layer.signal_tail.preferred if layer.signal_tail else None,
            "num_signals": layer.signal_tail.num_tail if layer.signal_tail else None,
        },
        "spacing_probabilities": layer.repulsion.probabilities if layer.repulsion else None,
        "unfolding": layer.unfolding.method if layer.unfolding else None,
        "number_variance": _long_range(layer.number_variance),
        "rigidity": _long_range(layer.rigidity),
        "localisation": [part._asdict() for part in layer.localisation] if layer.localisation else None,
        "change": _change(layer.spectrum.change),
    }
    return finite(row)


def _bulk(layer: Any) -> dict[str, Any]:
    """What the full row has on the bulk beyond variance and edge."""
    spikes, bulk = layer.spikes, layer.spikes.bulk if layer.spikes else None
    return {
        "rows": _numbers(bulk and bulk.rows),
        "aspect": _numbers(bulk and bulk.aspect),
        "lower_edge": bulk.lower_edge if bulk else None,
        "independence": layer.independence.as_dict() if layer.independence else None,
        "structure": layer.structure.as_dict() if layer.structure else None,
        "marchenko_pastur": {"distance": bulk.distance, "limit": bulk.distance_limit} if bulk else None,
        "num_spikes_probability": (
            dict(zip(map(str, spikes.candidates), spikes.probabilities.tolist(), strict=True)) if spikes else None
        ),
        "levels_of_large_entries": [one.eigenvalue for one in spikes.from_entries] if spikes else None,
    }


def _change(change: Any) -> dict[str, Any] | None:
    names = ("relative_distance", "spectral_distance", "alignment")
    return {name: getattr(change, name) for name in names} if change else None


def _numbers(interval: Interval | None) -> dict[str, float | None]:
    return {name: getattr(interval, name, None) for name in ("mean", "lower", "upper")}


def _ratio(ratio: SpacingRatio | None) -> dict[str, float | None]:
    if ratio is None:
        return _numbers(None)
    lower, upper = ratio.interval
    return {"mean": ratio.mean, "lower": lower, "upper": upper}


def _long_range(statistic: LongRangeStatistic | None) -> dict[str, list[float]] | None:
    return None if statistic is None else {name: value.tolist() for name, value in statistic._asdict().items()}
