"""The reference pages name everything that a package exports, once, by the path a user imports it by."""

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

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
