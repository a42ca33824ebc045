"""`actionhero_tcp.testing`: the server without a network, and its clients."""

from __future__ import annotations

import re
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.reporter import TestResult
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.errors import StartError
from actionhero_tcp.testing import FakeClient, FakeServer, LoggedError
from tests.support import PATIENCE
from tests.support.kit import BIG_FILE, write_project


class FakeServerTestCase(SynchronousTestCase):
    """Has a server."""

    def setUp(self) -> None:
        self.folder = write_project(self)
        self.server = self.make()

    def make(self, **options: object) -> FakeServer:
        return FakeServer(
            self, actions=self.folder / "actions", public=self.folder / "public", **options
        )


class RunTests(FakeServerTestCase):
    """Requests whose answers are there at once."""

    def test_gives_the_response_that_a_client_would_get(self) -> None:
        self.assertEqual(
            {"context": "response", "greeting": "Hello, Ada!", "messageCount": 1},
            self.server.run("greet", name="Ada"),
        )

    def test_params_are_converted(self) -> None:
        response = self.server.run("greet", name=7, times="2")
        self.assertEqual("Hello, 7! Hello, 7!", response["greeting"])

    def test_errors_are_those_of_the_server(self) -> None:
        for params, error in (
            ({}, "name is a required parameter for this action"),
            ({"name": []}, "name must be a string"),
            ({"name": "x", "times": "many"}, "times must be a whole number"),
        ):
            self.assertEqual(error, self.server.run("greet", **params)["error"])
        response = self.server.run("greet", name="nobody")
        self.assertEqual(("nobody is here", 404), (response["error"], response["code"]))
        self.assertEqual("nope is not a known action.", self.server.run("nope")["error"])

    def test_params_may_have_any_name(self) -> None:
        params = {"self": 1, "action": 2, "api": 3, "name": {"a": [None, True, "ü"]}}
        response = self.server.run("show", **params)
        self.assertEqual({**params, "limit": 100, "offset": 0}, response["params"])

    def test_the_client_of_the_server_is_always_the_same(self) -> None:
        self.server.run("rename", user="ada")
        self.assertEqual("ada", self.server.run("who")["user"])
        self.assertEqual({"user": "ada"}, self.server.client.attributes)

    def test_built_in_actions_are_there(self) -> None:
        self.assertIn("randomNumber", self.server.run("randomNumber"))

    def test_verbs_and_sticky_params(self) -> None:
        client = self.server.client
        self.assertEqual("OK", client.ask("paramAdd name=Ada")["status"])
        self.assertEqual("Hello, Ada!", client.ask("greet")["greeting"])
        self.assertEqual("Ada", client.params["name"])
        self.assertEqual("Hello, Ada!", client.ask(b"greet\r")["greeting"])
        self.assertIn("error", client.run("greet"))

    def test_a_line_is_one_line(self) -> None:
        for line in ("a\nb", "", b"\r", "a\n"):
            self.assertRaises(ValueError, self.server.client.ask, line)
        self.assertEqual(1, self.server.run("who")["messageCount"])

    def test_messages_come_in_order(self) -> None:
        client = self.server.client
        self.assertEqual("defaultRoom", client.received[0]["room"])
        client.clear()
        client.run("whisper", to=client.id, text="psst")
        self.assertEqual(
            [{"whisper": "psst", "context": "api"}, {"told": True}],
            [client.received[0], {"told": client.received[1]["told"]}],
        )
        self.assertFalse(client.run("whisper", to="nobody", text="psst")["told"])

    def test_a_message_is_no_response_whatever_is_in_it(self) -> None:
        late = self.server.start("later")
        self.server.api.send_socket_message(self.server.client.id, {"messageCount": 1})
        self.server.clock.settle()
        self.assertEqual(1, self.server.client.received[-1]["messageCount"])
        self.assertNoResult(late)

    def test_every_server_loads_its_actions_anew(self) -> None:
        for _ in range(2):
            tea = self.make().start("tea", cups=0)
            self.assertEqual(1, self.successResultOf(tea)["ended"])

    def test_the_api_is_the_one_that_actions_have(self) -> None:
        self.server.run("keep", key="a")
        entry = self.successResultOf(Deferred.fromCoroutine(self.server.api.cache.load("a")))
        assert entry is not None
        self.assertEqual("kept", entry.value)
        self.assertIs(self.server.clock, self.server.api.reactor)
        self.assertEqual([self.server.client.id], list(self.server.api.connections))

    def test_options(self) -> None:
        server = self.make(default_chat_room="hall", default_limit=7)
        self.assertEqual("hall", server.client.room)
        self.assertEqual(7, server.run("show")["params"]["limit"])

    def test_what_keeps_the_server_from_starting(self) -> None:
        (self.folder / "actions" / "bad.py").write_text("import nothing_of_this_name\n")
        error = self.assertRaises(StartError, self.make)
        self.assertIn("bad.py:1: cannot import the action file", str(error))


