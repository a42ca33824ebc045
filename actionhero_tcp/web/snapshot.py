"""What the live page shows: the state of the server at one moment, as JSON values."""

from __future__ import annotations

import heapq
import resource
import time
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from ..config import configuration
from ..stats import BOUNDS

if TYPE_CHECKING:
    from ..app.actions import Action
    from ..app.api import Api
    from ..connection.connected_client import ConnectedClient
    from ..logs.request_counter import RequestCounter
    from .health import Reasons

MAX_ROWS: Final = 200
"""The most rows of one page of a table."""

MAX_ROWS_BEFORE: Final = 100_000
"""The most rows before a page: each costs a comparison."""

Arguments = Mapping[str, str]

_ORDERS: Final[Mapping[str, Callable[[ConnectedClient], Any]]] = {
    "address": lambda connection: connection.remote_address,
    "connectedAt": lambda connection: connection.connected_at,
    "id": lambda connection: connection.id,
    "pending": lambda connection: len(connection.pending),
    "queuedBytes": lambda connection: connection.outbox.queued_bytes,
    "requests": lambda connection: connection.requests,
    "room": lambda connection: connection.room or "",
}


class Snapshot:
    """Reads the state of the server.

    Args:
        api: The server's face to actions.
        requests: Counts requests by what they asked for.
        reasons: Says why the server is not ready.

    Attributes:
        api: See above.
    """

    def __init__(self, api: Api, requests: RequestCounter, reasons: Reasons) -> None:
        self.api = api
        self._requests = requests
        self._reasons = reasons

    def overview(self, arguments: Arguments) -> dict[str, object]:
        """Returns the counters, and who this server is."""
        api, stats = self.api, self.api.stats
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "server": {
                "name": api.config.general.server_name,
                "id": stats.id,
                "uptimeSeconds": round(stats.uptime, 3),
                "reactor": type(api.reactor).__name__,
                "notReady": self._reasons(),
                "nodes": [stats.id, *api.cluster.peers],
                "clusterError": api.cluster.error,
                "workers": api.config.general.workers,
                "port": {
                    "number": api.config.tcp_server.port,
                    "secure": api.config.tcp_server.secure,
                },
            },
            "monotonic": time.monotonic(),
            "totals": {
                "requests": stats.requests,
                "connections": stats.connections,
                "connectedEver": stats.connected_ever,
                "rooms": len(api.rooms),
                "queuedBytes": sum(c.outbox.queued_bytes for c in api.connections.values()),
                "memoryBytes": stats.memory(),
                "processorSeconds": usage.ru_utime + usage.ru_stime,
                "blocked": stats.blocked,
            },
            "closed": dict(stats.closed),
            "latency": {"bounds": BOUNDS, "counts": self._latency()},
        }

    def limits(self, arguments: Arguments) -> list[dict[str, object]]:
        """Returns each limit, its value, and how often it took effect."""
        reached = self.api.stats.limited
        limits = self.api.config.limits
        known = [info for info in configuration.fields() if info.section == "limits"]
        return [
            {
                "name": info.key,
                "value": getattr(limits, info.name),
                "help": info.help,
                "reached": reached.get(info.key, 0),
            }
            for info in known
        ]

    def connections(self, arguments: Arguments) -> dict[str, object]:
        """Returns one page of the connections, searched and sorted.

        Raises:
            ValueError: An argument is wrong; the text says which, and what is expected.
        """
        first, count = _page(arguments)
        order = arguments.get("sort", "connectedAt")
        if order not in _ORDERS:
            raise ValueError(f"sort must be one of {', '.join(_ORDERS)}")
        found = self._found(arguments.get("search", ""))
        pick = heapq.nlargest if arguments.get("descending") == "true" else heapq.nsmallest
        rows = pick(first + count, found, key=_ORDERS[order])
        return {
            "total": len(self.api.connections),
            "matching": len(found),
            "rows": [_row(connection) for connection in rows[first:]],
        }

    def rooms(self, arguments: Arguments) -> dict[str, object]:
        """Returns one page of the rooms of this process, the largest first; see `connections`."""
        first, count = _page(arguments)
        search = arguments.get("search", "")
        sizes = [
            (len(self.api.rooms.members_here(room)), room)
            for room in self.api.rooms.rooms_here()
            if search in room
        ]
        rows = heapq.nlargest(first + count, sizes)
        return {
            "total": len(self.api.rooms),
            "matching": len(sizes),
            "rows": [{"room": room, "members": size} for size, room in rows[first:]],
        }

    def members(self, arguments: Arguments) -> dict[str, object]:
        """Returns one page of the members of a room that are with this process."""
        first, count = _page(arguments)
        room = arguments.get("room", "")
        ids = self.api.rooms.members_here(room)
        connections = self.api.connections
        shown = (connections[id] for id in islice(ids, first, first + count) if id in connections)
        return {"room": room, "total": len(ids), "rows": [_row(each) for each in shown]}

    def actions(self, arguments: Arguments) -> list[dict[str, object]]:
        """Returns all actions, by name."""
        return [_action(action) for _, action in sorted(self.api.actions.items())]

    def _latency(self) -> list[int]:
        """How many runs of actions took how long, as the buckets of `ActionTimes`."""
        each = (times.buckets for times in self._requests.actions.values())
        return [sum(column) for column in zip(*each, strict=True)] or [0] * (len(BOUNDS) + 1)

    def _found(self, search: str) -> list[ConnectedClient]:
        connections: Iterable[ConnectedClient] = self.api.connections.values()
        if not search:
            return list(connections)
        return [
            each
            for each in connections
            if search in each.remote_address
            or each.id.startswith(search)
            or any(search in room for room in each.rooms)
        ]


def _row(connection: ConnectedClient) -> dict[str, object]:
    return {
        "id": connection.id,
        "address": connection.remote_address,
        "rooms": list(islice(connection.rooms, 20)),
        "requests": connection.requests,
        "pending": len(connection.pending),
        "queuedBytes": connection.outbox.queued_bytes,
        "connectedAt": connection.connected_at,
    }


def _action(action: Action) -> dict[str, object]:
    return {
        **action.schemas,
        "name": action.name,
        "description": action.description,
        "inputs": {
            "required": action.inputs.names(required=True),
            "optional": action.inputs.names(required=False),
        },
        "outputExample": dict(action.output_example),
    }


def _page(arguments: Arguments) -> tuple[int, int]:
    first = _number(arguments, "offset", 0, MAX_ROWS_BEFORE)
    return first, _number(arguments, "limit", 50, MAX_ROWS)


def _number(arguments: Arguments, name: str, default: int, most: int) -> int:
    text = arguments.get(name, str(default))
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) > most:
        raise ValueError(f"{name} must be a whole number from 0 to {most}")
    return int(text)
