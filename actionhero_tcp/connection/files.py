"""A client's file name to a path that is safe, or to nothing; and the reading of it."""

from __future__ import annotations

import os
import stat
from typing import Final, NoReturn

from ..errors import ClientError, shorten

CHUNK_BYTES: Final = 64 * 1024
"""How much of a file is in memory at once."""


PATH_MAX: Final = 4096
"""Linux opens no longer names; to resolve them takes the square of their length."""


class FileReader:
    """An open file, read chunk by chunk up to the size it had when it was opened.

    Args:
        descriptor: The open file; it belongs to the reader from now on.
        size: How many bytes to read at most.
    """

    __slots__ = ("_descriptor", "_left")

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self._left = size

    def read(self) -> bytes:
        """The next chunk, of at most `CHUNK_BYTES`; empty at the end, or where reading fails."""
        if self._descriptor < 0:
            return b""
        try:
            chunk = os.read(self._descriptor, min(CHUNK_BYTES, self._left))
        except OSError:
            return b""
        self._left -= len(chunk)
        return chunk

    def close(self) -> None:
        """Closes the file; once is enough, twice does no harm."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class Files:
    """The files under one folder that clients may fetch.

    Args:
        directory: The folder.
        directory_file: The name of the file that stands for its folder.
    """

    def __init__(self, directory: str, directory_file: str) -> None:
        self._root = os.path.realpath(directory)
        self._directory_file = directory_file

    def open(self, name: str) -> FileReader:
        """Opens the file that a client named.

        Args:
            name: Its path below the folder, with ``/`` between its parts.

        Raises:
            ClientError: There is no such file, or it is not for clients: outside of the
                folder, no regular file, not readable. A client cannot tell these apart.
        """
        try:
            return self._open(self._resolve(name))
        except (OSError, ValueError):
            # ValueError: a NUL, or a lone surrogate that no file name can hold.
            _not_found(name)

    def _resolve(self, name: str) -> str:
        if len(name) > PATH_MAX:
            raise FileNotFoundError(name)
        if name.startswith("/") or ".." in name.split("/"):
            raise FileNotFoundError(name)
        path = os.path.realpath(os.path.join(self._root, name), strict=True)
        if os.path.isdir(path):
            path = os.path.realpath(os.path.join(path, self._directory_file), strict=True)
        elif name.endswith(("/", "/.")):
            raise NotADirectoryError(path)
        if os.path.commonpath([self._root, path]) != self._root:
            raise PermissionError(path)
        return path

    @staticmethod
    def _open(path: str) -> FileReader:
        # Without NONBLOCK a FIFO would hold up the whole server until somebody writes to it.
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path, flags)
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            os.close(descriptor)
            raise FileNotFoundError(path)
        return FileReader(descriptor, facts.st_size)


def _not_found(name: str) -> NoReturn:
    raise ClientError(f"The file, {shorten(name)}, is not found.") from None
