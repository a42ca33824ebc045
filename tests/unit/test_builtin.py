"""The actions that come with the server."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.app.cache import LocalCache
from actionhero_tcp.builtin import actions_view
from actionhero_tcp.errors import CacheError
from tests import support


class BuiltinTests(SynchronousTestCase):
    """Each built-in action through the whole stack, without a network."""

    def setUp(self) -> None:
        self.service, self.reactor = support.make_service()
        self.client = support.Client(self.service, self.reactor)

    def test_random_number(self) -> None:
        answer = self.client.ask("randomNumber")
        self.assertEqual(["context", "randomNumber", "messageCount"], list(answer))
        self.assertTrue(0 <= answer["randomNumber"] < 1)

    def test_cache_test(self) -> None:
        line = '{"action":"cacheTest","params":{"key":"k","value":"v"}}'
        expected = {
            "key": "k",
            "value": "v",
            "saveResp": "new record",
            "loadResp": "v",
            "deleteResp": True,
        }
        self.assertEqual(expected, self.client.ask(line)["cacheTestResults"])

    def test_what_cache_test_saves_goes_though_its_client_does(self) -> None:
        saved: list[float | None] = []
        save = LocalCache.save

        async def remember(cache: Any, key: str, value: object, expire_ms: Any = None) -> str:
            saved.append(expire_ms)
            return await save(cache, key, value, expire_ms)

        self.patch(LocalCache, "save", remember)
        self.client.ask('{"action":"cacheTest","params":{"key":"k","value":"v"}}')
        self.assertEqual([10_000], saved)

    def test_sleep_test(self) -> None:
        self.client.raw()
        self.client.send(b"sleepTest\n")
        self.assertEqual([], self.client.lines())
        self.reactor.advance(0.1)
        (answer,) = self.client.lines()
        self.assertEqual(100, answer["sleepDuration"])
        self.assertEqual(1, answer["messageCount"])

    def test_sleep_test_refuses_what_is_no_duration(self) -> None:
        answer = self.client.ask('{"action":"sleepTest","params":{"sleepDuration":-1}}')
        self.assertIn("sleepDuration must be from 0", answer["error"])

    def test_status_where_the_cache_cannot_be_used(self) -> None:
        async def size(cache: Any) -> int:
            raise CacheError("Redis is away")

        self.patch(LocalCache, "size", size)
        self.assertEqual({"numberOfObjects": None}, self.client.ask("status")["stats"]["cache"])

    def test_status(self) -> None:
        stats = self.client.ask("status")["stats"]
        parts = ["id", "uptimeSeconds", "memoryConsumption", "heldBytes", "cache", "socketServer"]
        self.assertEqual([*parts, "threads", "closed", "limits", "blocked"], list(stats))
        self.assertEqual(
            {
                "numberOfGlobalSocketRequests": 1,
                "numberOfLocalSocketRequests": 1,
                "numberOfLocalActiveSocketClients": 1,
            },
            stats["socketServer"],
        )
        self.assertGreater(stats["memoryConsumption"], 1_000_000)
        self.assertEqual(self.service.factory.context.memory.held, stats["heldBytes"])
        self.assertEqual({"running": 0, "waiting": 0}, stats["threads"])
        self.assertEqual(({}, {}), (stats["closed"], stats["limits"]))

    def test_status_counts_what_ended_and_what_was_limited(self) -> None:
        other = support.Client(self.service, self.reactor)
        other.send(b"roomChange " + b"x" * 65 + b"\nquit\n")
        stats = self.client.ask("status")["stats"]
        self.assertEqual({"quit": 1}, stats["closed"])
        self.assertEqual({"maxRoomNameLength": 1}, stats["limits"])

    def test_actions_view_is_made_once_until_the_actions_change(self) -> None:
        line = '{"action":"actionsView","params":{"schema":true}}'
        first = self.client.ask(line)["actions"]
        made: list[object] = []
        described = actions_view._described
        self.patch(
            actions_view, "_described", lambda *arguments: made.append(1) or described(*arguments)
        )
        self.assertEqual(first, self.client.ask(line)["actions"])
        plain = self.client.ask("actionsView")["actions"]
        self.assertNotIn("inputSchema", plain[0])
        self.assertEqual(plain, self.client.ask("actionsView")["actions"])
        self.assertLessEqual(len(made), 1)
        known = self.service.factory.context.api.actions
        other: Any = SimpleNamespace(actions={name: known[name] for name in ("status", "file")})
        listed: Any = actions_view.actionsView(other, other)["actions"]
        self.assertEqual(["file", "status"], [entry["name"] for entry in listed])

    def test_actions_view(self) -> None:
        actions = self.client.ask("actionsView")["actions"]
        names = [action["name"] for action in actions]
        self.assertEqual(
            ["actionsView", "cacheTest", "file", "randomNumber", "sleepTest", "status"], names
        )
        by_name = {action["name"]: action for action in actions}
        self.assertEqual(
            {"required": ["key", "value"], "optional": []}, by_name["cacheTest"]["inputs"]
        )
        self.assertEqual(
            {"required": [], "optional": ["sleepDuration"]}, by_name["sleepTest"]["inputs"]
        )
        for action in actions:
            self.assertEqual(["name", "description", "inputs", "outputExample"], list(action))
