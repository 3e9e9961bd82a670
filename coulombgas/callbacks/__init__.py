"""Callbacks that record the spectra of a training run by Lightning, Keras or the Hugging Face Trainer.

Each takes the path and the options of :class:`coulombgas.SpectrumRecorder`, reads learning rate, batch size and
optimiser from the framework, and gives the numbers of each record to the framework's logger. A framework is imported
when its callback is used first.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._hugging_face import TrainerSpectra as TrainerSpectra
    from ._keras import KerasSpectra as KerasSpectra
    from ._lightning import LightningSpectra as LightningSpectra

__all__ = ["KerasSpectra", "LightningSpectra", "TrainerSpectra"]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return _load(name)
    except ModuleNotFoundError as error:
        raise ImportError(f"{name} needs {error.name}: pip install coulombgas[callbacks].") from error


def _load(name: str) -> Any:
    """The callback called ``name``; only its own framework is imported."""
    if name == "LightningSpectra":
        from ._lightning import LightningSpectra

        return LightningSpectra
    if name == "TrainerSpectra":
        from ._hugging_face import TrainerSpectra

        return TrainerSpectra
    from ._keras import KerasSpectra

    return KerasSpectra


def __dir__() -> list[str]:
    return sorted(__all__)
