"""Types of arguments, as shown in the help: a path, a glob, a number. ``Some…`` may be empty."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

Paths = Annotated[Positional[tuple[str, ...]], arg(metavar="PATH [PATH ...]", help_behavior_hint="")]
Globs = Annotated[tuple[str, ...], arg(metavar="GLOB [GLOB ...]")]
Names = Annotated[tuple[str, ...], arg(metavar="NAME [NAME ...]")]
SomeNames = Annotated[tuple[str, ...], arg(metavar="NAME [NAME ...]", help_behavior_hint="")]
Numbers = Annotated[tuple[float, ...], arg(metavar="FLOAT [FLOAT ...]")]
SomeNumbers = Annotated[tuple[float, ...], arg(metavar="FLOAT [FLOAT ...]", help_behavior_hint="")]
Counts = Annotated[tuple[int, ...], arg(metavar="INT [INT ...]")]
SomeCounts = Annotated[tuple[int, ...], arg(metavar="INT [INT ...]", help_behavior_hint="")]
Out = Annotated[str, arg(metavar="PATH")]
File = Annotated[str | None, arg(metavar="PATH", help_behavior_hint="")]
Picture = Annotated[Path | None, arg(metavar="PATH", help_behavior_hint="")]
Name = Annotated[str | None, arg(metavar="NAME", help_behavior_hint="")]
Text = Annotated[str | None, arg(metavar="TEXT", help_behavior_hint="")]
Number = Annotated[float | None, arg(metavar="FLOAT", help_behavior_hint="")]
Count = Annotated[int | None, arg(metavar="INT", help_behavior_hint="")]
Values = Annotated[tuple[str, ...], arg(metavar="NAME=VALUE [NAME=VALUE ...]", help_behavior_hint="")]
Expression = Annotated[str, arg(metavar="EXPRESSION")]
