"""The other processes of a cluster, as the application meets them."""

from __future__ import annotations

from typing import Protocol


class Cluster(Protocol):
    """This process as one node of a cluster; `redis.cluster.Cluster` is one over Redis."""

    @property
    def peers(self) -> list[str]:
        """The ids of the other nodes that are alive."""
        ...

    @property
    def error(self) -> str:
        """Why this node runs alone; empty where it does not."""
        ...

    def status(self) -> dict[str, object]:
        """The part of the `status` action's answer about the cluster."""
        ...

    def send(self, client: str, line: bytes) -> bool:
        """Sends a line to a client that is connected to another node.

        Args:
            client: The client's id.
            line: The line, with its end.

        Returns:
            Whether there may be such a client; with other nodes nobody knows.
        """
        ...

    def join_room(self, client: str, room: str) -> bool:
        """Take a client that is connected to another node into a room; see `send`."""
        ...

    def leave_room(self, client: str, room: str) -> bool:
        """Take a client that is connected to another node out of a room; see `send`."""
        ...


class NoCluster:
    """The local form: this process is all there is."""

    @property
    def peers(self) -> list[str]:
        """See `Cluster.peers`."""
        return []

    @property
    def error(self) -> str:
        """See `Cluster.error`."""
        return ""

    def status(self) -> dict[str, object]:
        """See `Cluster.status`."""
        return {}

    def send(self, client: str, line: bytes) -> bool:
        """See `Cluster.send`."""
        return False

    def join_room(self, client: str, room: str) -> bool:
        """See `Cluster.join_room`."""
        return False

    def leave_room(self, client: str, room: str) -> bool:
        """See `Cluster.leave_room`."""
        return False
