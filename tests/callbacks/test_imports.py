"""Callbacks load their framework when they are used, and say what to install where it is missing."""

import subprocess
import sys

import pytest

from coulombgas import callbacks

FRAMEWORKS = {"LightningSpectra": "lightning", "TrainerSpectra": "transformers", "KerasSpectra": "keras"}
CODE = "import sys, coulombgas as cg; cg.callbacks; print(sorted({'torch', 'keras', 'lightning'} & set(sys.modules)))"


def test_the_package_loads_no_framework():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_what_is_missing_is_named(monkeypatch, name):
    for module in list(sys.modules):
        if module.startswith("coulombgas.callbacks._") or module.split(".")[0] in (
            "pytorch_lightning",
            FRAMEWORKS[name],
        ):
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, FRAMEWORKS[name], None)
    with pytest.raises(ImportError, match=rf"{name} needs {FRAMEWORKS[name]}.*: pip install coulombgas\[callbacks\]"):
        getattr(callbacks, name)


def test_nothing_else_is_there():
    assert dir(callbacks) == sorted(FRAMEWORKS)
    with pytest.raises(AttributeError, match="has no attribute 'TorchSpectra'"):
        callbacks.TorchSpectra  # noqa: B018
