"""A Redis Cluster in memory, for tests of the line to it: masters that a reactor connects to."""

from __future__ import annotations

from typing import Any

import hiredis
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.python.failure import Failure

from actionhero_tcp.redis.slots import SLOTS
from tests.support import Reactor

Command = list[bytes]


class ClusterModel:
    """Masters on ports of 127.0.0.1, which execute nothing and answer with OK.

    Args:
        reactor: The reactor that connects to them.
        ports: Their ports; the slots are shared evenly.

    Attributes:
        slots: The first and the last slot of each port.
        dead: The ports that refuse connections.
        answers: What a port answers to a command, by its name, as RESP.
        received: What each port has received, but for what links ask by themselves.
    """

    def __init__(self, reactor: Reactor, *ports: int) -> None:
        self._reactor = reactor
        each = SLOTS // len(ports)
        self.slots = {port: (at * each, (at + 1) * each - 1) for at, port in enumerate(ports)}
        last = ports[-1]
        self.slots[last] = (self.slots[last][0], SLOTS - 1)
        self.dead: set[int] = set()
        self.answers: dict[tuple[int, str], bytes] = {}
        self.received: list[tuple[int, list[str]]] = []
        self._connections: list[tuple[int, Any, Any]] = []
        self._seen = 0

    def run(self) -> None:
        """Lets all happen that waits."""
        while self._connect() or self._answer():
            pass

    def advance(self, seconds: float) -> None:
        """Lets time pass, and all happen."""
        self._reactor.advance(seconds)
        self.run()

    def kill(self, port: int) -> None:
        """Ends the connections to a port, which refuses others."""
        self.dead.add(port)
        for at, protocol, transport in self._connections:
            if at == port and transport.connected:
                transport.connected = False
                protocol.connectionLost(Failure(Refused()))
        self.run()

    def push(self, port: int, *words: bytes) -> None:
        """Sends something to all who have subscribed at a port."""
        data = _list(*words)
        for at, protocol, transport in self._connections:
            if at == port and transport.connected and transport.subscribed:
                protocol.dataReceived(data)
        self.run()

    def _connect(self) -> bool:
        new = self._reactor.tcpClients[self._seen :]
        self._seen += len(new)
        for _, port, factory, _, _ in new:
            if port in self.dead:
                factory.clientConnectionFailed(None, Failure(Refused()))
                continue
            protocol = factory.buildProtocol(None)
            transport: Any = StringTransportWithDisconnection()
            transport.protocol, transport.reader = protocol, hiredis.Reader()
            transport.subscribed = False
            self._connections.append((port, protocol, transport))
            protocol.makeConnection(transport)
        return bool(new)

    def _answer(self) -> bool:
        busy = False
        for port, protocol, transport in tuple(self._connections):
            data = transport.value()
            if not data or not transport.connected:
                continue
            busy = True
            transport.clear()
            transport.reader.feed(data)
            while (command := transport.reader.gets()) is not False:
                reply = self._reply(port, command, transport)
                if transport.connected:
                    protocol.dataReceived(reply)
        return busy

    def _reply(self, port: int, command: Command, transport: Any) -> bytes:
        name, *words = (word.decode("utf-8", "replace") for word in command)
        if name == "CLUSTER":
            return self._table()
        if name == "PING":
            return _list(b"pong", b"") if transport.subscribed else b"+PONG\r\n"
        if name in ("SSUBSCRIBE", "SUNSUBSCRIBE"):
            transport.subscribed = True
        if not any(word.endswith("}:probe") for word in words):
            self.received.append((port, [name, *words]))
        elif name == "EVAL":
            return b"*0\r\n"
        if (port, name) in self.answers:
            return self.answers[port, name]
        if name in ("SSUBSCRIBE", "SUNSUBSCRIBE"):
            return _list(name.lower().encode(), command[1], b"1")
        return b"+OK\r\n"

    def _table(self) -> bytes:
        rows = [
            b"*3\r\n:%d\r\n:%d\r\n*2\r\n$9\r\n127.0.0.1\r\n:%d\r\n" % (first, last, port)
            for port, (first, last) in self.slots.items()
        ]
        return b"*%d\r\n" % len(rows) + b"".join(rows)


def _list(*words: bytes) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(w), w) for w in words)