class WaitTests(FakeServerTestCase):
    """Actions that wait."""

    def test_the_clock_stands_still_until_it_is_moved(self) -> None:
        tea = self.server.start("tea")
        self.server.clock.advance(2.9)
        self.assertNoResult(tea)
        self.server.clock.advance(0.1)
        response = self.successResultOf(tea)
        self.assertEqual(3, response["at"])
        self.assertEqual([0, 1, 2], [m["cup"] for m in self.server.client.received if "cup" in m])

    def test_what_is_due_has_its_own_time(self) -> None:
        tea = self.server.start("tea")
        self.server.clock.advance(20)
        self.assertEqual(3, self.successResultOf(tea)["at"])
        self.assertEqual(20, self.server.clock.seconds())

    def test_time_adds_up(self) -> None:
        late = self.server.start("later")
        for _ in range(20):
            self.assertNoResult(late)
            self.server.clock.advance(0.1)
        self.assertTrue(self.successResultOf(late)["late"])

    def test_an_action_that_returns_a_deferred(self) -> None:
        late = self.server.start("later")
        self.assertNoResult(late)
        self.server.clock.advance(2)
        self.assertTrue(self.successResultOf(late)["late"])

    def test_answers_come_as_actions_end_and_carry_their_numbers(self) -> None:
        client = self.server.client
        tea, late = client.start("tea"), client.start("later")
        greeting = client.run("greet", name="Ada")
        self.server.clock.advance(2)
        self.assertNoResult(tea)
        self.assertEqual((2, 3), (self.successResultOf(late)["messageCount"], 3))
        self.assertEqual(3, greeting["messageCount"])
        self.server.clock.advance(1)
        self.assertEqual(1, self.successResultOf(tea)["messageCount"])

    def test_lines_wait_too(self) -> None:
        late = self.server.client.send("later")
        self.server.clock.advance(2)
        self.assertTrue(self.successResultOf(late)["late"])

    def test_run_says_that_it_has_to_wait(self) -> None:
        error = self.assertRaises(AssertionError, self.server.run, "later")
        self.assertIn("later waits for something", str(error))
        self.assertIn("server.clock.advance", str(error))

    def test_time_limits_hold(self) -> None:
        server = self.make(action_timeout=1.5)
        tea = server.start("tea")
        server.clock.advance(1.5)
        self.assertEqual(
            "tea did not finish within 1.5 seconds", self.successResultOf(tea)["error"]
        )
        self.assertEqual(2, self.successResultOf(server.start("tea", cups=0))["ended"])

    def test_what_is_limited_goes_on_with_time(self) -> None:
        server = self.make(request_rate=1, request_burst=1)
        answers = [server.start("who") for _ in range(3)]
        self.assertEqual([True, False, False], [answer.called for answer in answers])
        server.clock.advance(2)
        numbers = [self.successResultOf(answer)["messageCount"] for answer in answers]
        self.assertEqual([1, 2, 3], numbers)

    def test_what_runs_at_the_end_of_a_test_is_ended(self) -> None:
        class Forgetful(SynchronousTestCase):
            def runTest(test) -> None:
                server = FakeServer(test, actions=self.folder / "actions")
                server.start("never")
                tea = server.start("tea")
                test.addCleanup(test.assertNoResult, tea)
                self.ended = tea

        result = TestResult()
        Forgetful().run(result)
        self.assertEqual(([], []), (result.errors, result.failures))
        self.assertIn("goes down", self.successResultOf(self.ended)["error"])


