"""The command line: one module per command, dispatched by `_main`."""

from collections.abc import Sequence

from coulombgas._interrupts import handled


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns its exit status.

    Signals are handled before anything else is imported, so that Ctrl-C gives one line from the start.
    """
    with handled():
        try:
            from ._main import main as run

            return run(argv)
        except KeyboardInterrupt as error:
            from ._ending import interrupted

            return interrupted(error)
        finally:
            if argv is None:
                from ._ending import ignore_interrupts

                ignore_interrupts()


__all__ = ["main"]
