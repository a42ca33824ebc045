"""Rate limits of actions, of a real server."""

from __future__ import annotations

from tests.support.integration import DaemonTestCase, request

ACTIONS = """
import threading
from actionhero_tcp import action, limit


@action
@limit("2/h")
def scarce(api, connection, *, n: int = 0):
    return {"n": n}


@action(blocking=True)
@limit("1/h", key=lambda connection: connection.remote_address.rpartition(":")[0])
def one(api, connection):
    return {"thread": threading.current_thread() is not threading.main_thread()}
"""


class LimitTests(DaemonTestCase):
    """As lines and as JSON, of actions in the loop and in threads."""

    files = {"actions/limited.py": ACTIONS}
    options = ("--announce-limit=0",)

    def test_each_client_has_its_own_count(self) -> None:
        for client in (self.join(), self.join()):
            self.assertEqual(0, client.ask("scarce")["n"])
            self.assertEqual(1, client.ask(request("scarce", n=1))["n"])
            answer = client.ask(request("scarce", n=2))
            keys = ["context", "error", "code", "retryAfter", "messageCount"]
            self.assertEqual(keys, list(answer))
            self.assertEqual(("too many requests", 429), (answer["error"], answer["code"]))
            self.assertTrue(1_700_000 < answer["retryAfter"] <= 1_800_000, answer)
            self.assertIn("randomNumber", client.ask("randomNumber"))

    def test_what_a_key_puts_together_in_threads(self) -> None:
        first, second = self.join(), self.join()
        self.assertEqual(True, first.ask("one")["thread"])
        self.assertEqual(429, second.ask("one")["code"])
        self.assertLess(0, second.ask("status")["stats"]["limits"]["actionLimit"])