class ThreadTests(FakeServerTestCase):
    """Actions in threads."""

    def test_they_have_ended_when_the_request_returns(self) -> None:
        client = self.server.client
        self.server.run("keep", key="a")
        self.assertEqual(1, self.server.run("block")["size"])
        self.assertIn({"main": False, "context": "api"}, client.received)

    def test_several_at_once(self) -> None:
        clients = [self.server.connect() for _ in range(20)]
        answers = [client.start("block") for client in clients]
        self.assertEqual([0] * 20, [self.successResultOf(a)["size"] for a in answers])

    def test_one_that_fails(self) -> None:
        self.assertIn("internal error", self.server.run("hang", fails=True)["error"])
        (error,) = self.flushLoggedErrors(LoggedError)
        self.assertIn("in a thread", str(error.value))

    def test_one_that_does_not_end_fails_the_test(self) -> None:
        self.server.clock.patience = 0.05
        error = self.assertRaises(AssertionError, self.server.run, "hang")
        self.assertEqual("an action in a thread still runs after 0.05 s", str(error))
        self.server.clock.patience = PATIENCE
        function: Any = self.server.api.actions["hang"].function
        function.__globals__["hanging"].set()
        self.server.clock.settle()
        self.assertEqual("OK", self.server.client.received[-1]["status"])


class CacheTests(FakeServerTestCase):
    """The cache goes by the clock."""

    def test_what_expires_is_gone(self) -> None:
        self.assertEqual("new record", self.server.run("keep", key="a", ms=60_000)["saved"])
        self.assertEqual("updated record", self.server.run("keep", key="a", ms=60_000)["saved"])
        self.server.clock.advance(59)
        self.assertEqual("kept", self.server.run("kept", key="a")["value"])
        self.server.clock.advance(1)
        self.assertIsNone(self.server.run("kept", key="a")["value"])

    def test_each_server_has_its_own(self) -> None:
        self.server.run("keep", key="a")
        self.assertIsNone(self.make().run("kept", key="a")["value"])


