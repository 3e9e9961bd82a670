"""How `make test` compiles: ``python tests/compiler.py`` prints XLA's flags.

Half of the time of the tests would be compilation. Without optimisation, with one piece of code a program instead of
many to be joined again, and up to jaxlib 0.10 with the older emitters of loops, it takes less. `make test` and the
durations use it, and CI for the pages.
"""

import importlib.metadata
import sys


def flags() -> str:
    """Flags that the installed XLA knows: an unknown one ends the process."""
    major, minor = map(int, importlib.metadata.version("jaxlib").split(".")[:2])
    emitters = " --xla_cpu_use_fusion_emitters=false" if (major, minor) <= (0, 10) else ""
    return f"--xla_backend_optimization_level=0 --xla_cpu_parallel_codegen_split_count=1{emitters}"


if __name__ == "__main__":
    sys.stdout.write(flags() + "\n")
