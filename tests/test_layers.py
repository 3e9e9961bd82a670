"""Imports point down: the layer order of the design, no cycle of any kind, no private door; light to import.

Every import counts: at the top of a module, inside a function, under ``TYPE_CHECKING``, or by string. The package's own
``__init__`` stays out of the graph: it names where things are and loads them on first use (PEP 562).
"""

import ast
import graphlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import coulombgas

ROOT = Path(coulombgas.__file__).parent
LAYERS = (
    {
        "_types",
        "_checks",
        "_files",
        "_interrupts",
        "_precision",
        "_version",
        "_interval",
        "_tails",
        "_arviz",
        "_results",
        "_json",
    },
    {"symbolic"},
    {"laws", "ensembles", "spectra"},
    {"models"},
    {"training"},
    {"theory"},
    {"inference", "networks", "motion", "dmft"},
    {"plot", "callbacks"},
    {"report"},
    {"cli", "__main__"},
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
ABOVE = ("derivations", "simulations", "tests")


class Import(NamedTuple):
    """``line`` of ``module`` takes ``name`` (None for the whole module) from the module ``source``."""

    module: str
    line: int
    source: str
    name: str | None

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.source}" + (f".{self.name}" if self.name else "")


class Package:
    """Modules of a package by dotted name, and their imports of one another."""

    def __init__(self, root: Path) -> None:
        self.name = root.name
        self.paths = {_module_name(path, root): path for path in sorted(root.rglob("*.py")) if path.parent != root
                      or path.name != "__init__.py"}  # fmt: skip
        self.imports = [found for name in self.paths for found in self._read(name)]

    def part(self, module: str) -> str:
        """First word below the package: ``laws`` of ``coulombgas.laws._pair``."""
        return module.split(".")[1]

    def graph(self) -> dict[str, set[str]]:
        """What every module imports."""
        edges: dict[str, set[str]] = {name: set() for name in self.paths}
        for found in self.imports:
            if found.source in edges and found.source != found.module:
                edges[found.module].add(found.source)
        return edges

    def _read(self, module: str) -> Iterator[Import]:
        path = self.paths[module]
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for source, name in self._targets(node, package):
                if source.split(".")[0] in (self.name, *ABOVE):
                    yield Import(module, getattr(node, "lineno", 0), source, name)

    def _targets(self, node: ast.AST, package: str) -> Iterator[tuple[str, str | None]]:
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{source}.{alias.name}"
                yield (inner, None) if inner in self.paths else (source, alias.name)
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in (
            "import_module", "__import__",
        ):  # fmt: skip
            yield from ((word.value, None) for word in node.args if _is_text(word))
        elif _is_text(node) and (entry := re.fullmatch(r"([\w.]+):(\w+)", node.value)):
            yield entry[1], entry[2]  # an entry point, "module:name"


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _module_name(path: Path, root: Path) -> str:
    return ".".join(path.relative_to(root.parent).with_suffix("").parts).removesuffix(".__init__")


def upward(package: Package) -> list[str]:
    """Imports of a higher layer, of what is no layer, or of the package itself (whose names come from all layers)."""
    wrong = []
    for found in package.imports:
        if found.source == package.name or found.source.split(".")[0] in ABOVE:
            wrong.append(f"{found}, which stands above every layer")
        elif package.part(found.module) not in RANK or package.part(found.source) not in RANK:
            wrong.append(f"{found}: add the layer to the design first")
        elif RANK[package.part(found.source)] > RANK[package.part(found.module)]:
            wrong.append(f"{found} upward")
    return wrong


def cycle(package: Package) -> list[str]:
    """The modules of one import cycle; empty where there is none."""
    try:
        graphlib.TopologicalSorter(package.graph()).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return []


def private(package: Package) -> list[str]:
    """Imports of another package's private module, or of any module's private name."""
    return [
        str(found)
        for found in package.imports
        if (
            any(word.startswith("_") for word in found.source.split(".")[2:])
            and package.part(found.source) != package.part(found.module)
        )
        or ((found.name or "").startswith("_") and not (found.name or "").startswith("__"))
    ]


@pytest.fixture(scope="module")
def package() -> Package:
    return Package(ROOT)


def test_imports_point_down(package):
    assert upward(package) == []


def test_there_is_no_import_cycle_of_any_kind(package):
    assert cycle(package) == []


def test_no_private_door_between_packages(package):
    assert private(package) == []


