"""Sphinx configuration: MyST pages whose code runs when the documentation is built."""

import json
import os
import re
import sys
from importlib.util import find_spec
from pathlib import Path

from docutils import nodes
from jupyter_cache.cache.db import create_db
from sphinx.domains.python import PyObject
from sphinx.util.fileutil import copy_asset
from sphinx.util.inspect import signature as signature_of
from sphinx.util.inspect import stringify_signature
from sphinx.util.parallel import make_chunks

from coulombgas import _EXPORTS, __version__

# progress bars without widgets are plain text, and pages say nothing of it
os.environ["PYTHONWARNINGS"] = "ignore:IProgress not found"
# the pages call the command line, which is installed beside this Python, whether or not that is on the path
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])

project = "coulombgas"
author = "The coulombgas developers"
release = version = __version__
html_show_copyright = False
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax", "sphinx.ext.viewcode"]
exclude_patterns = ["_build", "_template.md", "**/.ipynb_checkpoints"]

html_theme = "furo"
html_title = f"coulombgas {__version__}"
html_static_path = ["_static"]
html_css_files = ["site.css"]

# the typesetting of formulas is shipped in the site, so that it works without a network; the package is used for its
# files alone, because as an extension it does not say that pages may be read in parallel
_MATHJAX = Path(find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax"
mathjax_path = "mathjax/tex-chtml.js"

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "cache"
nb_execution_raise_on_error = True
nb_execution_timeout = 600  # seconds a cell, two pages at a time
nb_merge_streams = True
nb_render_markdown_format = "myst"  # tables too

autodoc_mock_imports = ["keras", "lightning", "transformers"]  # the callbacks are documented where these are missing
autodoc_default_options = {"members": True}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
maximum_signature_line_length = 76
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
suppress_warnings = ["mystnb.unknown_mime_type", "config.cache", "ref.python"]  # attributes of many classes share names

_MARKUP = re.compile(
    r"(``.+?``|:[a-z:]+:`.+?`|`.+?`_{0,2}|^ *\.\. (?:math|code-block)::[^\n]*(?:\n(?: {3,}[^\n]*| *(?=\n)))*)",
    re.DOTALL | re.MULTILINE,
)

# a line that begins with "x." or "E. P. Wigner", or an argument that is only "α and B.", is no item of a list
_ENUMERATOR = re.compile(r"^(?P<before>(?: *| +\w[\w, ]*: ))(?P<sign>(?:[A-Za-z]|\d+)\.)(?=\s|$)", re.MULTILINE)


def _escape(text: str) -> str:
    """Formulas in plain words, |x|, x_ and a*b, are not reStructuredText."""
    text = re.sub(r"(?<!\\)\|", r"\\|", text)
    text = re.sub(r"(?<!\\)\*", r"\\*", text)
    text = _ENUMERATOR.sub(r"\g<before>\\\g<sign>", text)
    return re.sub(r"(?<=\w)_(?!\w)", r"\\_", text)


def _plain_formulas(app, what, name, obj, options, lines):
    pieces = _MARKUP.split("\n".join(lines))
    pieces[::2] = [_escape(piece) for piece in pieces[::2]]
    lines[:] = "".join(pieces).split("\n")


# "edge, lower_edge: text" in a list of attributes or arguments: napoleon would take the first name for a type
_SEVERAL = re.compile(r"^(?P<indent> +)(?P<names>\w+(?:, \w+)+): (?=\S)", re.MULTILINE)
_DOTTED = re.compile(r"(?<![\w.~])[a-z_]\w*\.[\w.]*\w")


def _names_together(app, what, name, obj, options, lines):
    """One entry for arguments that are described together; :func:`_spaced_names` puts the spaces back."""
    lines[:] = _SEVERAL.sub(lambda entry: entry[0].replace(", ", ","), "\n".join(lines)).split("\n")


def _spaced_names(app, doctree):
    for field in doctree.findall(nodes.field_body):
        for entry in list(field.findall(nodes.strong)):
            if "," in entry.astext():
                entry.children = [nodes.Text(entry.astext().replace(",", ", "))]


def _short_types(app, what, name, obj, options, lines):
    """The types of attributes by their last name; where a name is also one of the package itself, say so."""
    if lines and lines[0].startswith("Alias for field number"):  # what a named tuple says of itself
        lines[:] = []
    if what in ("attribute", "data", "property"):  # napoleon takes "name of it: more" for a type and its description
        for line in [line for line in lines if line.startswith(":type: ")]:
            lines.remove(line)
            lines[0] = f"{line.removeprefix(':type: ')}: {lines[0]}"
    for number, line in enumerate(lines):
        if line.startswith(":vartype "):
            lines[number] = _DOTTED.sub(r"~\g<0>", line)
    package, _, own = name.rpartition(".")
    if package == f"coulombgas.{_EXPORTS.get(own)}":
        end = lines.index("") if "" in lines else len(lines)
        lines[end:end] = ["", f"Also ``cg.{own}``.", ""]


# what Sphinx writes for types and defaults, and what a reader is told
_SHORTER = [
    (re.compile(pattern), short)
    for pattern, short in (
        (r"~?(?:jax\.)?jaxlib\._jax\.Array", "~jax.Array"),
        (r"~jaxtyping\.Shaped\[~jax\.Array, ' '\](?: \| ~jaxtyping\.Shaped\[~jax\.Array, ' \d'\])+", "Key"),
        (
            r"float \| int \| ~jaxtyping\.Float\[~jax\.Array, ''\] \| ~numpy\.number"
            r"(?: \| ~jaxtyping\.Float\[~jax\.Array, '\.\.\.'\] \| ~jaxtyping\.Float\[ndarray, '\.\.\.'\])?",
            "float | ~jax.Array",
        ),
        (r"\bxr\.", "~xarray."),
        (r"float \| int \| ~?[\w.]*generic \| ~?[\w.]*ndarray \| ~?[\w.]*Array", "float | ~jax.Array"),
        (r"<factory>", "..."),
        (r"<class '(?:\w+\.)*(\w+)'>", r"\1"),
    )
]


def _short_signature(app, what, name, obj, options, signature, returns):
    def shorten(text: str | None) -> str | None:
        for pattern, short in _SHORTER:
            text = text and pattern.sub(short, text)
        return text

    if what == "class" and name.startswith("coulombgas.callbacks."):  # whose base class is not there
        signature = stringify_signature(signature_of(obj.__init__, bound_method=True), unqualified_typehints=True)
    return shorten(signature), shorten(returns)


def _short_annotations(app, domain, objtype, content):
    """The same for the annotations of attributes, which are no signatures."""
    for text in list(content.parent.children[0].findall(nodes.Text)):
        if text == "jaxlib._jax.Array":
            text.parent.replace(text, nodes.Text("Array"))


def _own_name(app, env, node, contnode):
    """``coulombgas.fit_temperature`` is documented as ``coulombgas.inference.fit_temperature``."""
    own = node.get("reftarget", "").removeprefix("coulombgas.")
    if node.get("refdomain") != "py" or own.split(".")[0] not in _EXPORTS:
        return None
    target = f"coulombgas.{_EXPORTS[own.split('.')[0]]}.{own}"
    docname = node.get("refdoc", env.docname)
    return env.get_domain("py").resolve_xref(env, docname, app.builder, node["reftype"], target, node, contnode)


def _ship_mathjax(app, exception):
    if exception is None and app.builder.format == "html":
        copy_asset(str(_MATHJAX), str(Path(app.outdir) / "_static" / "mathjax"))


def _make_cache(app):
    """The cache of executed pages, before processes that read pages in parallel each try to make it."""
    folder = Path(app.outdir).parent / ".jupyter_cache"
    folder.mkdir(parents=True, exist_ok=True)
    create_db(folder).dispose()


def _deal_out(app, env, docnames):
    """Deal the pages out so that what is read in parallel takes equally long, the longest first.

    Sphinx cuts the list into a few pieces and reads ``app.parallel`` of them at a time.
    """
    room = [len(chunk) for chunk in make_chunks(docnames, app.parallel)]
    pieces = [[] for _ in room]
    seconds = json.loads(Path(app.srcdir, "benchmarks", "pages.json").read_text(encoding="utf-8"))
    took = [0.0] * len(pieces)
    for name in sorted(docnames, key=lambda name: (-seconds.get(name, 5.0), name)):
        shortest = min((i for i, piece in enumerate(pieces) if len(piece) < room[i]), key=took.__getitem__)
        pieces[shortest].append(name)
        took[shortest] += seconds.get(name, 5.0)
    docnames[:] = [name for piece in pieces for name in piece]


def _keep_seconds(app, exception):
    """What every page took, beside the site; a copy in ``docs/benchmarks/pages.json`` deals the pages out."""
    took = {name: (found.get("exec_data") or {}).get("runtime") for name, found in app.env.nb_metadata.items()}
    kept = {name: round(seconds, 1) for name, seconds in sorted(took.items()) if seconds}
    if exception is None:
        Path(app.outdir, "..", "pages.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def setup(app):
    """Escape formulas before napoleon reads the sections, mend types after it; ship the typesetting of formulas."""
    for field in PyObject.doc_field_types:
        if field.name == "variable":
            field.label = "Attributes"  # which Sphinx calls variables
    app.connect("builder-inited", _make_cache)
    app.connect("env-before-read-docs", _deal_out)
    app.connect("autodoc-process-docstring", _plain_formulas, priority=400)
    app.connect("autodoc-process-docstring", _names_together, priority=410)
    app.connect("autodoc-process-docstring", _short_types, priority=600)
    app.connect("autodoc-process-signature", _short_signature)
    app.connect("object-description-transform", _short_annotations)
    app.connect("doctree-read", _spaced_names)
    app.connect("missing-reference", _own_name)
    app.connect("build-finished", _ship_mathjax)
    app.connect("build-finished", _keep_seconds)
