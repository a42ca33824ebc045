"""TCP ports that nobody else takes, for servers that are told theirs before they listen."""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

RANGE: Final = range(20_000, 30_000)
"""Below the ports that Linux gives to sockets of its own accord."""

_next = itertools.count(os.getpid() * 37)


class ReservedPort:
    """A port of 127.0.0.1 on which nothing listens.

    Linux gives it to no other socket, since it lies below the ports that it gives out. Another
    process that runs tests leaves it alone, since a name of it is taken.

    Attributes:
        number: The port.
    """

    def __init__(self) -> None:
        for _ in RANGE:
            self.number = RANGE[next(_next) % len(RANGE)]
            self._name = socket.socket(socket.AF_UNIX)
            try:
                self._name.bind(f"\0actionhero-tests-port-{self.number}")
                with socket.socket() as trial:
                    trial.bind(("127.0.0.1", self.number))
            except OSError:
                self._name.close()
            else:
                return
        raise AssertionError("all ports are taken")

    def release(self) -> None:
        """Let others have it."""
        self._name.close()


@contextmanager
def reserved_port() -> Iterator[int]:
    """Give a port that nobody else takes meanwhile."""
    port = ReservedPort()
    try:
        yield port.number
    finally:
        port.release()


def reserve(test: Any) -> int:
    """Return a port that is free until a test ends.

    Args:
        test: The test case.
    """
    port = ReservedPort()
    test.addCleanup(port.release)
    return port.number
