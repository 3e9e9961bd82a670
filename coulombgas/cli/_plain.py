"""A stdout for text of unknown origin: whatever a path or a name holds, a terminal shows it and does not obey it."""

from typing import Any

from coulombgas._checks import printable


class PlainStream:
    """Passes text on with control characters shown as escapes, and letters that the encoding lacks as well.

    A closed stdout (``None``) takes everything and says nothing.
    """

    def __init__(self, stream: Any):
        self.raw_stream = stream

    def write(self, text: str) -> int:
        """Write text; line ends and tabulators stay."""
        if self.raw_stream is None:
            return len(text)
        plain = "".join(c if c in "\n\t" else printable(c) for c in text) if not text.isprintable() else text
        self.raw_stream.write(encodable(plain, self.raw_stream))
        return len(text)

    def flush(self) -> None:
        """Pass on what is buffered."""
        if self.raw_stream is not None:
            self.raw_stream.flush()

    def isatty(self) -> bool:
        """Whether a person looks at it."""
        return self.raw_stream is not None and self.raw_stream.isatty()

    def fileno(self) -> int:
        """Number of the file behind."""
        if self.raw_stream is None:
            raise OSError("stdout is closed")
        return self.raw_stream.fileno()

    @property
    def encoding(self) -> str:
        """Of the stream behind."""
        return getattr(self.raw_stream, "encoding", None) or "utf-8"


def encodable(text: str, stream: Any) -> str:
    """Text with letters that the stream's encoding lacks shown as escapes."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
