"""Text as characters: any file, or the English text that ships with every Python."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from coulombgas._checks import InputError, check_in_interval
from coulombgas._types import PathType

_LARGEST_ALPHABET = 65_536


class Corpus(NamedTuple):
    """A text as tokens; token i stands for ``alphabet[i]``."""

    train: np.ndarray
    """Tokens to learn from, shape (n,), int32."""
    validation: np.ndarray
    """Tokens held out, shape (m,), int32."""
    alphabet: str
    """All characters, sorted."""
    source: str
    """Where the text came from."""
    digest: str
    """SHA-256 of the text, compared when a run is resumed."""

    def decode(self, tokens: np.ndarray) -> str:
        """Tokens as text."""
        return "".join(self.alphabet[int(token)] for token in tokens)

    @property
    def unigram_entropy(self) -> float:
        """Entropy of single characters of the training text, in nats: the loss of a model without context."""
        counts = np.bincount(self.train, minlength=len(self.alphabet))
        p = counts[counts > 0] / counts.sum()
        return float(-(p * np.log(p)).sum())


def read_corpus(path: PathType | None = None, *, validation_fraction: float = 0.1) -> Corpus:
    """Read a text, character by character.

    Args:
        path: a UTF-8 text file; None for the topics of Python's own help (``pydoc_data.topics``).
        validation_fraction: fraction of the text, at its end, that is held out.

    Raises:
        InputError: when the file is missing, empty, not text, or too short to split.
    """
    fraction = check_in_interval("validation_fraction", validation_fraction, 0.001, 0.5)
    text, source = (_topics(), "pydoc_data.topics") if path is None else (_read(Path(path)), str(path))
    alphabet = "".join(sorted(set(text)))
    if len(alphabet) < 2 or len(alphabet) > _LARGEST_ALPHABET:
        raise InputError(f"`text` {source!r} has {len(alphabet)} different characters: a text needs 2 to 65536.")
    codes = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    tokens = np.searchsorted(np.frombuffer(alphabet.encode("utf-32-le"), dtype=np.uint32), codes).astype(np.int32)
    cut = round(len(tokens) * (1 - fraction))
    digest = hashlib.sha256(text.encode("utf-8")).hexdigest()
    return Corpus(tokens[:cut], tokens[cut:], alphabet, source, digest)


def _topics() -> str:
    from pydoc_data.topics import topics

    return "\n\n".join(topics[name] for name in sorted(topics))


def _read(path: Path) -> str:
    if not path.is_file():
        raise InputError(f"`text` {str(path)!r}: no such file.")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"`text` {str(path)!r} is not UTF-8 text ({error.reason} at byte {error.start}).") from None
    if not text.strip():
        raise InputError(f"`text` {str(path)!r} is empty.")
    return text
