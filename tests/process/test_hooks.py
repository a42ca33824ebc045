"""The installed daemon with hooks that wait: over TCP, TLS and behind a proxy."""

from __future__ import annotations

import json

from tests.support.integration import (
    WELCOME,
    DaemonTestCase,
    OwnDaemonTestCase,
    Talker,
    connect,
    secure,
)

HOOKS = """
from twisted.internet.task import deferLater
from actionhero_tcp import ActionError, action, before_action, on_connect, on_disconnect, on_say

asked = []


@on_connect
async def decide(api, connection):
    await deferLater(api.reactor, 0.02)
    asked.append(connection)
    if len(asked) % 3 == 0:
        raise ActionError("every third one is refused")
    connection.attributes["number"] = len(asked)
    connection.send({"number": len(asked)})


@on_say
async def count(api, connection, room, message):
    # The longer the number, the shorter the wait: without order they would overtake each other.
    await deferLater(api.reactor, 0.02 / len(message))
    return f"{message} by {connection.attributes['number']}"


@before_action("whoAmI")
async def wait(api, connection, call):
    await deferLater(api.reactor, 0.01)


@action
def whoAmI(api, connection):
    return {"number": connection.attributes["number"], "from": connection.remote_address}


@on_disconnect
async def gone(api, connection, reason):
    await deferLater(api.reactor, 0.1)
    print("GONE", connection.attributes["number"], reason, flush=True)
"""


class HookTests(DaemonTestCase):
    """Every client of these tests is one that the hooks have let in, or one that they have not."""

    options = ("--announce-limit=0", "--no-log-requests")
    files = {"actions/hooks.py": HOOKS}

    def stream(self) -> Talker:
        return self.enter(connect(self.daemon))

    def arrive(self, early: bytes = b"") -> Talker:
        """A client that was let in, and its number; what it says before its welcome is kept."""
        for _ in range(2):
            client = self.stream()
            client.send(early)
            first = client.line()
            if first == WELCOME:
                client.number = client.message()["number"]  # type: ignore[attr-defined]
                return client
            self.assertEqual(
                {
                    "context": "response",
                    "error": "every third one is refused",
                    "messageCount": 0,
                },
                json.loads(first),
            )
            self.assertEqual(b"", client.rest())
        self.fail("was refused twice in a row")

    def test_what_is_sent_before_the_welcome_is_answered_behind_it(self) -> None:
        client = self.arrive(b"whoAmI\ndetailsView\n")
        answers = {answer["messageCount"]: answer for answer in client.messages(2)}
        self.assertEqual(client.number, answers[1]["number"])  # type: ignore[attr-defined]
        self.assertIn("details", answers[2])

    def test_what_is_said_is_heard_in_order(self) -> None:
        speaker, listener = self.arrive(), self.arrive()
        words = ["x" * n for n in range(1, 30)]
        for client in (speaker, listener):
            client.ask("roomChange quiet")
        speaker.send("".join(f"say {word}\n" for word in words).encode())
        heard = [message["message"] for message in listener.messages(len(words))]
        number = speaker.number  # type: ignore[attr-defined]
        self.assertEqual([f"{word} by {number}" for word in words], heard)
        numbers = [answer["messageCount"] for answer in speaker.messages(len(words))]
        self.assertEqual(list(range(2, 2 + len(words))), numbers)


class HookTLSTests(HookTests):
    """The same over TLS."""

    pair = "ec"

    def stream(self) -> Talker:
        return self.enter(secure(self.daemon))


class ProxiedHookTests(OwnDaemonTestCase):
    """The same behind a proxy."""

    def test_the_header_the_early_lines_and_the_address(self) -> None:
        running = self.start(
            "--listen=haproxy:tcp:0:interface=127.0.0.1", files={"actions/hooks.py": HOOKS}
        )
        client = Talker(connect(running))
        self.addCleanup(client.close)
        client.send(b"PROXY TCP4 192.0.2.1 192.0.2.2 1000 2000\r\nwhoAmI\n")
        self.assertEqual(WELCOME, client.line())
        self.assertEqual(1, client.message()["number"])
        self.assertEqual("192.0.2.1:1000", client.message()["from"])

    def test_a_stop_waits_for_those_that_still_run(self) -> None:
        running = self.start(files={"actions/hooks.py": HOOKS})
        client = self.join(running)
        self.assertEqual(1, client.message()["number"])
        self.stop(running)
        self.assertIn("GONE 1 server stopped", running.log)
