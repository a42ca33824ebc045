"""Tests of `actionhero_tcp.dispatch.hooked_verb`: hooks around ``say`` and ``roomChange``."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from actionhero_tcp import ActionError, on_room_change, on_say
from tests import support
from tests.support.routing import SERVER_ERROR, RouterTestCase


class HookedVerbTestCase(RouterTestCase):
    """A daemon with hooks, a client, and another one in its room."""

    def meet(self, *functions: Any, **values: Any) -> tuple[support.Client, support.Client]:
        client = self.start(*functions, values=values.get("values"))
        other = support.Client(self.service, self.reactor)
        client.raw()
        other.raw()
        return client, other

    def heard(self, other: support.Client) -> list[str]:
        """What the other one has heard said."""
        return [line["message"] for line in other.lines()]


class SayTests(HookedVerbTestCase):
    """`@on_say`."""

    def test_it_sees_what_is_said_and_leaves_it(self) -> None:
        seen: list[Any] = []

        @on_say
        def note(api: Any, connection: Any, room: str, message: str) -> None:
            seen.append((connection.room, room, message))

        client, other = self.meet(note)
        answer = client.ask("say hello  you")
        self.assertEqual({"context": "response", "status": "OK", "messageCount": 1}, answer)
        self.assertEqual(["hello  you"], self.heard(other))
        self.assertEqual([("defaultRoom", "defaultRoom", "hello  you")], seen)

    def test_each_gets_what_the_one_before_has_made_of_it(self) -> None:
        @on_say
        def one(api: Any, connection: Any, room: str, message: str) -> str:
            return message + "1"

        @on_say
        async def two(api: Any, connection: Any, room: str, message: str) -> str:
            return message + "2"

        client, other = self.meet(one, two)
        client.ask("say hello")
        self.assertEqual(["hello12"], self.heard(other))

    def test_it_refuses(self) -> None:
        @on_say
        def refuse(api: Any, connection: Any, room: str, message: str) -> None:
            raise ActionError("mind your language", {"code": 1})

        client, other = self.meet(refuse)
        answer = client.ask("say hello")
        self.assertEqual(("mind your language", 1), (answer["error"], answer["code"]))
        self.assertEqual([], other.lines())

    def test_a_wrong_line_does_not_come_to_it(self) -> None:
        @on_say
        def fail(api: Any, connection: Any, room: str, message: str) -> None:
            self.fail("was called")

        self.meet(fail)
        self.assertError("say", "say takes a message, as in: say hello")

    def test_one_that_fails_says_nothing(self) -> None:
        @on_say
        def broken(api: Any, connection: Any, room: str, message: str) -> None:
            raise ValueError("oh")

        _, other = self.meet(broken)
        self.assertError("say hello", SERVER_ERROR)
        self.assertEqual([], other.lines())
        self.assertIn("the verb say (", self.log)

    def test_one_that_returns_no_text_says_nothing(self) -> None:
        @on_say
        def broken(api: Any, connection: Any, room: str, message: str) -> Any:
            return 3

        _, other = self.meet(broken)
        self.assertError("say hello", SERVER_ERROR)
        self.assertEqual([], other.lines())
        self.assertIn("broken returned int, not str or None", self.log)

    def test_the_clients_next_lines_wait_for_one_that_waits(self) -> None:
        waits: list[Deferred[None]] = []

        @on_say
        async def slow(api: Any, connection: Any, room: str, message: str) -> None:
            waits.append(Deferred())
            await waits[-1]

        client, other = self.meet(slow)
        client.send(b"say one\nsay two\ndetailsView\n")
        client.send(b"say three\n")
        self.assertEqual(([], []), (client.lines(), other.lines()))
        self.assertEqual(1, len(waits))
        waits[0].callback(None)
        self.reactor.advance(0)
        self.assertEqual([1], [line["messageCount"] for line in client.lines()])
        self.assertEqual(["one"], self.heard(other))
        waits[1].callback(None)
        self.reactor.advance(0)
        self.assertEqual([2, 3], [line["messageCount"] for line in client.lines()])
        waits[2].callback(None)
        self.reactor.advance(0)
        self.assertEqual([4], [line["messageCount"] for line in client.lines()])
        self.assertEqual(["two", "three"], self.heard(other))

    def test_an_action_that_ends_meanwhile_does_not_let_the_next_line_in(self) -> None:
        waiting: Deferred[None] = Deferred()
        action: Deferred[Any] = Deferred()

        def act(api: Any, connection: Any) -> Deferred[Any]:
            return action

        @on_say
        async def slow(api: Any, connection: Any, room: str, message: str) -> None:
            await waiting

        client, _ = self.meet(act, slow)
        client.send(b"act\nsay one\ndetailsView\n")
        action.callback({})
        self.reactor.advance(0)
        self.assertEqual([1], [line["messageCount"] for line in client.lines()])
        waiting.callback(None)
        self.reactor.advance(0)
        self.assertEqual([2, 3], [line["messageCount"] for line in client.lines()])

    def test_the_time_of_one_that_waits_has_an_end(self) -> None:
        @on_say
        async def stuck(api: Any, connection: Any, room: str, message: str) -> None:
            await Deferred()

        client, other = self.meet(stuck, values={("limits", "action_timeout"): 5.0})
        client.send(b"say one\ndetailsView\n")
        self.reactor.advance(5)
        error, details = client.lines()
        self.assertEqual("say did not finish within 5 seconds", error["error"])
        self.assertIn("details", details)
        self.assertEqual([], other.lines())

    def test_a_client_that_goes_meanwhile_says_nothing(self) -> None:
        waiting: Deferred[None] = Deferred()

        @on_say
        async def slow(api: Any, connection: Any, room: str, message: str) -> None:
            await waiting

        client, other = self.meet(slow)
        client.send(b"say one\n")
        client.transport.loseConnection()
        self.assertTrue(waiting.called)
        self.reactor.advance(0)
        self.assertEqual(["I have left the room"], self.heard(other))

    def test_the_words_of_the_server_do_not_come_to_it(self) -> None:
        @on_say
        def refuse(api: Any, connection: Any, room: str, message: str) -> None:
            raise ActionError("no")

        def act(api: Any, connection: Any) -> None:
            api.rooms.say("defaultRoom", "hear")

        client, other = self.meet(act, refuse)
        client.send(b"act\n")
        self.assertEqual(["hear"], self.heard(other))


class RoomChangeTests(HookedVerbTestCase):
    """`@on_room_change`."""

    def test_it_sees_where_the_client_goes(self) -> None:
        seen: list[Any] = []

        @on_room_change
        def note(api: Any, connection: Any, left: str, entered: str) -> None:
            seen.append((connection.room, left, entered))

        client, other = self.meet(note)
        answer = client.ask("roomChange attic")
        self.assertEqual(("OK", "attic"), (answer["status"], answer["room"]))
        self.assertEqual("attic", client.ask("roomView")["room"])
        self.assertEqual(["I have left the room"], self.heard(other))
        self.assertEqual([("defaultRoom", "defaultRoom", "attic")], seen)

    def test_to_stay_is_no_change(self) -> None:
        @on_room_change
        def fail(api: Any, connection: Any, left: str, entered: str) -> None:
            self.fail("was called")

        client, _ = self.meet(fail)
        self.assertEqual("defaultRoom", client.ask("roomChange defaultRoom")["room"])

    def test_it_refuses(self) -> None:
        @on_room_change
        async def refuse(api: Any, connection: Any, left: str, entered: str) -> None:
            raise ActionError(f"{entered} is not for you")

        client, other = self.meet(refuse)
        self.assertError("roomChange attic", "attic is not for you")
        self.assertEqual("defaultRoom", client.ask("roomView")["room"])
        self.assertEqual([], other.lines())

    def test_it_may_wait(self) -> None:
        waiting: Deferred[None] = Deferred()

        @on_room_change
        async def slow(api: Any, connection: Any, left: str, entered: str) -> None:
            await waiting

        client, _ = self.meet(slow)
        client.send(b"roomChange attic\nroomView\n")
        self.assertEqual([], client.lines())
        waiting.callback(None)
        self.reactor.advance(0)
        changed, view = client.lines()
        self.assertEqual((1, 2), (changed["messageCount"], view["messageCount"]))
        self.assertEqual(1, view["roomStatus"]["membersCount"])

    def test_a_name_that_is_too_long_does_not_come_to_it(self) -> None:
        @on_room_change
        def fail(api: Any, connection: Any, left: str, entered: str) -> None:
            self.fail("was called")

        self.meet(fail)
        self.assertError("roomChange " + "x" * 65, "a room's name has at most 64 characters")
