"""`coulombgas merge`."""

from dataclasses import dataclass
from pathlib import Path

from ._arguments import Paths


@dataclass(frozen=True, kw_only=True)
class Merge:
    """Merge stores of the same model and training: more settings, or more replicas of the same settings."""

    paths: Paths
    """Zarr stores to merge, or patterns such as 'run-*.zarr'. All shards of a sharded run are needed."""
    out: Path
    """Zarr store to write."""
    overwrite: bool = False
    """Replace the store if it exists."""
    resume: bool = False
    """Continue an interrupted merge of the same stores."""
    json: bool = False
    """Print the summary as one JSON document."""

    def run(self) -> int:
        from coulombgas.training import merge_stores

        from ._simulate import print_summary

        merged = merge_stores(self.paths, out=self.out, overwrite=self.overwrite, resume=self.resume)
        return print_summary(merged, str(self.out), json=self.json)
