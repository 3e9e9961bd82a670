"""The last message of a command, in one line on whatever is left of the terminal."""

import contextlib
import os
import signal
import sys

from coulombgas._interrupts import Interrupted, heard

INTERRUPTED = "interrupted; nothing half-written was left behind"


def interrupted(error: KeyboardInterrupt) -> int:
    """Report that a signal ended the command; 130 after Ctrl-C, 143 after a signal that ends a job."""
    heard()
    return complain(INTERRUPTED, error.status if isinstance(error, Interrupted) else 130)


def complain(message: str, status: int) -> int:
    """Print one line on stderr, with control characters escaped; silent if stderr is closed or not read."""
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in message)
    with contextlib.suppress(OSError, ValueError):
        if sys.stderr is not None:
            encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
            line = line.encode(encoding, "backslashreplace").decode(encoding)
            sys.stderr.write(f"coulombgas: error: {line}\n")
            sys.stderr.flush()
    return status


def ignore_interrupts() -> None:
    """While the interpreter shuts down there is nothing left to interrupt."""
    with contextlib.suppress(ValueError):  # outside the main thread
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def mute_stdout() -> None:
    """Discard what is still buffered for a stdout that is no longer read, so that Python does not complain at exit."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


def open_standard_streams() -> None:
    """Open standard streams that are closed; otherwise a file of ours would get their number, and foreign output."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
