"""Opens a file by a path that cannot lead out of a folder, whatever is swapped meanwhile.

A path that is checked first and opened then may be another one by the time it is opened: a
folder in it can be exchanged for a link. So the kernel is told to stay beneath the folder
(`openat2`, Linux 5.6); where it cannot, each step of the path is opened by itself, and no link
is followed by anybody but this module.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from struct import Struct
from typing import Final

MAX_LINKS: Final = 40
"""As many links are followed in one path; Linux follows no more."""

_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
"""Without NONBLOCK a FIFO would hold up the whole server until somebody writes to it."""

_FOLDER: Final = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

_OPENAT2: Final = 437
"""The number of the system call, the same on all architectures."""

_HOW: Final = Struct("=QQQ")
_RESOLVE_NO_MAGICLINKS: Final = 0x02
_RESOLVE_BENEATH: Final = 0x08

_WALK: Final = (errno.ENOSYS, errno.EPERM, errno.EXDEV, errno.EAGAIN, errno.EINVAL)
"""After these errors of `openat2` the path is walked: there is no such call, or a sandbox refuses
it; the path leaves the folder, maybe by an absolute link that comes back; or something was
renamed meanwhile."""

_libc: Final = ctypes.CDLL(None, use_errno=True)


@contextmanager
def folder(path: str) -> Iterator[int]:
    """A descriptor of a folder, whose path may have links in it.

    Raises:
        OSError: There is no such folder.
    """
    descriptor = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def open_beneath(root: int, path: str) -> int:
    """Opens a file or a folder for reading. Links are followed as long as they stay beneath.

    Args:
        root: The descriptor of the folder.
        path: The path from there.

    Returns:
        A descriptor, which does not block.

    Raises:
        OSError: There is no such file, it may not be read, or the path leads out.
        ValueError: It has a NUL or something else that no path can hold.
    """
    try:
        return _openat2(root, path)
    except OSError as error:
        if error.errno not in _WALK:
            raise
        return _Walk(root, path).open()


def _openat2(root: int, path: str) -> int:
    encoded = os.fsencode(path)
    if b"\0" in encoded:
        raise ValueError("embedded null byte")
    how = _HOW.pack(_FLAGS, 0, _RESOLVE_BENEATH | _RESOLVE_NO_MAGICLINKS)
    descriptor: int = _libc.syscall(
        ctypes.c_long(_OPENAT2),
        ctypes.c_int(root),
        ctypes.c_char_p(encoded),
        ctypes.c_char_p(how),
        ctypes.c_size_t(len(how)),
    )
    if descriptor < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return descriptor


class _Walk:
    """Opens each step of a path, and follows links by itself.

    The folders on the way to the last step are all open, from the root on: the folder above one
    is known by that, and never asked for.

    Args:
        root: The descriptor of the folder that the path may not leave.
        path: The path.
    """

    def __init__(self, root: int, path: str) -> None:
        self._path = path
        self._top = os.readlink(f"/proc/self/fd/{root}")
        self._folders = [root]
        self._steps = _steps(path)
        self._links = 0

    def open(self) -> int:
        """Walks to the end, and gives a descriptor of what is there."""
        try:
            while self._steps:
                step = self._steps.pop()
                if step == "..":
                    self._go_up()
                    continue
                descriptor = self._open_step(step)
                if descriptor is not None:
                    if not self._steps:
                        return descriptor
                    self._folders.append(descriptor)
            return os.open(".", _FLAGS, dir_fd=self._folders[-1])
        finally:
            self._go_to_root()

    def _open_step(self, step: str) -> int | None:
        """Opens a step; None where it is a link, whose steps come next."""
        flags = _FOLDER if self._steps else _FLAGS | os.O_NOFOLLOW
        try:
            return os.open(step, flags, dir_fd=self._folders[-1])
        except OSError as error:
            if error.errno not in (errno.ELOOP, errno.ENOTDIR):
                raise
            self._follow(_target(step, self._folders[-1], error))
            return None

    def _follow(self, target: str) -> None:
        self._links += 1
        if self._links > MAX_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), self._path)
        if target.startswith("/"):
            target = _below(target, self._top)
            self._go_to_root()
        self._steps += _steps(target)

    def _go_up(self) -> None:
        if len(self._folders) == 1:
            raise PermissionError(errno.EXDEV, os.strerror(errno.EXDEV), self._path)
        os.close(self._folders.pop())

    def _go_to_root(self) -> None:
        while len(self._folders) > 1:
            os.close(self._folders.pop())


def _steps(path: str) -> list[str]:
    """The steps of a path, the last one first; a slash at its end asks for a folder."""
    steps = [step for step in path.split("/") if step not in ("", ".")]
    if path.endswith(("/", "/.")):
        steps.append(".")
    return steps[::-1]


def _target(step: str, folder: int, error: OSError) -> str:
    """Where a link leads; what could not be opened may be none."""
    try:
        return os.readlink(step, dir_fd=folder)
    except OSError:
        raise error from None


def _below(target: str, top: str) -> str:
    """The path from the top folder to where an absolute link leads, unless that is outside."""
    prefix = top.rstrip("/") + "/"
    if target == top:
        return "."
    if not target.startswith(prefix):
        raise PermissionError(errno.EXDEV, os.strerror(errno.EXDEV), target)
    return target[len(prefix) :]
