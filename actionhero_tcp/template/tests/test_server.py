"""The whole server, over a real port, with the client that comes with it."""

from actionhero_tcp.client import AnswerError, Client
from actionhero_tcp.testing import RealServer
from twisted.trial.unittest import TestCase


class ServerTests(TestCase):
    async def test_a_conversation(self):
        server = RealServer(self, "../config.json")
        async with Client("127.0.0.1", server.port) as client:
            self.assertIn("Welcome", client.welcome["welcome"])
            self.assertEqual("Hello!", (await client.action("hello"))["greeting"])
            content = await client.file("welcome.txt")
            self.assertIn(b"Clients can fetch", content)
            with self.assertRaises(AnswerError):
                await client.action("divide", a=1, b=0)