def test_every_layer_exists_and_is_imported(package):
    """No layer is listed that is not there, and the reader sees imports of each but the doors of the user."""
    assert {package.part(name) for name in package.paths} == set(RANK)
    assert {package.part(found.source) for found in package.imports if found.source != package.name} >= set(RANK) - {
        "__main__"
    }


def written(tmp_path: Path, **sources: str) -> Package:
    """A package tree on disk: ``laws__pair`` is the module ``laws/_pair.py``, each folder with its ``__init__``."""
    root = tmp_path / "coulombgas"
    for name, source in sources.items():
        path = root / f"{name.replace('__', '/_')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
        for folder in (root, path.parent):
            (folder / "__init__.py").touch()
    return Package(root)


@pytest.mark.parametrize(
    ("source", "match"),
    [
        ("from coulombgas.inference import fit_temperature", "imports coulombgas.inference.fit_temperature upward"),
        ("def f():\n    from ..plot import temperature", "_pair:2 imports coulombgas.plot.temperature upward"),
        ("import importlib\nimportlib.import_module('coulombgas.plot')", "_pair:2 imports coulombgas.plot upward"),
        ("from coulombgas import fit_temperature", "stands above every layer"),
        ("import simulations.bbp", "stands above every layer"),
        ("from coulombgas.attic import old", "add the layer"),
    ],
)
def test_an_upward_import_is_seen(tmp_path, source, match):
    """Control: the rule on layers must be able to fail."""
    (wrong,) = upward(written(tmp_path, laws__pair=source))
    assert match in wrong


@pytest.mark.parametrize(
    "source",
    [
        "from ._b import b",
        "def f():\n    from ._b import b",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from . import _b",
        "import importlib\nimportlib.import_module('coulombgas.laws._b')",
        "COMMANDS = {'b': 'coulombgas.laws._b:B'}",
    ],
    ids=["plain", "lazy", "typing", "string", "entry-point"],
)
def test_a_cycle_is_seen(tmp_path, source):
    """Control: two modules that import each other, one of them in every way there is."""
    found = cycle(written(tmp_path, laws__a=source, laws__b="from coulombgas.laws._a import a"))
    assert set(found) == {"coulombgas.laws._a", "coulombgas.laws._b"}
    assert cycle(written(tmp_path / "one-way", laws__a=source, laws__b="")) == []


@pytest.mark.parametrize("source", ["from coulombgas.laws._pair import law", "from coulombgas.laws import _pair"])
def test_a_private_import_is_seen(tmp_path, source):
    """Control: a private module of another package, a private name of a neighbour; the public way is free."""
    tree = {"laws__pair": "", "laws__other": "from ._pair import law"}
    assert len(private(written(tmp_path, plot__a=source, **tree))) == 1
    assert len(private(written(tmp_path, plot__a="from coulombgas.laws import law, _law", **tree))) == 1
    assert private(written(tmp_path, plot__a="from coulombgas.laws import law, __all__", **tree)) == []


def _run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def _modules_after(*statements: str) -> list[set[str]]:
    """Top-level modules after each of some statements of one fresh interpreter."""
    told = "print(*{name.partition('.')[0] for name in sys.modules})"
    done = _run("\n".join(["import sys", *(line for statement in statements for line in (statement, told))]))
    assert done.returncode == 0, done.stderr
    return [set(line.split()) for line in done.stdout.splitlines()]


HEAVY = {"jax", "sympy", "numpyro", "arviz", "matplotlib", "torch"}


def test_imports_are_light():
    """One interpreter goes on from the lightest; what is not there later was not there before. With a control."""
    bare, commands, parameters, used, statistics = _modules_after(
        "import coulombgas",
        "import coulombgas.cli",
        "from coulombgas import dmft; dmft.GOEDynamics(); dmft.fixed_point",
        "coulombgas.read_spectra",
        "import coulombgas.spectra, coulombgas.networks; coulombgas.laws.edge_quantile(0.01)",
    )
    assert not bare & HEAVY
    assert not commands & (HEAVY | {"xarray", "scipy", "tyro"})
    assert not parameters & {"jax", "xarray"}
    assert "xarray" in used
    assert not statistics & {"jax", "numpyro", "sympy"}


ALONE = pytest.mark.full("test_imports_are_light in test_layers.py")


@ALONE
def test_import_is_light():
    """With a control: using a name loads what it needs."""
    imported, used = _modules_after("import coulombgas", "coulombgas.read_spectra")
    assert not imported & HEAVY
    assert "xarray" in used


