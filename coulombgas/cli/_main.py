"""Dispatch: from arguments to a command, one clear line for each error, exit status 2 for bad input."""

import contextlib
import dataclasses
import io
import math
import os
import re
import sys
from collections.abc import Sequence
from typing import Any

from coulombgas._checks import InputError, check_seed, fail
from coulombgas._interrupts import handled
from coulombgas._version import __version__

from ._ending import complain, interrupted, mute_stdout, open_standard_streams
from ._plain import PlainStream
from ._registry import COMMANDS


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    0 for success, 2 for bad input, 130 after Ctrl-C, 143 after SIGTERM or SIGUSR1, 1 for a failed test or an internal
    error.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if argv is None:
        open_standard_streams()
    with handled():
        try:
            status = _run(arguments)
            if sys.stdout is not None:
                sys.stdout.flush()
            return status
        except KeyboardInterrupt as error:
            return interrupted(error)
        except BrokenPipeError:
            mute_stdout()
            return 0
        except Exception as error:
            return _failed(error)


def _failed(error: Exception) -> int:
    """Say in one line on stderr what went wrong, and return the status: 2 for the user's errors, 1 for ours."""
    if isinstance(error, InputError):
        return complain(_one_line(error), 2)
    if isinstance(error, OSError):
        if error.filename is None:
            mute_stdout()  # for example, a full disk behind stdout
        return complain(_one_line(error), 2)
    if isinstance(error, MemoryError):
        return complain(f"not enough memory ({_one_line(error)}): ask for less at once", 2)
    if os.environ.get("COULOMBGAS_TRACEBACK"):
        raise error
    return complain(
        f"internal error, {type(error).__name__}: {_one_line(error)} "
        "(please report it with the output of COULOMBGAS_TRACEBACK=1)", 1,
    )  # fmt: skip


def _run(arguments: list[str]) -> int:
    """Run the command that the arguments name, or print its help; returns the status."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_help(()))
        return 0
    if arguments[0] == "--version":
        print(f"coulombgas {__version__}")
        return 0
    words = _match(arguments)
    if words in COMMANDS:
        command = _build(words, arguments[len(words) :])
        _check_common(command)
        if getattr(command, "distributed", False):
            from ._cluster import start_distributed

            start_distributed()
        with contextlib.redirect_stdout(PlainStream(sys.stdout)):
            return command.run()
    rest = arguments[len(words) :]
    if words and (not rest or rest[0] in ("-h", "--help")):
        print(_help(words))
        return 0
    known = sorted({key[len(words)] for key in COMMANDS if key[: len(words)] == words})
    raise InputError(f"unknown command {' '.join([*words, rest[0]])!r}: try one of {', '.join(known)}.")


def _check_common(command: Any) -> None:
    """Check the flags of every command: numbers must be finite and of machine size."""
    for item in dataclasses.fields(command):
        value = getattr(command, item.name)
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, float) and not math.isfinite(number):
                fail(item.name, "must be a finite number", number)
            if isinstance(number, int) and abs(number) >= 2**63:
                fail(item.name, "must be below 2^63 in size", number)
    check_seed(getattr(command, "seed", 0))
    for name in ("out", "figure"):
        if str(getattr(command, name, None) or "x").strip() in ("", ".", "..", "/"):
            fail(name, "must be the path of something to write", str(getattr(command, name)))


def _match(arguments: list[str]) -> tuple[str, ...]:
    """The longest sequence of leading words with which some command starts."""
    words: tuple[str, ...] = ()
    for argument in arguments:
        if not any(key[: len(words) + 1] == (*words, argument) for key in COMMANDS):
            break
        words = (*words, argument)
    return words


def _build(words: tuple[str, ...], arguments: list[str]):
    """The command with its fields from the arguments; tyro's framed complaint becomes one line."""
    import tyro

    command = COMMANDS[words].load()
    arguments = getattr(command, "prepare", list)(arguments)
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            return tyro.cli(
                command, args=arguments, prog="coulombgas " + " ".join(words), config=(tyro.conf.FlagCreatePairsOff,)
            )
    except SystemExit as exit_:
        if exit_.code in (0, None):
            raise
        raise InputError(_unbox(complaint.getvalue())) from None


def _unbox(text: str) -> str:
    """tyro's framed error message as one line; the frame consists of dashes if the output has no box characters."""
    lines = [re.sub(r"^[│|\s]+|[│|\s]+$", "", line) for line in text.splitlines()]
    body: list[str] = []
    for line in lines:
        if re.match(r"^[╭╰]|^[─-]{4}", line):
            if len(body) == 1 and re.fullmatch(r"[\w ]+", body[0]):
                body = []  # the title of a frame of dashes is above it
            elif body:
                break
        elif line:
            body.append(line)
    return _plain_complaint(" ".join(body)) or "these arguments cannot be read; see --help"


def _plain_complaint(text: str) -> str:
    """For an optional value tyro explains why it is neither None nor a number; keep only the latter."""
    found = re.match(
        r"Error parsing (\S+): no type matching \{None\}\|(\w+) could be instantiated from \[(.*?)\]\.", text
    )
    return f"Error parsing {found[1]}: takes {found[2]}, got {found[3]}." if found else text


def _help(prefix: tuple[str, ...]) -> str:
    """The commands that begin with these words, one line each."""
    keys = [key for key in COMMANDS if key[: len(prefix)] == prefix]
    width = max((len(" ".join(key)) for key in keys), default=0)
    lines = [f"  {' '.join(key):{width}}  {COMMANDS[key].summary}" for key in keys]
    return "\n".join([
        f"usage: coulombgas {' '.join([*prefix, 'COMMAND'])} [OPTIONS]",
        "",
        "How hot was this training? Temperatures, spectra and theory of stochastic weight matrices.",
        "",
        "commands:",
        *lines,
        "",
        "coulombgas COMMAND --help explains one command; coulombgas --version prints the version.",
    ])  # fmt: skip


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
