"""Redis refuses a right, is another service, or has a password that must not be seen."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import ExitStack

from tests.faults.harness import FaultTestCase
from tests.support import wait_for
from tests.support.integration import request
from tests.support.nodes import Member, Nodes
from tests.support.redis_server import RedisServer

SECRET = "s3cret#x@/?:y"

GREETINGS = (
    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"-ERR unknown command, with args beginning with: " + SECRET.encode() + b"\r\n",
    bytes(range(256)) * 16,
)


class OtherServices:
    """Listens, greets each one who connects in another way, and hangs up.

    Attributes:
        port: Where, on 127.0.0.1.
        greeted: How many have connected.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.greeted = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stops it."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                stream, _ = self._listener.accept()
            except OSError:
                return
            with stream:
                stream.recv(4096)
                stream.sendall(GREETINGS[self.greeted % len(GREETINGS)])
            self.greeted += 1


class RedisAsPeopleRunItTests(FaultTestCase):
    """The log and `status` say what is wrong, once, and never the password."""

    number = 32

    def node(self, stack: ExitStack, redis: RedisServer, user: str) -> Nodes:
        """A node that logs in with `SECRET`."""
        return self.nodes(stack, 1, redis, user)

    def nodes(self, stack: ExitStack, count: int, redis: RedisServer, user: str) -> Nodes:
        """Nodes that log in with `SECRET`."""
        return Nodes(stack, count, login=f"{user}:{SECRET}", redis=redis)

    def test_a_right_is_taken_away_and_given_back(self) -> None:
        with ExitStack() as stack:
            redis = RedisServer()
            redis.start()
            everything = ("~*", "&*", "+@all")
            redis.ask("ACL", "SETUSER", "node", "reset", "on", f">{SECRET}", *everything)
            redis.ask("ACL", "SETUSER", "node", "resetchannels")
            cluster = self.nodes(stack, 2, redis, "node")
            # With nobody in the room elsewhere nothing would be published.
            member, listener = cluster.member(0), cluster.member(1)
            error = self.error(member)
            self.assertIn("user node lacks rights in Redis: &actionhero:v1:*", error)
            redis.ask("ACL", "SETUSER", "node", *everything)
            wait_for(lambda: member.status["redis"]["connected"], "Redis")
            cluster.agree([member, listener])
            redis.ask("ACL", "SETUSER", "node", "-publish")
            member.ask("say hello")
            wait_for(lambda: "+publish" in self.error(member), "a missing right")
            self.assertIn("randomNumber", member.ask("randomNumber"))
            # The second time Redis' own words come first.
            log = cluster.running[0].wait_for_log("Redis unreachable", 3)
            self.assertEqual(3, log.count("Redis unreachable"), log)
            cluster.assert_well()
        self.note(
            "an ACL user of Redis has no rights to channels, then all, then none to publish",
            "the log and `status` name the right that is missing; the node runs standalone until "
            "it is given",
        )

    def test_another_service_is_at_that_address(self) -> None:
        services = OtherServices()
        self.addCleanup(services.close)
        with ExitStack() as stack:
            redis = RedisServer()
            redis.port = services.port
            cluster = self.node(stack, redis, "")
            member = cluster.member(0)
            wait_for(lambda: services.greeted >= 4 * len(GREETINGS), "attempts")
            self.assertTrue(self.error(member))
            self.assertIn("randomNumber", member.ask("randomNumber"))
            log = cluster.running[0].log
            self.assertLess(log.count("Redis unreachable"), 6)
            cluster.assert_well()
            status = json.dumps(member.ask(request("status")))
            for text in (log, status):
                for part in (SECRET, "s3cret", "x@/"):
                    self.assertNotIn(part, text)
        self.note(
            "an HTTP server, an SSH server, one that repeats the password, and noise are where "
            "Redis should be",
            "the log says that the service is not Redis; no traceback, no part of the password",
        )

    def error(self, member: Member) -> str:
        """Why the node says that it is alone."""
        wait_for(
            lambda: (
                "not been reached" not in member.status["redis"].get("error", "not been reached")
            ),
            "an error",
        )
        found: str = member.status["redis"]["error"]
        return found
