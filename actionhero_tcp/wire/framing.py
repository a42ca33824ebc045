"""Bytes to lines."""

from __future__ import annotations

from typing import Final

INTERRUPTS: Final = (b"\x04", b"\xff\xf4\xff\xfd\x06")
"""The bytes of Ctrl-D and telnet's Ctrl-C, without a line end. At the start of a line each is a
line."""

TOO_LONG: Final = b"\n"
"""Stands for a line that was too long and has been skipped; no line holds a line end."""

_RETURN: Final = ord("\r")
_LONGEST_INTERRUPT: Final = max(map(len, INTERRUPTS))

MAX_FRAGMENTS: Final = 256
"""A line that drips in is joined after so many parts, for each of them takes 33 bytes more
than it holds."""


FRAGMENT_BYTES: Final = 48
"""A part takes no more bytes than this beside what it holds."""


class LineSplitter:
    """Splits one client's bytes into lines, wherever they are cut.

    `LineReceiver.dataReceived` takes one line off its buffer at a time: 64 KiB of bare
    line ends would block it for 43 ms, and a long line that drips in costs the square of
    its length.

    Args:
        longest: How many bytes a line may have, its end aside.

    Attributes:
        size: The bytes of the line that is not complete yet.
    """

    __slots__ = ("_fragments", "_longest", "_skipping", "size")

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._fragments: list[bytes] = []
        self.size = 0
        self._skipping = False

    def feed(self, data: bytes) -> list[bytes]:
        """Takes in some bytes.

        Returns:
            The lines that are complete now, without their ends: `TOO_LONG` in place of one
            that is too long, and an interrupt at the start of a line as soon as it is there.
        """
        fragments, longest = self._fragments, self._longest
        may_be_long = len(data) > longest
        if fragments and data.startswith(b"\n"):
            # The carriage return that belongs to this line end came before it.
            fragments[-1] = fragments[-1].removesuffix(b"\r")
        # To look for a byte as a number takes a fifth of the time.
        if _RETURN in data:
            data = self._without_returns(data)
        lines = data.split(b"\n")
        last = lines.pop()
        if lines and (fragments or self._skipping):
            self._complete_first(lines)
            may_be_long = True
        if may_be_long:
            lines = [line if len(line) <= longest else _shown(line) for line in lines]
        if last and not self._skipping:
            self._add_fragment(last, lines)
        return lines

    def _without_returns(self, data: bytes) -> bytes:
        """Replaces line ends of two bytes by line feeds."""
        return data.replace(b"\r\n", b"\n")

    @property
    def held(self) -> int:
        """The bytes of memory that this line takes."""
        return self.size + len(self._fragments) * FRAGMENT_BYTES

    def forget(self) -> None:
        """Forgets the line that is not complete yet."""
        self._fragments.clear()
        self.size = 0
        self._skipping = False

    def _complete_first(self, lines: list[bytes]) -> None:
        """Puts the fragments of a line before its last part."""
        if self._skipping:
            del lines[0]
        else:
            self._fragments.append(lines[0])
            lines[0] = b"".join(self._fragments)
        self.forget()

    def _add_fragment(self, data: bytes, lines: list[bytes]) -> None:
        """Keeps the beginning of a line, unless that is too long or an interrupt."""
        before = self.size
        self._fragments.append(data)
        self.size += len(data)
        if len(self._fragments) > MAX_FRAGMENTS:
            self._fragments = [b"".join(self._fragments)]
        if before < _LONGEST_INTERRUPT:
            start = b"".join(self._fragments)
            for interrupt in INTERRUPTS:
                if start.startswith(interrupt):
                    self.forget()
                    lines.append(interrupt)
                    return
        # One more, for the carriage return that may be part of the line's end.
        if self.size > self._longest + 1:
            self.forget()
            self._skipping = True
            lines.append(TOO_LONG)


def _shown(line: bytes) -> bytes:
    """The marker of a line that is too long, unless an interrupt came first."""
    return next((i for i in INTERRUPTS if line.startswith(i)), TOO_LONG)
