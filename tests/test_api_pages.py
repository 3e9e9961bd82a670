"""The reference pages name everything that a package exports, once, by the path a user imports it by."""

import ast
import importlib
import inspect
import re
import typing
from pathlib import Path

import pytest
import xarray as xr

import coulombgas as cg

PAGES = Path(__file__).parents[1] / "docs" / "api"
DIRECTIVE = re.compile(r"^\.\. (?:autofunction|autoclass|autoexception|py:data):: coulombgas\.([\w.]+)$", re.MULTILINE)
MENTION = re.compile(r"`cg\.(\w+) <coulombgas\.[\w.]+>`")
PACKAGES = [name for name in dir(cg) if name not in cg.__all__]

pytestmark = pytest.mark.skipif(not PAGES.exists(), reason="an installed copy has no pages")


def documented(text, package):
    """Names under ``package`` that a page documents, in its order."""
    prefix = f"{package}." if package else ""
    return [path.removeprefix(prefix) for path in DIRECTIVE.findall(text)]


def page(name):
    return (PAGES / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("package", PACKAGES)
def test_a_page_documents_every_public_name_of_its_package_once(package):
    exported = importlib.import_module(f"coulombgas.{package}").__all__
    assert sorted(documented(page(package), package)) == sorted(exported)


def test_every_package_has_a_page():
    assert {path.stem for path in PAGES.glob("*.md")} == {*PACKAGES, "coulombgas", "stability"}


def test_the_page_of_the_package_itself_leads_to_each_of_its_names():
    """``cg.name`` is a link to the page of its package, or documented at the place."""
    text = page("coulombgas")
    names = [*MENTION.findall(text), *documented(text, "")]
    assert sorted(names) == sorted(set(cg.__all__) - {"__version__"})


def test_all_lists_what_a_package_exports():
    """``X as X`` in ``__init__.py`` and ``__all__`` are the same names."""
    for package in PACKAGES:
        module = importlib.import_module(f"coulombgas.{package}")
        source = Path(str(module.__file__)).read_text(encoding="utf-8")
        assert set(re.findall(r" as (\w+)$", source, re.MULTILINE)) == set(module.__all__), package


@pytest.mark.parametrize("spoil", [lambda line: "", lambda line: 2 * line], ids=["missing", "twice"])
def test_a_missing_or_repeated_name_is_noticed(spoil):
    line = ".. autofunction:: coulombgas.inference.fit_temperature\n"
    text = page("inference")
    assert text.count(line) == 1
    wrong = documented(text.replace(line, spoil(line)), "inference")
    assert sorted(wrong) != sorted(cg.inference.__all__)


def shown(text):
    """Functions of ``coulombgas.plot`` that a page calls."""
    return set(re.findall(r"cg\.plot\.(\w+)\(", text))


def test_the_gallery_shows_every_figure():
    """Control: without one of its cells it does not."""
    figures = {name for name in cg.plot.__all__ if _returns_a_figure(getattr(cg.plot, name))}
    text = (PAGES.parent / "gallery.md").read_text(encoding="utf-8")
    assert figures <= shown(text)
    assert not figures <= shown(text.replace("cg.plot.density(", ""))


def _returns_a_figure(function):
    return getattr(inspect.signature(function).return_annotation, "__name__", "") == "Figure"


SECTIONS = ("Args:", "Attributes:", "Raises:", "Warns:")
ENTRY = re.compile(r"(?:\*{0,2}\w+(?:, \*{0,2}\w+)*|InputError): ?\S")


def broken_entries(docstring):
    """Lines in a list of arguments or errors that begin no entry: a continuation that is not indented becomes one."""
    inside = False
    for line in inspect.cleandoc(docstring).splitlines():
        if line in SECTIONS:
            inside = True
        elif line and not line.startswith(" "):
            inside = False
        elif inside and line[:4].isspace() and not line[4:5].isspace() and not ENTRY.match(line[4:]):
            yield line.strip()


def test_lists_in_docstrings_have_an_entry_for_each_name():
    broken = []
    for path in Path(str(cg.__file__)).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                broken += [f"{path.name}: {line}" for line in broken_entries(ast.get_docstring(node) or "")]
    assert broken == []


def test_a_continuation_that_is_not_indented_is_noticed():
    good = "Do.\n\n    Raises:\n        InputError: for one thing or\n            another.\n    "
    assert list(broken_entries(good)) == []
    assert list(broken_entries(good.replace("            another", "        another"))) == ["another."]


# classes of attributes that are no results: a layer of a network, terms of a gradient, a covariance function
PARTS = {"Block", "Covariance", "Word"}


def public_names():
    """Name and value of what the packages export, but for the recorders of frameworks that may be missing."""
    packages = {name: importlib.import_module(f"coulombgas.{name}") for name in PACKAGES if name != "callbacks"}
    found = {f"{name}.{each}": getattr(module, each) for name, module in packages.items() for each in module.__all__}
    return found | {f"cg.{each}": getattr(cg, each) for each in documented(page("coulombgas"), "")}


def functions_of(name, value):
    """A function, or the methods and properties of a class that are the project's own."""
    if inspect.isfunction(value):
        yield name, inspect.unwrap(value)
    elif inspect.isclass(value):
        for key, member in vars(value).items():
            plain = getattr(member, "fget", None) or getattr(member, "__func__", None) or member
            if not key.startswith("_") and inspect.isfunction(plain):
                yield f"{name}.{key}", inspect.unwrap(plain)


def classes_in(hint):
    """The classes of the package in an annotation."""
    if inspect.isclass(hint) and hint.__module__.startswith("coulombgas"):
        yield hint
    for part in typing.get_args(hint):
        yield from classes_in(part)


def undocumented(exported):
    """What public functions return and no page documents; a name that no public name resolves counts."""
    known = {value for value in exported.values() if inspect.isclass(value)}
    local = {name.rpartition(".")[2]: value for name, value in exported.items()} | {"xr": xr}
    found = set()
    for name, value in exported.items():
        for path, function in functions_of(name, value):
            try:
                hint = typing.get_type_hints(function, localns=local).get("return")
            except NameError as error:
                found.add(f"{path}: {error.name}")
                continue
            found |= {f"{path}: {each.__name__}" for each in classes_in(hint) if each not in known}
    return {each for each in found if each.rpartition(" ")[2] not in PARTS}


def test_what_a_public_function_returns_is_documented_too():
    """Control: without one of the classes it is not."""
    exported = public_names()
    assert undocumented(exported) == set()
    hidden = {name: value for name, value in exported.items() if name != "symbolic.SmallNoise"}
    assert undocumented(hidden) == {"symbolic.FokkerPlanck.small_noise: SmallNoise"}
