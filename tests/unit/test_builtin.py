"""The actions that come with the server."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.app import loader
from actionhero_tcp.app.cache import LocalCache
from actionhero_tcp.builtin import actions_view
from actionhero_tcp.config import configuration, sections
from actionhero_tcp.embedding import composition
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

    def test_cache_test_does_not_touch_the_entries_of_the_application(self) -> None:
        cache = self.service.factory.context.api.cache
        for key in ("k", "cacheTest_k"):
            self.successResultOf(Deferred.fromCoroutine(cache.save(key, "precious")))
        self.client.ask('{"action":"cacheTest","params":{"key":"k","value":"v"}}')
        for key in ("k", "cacheTest_k"):
            entry = self.successResultOf(Deferred.fromCoroutine(cache.load(key)))
            self.assertEqual("precious", entry.value)

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


class Builtin29Tests(SynchronousTestCase):
    """The stock actions as clients of the dialect of actionHero 29 get them."""

    def setUp(self) -> None:
        self.service, self.reactor = support.make_service({("tcp_server", "dialect"): "29"})
        self.client = support.Client(self.service, self.reactor)

    def ask(self, action: str, /, **params: object) -> dict[str, Any]:
        """The fields of an answer that are the action's own."""
        answer = self.client.ask(json.dumps({"action": action, "params": params}))
        self.assertEqual(["context", "messageId", "messageCount"], list(answer)[-3:])
        return {name: answer[name] for name in list(answer)[:-3]}

    def test_random_number(self) -> None:
        answer = self.ask("randomNumber")
        self.assertEqual(["randomNumber", "stringRandomNumber"], list(answer))
        number = answer["randomNumber"]
        self.assertEqual(f"Your random number is {number}", answer["stringRandomNumber"])

    def test_cache_test(self) -> None:
        results = self.ask("cacheTest", key="key", value=1234)["cacheTestResults"]
        created = results["loadResp"].pop("createdAt")
        self.assertGreater(created, 1_600_000_000_000)
        self.assertEqual(
            {
                "saveResp": True,
                "sizeResp": 1,
                "loadResp": {"key": "cacheTest_key", "value": "1234"},
                "deleteResp": True,
            },
            results,
        )

    def test_cache_test_refuses_what_is_short(self) -> None:
        for key, value in (("ab", "value"), ("key", 12)):
            answer = self.ask("cacheTest", key=key, value=value)
            self.assertEqual({"error": "inputs should be at least 3 letters long"}, answer)
        error = "value is a required parameter for this action"
        self.assertEqual({"error": error}, self.ask("cacheTest", key="key"))

    def test_sleep_test_takes_a_second(self) -> None:
        self.client.raw()
        self.client.send(b"sleepTest\n")
        self.reactor.advance(0.999)
        self.assertEqual([], self.client.lines())
        self.reactor.advance(0.002)
        (answer,) = self.client.lines()
        self.assertEqual(1000, answer["sleepDuration"])

    def test_status(self) -> None:
        answer = self.ask("status")
        self.assertEqual(
            [
                *("id", "actionheroVersion", "name", "description", "version", "uptime"),
                *("consumedMemoryMB", "resqueTotalQueueLength", "nodeStatus", "problems"),
            ],
            list(answer),
        )
        self.assertEqual(("Node Healthy", []), (answer["nodeStatus"], answer["problems"]))
        self.assertGreater(answer["consumedMemoryMB"], 1)

    def test_status_of_a_server_in_trouble(self) -> None:
        async def size(cache: Any) -> int:
            raise CacheError("Redis is away")

        self.patch(LocalCache, "size", size)
        answer = self.ask("status")
        self.assertEqual("Node Unhealthy", answer["nodeStatus"])
        self.assertEqual(["Redis is away"], answer["problems"])

    def test_a_room_that_is_created_can_be_entered(self) -> None:
        self.assertEqual("room does not exist", self.client.ask("roomAdd den")["error"])
        self.assertEqual({"name": "den", "didCreate": True}, self.ask("createChatRoom", name="den"))
        self.assertEqual(
            {"name": "den", "didCreate": False}, self.ask("createChatRoom", name="den")
        )
        self.assertIs(True, self.client.ask("roomAdd den")["data"])

    def test_names_that_no_room_can_have(self) -> None:
        for name in ("two words", "x" * 65, "a\tb"):
            self.assertIn("a room's name", self.ask("createChatRoom", name=name)["error"])
        self.assertIn("only the application", self.ask("createChatRoom", name="@den")["error"])

    def test_the_documentation_shows_them(self) -> None:
        shown = self.client.ask("documentation")["data"]
        self.assertIn("createChatRoom", shown)
        self.assertIn("stringRandomNumber", shown["randomNumber"]["1"]["outputExample"])


class ChoiceTests(SynchronousTestCase):
    """``general.builtinActions``."""

    def names(self, *chosen: str) -> set[str]:
        """The names of the actions of a server that serves these."""
        values = {("general", "builtin_actions"): chosen}
        service, _ = support.make_service(values)
        return {*service.factory.context.api.actions}

    def test_all_by_default(self) -> None:
        known = {*sections.BUILTIN_ACTIONS}
        service, _ = support.make_service()
        context = service.factory.context
        self.assertEqual(known - {"createChatRoom"}, {*context.api.actions})

    def test_some_and_none(self) -> None:
        self.assertEqual({"status", "file"}, self.names("status", "file"))
        self.assertEqual(set(), self.names())

    def test_the_names_are_those_of_the_files(self) -> None:
        folder = Path(composition.BUILTIN_ACTIONS)
        loaded = loader.load_builtin(str(folder), sections.BUILTIN_ACTIONS)
        every = loader.load(str(folder), "tests_builtin_names").actions.keys()
        self.assertEqual(every, loaded.actions.keys())
        found = {*loaded.actions}.union(*loaded.stand_ins.values())
        self.assertEqual({*sections.BUILTIN_ACTIONS}, found)

    def test_others_are_refused(self) -> None:
        (info,) = (each for each in configuration.fields() if each.name == "builtin_actions")
        error = self.assertRaises(ValueError, info.check, ["status", "sleep"])
        self.assertIn("must be of actionsView, cacheTest", str(error))