class ClientTests(FakeServerTestCase):
    """Several clients."""

    def test_rooms(self) -> None:
        ada, bob, eve = (self.server.connect() for _ in range(3))
        eve.ask("roomChange elsewhere")
        for client in (ada, bob, eve):
            client.clear()
        ada.run("shout", text="HI")
        bob.ask("say hello")
        self.assertEqual(["HI", "hello"], [message["message"] for message in ada.heard])
        self.assertEqual([0, bob.id], [message["from"] for message in ada.heard])
        self.assertEqual(["HI"], [message["message"] for message in bob.heard])
        self.assertEqual([], eve.received)
        self.assertEqual(("defaultRoom", "elsewhere"), (ada.room, eve.room))

    def test_comings_and_goings_are_heard(self) -> None:
        ada, bob = self.server.connect(), self.server.connect()
        bob.hang_up()
        self.assertEqual(
            ["I have entered the room", "I have left the room"],
            [message["message"] for message in ada.heard],
        )

    def test_attributes_and_addresses(self) -> None:
        ada = self.server.connect(attributes={"user": "ada"}, host="192.0.2.7")
        bob = self.server.connect(host="::1")
        self.assertEqual("ada", ada.run("who")["user"])
        self.assertIsNone(bob.run("who")["user"])
        self.assertEqual("192.0.2.7:40001", ada.run("show")["address"])
        self.assertEqual("[::1]:40002", bob.run("show")["address"])
        self.assertIn("192.0.2.7", repr(ada))

    def test_attributes_are_a_copy(self) -> None:
        known = {"user": "ada"}
        self.server.connect(attributes=known).run("rename", user="bob")
        self.assertEqual({"user": "ada"}, known)

    def test_files(self) -> None:
        client = self.server.client
        for name in ("small.txt", "big.txt", "small.txt"):
            client.start("fetch", name=name)
        self.assertEqual([b"x", BIG_FILE, b"x"], client.files)
        self.assertEqual(1, len(client.received))
        self.assertIn("not found", client.run("fetch", name="none.txt")["error"])
        client.ask("paramAdd fileName=small.txt")
        client.send("file")
        self.assertEqual(4, len(client.files))
        self.assertEqual(6, client.ask("who")["messageCount"] - 1)

    def test_run_says_that_there_is_no_response(self) -> None:
        error = self.assertRaises(AssertionError, self.server.run, "fetch", name="small.txt")
        self.assertIn("fetch got no response", str(error))

    def test_one_that_quits(self) -> None:
        client = self.server.client
        self.assertEqual("Bye!", client.ask("quit")["status"])
        self.assertFalse(client.connected)
        self.assertIsNone(client.room)
        error = self.assertRaises(AssertionError, client.run, "who")
        self.assertIn("the connection is closed", str(error))
        self.assertIn("Bye!", str(error))

    def test_one_that_an_action_closes(self) -> None:
        self.assertTrue(self.server.run("leave")["left"])
        self.assertFalse(self.server.client.connected)
        self.assertEqual({}, dict(self.server.api.connections))

    def test_one_that_hangs_up_is_still_answered(self) -> None:
        client = self.server.client
        late = client.start("later")
        client.hang_up()
        self.assertTrue(client.connected)
        self.server.clock.advance(2)
        self.assertTrue(self.successResultOf(late)["late"])
        self.assertFalse(client.connected)

    def test_one_that_vanishes_is_not(self) -> None:
        client = self.server.client
        tea = client.start("tea")
        client.vanish()
        client.vanish()
        self.assertNoResult(tea)
        self.assertFalse(client.connected)
        self.assertEqual(
            2, self.successResultOf(self.server.connect().start("tea", cups=0))["ended"]
        )

    def test_one_that_may_not_come_in(self) -> None:
        server = self.make(max_connections_per_ip=1)
        server.connect()
        client = server.connect()
        self.assertFalse(client.connected)
        self.assertIn("too many connections", client.received[0]["error"])
        with self.assertRaisesRegex(AssertionError, "has not let it in.*too many"):
            client.id  # noqa: B018
        self.assertTrue(server.connect(host="192.0.2.7").connected)

    def test_one_that_is_silent_for_too_long(self) -> None:
        server = self.make(idle_timeout=60)
        client = server.client
        server.clock.advance(61)
        self.assertEqual("Bye!", client.received[-1]["status"])
        self.assertFalse(client.connected)


HOOKS = """
from twisted.internet.task import deferLater

from actionhero_tcp import ActionError, before_action, on_connect, on_disconnect, on_say

gone = []


@before_action("greet")
def only_the_known(api, connection, call):
    if "user" not in connection.attributes:
        raise ActionError("log in first")


@on_connect
async def look(api, connection):
    if connection.remote_address.startswith("192.0.2."):
        await deferLater(api.reactor, 1)
        if "user" not in connection.attributes:
            raise ActionError("who are you?")
        connection.send({"known": connection.attributes["user"]})


@on_disconnect
def goodbye(api, connection, reason):
    for other in api.connections:
        api.send_socket_message(other, {"gone": reason})


@on_say
def politely(api, connection, room, message):
    return message.replace("heck", "****")
"""


