"""Ports on listening sockets that another process has bound, and goes on holding.

A port of Twisted's makes its socket by `createInternetSocket`, binds it, listens on it, and shuts
it down when it stops. All of these are public, so a socket for which the last three do nothing is
enough; no name that Twisted keeps to itself is needed.
"""

from __future__ import annotations

import os
import socket
from typing import Any

from twisted.internet import unix


class Held:
    """Calls of a port on its socket that are wrong for a shared one."""

    def bind(self, address: Any, /) -> None:
        """Does nothing: it is bound."""

    def listen(self, backlog: int = 0, /) -> None:
        """Does nothing: it listens, with the backlog that its holder has set."""

    def shutdown(self, how: int, /) -> None:
        """Does nothing: nobody could connect to its other holders any more."""


class HeldSocket(Held, socket.socket):
    """A listening socket that another process holds too."""

    def set_backlog(self, backlog: int) -> None:
        """Sets how many connections may wait, for all who hold it; see `net.backlog`."""
        super(Held, self).listen(backlog)


class HeldUNIXPort(unix.Port):
    """Listens on a UNIX socket that another process holds too; its file stays as it is.

    Within Twisted it goes by a name that begins with a NUL. Such a name leads to no file, so
    Twisted neither sets the mode of the socket's file, which may be root's, nor removes it.

    Args:
        held: The socket: a `HeldSocket`, or what stands for one.
        factory: Gets the connections.
        reactor: The reactor.
    """

    def __init__(self, held: Any, factory: Any, reactor: Any) -> None:
        name = b"\0" + os.fsencode(held.getsockname())
        super().__init__(name, factory, reactor=reactor)
        self._held = held

    def createInternetSocket(self) -> Any:
        """The socket on which the port listens."""
        return self._held


def held_unix_port(descriptor: int, factory: Any, reactor: Any) -> HeldUNIXPort:
    """Listens on a UNIX socket by its descriptor, which becomes the port's own."""
    held = HeldSocket(fileno=descriptor)
    held.setblocking(False)
    port = HeldUNIXPort(held, factory, reactor)
    port.startListening()  # type: ignore[no-untyped-call]
    return port
