"""Are the entries of a matrix independent draws of one law, as Marchenko-Pastur assumes?"""

from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtr

from coulombgas.spectra import ENTRY_TESTS, LayerSpectrum

from ._bulk import BulkFit

FALSE_ALARM = 0.01
"""Probability of a departure being reported for independent, equally distributed entries."""
_SAID = {
    "unequal rows": "the rows differ in scale",
    "unequal columns": "the columns differ in scale",
    "correlated rows": "neighbouring rows are correlated",
    "correlated columns": "neighbouring columns are correlated",
}


class Independence(NamedTuple):
    """Five tests against independent entries of one law.

    Row and column are those of the stored matrix. Without the entries only the levels are tested, by the number of
    independent rows inferred from them.
    """

    p_values: dict[str, float]
    """Of each test."""
    correlations: dict[str, float]
    """Of neighbouring rows and columns."""
    departures: tuple[str, ...]
    """What was found, one clause each; empty where independence is not rejected."""

    @property
    def holds(self) -> bool:
        """Whether independent entries of one law are not rejected."""
        return not self.departures

    def as_dict(self) -> dict[str, Any]:
        """As JSON-able data."""
        return {"holds": self.holds, "p_values": self.p_values, "correlations": self.correlations}


def independence(spectrum: LayerSpectrum, bulk: BulkFit) -> Independence:
    """Test the entries of one matrix, each of five tests at a fifth of FALSE_ALARM.

    Equal mean squares of rows and of columns, no correlation of neighbouring rows and columns (in the stored order),
    and as many independent rows as the matrix has: correlations between any of them and unequal ones leave fewer.
    """
    entries = spectrum.entries
    p_values: dict[str, float] = {} if entries is None else dict(zip(ENTRY_TESTS, entries.p_values, strict=True))
    correlations: dict[str, float] = (
        {} if entries is None else dict(zip(ENTRY_TESTS[2:], entries.correlations, strict=True))
    )
    log_rows = np.log(bulk.rows_draws)
    free = np.ptp(log_rows) > 0  # rounding leaves equal draws a standard deviation
    score = float(np.log(spectrum.rows) - log_rows.mean()) / float(log_rows.std()) if free else 0.0
    p_values["number of rows"] = float(2 * ndtr(-abs(score)))
    departures = []
    for test, p_value in p_values.items():
        if p_value >= FALSE_ALARM / 5:
            continue
        said = _SAID.get(test, f"the levels are those of {bulk.rows.mean:.3g} ± {bulk.rows.sd:.2g} independent rows")
        value = f"r = {correlations[test]:.2f}, " if test in correlations else ""
        departures.append(f"{said} ({value}p = {p_value:.1g})")
    return Independence(p_values, correlations, tuple(departures))
