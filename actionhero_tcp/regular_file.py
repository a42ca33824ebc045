"""Reads files that nobody has to wait for: a FIFO or a device in their place is refused."""

from __future__ import annotations

import errno
import os
import stat
from typing import Final

NOT_REGULAR: Final = "Not a regular file"


def read_regular(path: str) -> bytes:
    """Read a whole file, which must be a regular one or a link to one.

    Raises:
        OSError: It cannot be read, or is no regular file.
        ValueError: The path is none.
    """
    # A FIFO would wait for its other end to be opened, and a terminal for somebody to type.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, NOT_REGULAR, path)
        with open(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)
