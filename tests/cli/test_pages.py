"""Every command line that a page shows is one that the command line takes: words and flags, not files."""

import re
import shlex
from pathlib import Path

import pytest

from coulombgas._checks import InputError
from coulombgas.cli import _main
from coulombgas.cli._registry import COMMANDS

ROOT = Path(__file__).parents[2]
PAGES = [page for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))) if "_build" not in page.parts]


def shown(page):
    """Command lines in the fenced blocks of a page, continuation lines joined, comments and shell words cut off."""
    for block in re.findall(r"^```[^\n]*\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S):
        variables = dict(re.findall(r'^(\w+) = "([^"]*)"$', block, re.M))
        for line in block.replace("\\\n", " ").splitlines():
            line = re.sub(r"(?<!\$)\{(\w+)\}", lambda found, known=variables: known.get(found[1], ""), line)
            if found := re.match(r"^(?:[!$] ?|srun |taskset -c \S+ )*coulombgas (?!: )(\S.*)$", line.strip()):
                yield found.group(1)


LINES = [(page.name, line) for page in PAGES if page.exists() for line in shown(page)]


def parsed(line):
    line = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", line.replace("…", ""))
    arguments = shlex.split(line, comments=True)
    arguments = arguments[: next((i for i, word in enumerate(arguments) if word in ("|", ">", "&&", ";", "&")), None)]
    words = _main._match(arguments)
    assert words in COMMANDS, f"no such command: {line}"
    return _main._build(words, arguments[len(words) :])


@pytest.mark.parametrize(("page", "line"), LINES, ids=[f"{page}-{index}" for index, (page, _) in enumerate(LINES)])
def test_a_command_of_a_page_is_understood(page, line):
    first = line.split()[0]
    if first.startswith("-") or first == "COMMAND":
        return
    if line.endswith("--help"):
        assert _main._match(line.split()), f"no such group: {line}"
    else:
        parsed(line)


def test_a_flag_that_is_none_is_noticed():
    """Control."""
    with pytest.raises(InputError):
        parsed("fit a.zarr b.zarr --joint")


def test_pages_show_commands():
    if not (ROOT / "docs").exists():
        pytest.skip("an installed copy has no pages")
    assert len(LINES) > 30
