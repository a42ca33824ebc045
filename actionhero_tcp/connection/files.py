"""A client's file name to a path that is safe, or to nothing; and the reading of it."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import Any, Final, NoReturn

from ..errors import ClientError, FileCutError, printable, shorten
from . import beneath

CHUNK_BYTES: Final = 64 * 1024
"""How much of a file is in memory at once."""


PATH_MAX: Final = 4095
"""Linux opens no longer names."""


class FileReader:
    """An open file, read chunk by chunk up to the size it had when it was opened.

    Args:
        descriptor: The open file; it belongs to the reader from now on.
        size: How many bytes to read.
        name: Its name in errors.

    Attributes:
        size: How many bytes it reads.
        offset: Where in the file they begin.
    """

    __slots__ = ("_descriptor", "_left", "_name", "offset", "size")

    def __init__(self, descriptor: int, size: int, name: str = "the file") -> None:
        self._descriptor = descriptor
        self._left = self.size = size
        self._name = name
        self.offset = 0

    def __del__(self) -> None:
        # One that was never sent: its action failed, or its client is gone.
        self.close()

    def fileno(self) -> int:
        """The descriptor; -1 where it is closed."""
        return self._descriptor

    def select(self, offset: int, length: int | None) -> None:
        """Reads a part of the file only; before the first `read`.

        Args:
            offset: Where it begins.
            length: How many bytes it has at most; None for all.

        Raises:
            ClientError: It begins behind the end of the file.
        """
        if not 0 <= offset <= self.size:
            raise ClientError(f"offset must be from 0 to {self.size}, the size of the file")
        if length is not None and length < 0:
            raise ClientError("length must be at least 0")
        rest = self.size - offset
        self._left = self.size = rest if length is None else min(rest, length)
        self.offset = offset
        os.lseek(self._descriptor, offset, os.SEEK_SET)

    def read(self) -> bytes:
        """The next chunk, of at most `CHUNK_BYTES`; empty at the end.

        Raises:
            FileCutError: The file has become shorter, or reading fails.
        """
        if self._descriptor < 0 or not self._left:
            return b""
        try:
            chunk = os.read(self._descriptor, min(CHUNK_BYTES, self._left))
        except OSError as error:
            raise FileCutError(f"{self._name}: {error.strerror}") from None
        if not chunk:
            raise FileCutError(f"{self._name}: the file became {self._left} bytes shorter")
        self._left -= len(chunk)
        return chunk

    def close(self) -> None:
        """Closes the file; once is enough, twice does no harm."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            # The descriptor is free even where a disk or a network file system reports an error.
            with suppress(OSError):
                os.close(descriptor)


def check_reader(reader: object) -> None:
    """Check that something is a reader, while the code that gives it is still on the stack.

    Raises:
        TypeError: It is not.
    """
    if not isinstance(reader, FileReader):
        kind = type(reader).__name__
        raise TypeError(f"a file is sent from what api.files.open(name) returns, not from a {kind}")


class Files:
    """The files under one folder that clients may fetch.

    Args:
        directory: The folder. Where its path has a link in it, each request follows that
            link, so that a new version can be put in its place.
        directory_file: The name of the file that stands for its folder.
        digests: The digests of files that were asked for; None where nobody asks.

    Attributes:
        digests: See above.
    """

    def __init__(self, directory: str, directory_file: str, digests: Any = None) -> None:
        self.digests = digests
        self._root = os.path.abspath(directory)
        self._directory_file = directory_file

    def open(self, name: str) -> FileReader:
        """Opens the file that a client named.

        Args:
            name: Its path below the folder, with ``/`` between its parts.

        Raises:
            ClientError: There is no such file, or it is not for clients: outside of the
                folder, no regular file, not readable. A client cannot tell these apart.
        """
        if len(name) > PATH_MAX or name.startswith("/") or ".." in name.split("/"):
            _not_found(name)
        try:
            with beneath.folder(self._root) as root:
                return self._open(root, name)
        except (OSError, ValueError):
            # ValueError: a NUL, or a lone surrogate that no file name can hold.
            _not_found(name)

    def _open(self, root: int, name: str) -> FileReader:
        try:
            return _regular(root, name or ".")
        except (IsADirectoryError, PermissionError):
            # A folder that may be entered need not be one that may be listed.
            return _regular(root, os.path.join(name, self._directory_file))


def _regular(root: int, path: str) -> FileReader:
    """Opens a regular file.

    Raises:
        IsADirectoryError: It is a folder.
        OSError: It is something else, or there is none.
    """
    descriptor = beneath.open_beneath(root, path)
    facts = os.fstat(descriptor)
    if stat.S_ISREG(facts.st_mode):
        return FileReader(descriptor, facts.st_size, printable(path))
    os.close(descriptor)
    raise (IsADirectoryError if stat.S_ISDIR(facts.st_mode) else FileNotFoundError)(path)


def _not_found(name: str) -> NoReturn:
    raise ClientError(f"The file, {shorten(name)}, is not found.") from None