class HookTests(FakeServerTestCase):
    """Hooks, which stand beside the actions."""

    def setUp(self) -> None:
        super().setUp()
        (self.folder / "actions" / "hooks.py").write_text(HOOKS)
        self.server = self.make()

    def test_before_an_action(self) -> None:
        self.assertEqual("log in first", self.server.run("greet", name="Ada")["error"])
        self.server.run("rename", user="ada")
        self.assertEqual("Hello, Ada!", self.server.run("greet", name="Ada")["greeting"])

    def test_one_that_waits_when_a_client_connects(self) -> None:
        client = self.server.connect(host="192.0.2.1", attributes={"user": "ada"})
        greeting = client.start("greet", name="Ada")
        error = self.assertRaises(AssertionError, client.ask, "roomView")
        self.assertIn("waits for something", str(error))
        self.assertEqual([], client.received)
        self.server.clock.advance(1)
        self.assertEqual("Hello, Ada!", self.successResultOf(greeting)["greeting"])
        self.assertEqual({"known": "ada", "context": "api"}, client.received[1])

    def test_one_that_refuses_a_client(self) -> None:
        client = self.server.connect(host="192.0.2.1")
        self.assertTrue(client.connected)
        self.server.clock.advance(1)
        self.assertFalse(client.connected)
        self.assertEqual("who are you?", client.received[0]["error"])
        with self.assertRaisesRegex(AssertionError, "has not let it in.*who are you"):
            client.attributes  # noqa: B018

    def test_clients_that_go(self) -> None:
        ada, bob, eve = (self.server.connect() for _ in range(3))
        ada.hang_up()
        self.assertEqual("client closed", bob.received[-1]["gone"])
        eve.vanish()
        self.assertEqual("connection lost", bob.received[-1]["gone"])

    def test_what_is_said(self) -> None:
        ada, bob = self.server.connect(), self.server.connect()
        ada.ask("say what the heck")
        self.assertEqual("what the ****", bob.heard[-1]["message"])


class LogTests(SynchronousTestCase):
    """What the server logs as errors."""

    def setUp(self) -> None:
        self.folder = write_project(self)

    def run_test(self, body: Any) -> list[str]:
        """The errors of a test that does this."""

        class Test(SynchronousTestCase):
            def runTest(test) -> None:
                body(test, FakeServer(test, actions=self.folder / "actions"))

        result = TestResult()
        Test().run(result)
        self.assertEqual([], result.failures)
        return [str(error.value) for _, error in result.errors]

    def test_a_bug_in_an_action_fails_its_test(self) -> None:
        (error,) = self.run_test(lambda test, server: server.run("break_", how="raise"))
        self.assertRegex(error, r"\Athe action break_ \(.*all.py:\d+\) failed:\nTraceback")
        self.assertIn("KeyError: 'raise'", error)

    def test_so_does_one_that_returns_no_json(self) -> None:
        (error,) = self.run_test(lambda test, server: server.run("break_", how="set"))
        self.assertIn("did not return a JSON object", error)

    def test_an_error_of_the_clients_does_not(self) -> None:
        self.assertEqual([], self.run_test(lambda test, server: server.run("greet")))

    def test_a_test_may_take_it(self) -> None:
        def body(test: Any, server: FakeServer) -> None:
            response = server.run("break_", how="raise")
            test.assertEqual("The server experienced an internal error", response["error"])
            test.assertEqual(1, len(test.flushLoggedErrors(LoggedError)))

        self.assertEqual([], self.run_test(body))

    def test_it_is_told_once_however_many_servers_there_are(self) -> None:
        def body(test: Any, server: FakeServer) -> None:
            FakeServer(test, actions=self.folder / "actions")
            server.run("break_", how="raise")

        self.assertEqual(1, len(self.run_test(body)))


