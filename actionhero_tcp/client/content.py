"""The content of a file as it comes: kept in memory up to a limit, or passed on to a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, Self

from .outcomes import FileTooLarge

Progress = Callable[[int, int | None], object]
"""Called with how many bytes of a file there are so far, and with its size, None if unknown."""


class Digest(Protocol):
    """A digest of the `hashlib` module."""

    def copy(self) -> Self:
        """Return a copy."""
        ...

    def update(self, data: bytes, /) -> None:
        """Take more bytes."""
        ...

    def hexdigest(self) -> str:
        """Return the digest so far."""
        ...


class Content:
    """Collects the content of a file.

    Args:
        to: Called with each part, such as a file's ``write``; None keeps the content in memory.
        most: The most bytes that are kept in memory.
        progress: Called after each part; None for nothing.
        offset: Where in the file the content begins, in bytes.

    Attributes:
        size: The number of bytes so far, without the offset.
        error: Why the content cannot be taken: it is too large, or a function raised; None so
            far.
    """

    def __init__(
        self,
        to: Callable[[bytes], object] | None = None,
        most: int = 0,
        progress: Progress | None = None,
        offset: int = 0,
    ) -> None:
        self._to = to
        self._most = most
        self._progress = progress
        self._parts: list[bytes] = []
        self._offset = offset
        self.size = 0
        self.error: Exception | None = None

    @property
    def position(self) -> int:
        """The place in the file of the next byte."""
        return self._offset + self.size

    def check(self, more: int) -> None:
        """Note an error if so many more bytes are too many to keep."""
        if self._to is None and self.size + more > self._most:
            self._parts.clear()
            self.error = FileTooLarge(
                f"the file is larger than {self._most} bytes (max_file_bytes)"
            )

    def add(self, part: bytes, size: int | None = None) -> None:
        """Take the next part.

        Args:
            part: The bytes.
            size: The size of the whole file; None if it is unknown.
        """
        if not part:
            return
        if self.error is None:
            self.check(len(part))
        self.size += len(part)
        if self.error is not None:
            return
        try:
            if self._to is None:
                self._parts.append(part)
            else:
                self._to(part)
            if self._progress is not None:
                self._progress(self.position, size)
        except Exception as error:
            self.error = error

    def drop(self) -> None:
        """Drop the content, what has come and what still comes."""
        self._to, self._progress = _ignore, None
        self._parts.clear()

    @property
    def result(self) -> bytes | int:
        """The content, or its size if a function has taken it."""
        return b"".join(self._parts) if self._to is None else self.size


def _ignore(part: bytes) -> None:
    """Take a part that nobody wants."""
