"""A worker that takes over connections, without a process."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

from actionhero_tcp.workers.handover import Channel, pair

LISTENS = ("127.0.0.1", 5000)


class FakeTaker:
    """Takes what it is handed over on one channel, when it is told to."""

    def __init__(self) -> None:
        ours, theirs = pair()
        self.ends = [ours]
        self.channel = Channel(theirs.detach(), LISTENS)
        self.taken: list[tuple[socket.socket, Any]] = []

    def take(self) -> int:
        """Takes what there is; gives how much it has ever taken."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.taken.append(self.channel.accept())
        return len(self.taken)

    def close(self) -> None:
        """Closes all that it has."""
        for each in (*self.ends, self.channel, *(client for client, _ in self.taken)):
            each.close()
