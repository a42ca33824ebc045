"""The beginning of a line whose end has not come yet."""

from __future__ import annotations

from collections.abc import Callable

from .outcomes import ConnectionLost


class Fragments:
    """Keeps the fragments of one line.

    Args:
        most: The most bytes of a line.
        on_overflow: Called with an error when a line is longer.

    Attributes:
        size: The number of bytes kept.
    """

    def __init__(self, most: int, on_overflow: Callable[[ConnectionLost], object]) -> None:
        self._most = most
        self._on_overflow = on_overflow
        self._kept: list[bytes] = []
        self.size = 0

    def join(self, data: bytes) -> bytes:
        """Return the data behind the fragments; nothing if the line does not end in it."""
        if b"\n" not in data:
            self.keep(data)
            return b""
        self._kept.append(data)
        data = b"".join(self._kept)
        self.clear()
        return data

    def keep(self, data: bytes) -> None:
        """Keep a fragment."""
        self._kept.append(data)
        self.size += len(data)
        if self.size > self._most:
            self.clear()
            self._on_overflow(ConnectionLost(f"an answer is longer than {self._most} bytes"))

    def clear(self) -> None:
        """Drop the fragments."""
        self._kept.clear()
        self.size = 0
