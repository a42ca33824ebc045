"""The whole server, over a real port."""

import json

from actionhero_tcp.testing import RealServer
from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.endpoints import clientFromString, connectProtocol
from twisted.protocols.basic import LineReceiver
from twisted.trial.unittest import TestCase


class Client(LineReceiver):
    """A client that reads line by line."""

    def __init__(self):
        self.lines, self.lost = DeferredQueue(), Deferred()

    def lineReceived(self, line):
        self.lines.put(json.loads(line))

    def connectionLost(self, reason):
        self.lost.callback(None)


class ServerTests(TestCase):
    async def test_a_conversation(self):
        server = RealServer(self, "../config.json")
        endpoint = clientFromString(reactor, f"tcp:127.0.0.1:{server.port}")
        client = await connectProtocol(endpoint, Client())
        self.assertIn("Welcome", (await client.lines.get())["welcome"])
        client.sendLine(b"hello")
        self.assertEqual("Hello!", (await client.lines.get())["greeting"])
        client.sendLine(b"quit")
        self.assertEqual("Bye!", (await client.lines.get())["status"])
        await client.lost