LIFECYCLE = """
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool

from actionhero_tcp import ActionError, on_start, on_stop


@on_start
async def begin(api):
    api.state.seen = ["began"]
    await deferLater(api.reactor, 2)
    await deferToThreadPool(api.reactor, api.reactor.getThreadPool(), api.state.seen.append, "t")
    {start}


@on_stop
async def end(api):
    api.state.seen.append("ended")
    await deferToThreadPool(api.reactor, api.reactor.getThreadPool(), api.state.seen.append, "t")
    {stop}
"""


class LifecycleTests(FakeServerTestCase):
    """Hooks of the start and the stop."""

    def hooked(self, start: str = "", stop: str = "") -> FakeServer:
        """A server with these hooks."""
        text = LIFECYCLE.format(start=start, stop=stop)
        (self.folder / "actions" / "pool.py").write_text(text)
        return self.make()

    def test_the_start_has_ended_when_the_server_is_there(self) -> None:
        server = self.hooked()
        self.assertEqual(["began", "t"], server.api.state.seen)
        self.assertEqual(2, server.clock.seconds())
        self.assertEqual("Hello, Ada!", server.run("greet", name="Ada")["greeting"])

    def test_every_server_has_a_state_of_its_own(self) -> None:
        self.assertIsNot(self.hooked().api.state, self.hooked().api.state)

    def test_what_keeps_it_from_starting(self) -> None:
        error = self.assertRaises(StartError, self.hooked, "raise ActionError('no database')")
        self.assertIn("pool.py:9: the hook 'begin' (@on_start) refuses", str(error))
        error = self.assertRaises(StartError, self.hooked, "await Deferred()")
        self.assertIn("has not ended in 30 s", str(error))
        error = self.assertRaises(StartError, self.hooked, "1 / 0")
        self.assertIn("failed: ZeroDivisionError", str(error))
        self.assertEqual(1, len(self.flushLoggedErrors(LoggedError)))

    def test_the_stop_runs_when_no_client_is_left(self) -> None:
        server = self.hooked(stop="await deferLater(api.reactor, 1)")
        late = server.start("later")
        stopped = server.stop()
        self.assertEqual(["began", "t"], server.api.state.seen)
        server.clock.advance(2)
        self.successResultOf(late)
        self.assertEqual(["ended", "t"], server.api.state.seen[2:])
        self.assertNoResult(stopped)
        server.clock.advance(1)
        self.assertIsNone(self.successResultOf(stopped))

    def test_it_runs_at_the_end_of_the_test_and_threads_are_waited_for(self) -> None:
        servers: list[FakeServer] = []

        class Test(SynchronousTestCase):
            def runTest(test) -> None:
                stop = "await deferLater(api.reactor, 1)"
                (self.folder / "actions" / "pool.py").write_text(
                    LIFECYCLE.format(start="", stop=stop)
                )
                servers.append(FakeServer(test, actions=self.folder / "actions"))

        result = TestResult()
        Test().run(result)
        self.assertTrue(result.wasSuccessful(), result.errors)
        self.assertEqual(["began", "t", "ended", "t"], servers[0].api.state.seen)


class StopTests(FakeServerTestCase):
    """A server that stops."""

    def test_clients_hear_of_it_and_are_gone(self) -> None:
        client: FakeClient = self.server.client
        late = client.start("later")
        stopped = self.server.stop()
        self.assertEqual("Server going down NOW", client.received[-1]["status"])
        self.assertNoResult(stopped)
        self.server.clock.advance(2)
        self.assertTrue(self.successResultOf(late)["late"])
        self.assertIsNone(self.successResultOf(stopped))
        self.assertFalse(client.connected)

    def test_actions_have_their_time_and_no_more(self) -> None:
        server = self.make(drain_timeout=5)
        never = server.start("never")
        stopped = server.stop()
        server.clock.advance(4.9)
        self.assertNoResult(never)
        server.clock.advance(0.1)
        self.assertTrue(re.search("goes down", self.successResultOf(never)["error"]))
        self.assertIsNone(self.successResultOf(stopped))
