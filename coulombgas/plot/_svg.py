"""Small charts as SVG text: for pages with hundreds of them, for which Matplotlib would take minutes.

Only numbers and the labels of this package enter the markup; labels are escaped nevertheless.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ._style import BAND, DATA, INK, MODEL

_SOFT = "#829ab1"
_MARGIN = (36.0, 12.0, 20.0, 30.0)  # left, right, top, bottom
_BESIDE, _LETTER = 8.0, 5.4  # room at the left of the axis for numbers that are longer than most
_LINE = 12  # between two lines of text
_NAMES = 30.0, 3.6, 92.0  # room below for names written aslant: with none, for each letter, at most
_GRID = "#e4e9ef"


@dataclass
class Chart:
    """One pair of axes; add marks, then call :meth:`svg`.

    Attributes:
        x_range, y_range: limits, in data units (positive for logarithmic axes).
        width, height: size in pixels.
        x_label, y_label: axis titles.
        x_log, y_log: logarithmic axes.
        bare: no axes, for thumbnails.
        x_names: labels at 0, 1, 2, … on the horizontal axis, instead of numbers.
    """

    x_range: tuple[float | int, float | int]
    y_range: tuple[float | int, float | int]
    width: int = 330
    height: int = 210
    x_label: str = ""
    y_label: str = ""
    x_log: bool = False
    y_log: bool = False
    bare: bool = False
    x_names: Sequence[str] = ()
    marks: list[str] = field(default_factory=list)

    def histogram(self, edges: np.ndarray, heights: np.ndarray, color: str = DATA, opacity: float = 1.0) -> None:
        """Bars between edges, shape (bar + 1,), as one filled outline."""
        x = np.repeat(edges, 2)
        y = np.concatenate([[self._floor], np.repeat(heights, 2), [self._floor]])
        self._path(x, y, f'fill="{color}" fill-opacity="{opacity:g}" stroke="none"', close=True)

    def area(self, x: np.ndarray, low: np.ndarray, high: np.ndarray, color: str = BAND, opacity: float = 0.5) -> None:
        """Band between two curves."""
        both = np.concatenate([x, x[::-1]]), np.concatenate([low, high[::-1]])
        self._path(*both, f'fill="{color}" fill-opacity="{opacity:g}" stroke="none"', close=True)

    def line(
        self, x: np.ndarray, y: np.ndarray, color: str = MODEL, *, dashed: bool = False, thickness: float | int = 1.6
    ) -> None:
        """Curve."""
        dash = ' stroke-dasharray="4 3"' if dashed else ""
        style = f'fill="none" stroke="{color}" stroke-width="{thickness:g}" stroke-linejoin="round"'
        self._path(x, y, style + dash)

    def dots(self, x: np.ndarray, y: np.ndarray, color: str = INK, radius: float | int = 2.0) -> None:
        """Points."""
        for px, py in zip(self._x(np.asarray(x)), self._y(np.asarray(y)), strict=True):
            self.marks.append(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="{radius:g}" fill="{color}"/>')

    def needles(self, x: np.ndarray, color: str = MODEL, length: float | int = 14.0) -> None:
        """Short strokes on the horizontal axis."""
        base = self.height - self._margin[3]
        for px in self._x(np.asarray(x)):
            style = f'stroke="{color}" stroke-width="1.2" stroke-opacity="0.75" fill="none"'
            self.marks.append(f'<path d="M{px:.1f} {base:.1f}v-{length:g}" {style}/>')

    def note(self, text: str, *, right: bool = True, row: int = 0, color: str = INK) -> None:
        """A line of text in an upper corner."""
        x = self.width - self._margin[1] - 2 if right else self._margin[0] + 6
        anchor = "end" if right else "start"
        y = self._margin[2] + 11 + 14 * row
        self.marks.append(f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" fill="{color}">{_text(text)}</text>')

    def svg(self, title: str = "") -> str:
        """The chart as an ``<svg>`` element."""
        name = f"<title>{_text(title)}</title>" if title else ""
        clip = "" if self.bare else self._axes()
        head = (
            f'<svg viewBox="0 0 {self.width} {self.height}" width="{self.width}" height="{self.height}" '
            'xmlns="http://www.w3.org/2000/svg" role="img" font-size="10.5" '
            "font-family='system-ui, \"Segoe UI\", Roboto, Helvetica, Arial, sans-serif'>"
        )
        return f"{head}{name}{clip}{''.join(self.marks)}</svg>"

    @property
    def _margin(self) -> tuple[float, float, float, float]:
        if self.bare:
            return (1.0, 1.0, 2.0, 1.0)
        labels = [len(_number(value)) for value in ticks(self.y_range, self.y_log, 4)]
        left = max(_MARGIN[0], _BESIDE + _LETTER * max(labels, default=0))
        if not self.x_names:
            return (left, *_MARGIN[1:])
        least, letter, most = _NAMES
        return (left, *_MARGIN[1:3], min(least + letter * max(len(name) for name in self.x_names), most))

    @property
    def _floor(self) -> float:
        return self.y_range[0]

    def _x(self, values: np.ndarray) -> np.ndarray:
        left, right, *_ = self._margin
        return left + _fraction(values, self.x_range, self.x_log) * (self.width - left - right)

    def _y(self, values: np.ndarray) -> np.ndarray:
        *_, top, bottom = self._margin
        return self.height - bottom - _fraction(values, self.y_range, self.y_log) * (self.height - top - bottom)

    def _path(self, x: np.ndarray, y: np.ndarray, style: str, *, close: bool = False) -> None:
        px, py = self._x(np.asarray(x, dtype=np.float64)), self._y(np.asarray(y, dtype=np.float64))
        good = np.isfinite(px) & np.isfinite(py)
        if np.count_nonzero(good) < 2:
            return
        points = "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(px[good], py[good], strict=True))
        self.marks.append(f'<path d="M{points}{"Z" if close else ""}" {style}/>')

    def _names(self, base: float) -> list[str]:
        """Rotated names under the axis."""
        parts = []
        for index, name in enumerate(self.x_names):
            (x,) = self._x(np.array([float(index)]))
            place = f'x="{x + 3:.1f}" y="{base + 11:.1f}" transform="rotate(-40 {x + 3:.1f} {base + 11:.1f})"'
            parts.append(f'<text {place} text-anchor="end" font-size="9.5" fill="{_SOFT}">{_text(name)}</text>')
        return parts

    def _axes(self) -> str:
        """Grid lines, ticks and labels as SVG."""
        left, right, top, bottom = self._margin
        base, parts = self.height - bottom, []
        parts += self._names(base)
        for value in () if self.x_names else ticks(self.x_range, self.x_log):
            (x,) = self._x(np.array([value]))
            parts.append(f'<path d="M{x:.1f} {top:.1f}V{base:.1f}" stroke="{_GRID}"/>')
            label = _number(value)
            x, anchor = (x, "middle") if x + 3.2 * len(label) < self.width else (self.width - 1, "end")  # stay inside
            parts.append(f'<text x="{x:.1f}" y="{base + 12:.1f}" text-anchor="{anchor}" fill="{_SOFT}">{label}</text>')
        for value in ticks(self.y_range, self.y_log, 4):
            (y,) = self._y(np.array([value]))
            parts.append(f'<path d="M{left:.1f} {y:.1f}H{self.width - right:.1f}" stroke="{_GRID}"/>')
            parts.append(
                f'<text x="{left - 4:.1f}" y="{y + 3.5:.1f}" text-anchor="end" fill="{_SOFT}">{_number(value)}</text>'
            )
        middle, style = (left + self.width - right) / 2, f'text-anchor="middle" fill="{INK}"'
        parts.append(f'<text x="{middle:.1f}" y="{self.height - 4:.1f}" {style}>{_text(self.x_label)}</text>')
        if self.y_label:
            parts.append(f'<text x="4" y="11" fill="{INK}">{_text(self.y_label)}</text>')
        parts.append(f'<path d="M{left:.1f} {base:.1f}H{self.width - right:.1f}" stroke="{_SOFT}"/>')
        return "".join(parts)


def short_names(names: Sequence[str], length: int = 20) -> list[str]:
    """Names without their common beginning and ending, shortened to the end of the remainder."""
    parts = [name.replace("/", ".").split(".") for name in names]
    while len(parts) > 1 and all(len(one) > 1 for one in parts) and len({one[-1] for one in parts}) == 1:
        parts = [one[:-1] for one in parts]
    while len(parts) > 1 and all(len(one) > 1 for one in parts) and len({one[0] for one in parts}) == 1:
        parts = [one[1:] for one in parts]
    joined = [".".join(one) for one in parts]
    return [name if len(name) <= length else f"…{name[1 - length :]}" for name in joined]


def ticks(limits: tuple[float | int, float | int], log: bool, most: int = 5) -> list[float]:
    """Round numbers inside the limits; powers of ten, thinned, on a logarithmic axis."""
    low, high = limits
    if log:
        first, last = int(np.ceil(np.log10(low) - 1e-9)), int(np.floor(np.log10(high) + 1e-9))
        if last - first >= 1:
            stride = max(1, -(-(last - first + 1) // most))
            return [10.0**k for k in range(first, last + 1, stride)]
    step = 10 ** np.floor(np.log10((high - low) / most))
    step = next(step * factor for factor in (1, 2, 2.5, 5, 10, 20) if (high - low) / (step * factor) <= most)
    return [float(k * step) for k in range(int(np.ceil(low / step - 1e-9)), int(np.floor(high / step + 1e-9)) + 1)]


def ridge(
    curves: Sequence[tuple[np.ndarray, np.ndarray]],
    labels: Sequence[str],
    *,
    width: int = 330,
    row: int = 9,
    x_label: str = "",
    x_log: bool = False,
) -> str:
    """Densities one below another, the first on top, to show the evolution of a spectrum.

    Args:
        curves: (x, height) for each row.
        labels: text on the left of each row.
        width: width in pixels.
        row: distance of the rows in pixels.
        x_label: axis title.
        x_log: logarithmic axis.
    """
    lows, highs = [float(x.min()) for x, _ in curves], [float(x.max()) for x, _ in curves]
    limits = min(lows), max(highs)
    top, overlap = 40.0, 3.6
    height = int(top + row * (len(curves) - 1) + 34)
    frame = Chart(limits, (0, 1), width=width, height=height, x_label=x_label, x_log=x_log)
    base, peak = height - _MARGIN[3], max(float(y.max()) for _, y in curves) or 1.0
    parts = []
    for value in ticks(limits, x_log, 6):
        (x,) = frame._x(np.array([value])) + 14
        parts.append(f'<path d="M{x:.1f} 8V{base:.1f}" stroke="{_GRID}"/>')
        parts.append(
            f'<text x="{x:.1f}" y="{base + 12:.1f}" text-anchor="middle" fill="{_SOFT}">{_number(value)}</text>'
        )
    for index, ((x, y), label) in enumerate(zip(curves, labels, strict=True)):
        zero = base - row * (len(curves) - 1 - index)
        px, py = frame._x(x) + 14, zero - y / peak * row * overlap
        shade = 0.15 + 0.75 * index / max(len(curves) - 1, 1)
        points = "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(px, py, strict=True))
        parts.append(
            f'<path d="M{px[0]:.1f} {zero:.1f}L{points}L{px[-1]:.1f} {zero:.1f}Z" fill="{_blend(shade)}" '
            'fill-opacity="0.92" stroke="#ffffff" stroke-width="0.9"/>'
        )
        if (len(curves) - 1 - index) % -(-_LINE // row):
            continue  # the rows are closer than lines of text
        parts.append(
            f'<text x="{_MARGIN[0] + 8:.0f}" y="{zero - 1:.1f}" text-anchor="end" fill="{_SOFT}">{_text(label)}</text>'
        )
    parts.append(
        f'<text x="{width / 2:.0f}" y="{height - 4}" text-anchor="middle" fill="{INK}">{_text(x_label)}</text>'
    )
    frame.bare, frame.marks = True, parts
    return frame.svg("evolution of the density")


def _blend(share: float) -> str:
    """From the colour of data to that of the model."""
    start, end = (np.array([int(c[i : i + 2], 16) for i in (1, 3, 5)]) for c in ("#9fb3c8", "#1f4e79"))
    mixed = np.rint(start + share * (end - start)).astype(int)
    return "#" + "".join(f"{value:02x}" for value in mixed)


def _fraction(values: np.ndarray, limits: tuple[float | int, float | int], log: bool) -> np.ndarray:
    low, high = limits
    if log:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.clip(np.log(np.maximum(values, low) / low) / np.log(high / low), -0.02, 1.02)
    return np.clip((values - low) / (high - low), -0.02, 1.02)


def _number(value: float) -> str:
    if value == 0:
        return "0"
    exponent = int(np.floor(np.log10(abs(value)) + 1e-9))
    if -3 <= exponent < 4:
        return f"{value:.3g}" if exponent < 3 else f"{value:.0f}"
    mantissa = value / 10.0**exponent
    power = str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"10{power}" if abs(mantissa - 1) < 1e-6 else f"{mantissa:.2g}·10{power}"


def _text(text: str) -> str:
    return html.escape(str(text), quote=True)
