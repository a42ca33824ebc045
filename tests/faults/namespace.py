"""A network of its own for one test, in which packets can be lost."""

from __future__ import annotations

import ctypes
import itertools
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tools.system_packages import need

CLONE_NEWNET: Final = 0x40000000
"""From ``sched.h``."""

_libc = ctypes.CDLL(None, use_errno=True)
_count = itertools.count()


class Namespace:
    """A network namespace with a loopback device; only root can make one.

    A class of tests with one has ``as_root``: the runner has a plain user be root of namespaces.
    """

    def __init__(self) -> None:
        need("ip")
        need("nft")
        self.name = f"faults-{os.getpid()}-{next(_count)}"
        _run("ip", "netns", "add", self.name)
        try:
            _run("ip", "-n", self.name, "link", "set", "lo", "up")
            rules = "add table ip t; add chain ip t c { type filter hook input priority 0; }"
            self._filter(rules)
        except AssertionError:
            self.close()
            raise

    @contextmanager
    def entered(self) -> Iterator[None]:
        """In here this thread makes its sockets and its processes in the namespace."""
        with open("/proc/thread-self/ns/net") as own, open(f"/run/netns/{self.name}") as other:
            _enter(other.fileno())
            try:
                yield
            finally:
                _enter(own.fileno())

    def cut_off(self, stream: socket.socket) -> None:
        """From now on every packet to and from a socket is lost."""
        port = stream.getsockname()[1]
        self._filter(
            f"add rule ip t c tcp sport {port} drop; add rule ip t c tcp dport {port} drop"
        )

    def close(self) -> None:
        """Takes it away; what is in it still lives on until it ends."""
        _run("ip", "netns", "del", self.name)

    def _filter(self, rules: str) -> None:
        _run("ip", "netns", "exec", self.name, "nft", rules)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
