"""What the tests of socket activation share: sockets that are held and handed over."""

from __future__ import annotations

import fcntl
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from tests.support import PATIENCE, Daemon, daemon
from tests.support.integration import OwnDaemonTestCase, Talker

INET = "systemd:domain=INET:index=0"
"""The description of the first socket that was handed over."""

HAND_OVER = """
import os
import sys

_, descriptors, *command = sys.argv
names = []
for place, descriptor in enumerate(map(int, descriptors.split(","))):
    os.dup2(descriptor, 3 + place)
    os.close(descriptor)
    names.append(f"socket{place}")
os.environ.update(
    LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(names)), LISTEN_FDNAMES=":".join(names)
)
os.execv(command[0], command)
"""
"""Becomes a command, and hands the sockets with these descriptors over to it as systemd does."""

ABOVE = 100
"""Descriptors from here on are not among those that sockets are handed over as."""


class ActivationTestCase(OwnDaemonTestCase):
    """Daemons that are handed listening sockets over, which these tests hold as systemd does."""

    def hold(self, family: socket.AddressFamily, address: object) -> socket.socket:
        """A listening socket."""
        held = socket.socket(family)
        self.addCleanup(held.close)
        held.bind(address)
        held.listen()
        return held

    def hold_tcp(self) -> socket.socket:
        """A listening socket on a free port of 127.0.0.1."""
        return self.hold(socket.AF_INET, ("127.0.0.1", 0))

    def activate(
        self,
        held: Sequence[socket.socket],
        *options: str,
        files: Mapping[str, str | bytes] | None = None,
    ) -> Daemon:
        """A daemon that has been handed sockets over."""
        with ExitStack() as copies:
            descriptors = []
            for stream in held:
                descriptors.append(fcntl.fcntl(stream.fileno(), fcntl.F_DUPFD, ABOVE))
                copies.callback(os.close, descriptors[-1])
            launcher = (sys.executable, "-c", HAND_OVER, ",".join(map(str, descriptors)))
            running = daemon(
                *options,
                folder=str(self.folder(files)),
                launcher=launcher,
                descriptors=descriptors,
            )
            stack = ExitStack()
            self.addCleanup(stack.close)
            started = stack.enter_context(running)
        self.assertIsNone(started.process.poll(), started.log)
        return started

    def call(self, held: socket.socket) -> Talker:
        """A client that connects to a socket that is held, whether or not somebody serves it."""
        stream = socket.socket(held.family)
        self.addCleanup(stream.close)
        stream.settimeout(PATIENCE)
        stream.connect(held.getsockname())
        return Talker(stream)
