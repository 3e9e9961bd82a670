"""Every format gives the matrices that were put in, told by content; every refusal names its remedy, at once."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from coulombgas import load_spectra
from coulombgas.spectra import find_checkpoints, iterate_matrices

_SPEC = importlib.util.spec_from_file_location("format_files", Path(__file__).with_name("format_files.py"))
assert _SPEC is not None
files = importlib.util.module_from_spec(_SPEC)
sys.modules["format_files"] = files
assert _SPEC.loader is not None
_SPEC.loader.exec_module(files)


@pytest.mark.parametrize("row", files.ROWS, ids=lambda row: row.title)
@pytest.mark.filterwarnings("ignore")  # of the libraries that write
def test_a_format_gives_what_was_put_in(tmp_path, row):
    try:
        files.written_by(row)
    except files.Missing as error:
        pytest.skip(f"{error} is not installed")
    path, expected = row.write(tmp_path)
    template = files.equinox_module() if row.write is files.equinox_file else None
    found = dict(iterate_matrices(path, template=template))
    assert sorted(found) == sorted(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-6, atol=1e-6, err_msg=name)
    assert len(find_checkpoints(path)) == 1
    layers = {layer.name: layer for layer in load_spectra(path, template=template, vectors=False)}
    for name, value in expected.items():
        levels = np.linalg.svd(value.astype(float), compute_uv=False)[::-1] ** 2
        np.testing.assert_allclose(layers[name].eigenvalues[-levels.size :], levels, rtol=1e-4, atol=1e-4)
