"""One function writes the report of any result."""

import numpy as np
import pytest

import coulombgas as cg
from coulombgas.spectra import layer_spectrum


def test_a_result_becomes_a_page(tmp_path):
    weights = np.random.default_rng(0).normal(size=(80, 60))
    analysis = cg.analyse(layer_spectrum("w", weights))
    cg.report.write_report(analysis, tmp_path / "r.html")
    assert "<html" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_what_is_no_result_is_refused(tmp_path):
    with pytest.raises(cg.InputError, match="got list"):
        cg.report.write_report([1, 2], tmp_path / "r.html")
    assert list(tmp_path.iterdir()) == []
