"""The file of a log: appended to, and reopened when something has moved it away."""

from __future__ import annotations

import errno
import os
import select
import stat
from collections.abc import Iterator, Sequence
from select import PIPE_BUF
from typing import Final

from ..errors import StartError, printable

STANDARD_OUTPUT: Final = 1

FLAGS: Final = os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK

MODE: Final = 0o640
"""Of a file that is made: its group may read it, others not."""


class LogFile:
    """The destination of a log.

    Args:
        path: The file to append to; empty for standard output.
        what: What is written there, for errors, such as ``the request log``.

    Attributes:
        what: See above.

    Raises:
        StartError: The file cannot be opened; the text names it.
    """

    def __init__(self, path: str, what: str) -> None:
        # The working folder may be another one when the file is reopened.
        self._path = os.path.join(os.getcwd(), path) if path else ""
        self.what = what
        self._descriptor = self._open() if path else STANDARD_OUTPUT
        # A file that the path names later is for this process alone.
        self._is_file = bool(path) or _is_regular(STANDARD_OUTPUT)

    @property
    def goes_nowhere(self) -> bool:
        """Whether it is /dev/null, as a daemon's standard output is."""
        return os.fstat(self._descriptor).st_rdev == os.stat(os.devnull).st_rdev

    @property
    def takes_more(self) -> bool:
        """Whether a write would not wait for a reader; a file takes more at any time."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        return bool(poll.poll(0))

    def write(self, *lots: bytes) -> None:
        """Appends whole lines; waits for as long as the reader of a pipe, or a disk, takes none.

        Args:
            lots: The lines, in any number of lots; a file gets them in one system call.

        Raises:
            OSError: The system took only a part of them, or none.
        """
        for each in [lots] if self._is_file else _pieces(b"".join(lots)):
            self._write(each)

    def reopen(self) -> None:
        """Reopens the path, and goes on there.

        Raises:
            StartError: It cannot be opened; the old file is written on.
        """
        if self._path:
            new = self._open()
            # In one step and under the old number: another thread may be writing.
            os.dup2(new, self._descriptor, inheritable=False)
            os.close(new)

    def close(self) -> None:
        """Closes the file; standard output stays open."""
        if self._path:
            os.close(self._descriptor)

    def _write(self, lots: Sequence[bytes]) -> None:
        rest = sum(map(len, lots))
        while rest := rest - os.writev(self._descriptor, lots):
            lots = (b"".join(lots)[-rest:],)

    def _open(self) -> int:
        try:
            return _open(self._path)
        except OSError as error:
            reason = error.strerror
        except ValueError as error:
            reason = str(error)
        raise StartError(f"{printable(self._path)}: cannot open {self.what}: {reason}")


def _is_regular(descriptor: int) -> bool:
    try:
        return stat.S_ISREG(os.fstat(descriptor).st_mode)
    except OSError:
        # The process was started with it closed.
        return False


def _pieces(data: bytes) -> Iterator[tuple[bytes]]:
    """Whole lines, of which a pipe takes each piece in one go: several processes may write to it.

    A longer line is a separate piece.
    """
    begin = 0
    while len(data) - begin > PIPE_BUF:
        end = data.rfind(b"\n", begin, begin + PIPE_BUF) + 1
        end = end or data.find(b"\n", begin) + 1 or len(data)
        yield (data[begin:end],)
        begin = end
    if begin < len(data):
        yield (data[begin:],)


def _open(path: str) -> int:
    try:
        descriptor = os.open(path, FLAGS | os.O_WRONLY | os.O_EXCL, MODE)
    except FileExistsError:
        descriptor = _open_existing(path)
    else:
        # A daemon's umask would take the group's right away.
        os.fchmod(descriptor, MODE)
    os.set_blocking(descriptor, True)
    return descriptor


def _open_existing(path: str) -> int:
    try:
        return os.open(path, FLAGS | os.O_WRONLY, MODE)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
    # Nobody reads this FIFO yet; open both ways, it takes lines all the same.
    return os.open(path, FLAGS | os.O_RDWR, MODE)
