"""Print the lower bounds of pyproject.toml as constraints for pip: the oldest releases that are promised to work."""

import re
import sys
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
groups = [project["dependencies"], *(project["optional-dependencies"].get(name, []) for name in sys.argv[1:])]
for requirement in (one for group in groups for one in group):
    name, bound = re.fullmatch(r"([\w.-]+)(?:\[[^]]*\])?>=([\w.]+).*", requirement).groups()
    sys.stdout.write(f"{name}=={bound}\n")
