"""What the callbacks share: names of numbers in a logger."""

from coulombgas.training import SpectrumRecorder

PREFIX = "coulombgas/"


def new_numbers(recorder: SpectrumRecorder) -> list[tuple[int, dict[str, float]]]:
    """Steps of the records finished since the last call, and their numbers under the names of a logger."""
    return [
        (found.step, {f"{PREFIX}{name}": value for name, value in found.values.items()}) for found in recorder.metrics()
    ]
