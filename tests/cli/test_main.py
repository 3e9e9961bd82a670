"""Dispatch: help, version, one clear line for each error."""

import dataclasses
import json
import subprocess
import sys

import pytest

from coulombgas._checks import InputError
from coulombgas._version import __version__
from coulombgas.cli import _console
from coulombgas.cli._main import main
from coulombgas.cli._registry import COMMANDS, Command


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fake:
    """A command for the tests."""

    learning_rate: tuple[float, ...] = (0.1,)
    """Learning rates."""
    outcome: str = "well"
    """What happens."""

    def run(self) -> int:
        if self.outcome == "bad":
            raise InputError("`outcome` must be well,\n  got 'bad'.")
        if self.outcome == "bug":
            raise RuntimeError("a slip")
        if self.outcome == "interrupt":
            raise KeyboardInterrupt
        sys.stdout.write(f"{self.learning_rate}\n")
        return 0


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setitem(sys.modules, "fake_commands", sys.modules[__name__])
    monkeypatch.setitem(COMMANDS, ("fake", "one"), Command("fake_commands:Fake", "fakes"))


@pytest.mark.parametrize("arguments", [[], ["-h"], ["--help"]])
def test_help_lists_every_command(arguments, capsys):
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    for words in COMMANDS:
        assert " ".join(words) in shown


def test_every_command_loads_and_is_summarised():
    for words, entry in COMMANDS.items():
        command = entry.load()
        assert dataclasses.is_dataclass(command), words
        assert command.__doc__, words
        assert callable(command.run), words
        assert entry.summary, words


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_says_what_each_argument_takes(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main([*words, "--help"])
    assert ended.value.code in (0, None)
    shown = capsys.readouterr().out
    for left_to_guess in ("{None", "[STR", "[[", "--no-", "(default: None)", "(default: )"):
        assert left_to_guess not in shown


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == f"coulombgas {__version__}"


def test_a_command_gets_its_flags(fake, capsys):
    assert main(["fake", "one", "--learning-rate", "0.1", "0.2"]) == 0
    assert capsys.readouterr().out.strip() == "(0.1, 0.2)"


def test_group_help(fake, capsys):
    assert main(["fake"]) == 0
    assert "fake one" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "status", "match"),
    [
        (["nonsense"], 2, "unknown command 'nonsense'"),
        (["fake", "two"], 2, "unknown command 'fake two': try one of one"),
        (["fake", "one", "--learning-rate", "fast"], 2, "--learning-rate"),
        (["fake", "one", "--learning-rat", "0.1"], 2, "--learning-rat"),
        (["fake", "one", "--outcome", "bad"], 2, "`outcome` must be well, got 'bad'."),
        (["fake", "one", "--outcome", "bug"], 1, "internal error, RuntimeError: a slip"),
        (["fake", "one", "--outcome", "interrupt"], 130, "interrupted"),
    ],
)
def test_errors_are_one_line(fake, capsys, arguments, status, match):
    assert main(arguments) == status
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("coulombgas: error: ")
    assert shown.err.count("\n") == 1
    assert match in shown.err


def test_json_has_no_nan(capsys):
    _console.write_json({"a": float("nan"), "b": (1, float("inf"))})
    assert json.loads(capsys.readouterr().out) == {"a": None, "b": [1, None]}


def test_tables_show_markup_as_text(capsys):
    _console.print_table(["name", "value"], [["[red]x[/red]", 1.23456789]], title="t")
    shown = capsys.readouterr().out
    assert "[red]x[/red]" in shown
    assert "1.235" in shown


def test_progress_is_silent_off_a_terminal(capsys):
    with _console.progress_bar("work") as advance:
        advance(1, 2)
    assert capsys.readouterr() == ("", "")


def test_help_of_a_command_needs_nothing_heavy():
    code = (
        "import sys\nfrom coulombgas.cli import main\n"
        "try: main(['fit', '--help'])\nexcept SystemExit: pass\n"
        "print(sorted({'jax', 'sympy', 'numpyro', 'arviz', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert COMMANDS
