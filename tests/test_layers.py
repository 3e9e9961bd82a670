"""Imports point down: the layer order of the design, enforced; and the package stays light to import."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import coulombgas

ROOT = Path(coulombgas.__file__).parent
LAYERS = (
    {"_types", "_checks", "_files", "_interrupts", "_precision", "_version", "_interval", "_arviz"},
    {"symbolic"},
    {"laws", "ensembles", "spectra"},
    {"models"},
    {"training"},
    {"theory"},
    {"inference", "networks", "motion", "dmft"},
    {"plot"},
    {"report"},
    {"cli"},
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
# a comparison of mean field and simulation hands itself to plot inside `.plot()`
EXCEPTIONS = {("dmft", "plot")}
FREE = {"__init__", "__main__"}


def _part(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def _imports(path: Path):
    """(line, part of coulombgas) of every import in a file, including those inside functions."""
    depth = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ["coulombgas", *depth][: len(depth) + 2 - node.level] if node.level else []
            modules = [".".join([*base, *([node.module] if node.module else [])])]
            if modules == ["coulombgas"]:
                modules = [f"coulombgas.{alias.name}" for alias in node.names]
        else:
            continue
        for module in modules:
            words = module.split(".")
            if words[0] == "coulombgas" and len(words) > 1:
                yield node.lineno, words[1]
            elif words[0] in ("derivations", "simulations", "tests"):
                yield node.lineno, words[0]


FILES = sorted(path for path in ROOT.rglob("*.py") if _part(path) not in FREE)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path):
    here = _part(path)
    assert here in RANK, f"{here} has no layer: add it to the design first"
    for line, there in _imports(path):
        if there == here or (here, there) in EXCEPTIONS:
            continue
        assert there in RANK, f"{path}:{line} imports {there}, which is no layer"
        # parts of one layer may use each other (laws sample through ensembles); a cycle would fail to import below
        assert RANK[there] <= RANK[here], f"{path}:{line} imports {there} upward"


def test_the_checker_sees_an_upward_import(tmp_path, monkeypatch):
    """Control: the rule above must be able to fail."""
    bad = ROOT / "laws" / "_upward_control.py"
    tree = ast.parse("from coulombgas.inference import fit_temperature")
    monkeypatch.setattr(
        Path, "read_text", lambda self, encoding=None: "from coulombgas.inference import fit_temperature"
    )
    assert isinstance(tree, ast.Module)
    with pytest.raises(AssertionError, match="upward"):
        test_imports_point_down(bad)


def _modules_after(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in done.stdout.split()}


HEAVY = {"jax", "sympy", "numpyro", "arviz", "matplotlib", "torch"}


def test_import_is_light():
    assert not _modules_after("import coulombgas") & HEAVY


def test_the_command_line_is_light():
    assert not _modules_after("import coulombgas.cli") & (HEAVY | {"xarray", "scipy", "tyro"})


def test_using_a_name_loads_it():
    """Control for the two tests above."""
    assert "xarray" in _modules_after("import coulombgas; coulombgas.read_spectra")


@pytest.mark.parametrize("package", ["symbolic", "laws", "ensembles", "models", "training", "spectra"])
def test_runs_where_arviz_tyro_and_zarr_are_missing(package):
    block = "import sys\nfor name in ('arviz', 'tyro', 'zarr'): sys.modules[name] = None\n"
    loaded = _modules_after(f"{block}import coulombgas.{package}")
    assert "coulombgas" in loaded


@pytest.mark.parametrize("package", ["laws", "ensembles", "spectra", "plot", "report"])
def test_no_import_cycle(package):
    """Each imports alone, first of all: a cycle would meet a half-initialised module."""
    code = f"import coulombgas.{package} as one; print(all(hasattr(one, name) for name in one.__all__))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


def test_every_public_name_exists():
    for name in coulombgas.__all__:
        assert getattr(coulombgas, name) is not None
