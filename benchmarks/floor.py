"""The floor that all is measured against: a bare `LineReceiver` that answers every line.

Usage: floor.py [--greet] PORT [KEY_FILE CERT_FILE]

With ``--greet`` it says hello first, as our own server does.
"""

from __future__ import annotations

import sys
from typing import Any

import ujson
from twisted.internet import reactor
from twisted.internet.endpoints import SSL4ServerEndpoint, TCP4ServerEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.ssl import DefaultOpenSSLContextFactory
from twisted.protocols.basic import LineReceiver


class Floor(LineReceiver):
    """Answers with a number, and does nothing else."""

    delimiter = b"\n"
    transport: Any
    greeting = b""

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)
        self.transport.write(self.greeting)
        self.number = 0

    def lineReceived(self, line: bytes) -> None:
        self.number += 1
        message = {"context": "response", "status": "OK", "messageCount": self.number}
        self.transport.write(ujson.dumps(message).encode() + b"\r\n")


def main(arguments: list[str]) -> None:
    """Listens until it is stopped."""
    endpoint: Any
    if arguments[0] == "--greet":
        Floor.greeting = b'{"welcome":"Hello!","context":"api","messageCount":0}\r\n'
        arguments = arguments[1:]
    port = int(arguments[0])
    factory = Factory.forProtocol(Floor)
    if len(arguments) > 1:
        context = DefaultOpenSSLContextFactory(arguments[1], arguments[2])
        endpoint = SSL4ServerEndpoint(reactor, port, context, interface="127.0.0.1")
    else:
        endpoint = TCP4ServerEndpoint(reactor, port, interface="127.0.0.1")
    endpoint.listen(factory).addErrback(lambda failure: print(failure, file=sys.stderr))
    running: Any = reactor
    running.run()


if __name__ == "__main__":
    main(sys.argv[1:])
