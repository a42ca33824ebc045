"""Development mode on a clock that is moved by hand."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.config import config_file, configuration, sections
from actionhero_tcp.development import changes as development
from actionhero_tcp.development import scan
from actionhero_tcp.development.changes import INTERVAL, MAX_FAULT_CHARACTERS, Settled
from actionhero_tcp.development.module_cache import ModuleCache
from actionhero_tcp.embedding.composition import Launch, build
from actionhero_tcp.errors import StartError
from tests import support
from tests.unit.app.test_loader import HEAD, function
from tests.unit.development.test_module_cache import HOOK, LibraryTestCase, answers, hook


class SettledTests(SynchronousTestCase):
    """`Settled`."""

    def test_a_change_is_noticed_once_when_it_has_come_to_rest(self) -> None:
        action_done = Settled(1)
        seen = [action_done.changed(value) for value in (1, 2, 2, 2, 3, 4, 4, 1, 4, 4, 1, 1)]
        noticed = [False, False, True, False, False, False, True, False, False, False, False, True]
        self.assertEqual(noticed, seen)


class DevelopmentTestCase(LibraryTestCase):
    """A server in development mode, without a network, on a folder that changes."""

    def setUp(self) -> None:
        super().setUp()
        self.folder = self.folder / "actions"
        self.folder.mkdir()
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def begin(self, **general: Any) -> support.Client:
        """A client of a new server."""
        self.config_file = self.write_config(json.dumps({"general": general}))
        self.reactor = support.Reactor()
        platform = support.make_platform(self.reactor)
        self.server = build(self.read(), platform, Launch(self.read, str(self.config_file)))
        self.service = self.server.service
        assert self.server.development is not None
        self.server.development.start()
        self.client = support.Client(self.service, self.reactor)
        self.client.raw()
        return self.client

    def write_config(self, text: str) -> Path:
        return self.write("../config.json", text).resolve()

    def read(self) -> sections.Config:
        fixed = {
            ("general", "development_mode"): True,
            ("general", "actions_directory"): str(self.folder),
            ("limits", "announce_delay"): 0.0,
            ("log", "requests"): False,
        }
        return configuration.build(config_file.read_file(str(self.config_file)), fixed)

    def look(self, times: int = 2) -> None:
        """Lets so many looks go by."""
        for _ in range(times):
            self.reactor.advance(INTERVAL)

    @property
    def log(self) -> list[str]:
        """What was logged since the last time, without the folder."""
        lines = [formatEvent(event).replace(f"{self.folder.parent}/", "") for event in self.events]
        self.events.clear()
        return lines


class LoadTests(DevelopmentTestCase):
    """What changes comes into force."""

    def test_it_says_that_it_is_on(self) -> None:
        self.begin()
        self.assertEqual(
            [
                "loaded 0 actions and 0 hooks from actions",
                "development mode: what changes in actions is loaded at once; not for production",
            ],
            self.log,
        )

    def test_a_changed_file_answers_by_words_and_by_json(self) -> None:
        self.write("one.py", answers(1))
        client = self.begin()
        self.log  # noqa: B018
        for value in range(1, 20):
            self.assertEqual(value, client.ask("a")["v"])
            self.assertEqual(value, client.ask('{"action":"a"}')["v"])
            self.write("one.py", answers(value + 1))
            self.look()
        self.assertEqual(["loaded: actions/one.py"] * 19, self.log)

    def test_a_file_is_loaded_when_two_looks_have_found_it_the_same(self) -> None:
        self.write("one.py", answers(1))
        client = self.begin()
        self.write("one.py", "")
        self.look(1)
        self.write("one.py", answers(2))
        self.look(1)
        self.assertEqual(1, client.ask("a")["v"])
        self.look(1)
        self.assertEqual(2, client.ask("a")["v"])

    def test_one_that_changes_while_it_is_read_is_tried_again(self) -> None:
        self.write("one.py", answers(1))
        client = self.begin()
        update = ModuleCache.update

        def too_early(library: ModuleCache, files: Any) -> Any:
            self.write("one.py", answers(3))
            return update(library, files)

        self.write("one.py", answers(2))
        self.patch(ModuleCache, "update", too_early)
        self.look()
        self.patch(ModuleCache, "update", update)
        self.assertEqual(1, client.ask("a")["v"])
        self.look()
        self.assertEqual(3, client.ask("a")["v"])

    def test_new_files_and_those_that_are_gone(self) -> None:
        client = self.begin()
        self.log  # noqa: B018
        path = self.write("one.py", HEAD + "@action\ndef a(api, connection, *, x: int): ...\n")
        self.look()
        (entry,) = [e for e in client.ask("actionsView")["actions"] if e["name"] == "a"]
        self.assertEqual({"required": ["x"], "optional": []}, entry["inputs"])
        path.unlink()
        self.look()
        self.assertEqual("a is not a known action.", client.ask("a")["error"])
        self.assertNotIn("a", [e["name"] for e in client.ask("actionsView")["actions"]])
        self.assertEqual(["loaded: actions/one.py", "gone: actions/one.py"], self.log)

    def test_an_action_that_comes_with_the_server_comes_back(self) -> None:
        path = self.write("one.py", HEAD + function("randomNumber", '{"mine": 4}'))
        client = self.begin()
        self.assertEqual(4, client.ask("randomNumber")["mine"])
        path.unlink()
        self.look()
        self.assertIn("randomNumber", client.ask("randomNumber"))

    def test_what_runs_ends_with_the_old_code(self) -> None:
        text = (
            "from twisted.internet.task import deferLater\n"
            + HEAD
            + "@action\nasync def a(api, connection):\n"
            + "    await deferLater(api.reactor, 5)\n    return {'v': 1}\n"
        )
        self.write("one.py", text)
        client = self.begin()
        client.send(b"a\n")
        self.write("one.py", answers(2))
        self.look()
        self.assertEqual(2, client.ask("a")["v"])
        (self.folder / "one.py").unlink()
        self.look()
        self.reactor.advance(5)
        (answer,) = client.lines()
        self.assertEqual((1, 1), (answer["v"], answer["messageCount"]))

    def test_hooks_come_change_and_go(self) -> None:
        text = (
            "from actionhero_tcp import after_action, on_say, on_room_change, on_connect\n"
            "@after_action\ndef after(api, connection, call):\n    call.response['seen'] = 1\n"
            "@on_say\ndef say(api, connection, room, message):\n    return 'seen 1'\n"
            "@on_room_change\ndef go(api, connection, left, entered):\n"
            "    connection.send({'go': 1})\n"
            "@on_connect\ndef come(api, connection):\n    connection.send({'come': 1})\n"
        )
        self.write("one.py", answers(1))
        client = self.begin()
        self.assertNotIn("seen", client.ask("a"))
        path = self.write("hooks.py", text)
        for value in (1, 2):
            self.write("hooks.py", text.replace("1", str(value)))
            self.look()
            self.assertEqual((1, value), (client.ask("a")["v"], client.ask("a")["seen"]))
            self.assertEqual(value, client.ask("randomNumber")["seen"])
            other = support.Client(self.service, self.reactor)
            self.assertEqual({"come": value, "context": "api"}, other.lines()[1])
            client.raw()
            other.send(b"say hi\n")
            self.assertEqual(f"seen {value}", client.lines()[0]["message"])
            other.raw()
            other.send(b"roomChange r%d\n" % value)
            self.assertEqual({"go": value, "context": "api"}, other.lines()[0])
            other.protocol.connectionLost(Failure(ConnectionDone()))
        path.unlink()
        self.look()
        client.raw()
        self.assertNotIn("seen", client.ask("a"))
        client.send(b"roomChange r9\n")
        self.assertEqual(["OK"], [line["status"] for line in client.lines()])

    def test_hooks_of_the_start_and_the_stop_are_those_of_the_start_until_a_restart(self) -> None:
        text = (
            "from actionhero_tcp import on_start, on_stop\n"
            "@on_start\ndef begin(api):\n    api.state.ran = ['began 1']\n"
            "@on_stop\ndef end(api):\n    api.state.ran.append('ended 1')\n"
        )
        path = self.write("pool.py", text)
        self.write("one.py", answers(1))
        self.begin()
        self.successResultOf(self.server.lifecycle.start())
        self.log  # noqa: B018
        restart = "what has changed in hooks of the start and the stop needs a restart"
        self.write("one.py", answers(2))
        self.write("pool.py", text.replace("1", "2"))
        self.look()
        self.assertEqual(
            ["loaded: actions/one.py, actions/pool.py", f"actions/pool.py: {restart}"], self.log
        )
        path.unlink()
        self.look()
        self.assertEqual(["gone: actions/pool.py", f"actions/pool.py: {restart}"], self.log)
        self.successResultOf(self.server.lifecycle.stop())
        self.assertEqual(["began 1", "ended 1"], self.server.api.state.ran)

    def test_the_watch_of_the_reactor_knows_new_actions(self) -> None:
        self.begin()
        self.write("one.py", answers(1, "fresh"))
        self.look()
        monitor = self.server.monitor
        assert monitor is not None
        action = self.service.factory.context.api.actions["fresh"]
        self.assertEqual("action fresh", monitor._stacks._names[action.function.__code__])

    def test_many_files_are_not_all_named(self) -> None:
        self.begin()
        self.log  # noqa: B018
        for number in range(12):
            self.write(f"f{number:02}.py", "")
        self.look()
        (line,) = self.log
        self.assertTrue(line.startswith("loaded: actions/f00.py, actions/f01.py, "), line)
        self.assertTrue(line.endswith(", actions/f09.py, 2 more"), line)

    def test_nothing_is_loaded_once_the_server_stops(self) -> None:
        self.write("one.py", answers(1))
        self.begin()
        self.service.running = True
        self.service.stopService()
        self.write("one.py", "= =")
        self.look()
        self.assertNotIn("syntax", "".join(self.log))


class FaultTests(DevelopmentTestCase):
    """Faults are in the log, once, and in the responses as long as they are there."""

    def test_a_fault_is_told_until_it_is_mended(self) -> None:
        self.write("one.py", answers(1))
        self.write("two.py", answers(1, "b"))
        client = self.begin()
        self.log  # noqa: B018
        self.write("one.py", "\n= =\n")
        self.look(20)
        fault = "actions/one.py:2: invalid syntax"
        self.assertEqual([f"{fault}; the old version stays active"], self.log)
        answer = client.ask("a")
        self.assertEqual([1, fault], [answer["v"], answer["fault"]])
        self.assertEqual(fault, client.ask("nope")["fault"])
        self.assertNotIn("fault", client.ask("b"))
        self.assertNotIn("fault", client.ask("status"))
        self.write("one.py", answers(2))
        self.look()
        self.assertEqual(["loaded: actions/one.py"], self.log)
        answer = client.ask("a")
        self.assertEqual(2, answer["v"])
        self.assertNotIn("fault", answer)
        self.assertNotIn("fault", client.ask("nope"))

    def test_saved_again_it_is_logged_again(self) -> None:
        self.write("one.py", answers(1))
        self.begin()
        self.write("one.py", "= =\n")
        self.look()
        self.write("two.py", answers(1, "b"))
        self.look()
        self.log  # noqa: B018
        self.write("three.py", answers(1, "c"))
        self.look()
        self.assertEqual(["loaded: actions/three.py"], self.log)
        self.write("one.py", "= = \n")
        self.look()
        self.assertEqual(1, len(self.log))

    def test_a_fault_in_what_several_files_import_is_logged_once_and_told_by_all(self) -> None:
        self.write("_v.py", "V = 1\n")
        for name in "ab":
            self.write(f"{name}.py", "from ._v import V\n" + answers("V", name))
        client = self.begin()
        self.log  # noqa: B018
        self.write("_v.py", "= =\n")
        self.look()
        self.assertEqual(1, len(self.log))
        fault = "actions/_v.py:1: invalid syntax"
        self.assertEqual([fault] * 3, [client.ask(name)["fault"] for name in ("a", "b", "nope")])

    def test_several_faults(self) -> None:
        client = self.begin()
        self.log  # noqa: B018
        for name in "cab":
            self.write(f"{name}.py", "= =\n")
        self.look()
        self.assertEqual(3, len(self.log))
        self.assertEqual("actions/a.py:1: invalid syntax (and 2 more)", client.ask("x")["fault"])

    def test_actions_around_which_faulty_hooks_run_tell_it(self) -> None:
        self.write("one.py", answers(1))
        self.write("some.py", hook("a"))
        say = "@on_say\ndef say(api, connection, room, message): ...\n"
        self.write("said.py", "from actionhero_tcp import on_say, on_connect\n" + say)
        client = self.begin()
        self.write("some.py", "= =\n")
        self.look()
        self.assertEqual("actions/some.py:1: invalid syntax", client.ask("a")["fault"])
        self.assertNotIn("fault", client.ask("randomNumber"))
        self.write("said.py", "= =\n")
        self.look()
        client.raw()
        client.send(b"say hi\n")
        self.assertEqual("actions/said.py:1: invalid syntax", client.lines()[-1]["fault"])
        self.write("some.py", hook())
        self.look()
        self.write("some.py", "= =\n")
        self.look()
        for name in ("a", "randomNumber"):
            self.assertEqual("actions/some.py:1: invalid syntax", client.ask(name)["fault"])

    def test_a_long_fault_is_cut_for_clients(self) -> None:
        client = self.begin()
        self.write("one.py", "raise ValueError('x' * 100_000 + '\\x1b')\n")
        self.look()
        fault = client.ask("nope")["fault"]
        self.assertEqual(MAX_FAULT_CHARACTERS + 1, len(fault))
        self.assertNotIn("\x1b", self.log[-1])

    def test_a_folder_that_cannot_be_watched_is_told_once(self) -> None:
        self.write("one.py", answers(1))
        client = self.begin()
        self.log  # noqa: B018
        self.patch(scan, "MOST_ENTRIES", 0)
        self.look(10)
        trouble = f"{self.folder}: more than 0 files and folders, too many to watch"
        self.assertEqual([trouble.replace(f"{self.folder.parent}/", "")], self.log)
        self.assertEqual(1, client.ask("a")["v"])
        self.patch(scan, "MOST_ENTRIES", 10)
        self.write("one.py", answers(2))
        self.look()
        self.assertEqual(2, client.ask("a")["v"])

    def test_a_bug_of_its_own_ends_the_looks_with_a_line(self) -> None:
        client = self.begin()

        def fail(root: Path) -> None:
            raise RuntimeError("a bug")

        self.patch(development, "scan", fail)
        self.look(5)
        self.assertEqual(1, len(self.flushLoggedErrors(RuntimeError)))
        self.assertIn("changes are no longer looked for", self.log)
        self.assertIn("randomNumber", client.ask("randomNumber"))
        assert self.server.development is not None
        self.server.development.stop()

    def test_a_fault_at_the_start_ends_it(self) -> None:
        path = self.write("one.py", "= =\n")
        error = self.assertRaises(StartError, self.begin)
        self.assertEqual(f"{path}:1: invalid syntax", str(error))


class ConfigTests(DevelopmentTestCase):
    """A changed config file is what a reload is."""

    def test_what_is_live_comes_into_force_and_the_rest_is_named(self) -> None:
        client = self.begin(welcomeMessage="one", serverName="x")
        self.log  # noqa: B018
        self.write_config('{"general": {"welcomeMessage": "two", "serverName": "y"}}')
        self.look()
        self.assertEqual(
            [
                "reloaded the certificates and the configuration; changed: general.welcomeMessage",
                "these changes need a restart: general.serverName",
            ],
            self.log,
        )
        other = support.Client(self.service, self.reactor)
        self.assertEqual("two", other.lines()[0]["welcome"])
        self.assertIn("randomNumber", client.ask("randomNumber"))

    def test_a_faulty_one_changes_nothing_and_is_told_once(self) -> None:
        self.begin(welcomeMessage="one")
        self.log  # noqa: B018
        self.write_config('{"general": {"welcomeMessag": "two"}}')
        self.look(10)
        (line,) = self.log
        self.assertIn("changed nothing: config.json: unknown key general.welcomeMessag;", line)
        self.config_file.unlink()
        self.look(10)
        (line,) = self.log
        self.assertIn("cannot read the config file", line)
        self.write_config('{"general": {"welcomeMessage": "three"}}')
        self.look()
        self.assertIn("changed: general.welcomeMessage", self.log[0])

    def test_without_one_there_is_nothing_to_look_at(self) -> None:
        server, reactor = support.make_server(
            {
                ("general", "development_mode"): True,
                ("general", "actions_directory"): str(self.folder),
                ("limits", "announce_delay"): 0.0,
            }
        )
        assert server.development is not None
        server.development.start()
        self.events.clear()
        for _ in range(4):
            reactor.advance(INTERVAL)
        self.assertEqual([], self.log)
        server.development.stop()


class ProductionTests(LibraryTestCase):
    """Without development mode nothing looks."""

    def test_nothing_is_looked_at(self) -> None:
        self.write("one.py", HOOK + answers(1))
        server, reactor = support.make_server({("general", "actions_directory"): str(self.folder)})
        self.assertIsNone(server.development)
        client = support.Client(server.service, reactor)
        os.unlink(self.folder / "one.py")
        reactor.advance(5)
        client.raw()
        self.assertEqual(1, client.ask("a")["v"])
