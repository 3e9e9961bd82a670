"""The command line: one module per command, dispatched by `_main`."""

from ._main import main as main

__all__ = ["main"]
