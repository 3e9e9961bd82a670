"""Ctrl-C, SIGTERM and SIGUSR1 (sent by a queue before it takes a machine away), handled alike by all commands.

A signal sets a flag and raises :class:`Interrupted` in the main thread. Work that keeps a state on disk runs inside
:func:`deferred`, where nothing is raised: it checks the flag at its safe points, saves its state and stops, and the
exception is raised at the end of the block. An exception that Python cannot propagate (raised in a callback of the
garbage collector or a destructor) or that foreign code swallows is raised again until it is handled.
"""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name)
)  # Windows has no SIGUSR1
_AGAIN_SECONDS = 0.25  # long enough: an exception in flight reaches its handler in microseconds


class Interrupted(KeyboardInterrupt):
    """A signal asked the work to stop."""

    def __init__(self, number: int = signal.SIGINT):
        super().__init__(f"signal {number}")
        self.number = number

    @property
    def status(self) -> int:
        """Exit status: 130 after Ctrl-C, 143 after a signal that ends a job."""
        return 130 if self.number == signal.SIGINT else 143


class _State:
    """Which signals this process has received."""

    def __init__(self) -> None:
        self.number: int | None = None
        self.stop = threading.Event()
        self.depth = 0
        self.installed = False
        self.lock = threading.Lock()
        """Held while handlers are restored, so that no reminder reaches the handlers of others."""

    def clear(self) -> None:
        self.number, self.stop = None, threading.Event()


_state = _State()


@contextmanager
def handled() -> Iterator[None]:
    """Signals raise :class:`Interrupted` in the block; outside the main thread nothing changes."""
    if threading.current_thread() is not threading.main_thread() or _state.installed:
        yield
        return
    previous = {number: signal.getsignal(number) for number in _SIGNALS}
    hook = sys.unraisablehook
    _state.clear()
    _state.installed = True
    try:
        sys.unraisablehook = _rescue(hook)
        for number in _SIGNALS:
            signal.signal(number, _notice)
        yield
    finally:
        with _state.lock:
            _state.installed = False
        for number, handler in previous.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        sys.unraisablehook = hook
        _state.clear()


@contextmanager
def deferred() -> Iterator[threading.Event]:
    """Signals only set the event in the block; :class:`Interrupted` is raised at its end.

    Installs the handlers itself where no command did, so that ``train`` in a user's script or notebook can be stopped
    too. Blocks may be nested: the outermost raises. An exception of the block itself takes precedence.
    """
    if threading.current_thread() is not threading.main_thread():
        yield _state.stop
        return
    with handled():
        _state.depth += 1
        try:
            yield _state.stop
        finally:
            _state.depth -= 1
        safe_point()


def safe_point() -> None:
    """Raise :class:`Interrupted` if a signal has arrived and has not been handled; no work is half done here."""
    if _state.number is not None and not _state.depth and threading.current_thread() is threading.main_thread():
        raise Interrupted(_state.number)


def renew() -> None:
    """Reinstall our handlers after a library has installed its own."""
    if _state.installed and threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            signal.signal(number, _notice)


def heard() -> None:
    """Note that the interrupt has been handled: it is not raised again."""
    _state.clear()


def _notice(number: int, frame: Any) -> None:
    del frame
    if _state.number is None:
        _state.number = number
    _state.stop.set()
    _deliver()


def _deliver() -> None:
    """Raise now, or later if it would be lost; check again after a while in any case."""
    if _state.number is None or _state.depth:  # checked at the end of the deferred block
        return
    reminder = threading.Timer(_AGAIN_SECONDS, _remind)
    reminder.daemon = True
    reminder.start()
    if not _under_way(sys.exc_info()[1]):
        raise Interrupted(_state.number)


def _remind() -> None:
    with _state.lock:
        if _state.installed and _state.number is not None:
            signal.pthread_kill(threading.main_thread().ident or 0, _state.number)


def _under_way(error: BaseException | None) -> bool:
    """Whether the interrupt is already being handled by the code that was running: it is cleaning up."""
    seen = 0
    while error is not None and seen < 100:
        if isinstance(error, Interrupted):
            return True
        error, seen = error.__cause__ or error.__context__, seen + 1
    return False


def _rescue(hook: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Hide an interrupt that Python can only report (raised in a callback): the reminder raises it again."""

    def quiet(unraisable: Any) -> None:
        if not isinstance(unraisable.exc_value, Interrupted):
            hook(unraisable)

    return quiet
