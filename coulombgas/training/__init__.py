"""The ensemble engine: replicas × settings × steps of any model, recorded as spectra."""

from ._train import train as train

__all__ = ["train"]
