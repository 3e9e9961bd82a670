"""`coulombgas merge`."""

from dataclasses import dataclass
from pathlib import Path

import tyro


@dataclass(frozen=True, kw_only=True)
class Merge:
    """Put stores of the same model and training together: more settings, or more replicas of the same settings."""

    paths: tyro.conf.Positional[tuple[Path, ...]]
    """Zarr stores to merge."""
    out: Path
    """Zarr store to write."""
    overwrite: bool = False
    """Replace the store if it exists."""
    json: bool = False
    """Print the summary as one JSON document."""

    def run(self) -> int:
        from coulombgas.training import merge_stores

        from ._simulate import print_summary

        merged = merge_stores(self.paths, out=self.out, overwrite=self.overwrite)
        return print_summary(merged, str(self.out), json=self.json)
