"""One line of text for each matrix: the rows that ``coulombgas spectra`` prints, and :meth:`NetworkAnalysis.table`."""

from collections.abc import Iterable, Sequence
from typing import Any

from coulombgas._interval import Interval
from coulombgas.spectra import printable

_LONGEST_NAME = 60  # longer names shift their own row only


def layer_columns(names: Sequence[str], *, steps: bool, compared: bool = False) -> dict[str, int]:
    """Headers of the columns and their widths in characters.

    Args:
        names: of all matrices of the table.
        steps: whether rows are records of a trajectory, with a column of training steps.
        compared: whether matrices were compared with those before training.
    """
    widest = max((len(printable(name)) for name in names), default=0)
    columns = {"matrix": min(max(widest, 6), _LONGEST_NAME), **({"step": 9} if steps else {})}
    columns |= {"shape": 11, "variance [95%]": 24, "edge": 8, "spikes": 6, "stable rank": 11, "exponent [95%]": 18}
    columns |= {"tail": 12, "Brody q [95%]": 18, "<r>": 15, "notes": 5}
    return {**columns, **({"moved": 6, "alignment": 9} if compared else {}), "kind": 0}


def layer_cells(layer: Any, *, steps: bool, compared: bool = False) -> list[str]:
    """The cells of one :class:`~coulombgas.networks.LayerAnalysis`, in the order of :func:`layer_columns`.

    "moved" is the distance from the matrix before training in units of its norm, "alignment" the cosine with it.
    """
    fit, tail, repulsion, ratio = layer.spikes, layer.tail, layer.repulsion, layer.ratio
    return [
        printable(layer.name),
        *([str(layer.step)] if steps else []),
        "×".join(map(str, layer.spectrum.shape)),
        interval_cell(fit and fit.bulk.variance),
        f"{fit.bulk.edge:.3g}" if fit else "–",
        str(fit.num_spikes) if fit else "–",
        f"{layer.stable_rank.mean:.1f}" if layer.stable_rank else "–",
        interval_cell(layer.tail_exponent),
        tail.preferred if tail else "–",
        interval_cell(repulsion and repulsion.brody),
        f"{ratio.mean:.3f} ± {ratio.error:.3f}" if ratio else "–",
        str(len(layer.warnings) or ""),
        *(_change(layer.spectrum.change) if compared else []),
        layer.spectrum.kind,
    ]


def layer_table(layers: Iterable[Any]) -> str:
    """The rows of all layers under their headers."""
    layers = list(layers)
    steps = len({layer.step for layer in layers}) > 1
    compared = any(layer.spectrum.change is not None for layer in layers)
    columns = layer_columns([layer.name for layer in layers], steps=steps, compared=compared)
    rows = [list(columns), *(layer_cells(layer, steps=steps, compared=compared) for layer in layers)]
    return "\n".join("  ".join(map(str.ljust, row, columns.values())).rstrip() for row in rows)


def _change(change: Any) -> list[str]:
    return [f"{change.relative_distance:.3g}", f"{change.alignment:.2f}"] if change else ["–", "–"]


def interval_cell(interval: Interval | None) -> str:
    """Mean and interval of a cell; a dash where there is none."""
    return f"{interval.mean:.3g} [{interval.lower:.3g}, {interval.upper:.3g}]" if interval else "–"
