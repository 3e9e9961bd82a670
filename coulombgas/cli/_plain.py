"""A stdout for text of unknown origin: control sequences in a path or a name are shown, not executed."""

from typing import Any

from coulombgas._checks import printable


class PlainStream:
    """Passes text on, escaping control characters and characters missing in the encoding.

    A closed stdout (``None``) silently discards everything.
    """

    def __init__(self, stream: Any):
        self.raw_stream = stream

    def write(self, text: str) -> int:
        """Write text; line breaks and tabs are kept."""
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
        """Whether the stream is a terminal."""
        return self.raw_stream is not None and self.raw_stream.isatty()

    def fileno(self) -> int:
        """File descriptor of the underlying stream."""
        if self.raw_stream is None:
            raise OSError("stdout is closed")
        return self.raw_stream.fileno()

    @property
    def encoding(self) -> str:
        """Encoding of the underlying stream."""
        return getattr(self.raw_stream, "encoding", None) or "utf-8"


def encodable(text: str, stream: Any) -> str:
    """Text with characters missing in the stream's encoding escaped."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
