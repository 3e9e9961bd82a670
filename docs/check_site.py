"""Look at every built page as a reader would, as far as a program can: ``python docs/check_site.py [FOLDER]``.

Errors: a page called "Title", a warning, a traceback or a machine's path in an output, a representation where a picture
should be, a formula that is not marked as one, a link or an anchor that leads nowhere, anything fetched from a network,
a tutorial without a picture, a line of code beyond 88 columns (output wraps). Prints the counts; status 1 on errors.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup, Tag

HERE = Path(__file__).parent
COLUMNS = 88

_RAW = re.compile(r"\\(?:frac|alpha|kappa|sigma|lambda|sqrt|langle|mathrm|text|sum|int)\b|\$[^$\n]{1,80}\$")
_PATH = re.compile(r"(?<![\w.~])/(?:home|root|work|tmp|opt|usr|var|Users|private)/[\w.-]+")
_TROUBLE = {
    "a traceback": re.compile(r"Traceback \(most recent call last\)"),
    "a command that was not found": re.compile(r"sh: (?:\d+: )?\S+: not found"),
    "a warning": re.compile(r"\b\w*Warning:"),
    "a representation of a figure": re.compile(r"<Figure size|<matplotlib\."),
    "the address of an object": re.compile(r" object at 0x|<function .* at 0x"),
}


@cache
def soup(page: Path) -> BeautifulSoup:
    """The parsed page."""
    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")


@cache
def anchors(page: Path) -> frozenset[str]:
    """Everything in a page that a link can point at."""
    return frozenset(tag["id"] for tag in soup(page).find_all(id=True))


def errors_of(page: Path, site: Path) -> Iterator[str]:
    """What is wrong with one page."""
    article = soup(page).find("article") or soup(page)
    heading = article.find("h1")
    if heading is None or heading.get_text().rstrip("#¶").strip() in ("", "Title"):
        yield "has no title"
    yield from _outputs(article)
    yield from _formulas(article)
    yield from _links(page, site)
    yield from _wide(article)
    if any("| --- |" in paragraph.get_text() for paragraph in article.find_all("p")):
        yield "shows a table as it was typed"
    if page.parent.name == "tutorials" and not article.find("img"):
        yield "is a tutorial without a picture"


def _outputs(article: Tag) -> Iterator[str]:
    for output in article.select(".cell_output, .output"):
        said = output.get_text()
        for name, pattern in _TROUBLE.items():
            if found := pattern.search(said):
                yield f"shows {name}: {said[max(found.start() - 20, 0) : found.end() + 40]!r}"
        if found := _PATH.search(said):
            yield f"shows a path of the machine that built it: {found.group()}"
    if article.select(".output.stderr"):
        yield f"shows standard error: {article.select('.output.stderr')[0].get_text()[:80]!r}"


def _formulas(article: Tag) -> Iterator[str]:
    for text in article.find_all(string=_RAW):
        if not any(
            parent.name in ("pre", "code", "script") or "math" in parent.get("class", ()) for parent in text.parents
        ):
            yield f"shows a formula as it was typed: {str(text).strip()[:80]!r}"


def _wide(article: Tag) -> Iterator[str]:
    for block in article.find_all("pre"):
        if any("output" in " ".join(parent.get("class", ())) for parent in block.parents):
            continue  # wraps
        longest = max(block.get_text().splitlines() or [""], key=len)
        if len(longest) > COLUMNS:
            yield f"cuts a line of {len(longest)} columns: {longest[:60]!r}…"


def _links(page: Path, site: Path) -> Iterator[str]:
    for tag in soup(page).find_all(["script", "link", "img", "iframe"]):
        where = tag.get("src") or (tag.get("href") if tag.get("rel") != ["canonical"] else None)
        if where and urlsplit(where).scheme in ("http", "https"):
            yield f"fetches {where}"
    for tag in soup(page).find_all("a", href=True):
        url = urlsplit(tag["href"])
        if url.scheme or url.netloc or tag["href"] == "#":
            continue
        target = (page.parent / unquote(url.path)).resolve() if url.path else page
        if not target.exists():
            yield f"links to {tag['href']}, which is not there"
        elif url.fragment and target.suffix == ".html" and unquote(url.fragment) not in anchors(target):
            yield f"links to {tag['href']}, which has no such anchor"


def pages_of(site: Path) -> list[Path]:
    """All pages but the listings that Sphinx makes of its own."""
    own = {"genindex.html", "search.html", "py-modindex.html"}
    return sorted(p for p in site.rglob("*.html") if p.name not in own and "_modules" not in p.parts)


def main() -> int:
    """Print errors and counts."""
    site = Path(sys.argv[1] if len(sys.argv) > 1 else HERE / "_build" / "html").resolve()
    pages, counts, wrong = pages_of(site), Counter[str](), 0
    for page in pages:
        article = soup(page).find("article") or soup(page)
        counts["images"] += len(article.find_all("img"))
        counts["formulas"] += len(article.select(".math"))
        counts["outputs"] += len(article.select(".cell_output"))
        for error in sorted(set(errors_of(page, site))):
            wrong += 1
            print(f"{page.relative_to(site)} {error}")
    print(f"{len(pages)} pages, {', '.join(f'{number} {name}' for name, number in counts.items())}, {wrong} errors")
    return int(wrong > 0 or not pages)


if __name__ == "__main__":
    sys.exit(main())