@ALONE
def test_the_command_line_is_light():
    (loaded,) = _modules_after("import coulombgas.cli")
    assert not loaded & (HEAVY | {"xarray", "scipy", "tyro"})


@ALONE
def test_parameters_of_mean_field_theory_load_without_jax():
    parameters, solved = _modules_after(
        "from coulombgas import dmft; dmft.GOEDynamics(); dmft.fixed_point", "dmft.solve(dmft.GOEDynamics(steps=2))"
    )
    assert not parameters & {"jax", "xarray"}
    assert "jax" in solved


@ALONE
def test_spectra_and_their_noise_load_without_jax():
    light, heavy = _modules_after(
        "import coulombgas.spectra, coulombgas.networks; coulombgas.laws.edge_quantile(0.01)",
        "from coulombgas.laws import TracyWidom",
    )
    assert not light & {"jax", "numpyro", "sympy"}
    assert "jax" in heavy


BLOCK = "import sys\nfor name in ('arviz', 'tyro', 'zarr'): sys.modules[name] = None\n"
BLOCKED = {
    name: f"{BLOCK}import coulombgas.{name}"
    for name in ("symbolic", "laws", "ensembles", "models", "training", "spectra")
}
FIRST = {
    name: f"import coulombgas.{name} as one\nfor name in one.__all__: getattr(one, name)"
    for name in ("laws", "ensembles", "spectra", "dmft", "networks", "motion", "plot", "report")
}
FORKS = """
import json, os, sys, tempfile, traceback, warnings
import jax, matplotlib.pyplot, numpyro, scipy.stats, sympy, xarray
found = []
for code in json.loads(sys.argv[1]):
    with tempfile.TemporaryFile("w+") as errors:
        with warnings.catch_warnings(action="ignore"):
            child = os.fork()
        if child == 0:
            os.dup2(errors.fileno(), 2)
            status = 0
            try:
                exec(code, {})
            except BaseException:
                status = 1
                traceback.print_exc()
            sys.stderr.flush()
            os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        errors.seek(0)
        found.append([status, errors.read()])
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def status_and_errors(reduced):
    """What the interpreter says to a piece of code that runs first of all of this package.

    In the reduced form it is a fork of one interpreter, which has loaded packages of others, and not a fresh one.
    """
    if not reduced:
        yield lambda code: ((done := _run(code)).returncode, done.stderr)
        return
    first = [code for name, code in FIRST.items() if name != "plot"]
    blocked = [code for name, code in BLOCKED.items() if name not in ("models", "spectra")]
    codes = [*blocked, *first, f"{BLOCK}import coulombgas.cli._fit", "import coulombgas.nothing"]
    done = subprocess.run([sys.executable, "-c", FORKS, json.dumps(codes)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = dict(zip(codes, json.loads(done.stdout), strict=True))
    yield lambda code: tuple(found[code])


WITH_TRAINING = pytest.mark.full("test_runs_where_arviz_tyro_and_zarr_are_missing[training], which imports it")
WITH_REPORT = pytest.mark.full("test_a_package_imports_first_of_all[report], which imports it")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=WITH_TRAINING) if name in ("models", "spectra") else name for name in BLOCKED]
)
def test_runs_where_arviz_tyro_and_zarr_are_missing(name, status_and_errors):
    status, errors = status_and_errors(BLOCKED[name])
    assert status == 0, errors


def test_missing_packages_are_missed_where_they_are_used(status_and_errors):
    """Control for the test above."""
    for code in (f"{BLOCK}import coulombgas.cli._fit", "import coulombgas.nothing"):
        status, errors = status_and_errors(code)
        assert status == 1
        assert "ModuleNotFoundError" in errors


@pytest.mark.parametrize("name", [pytest.param(name, marks=WITH_REPORT) if name == "plot" else name for name in FIRST])
def test_a_package_imports_first_of_all(name, status_and_errors):
    """Alone in an interpreter where nothing else has loaded what it forgot to import, and whole."""
    assert status_and_errors(FIRST[name]) == (0, "")


def test_names_for_type_checkers_are_the_names_that_load():
    tree = ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    declared = {alias.asname: node.module for node in block.body if isinstance(node, ast.ImportFrom)
                for alias in node.names}  # fmt: skip
    assert declared == coulombgas._EXPORTS


def test_every_public_name_loads():
    for name in coulombgas.__all__:
        getattr(coulombgas, name)
    with pytest.raises(AttributeError, match="no attribute 'fit_the_temperature'"):
        coulombgas.fit_the_temperature  # noqa: B018
