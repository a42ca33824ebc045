"""Who is in which room, and what is said there."""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.config.settings import LiveSettings
from actionhero_tcp.connection.connected_client import ConnectedClient
from actionhero_tcp.connection.connection import Connection
from actionhero_tcp.connection.write_batch import WriteBatch
from actionhero_tcp.errors import ClientError, UnserializableError
from actionhero_tcp.rooms import rooms
from actionhero_tcp.rooms.broker import Match
from actionhero_tcp.rooms.rooms import Rooms
from tests.support import PROPERTY, make_connection, make_live


class Team(str, enum.Enum):  # noqa: UP042
    """Text whose `str` is not itself."""

    RED = "red"


class Bus:
    """A bus that remembers what it was told, and knows of members elsewhere.

    Attributes:
        told: What it was told, in order.
        elsewhere: The members elsewhere, by room.
    """

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []
        self.elsewhere: dict[str, list[str]] = {}

    def connected(self, client: str) -> None:
        self.told.append(("connected", client))

    def disconnected(self, client: str) -> None:
        self.told.append(("disconnected", client))

    def joined(self, room: str, client: str, announced: bool) -> None:
        self.told.append(("joined", room, client, announced))

    def announced(self, room: str, client: str) -> None:
        self.told.append(("announced", room, client))

    def left(self, room: str, client: str, announced: bool) -> None:
        self.told.append(("left", room, client, announced))

    def say(
        self,
        room: str,
        line: bytes,
        match: Match | None = None,
        exclude: Collection[str] = (),
    ) -> None:
        self.told.append(("said", room, line, match))

    def members(self, room: str) -> list[str]:
        return self.elsewhere.get(room, [])

    def count(self, room: str) -> int:
        return len(self.members(room))


def announcing(most: int) -> LiveSettings:
    """Settings in which rooms of more members do not announce who comes and goes."""
    return make_live({("general", "announce_limit"): most})


class RoomsTestCase(SynchronousTestCase):
    """Has rooms, and three clients who are in none."""

    def setUp(self) -> None:
        self.soon: list[Callable[[], None]] = []
        self.write_batch = WriteBatch(self.soon.append)
        self.live = make_live()
        self.rooms = Rooms(self.write_batch, self.live)
        self.ada, self.bob, self.cleo = (make_connection() for _ in range(3))
        self.patch(rooms.time, "time", lambda: 1352686207.0625)

    def join(self, room: str, *clients: ConnectedClient) -> None:
        """Has clients join a room, and forget what they heard."""
        for client in clients:
            self.rooms.join(client, room)
        self.forget()

    def forget(self) -> None:
        """Has everybody forget what they heard."""
        for client in (self.ada, self.bob, self.cleo):
            client.outbox.said.clear()

    def heard(self, client: ConnectedClient) -> list[Any]:
        """The messages that a client heard."""
        self.assertEqual([], client.outbox.sent)
        return [message["message"] for message in client.outbox.heard]


class MembershipTests(RoomsTestCase):
    """Joining and leaving."""

    def test_there_are_no_rooms_at_first(self) -> None:
        self.assertEqual(
            (0, False, []), (len(self.rooms), "r" in self.rooms, self.rooms.members("r"))
        )

    def test_who_joins_is_a_member(self) -> None:
        self.rooms.join(self.ada, "r")
        self.assertEqual([self.ada.id], self.rooms.members("r"))
        self.assertEqual(["r"], list(self.ada.rooms))
        self.assertIn("r", self.rooms)

    def test_members_stand_in_the_order_in_which_they_came(self) -> None:
        self.join("r", self.cleo, self.ada, self.bob)
        self.assertEqual([self.cleo.id, self.ada.id, self.bob.id], self.rooms.members("r"))

    def test_the_first_members_and_the_count_of_all(self) -> None:
        self.join("r", self.cleo, self.ada, self.bob)
        self.assertEqual(([self.cleo.id], 3), self.rooms.first_members("r", 1))
        self.assertEqual(([], 3), self.rooms.first_members("r", 0))
        self.assertEqual(([], 0), self.rooms.first_members("none", 5))

    def test_who_left_is_no_member(self) -> None:
        self.join("r", self.ada, self.bob)
        self.rooms.leave(self.ada, "r")
        self.assertEqual([self.bob.id], self.rooms.members("r"))
        self.assertEqual({}, self.ada.rooms)

    def test_a_room_ends_with_its_last_member(self) -> None:
        self.join("r", self.ada)
        self.rooms.leave(self.ada, "r")
        self.assertEqual(
            (0, False, []), (len(self.rooms), "r" in self.rooms, self.rooms.members("r"))
        )

    def test_rooms_that_come_and_go_leave_nothing(self) -> None:
        for number in range(100):
            self.rooms.join(self.ada, f"r{number}")
            self.rooms.leave(self.ada, f"r{number}")
        self.assertEqual((0, {}), (len(self.rooms), self.rooms._rooms))

    def test_a_client_may_be_in_several_rooms(self) -> None:
        self.join("r", self.ada)
        self.join("s", self.ada, self.bob)
        self.assertEqual((2, ["r", "s"]), (len(self.rooms), list(self.ada.rooms)))

    def test_leaves_all_its_rooms(self) -> None:
        for room in "rst":
            self.join(room, self.ada)
        self.join("s", self.bob)
        self.rooms.leave_all(self.ada)
        self.assertEqual(({}, ["s"]), (self.ada.rooms, list(self.rooms._rooms)))
        self.assertEqual([rooms.LEFT], self.heard(self.bob))

    def test_leaves_all_of_none(self) -> None:
        self.rooms.leave_all(self.ada)
        self.assertEqual({}, self.ada.rooms)

    def test_joining_twice_changes_nothing(self) -> None:
        self.join("r", self.ada, self.bob)
        self.rooms.join(self.ada, "r")
        self.assertEqual([self.ada.id, self.bob.id], self.rooms.members("r"))
        self.assertEqual([], self.heard(self.bob))

    def test_leaving_a_room_without_being_there_changes_nothing(self) -> None:
        self.join("r", self.bob, self.cleo)
        self.rooms.leave(self.ada, "r")
        self.rooms.leave(self.ada, "nowhere")
        self.assertEqual([self.bob.id, self.cleo.id], self.rooms.members("r"))
        self.assertEqual([], self.heard(self.bob))
        self.assertNotIn("nowhere", self.rooms)

    @PROPERTY
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["join", "leave", "leave_all"]),
                st.integers(0, 2),
                st.sampled_from("rst"),
            ),
            max_size=30,
        )
    )
    def test_both_sides_agree_on_who_is_where(self, steps: list[tuple[str, int, str]]) -> None:
        self.setUp()
        clients = (self.ada, self.bob, self.cleo)
        model: dict[str, list[str]] = {}
        for what, index, room in steps:
            client = clients[index]
            if what == "join":
                self.rooms.join(client, room)
                members = model.setdefault(room, [])
                if client.id not in members:
                    members.append(client.id)
            else:
                left = [room] if what == "leave" else list("rst")
                if what == "leave":
                    self.rooms.leave(client, room)
                else:
                    self.rooms.leave_all(client)
                for name in left:
                    if client.id in model.get(name, []):
                        model[name].remove(client.id)
            model = {name: members for name, members in model.items() if members}
            self.assertEqual(len(model), len(self.rooms))
            for name in "rst":
                self.assertEqual(model.get(name, []), self.rooms.members(name))
                self.assertEqual(name in model, name in self.rooms)
                for one in clients:
                    self.assertEqual(one.id in model.get(name, []), name in one.rooms)


class AnnouncingTests(RoomsTestCase):
    """What members hear of who comes and goes."""

    def announced(self, client: ConnectedClient, text: bytes) -> bytes:
        """The line that tells of a client."""
        return (
            b'{"message":"%b","room":"r","from":"%b","context":"user","sentAt":1352686207062}\r\n'
            % (text, client.id.encode())
        )

    def test_members_hear_who_comes(self) -> None:
        self.join("r", self.ada)
        self.rooms.join(self.bob, "r")
        expected = self.announced(self.bob, b"I have entered the room")
        self.assertEqual([expected], self.ada.outbox.said)

    def test_members_hear_who_goes(self) -> None:
        self.join("r", self.ada, self.bob)
        self.rooms.leave(self.bob, "r")
        expected = self.announced(self.bob, b"I have left the room")
        self.assertEqual([expected], self.ada.outbox.said)

    def test_who_comes_or_goes_does_not_hear_it(self) -> None:
        self.join("r", self.ada)
        self.rooms.join(self.bob, "r")
        self.rooms.leave(self.bob, "r")
        self.assertEqual([], self.heard(self.bob))

    def test_other_rooms_do_not_hear_it(self) -> None:
        self.join("s", self.ada)
        self.rooms.join(self.bob, "r")
        self.rooms.leave(self.bob, "r")
        self.assertEqual([], self.heard(self.ada))

    def test_params_that_choose_listeners_do_not_matter(self) -> None:
        self.bob.params.update(roomMatchKey="id", roomMatchValue="nobody")
        self.join("r", self.ada)
        self.rooms.join(self.bob, "r")
        self.assertEqual([rooms.ENTERED], self.heard(self.ada))

    def test_all_get_the_same_bytes(self) -> None:
        self.join("r", self.ada, self.bob)
        self.rooms.join(self.cleo, "r")
        self.assertIs(self.ada.outbox.said[0], self.bob.outbox.said[0])

    def test_rooms_up_to_the_limit_announce(self) -> None:
        self.rooms = Rooms(self.write_batch, announcing(2))
        self.join("r", self.ada)
        self.rooms.join(self.bob, "r")
        self.rooms.leave(self.bob, "r")
        self.assertEqual([rooms.ENTERED, rooms.LEFT], self.heard(self.ada))

    def test_rooms_past_the_limit_do_not_announce(self) -> None:
        self.rooms = Rooms(self.write_batch, announcing(2))
        self.join("r", self.ada, self.bob)
        self.rooms.join(self.cleo, "r")
        self.rooms.leave(self.cleo, "r")
        self.assertEqual(([], []), (self.heard(self.ada), self.heard(self.bob)))

    def test_a_room_that_is_small_again_announces_again(self) -> None:
        self.rooms = Rooms(self.write_batch, announcing(2))
        self.join("r", self.ada, self.bob, self.cleo)
        self.rooms.leave(self.cleo, "r")
        self.rooms.leave(self.bob, "r")
        self.assertEqual([rooms.LEFT], self.heard(self.ada))

    def test_a_limit_of_0_announces_nothing(self) -> None:
        self.rooms = Rooms(self.write_batch, announcing(0))
        self.join("r", self.ada)
        self.rooms.join(self.bob, "r")
        self.rooms.leave(self.bob, "r")
        self.assertEqual([], self.heard(self.ada))

    def test_a_limit_does_not_silence_what_is_said(self) -> None:
        self.rooms = Rooms(self.write_batch, announcing(0))
        self.join("r", self.ada, self.bob)
        self.rooms.say_from(self.ada, "r", "hi")
        self.assertEqual(["hi"], self.heard(self.bob))


class SayFromTests(RoomsTestCase):
    """What one client says."""

    def setUp(self) -> None:
        super().setUp()
        self.join("r", self.ada, self.bob, self.cleo)

    def match(self, key: str, value: object) -> None:
        """Has ada choose her listeners."""
        self.ada.params.update(roomMatchKey=key, roomMatchValue=value)

    def listeners(self) -> str:
        """Says something as ada; who heard it, by their initials."""
        self.forget()
        self.rooms.say_from(self.ada, "r", "hi")
        clients = {"a": self.ada, "b": self.bob, "c": self.cleo}
        return "".join(name for name, client in clients.items() if self.heard(client) == ["hi"])

    def test_is_heard_in_this_form(self) -> None:
        self.rooms.say_from(self.ada, "r", "hello?")
        expected = (
            b'{"message":"hello?","room":"r","from":"%b","context":"user",'
            b'"sentAt":1352686207062}\r\n' % self.ada.id.encode()
        )
        self.assertEqual([expected], self.bob.outbox.said)

    def test_is_heard_by_all_but_the_speaker(self) -> None:
        self.assertEqual("bc", self.listeners())

    def test_is_not_heard_in_other_rooms(self) -> None:
        self.rooms.leave(self.cleo, "r")
        self.rooms.join(self.cleo, "s")
        self.assertEqual("b", self.listeners())

    def test_is_encoded_once(self) -> None:
        self.rooms.say_from(self.ada, "r", "hi")
        self.assertIs(self.bob.outbox.said[0], self.cleo.outbox.said[0])

    def test_nobody_hears_it_in_a_room_that_is_not_there(self) -> None:
        self.rooms.say_from(self.ada, "nowhere", "hi")
        self.assertEqual(([], []), (self.heard(self.bob), self.heard(self.cleo)))

    def test_holds_no_line_ends(self) -> None:
        self.rooms.say_from(self.ada, "r", "a\r\nb\ud800☃/")
        (line,) = self.bob.outbox.said
        self.assertIn('{"message":"a\\r\\nb\\ud800☃/",'.encode(), line)
        self.assertEqual((1, 1), (line.count(b"\n"), line.count(b"\r")))

    def test_by_id(self) -> None:
        self.match("id", self.cleo.id)
        self.assertEqual("c", self.listeners())

    def test_by_ones_own_id_nobody_hears_it(self) -> None:
        self.match("id", self.ada.id)
        self.assertEqual("", self.listeners())

    def test_by_an_attribute(self) -> None:
        self.bob.attributes["team"] = "red"
        self.cleo.attributes["team"] = "blue"
        self.match("team", "red")
        self.assertEqual("b", self.listeners())

    def test_by_an_attribute_that_nobody_has(self) -> None:
        self.match("team", "red")
        self.assertEqual("", self.listeners())

    def test_by_attributes_that_are_no_text(self) -> None:
        for attribute, text in ((5, "5"), (2.5, "2.5"), (True, "true"), (False, "false"), (0, "0")):
            self.cleo.attributes["x"] = attribute
            self.match("x", text)
            self.assertEqual("c", self.listeners(), attribute)
            self.match("x", text + "0")
            self.assertEqual("", self.listeners(), attribute)

    def test_by_an_attribute_that_is_a_kind_of_text(self) -> None:
        self.cleo.attributes["team"] = Team.RED
        self.match("team", "red")
        self.assertEqual("c", self.listeners())

    def test_attributes_that_a_client_cannot_name_match_nothing(self) -> None:
        for attribute in (None, [1], {"a": 1}, b"x", object()):
            self.cleo.attributes["x"] = attribute
            for text in (str(attribute), "null", "None", ""):
                self.match("x", text)
                self.assertEqual("", self.listeners(), attribute)

    def test_an_infinite_attribute_silences_nobody(self) -> None:
        self.bob.attributes["x"] = "5"
        for attribute in (float("nan"), float("inf"), 10**5000):
            self.cleo.attributes["x"] = attribute
            self.match("x", "5")
            self.assertEqual("b", self.listeners())

    def test_an_attribute_called_id_is_not_the_id(self) -> None:
        self.bob.attributes["id"] = "forged"
        self.match("id", "forged")
        self.assertEqual("", self.listeners())

    def test_params_are_no_attributes(self) -> None:
        self.bob.params["team"] = "red"
        self.match("team", "red")
        self.assertEqual("", self.listeners())

    def test_the_connections_own_fields_are_no_attributes(self) -> None:
        self.match("remote_address", "127.0.0.1:4321")
        self.assertEqual("", self.listeners())

    def test_one_of_the_two_params_is_not_enough(self) -> None:
        self.ada.params["roomMatchKey"] = "team"
        self.assertEqual("bc", self.listeners())
        del self.ada.params["roomMatchKey"]
        self.ada.params["roomMatchValue"] = "red"
        self.assertEqual("bc", self.listeners())

    def test_empty_params_choose_too(self) -> None:
        self.bob.attributes[""] = ""
        self.match("", "")
        self.assertEqual("b", self.listeners())

    def test_only_the_speakers_params_choose(self) -> None:
        self.bob.params.update(roomMatchKey="id", roomMatchValue=self.cleo.id)
        self.assertEqual("bc", self.listeners())

    def test_a_listener_may_leave_while_it_is_said(self) -> None:
        self.bob.outbox.send_event = lambda data: self.rooms.leave_all(self.bob)
        self.rooms.say_from(self.ada, "r", "hi")
        self.assertIn("hi", self.heard(self.cleo))
        self.assertEqual([self.ada.id, self.cleo.id], self.rooms.members("r"))


class SayTests(RoomsTestCase):
    """What the server says."""

    def setUp(self) -> None:
        super().setUp()
        self.join("r", self.ada, self.bob)
        self.join("s", self.cleo)

    def test_is_heard_in_this_form(self) -> None:
        self.rooms.broadcast("r", "hello")
        expected = (
            b'{"message":"hello","room":"r","from":0,"context":"user","sentAt":1352686207062}\r\n'
        )
        self.assertEqual(([expected], [expected]), (self.ada.outbox.said, self.bob.outbox.said))

    def test_is_not_heard_in_other_rooms(self) -> None:
        self.rooms.broadcast("r", "hello")
        self.assertEqual([], self.heard(self.cleo))

    def test_is_encoded_once(self) -> None:
        self.rooms.broadcast("r", "hello")
        self.assertIs(self.ada.outbox.said[0], self.bob.outbox.said[0])

    def test_may_be_any_json_value(self) -> None:
        for message in ({"a": [1, None]}, [], 5, None, True):
            self.rooms.broadcast("s", message)
            self.assertEqual(message, self.heard(self.cleo)[-1])

    def test_must_be_json(self) -> None:
        for message in (object(), float("nan"), {None: 1}, {1j}):
            self.assertRaises(UnserializableError, self.rooms.broadcast, "r", message)
        self.assertEqual([], self.heard(self.ada))

    def test_nobody_hears_it_in_an_empty_room(self) -> None:
        self.rooms.broadcast("nowhere", "hello")
        self.assertNotIn("nowhere", self.rooms)
        self.assertEqual(([], []), (self.heard(self.ada), self.heard(self.cleo)))

    def test_is_said_within_one_turn(self) -> None:
        steps: list[str] = []
        self.write_batch.afterwards(lambda: steps.append("end"))
        self.ada.outbox.send_event = lambda data: steps.append("ada")
        self.bob.outbox.send_event = lambda data: steps.append("bob")
        self.rooms.broadcast("r", "hello")
        self.assertEqual(["ada", "bob", "end"], steps)


class UnannouncedTests(RoomsTestCase):
    """Members of whom the others have not heard yet."""

    def setUp(self) -> None:
        super().setUp()
        self.bus = Bus()
        self.rooms.join_cluster(self.bus)
        self.join("r", self.ada)
        self.bob.announced = False
        self.rooms.join(self.bob, "r")

    def test_they_are_members_at_once(self) -> None:
        self.assertEqual([self.ada.id, self.bob.id], self.rooms.members("r"))
        self.rooms.broadcast("r", "hello")
        self.assertEqual(["hello"], self.heard(self.bob))

    def test_the_others_hear_when_they_are_announced(self) -> None:
        self.assertEqual([], self.heard(self.ada))
        self.rooms.announce(self.bob)
        self.assertEqual([rooms.ENTERED], self.heard(self.ada))
        self.rooms.leave(self.bob, "r")
        self.assertEqual([rooms.ENTERED, rooms.LEFT], self.heard(self.ada))
        self.assertEqual([], self.heard(self.bob))

    def test_those_who_leave_before_are_not_heard(self) -> None:
        self.rooms.join(self.bob, "s")
        self.rooms.leave_all(self.bob)
        self.assertEqual([], self.heard(self.ada))
        self.assertEqual([self.ada.id], self.rooms.members("r"))

    def test_the_bus_is_told(self) -> None:
        ada, bob = self.ada.id, self.bob.id
        self.assertEqual({bob}, self.rooms.unannounced_here("r"))
        self.rooms.announce(self.bob)
        self.assertEqual(set(), self.rooms.unannounced_here("r"))
        self.rooms.leave(self.bob, "r")
        self.bob.announced = False
        self.rooms.join(self.bob, "r")
        self.rooms.leave(self.bob, "r")
        self.assertEqual(
            [
                ("joined", "r", ada, True),
                ("joined", "r", bob, False),
                ("announced", "r", bob),
                ("left", "r", bob, True),
                ("joined", "r", bob, False),
                ("left", "r", bob, False),
            ],
            self.bus.told,
        )


class PrivateTests(RoomsTestCase):
    """Rooms into which only the application takes clients."""

    def setUp(self) -> None:
        super().setUp()
        self.rooms = Rooms(self.write_batch, self.live)

    def test_they_are_told_by_their_names(self) -> None:
        self.assertEqual(
            [True, True, False, False], [self.rooms.is_private(r) for r in ("@", "@a", "a@", "")]
        )
        self.assertIs(
            False,
            Rooms(self.write_batch, make_live({("general", "private_rooms"): ""})).is_private("@a"),
        )

    def test_clients_may_not_enter_them_by_themselves(self) -> None:
        error = self.assertRaises(ClientError, self.rooms.refuse_private, "@a")
        self.assertEqual(
            "only the application lets clients into rooms that begin with @", error.text
        )
        self.rooms.refuse_private("a")

    def test_the_room_of_a_client_is_the_latest_that_is_not_private(self) -> None:
        seen = []
        for change, room in (
            (self.rooms.join, "@a"),
            (self.rooms.join, "one"),
            (self.rooms.join, "@b"),
            (self.rooms.join, "two"),
            (self.rooms.leave, "two"),
            (self.rooms.leave, "one"),
            (self.rooms.leave, "@b"),
            (self.rooms.leave, "@a"),
        ):
            change(self.ada, room)
            seen.append(self.ada.room)
        self.assertEqual(["@a", "one", "one", "two", "one", "@b", "@a", None], seen)

    def test_who_moves_stays_in_them(self) -> None:
        self.join("one", self.ada, self.bob)
        self.join("two", self.ada)
        self.join("@a", self.ada, self.cleo)
        self.rooms.move(self.ada, "three")
        self.assertEqual((["@a", "three"], "three"), (list(self.ada.rooms), self.ada.room))
        self.assertEqual(([rooms.LEFT], []), (self.heard(self.bob), self.heard(self.cleo)))
        self.rooms.move(self.ada, "three")
        self.assertEqual(["@a", "three"], list(self.ada.rooms))
        self.rooms.remove(self.ada)
        self.assertEqual((None, {}), (self.ada.room, self.ada.rooms))


class BroadcastTests(RoomsTestCase):
    """What the application says, and to whom."""

    def test_with_a_context_and_without_some_members(self) -> None:
        self.join("r", self.ada, self.bob, self.cleo)
        before = self.rooms.broadcasts, self.rooms.deliveries
        self.rooms.broadcast("r", {"go": 1}, "command", {self.bob.id, "nobody"})
        self.assertEqual(
            b'{"message":{"go":1},"room":"r","from":0,"context":"command","sentAt":1352686207062}\r\n',
            b"".join(self.ada.outbox.said),
        )
        self.assertEqual(([], [{"go": 1}]), (self.heard(self.bob), self.heard(self.cleo)))
        after = self.rooms.broadcasts, self.rooms.deliveries
        self.assertEqual((before[0] + 1, before[1] + 2), after)

    def test_what_is_said_elsewhere_keeps_from_whom_it_excludes(self) -> None:
        self.join("r", self.ada, self.bob)
        self.rooms.hear("r", b'{"message":1}\r\n', None, [self.ada.id])
        self.assertEqual(([], [1]), (self.heard(self.ada), self.heard(self.bob)))


class ConnectionTests(RoomsTestCase):
    """What actions and hooks have: the face of a connection."""

    def test_it_joins_and_leaves_as_its_client(self) -> None:
        self.join("r", self.ada)
        face = Connection(self.bob, {})
        self.rooms.join(face, "r")
        self.rooms.join(face, "r")
        self.rooms.join(face, "s")
        self.assertEqual([self.ada.id, self.bob.id], self.rooms.members("r"))
        self.assertEqual(["r", "s"], list(self.bob.rooms))
        self.assertEqual([rooms.ENTERED], self.heard(self.ada))
        self.rooms.leave(face, "s")
        self.assertNotIn("s", self.rooms)
        self.rooms.leave_all(face)
        self.assertEqual([self.ada.id], self.rooms.members("r"))

    def test_one_that_is_gone_joins_no_room(self) -> None:
        self.join("r", self.ada)
        self.rooms.remove(self.ada)
        self.rooms.join(Connection(self.ada, {}), "r")
        self.assertEqual((0, {}), (len(self.rooms), self.ada.rooms))


class BusTests(RoomsTestCase):
    """What rooms tell the other processes, and what those tell."""

    def setUp(self) -> None:
        super().setUp()
        self.bus = Bus()
        self.rooms.join_cluster(self.bus)

    def test_it_is_told_who_comes_and_goes_when_that_is_so(self) -> None:
        told, here = self.bus.told, self.rooms.members_here
        self.bus.joined = lambda room, client, announced: told.append(here(room))
        self.bus.left = lambda room, client, announced: told.append((here(room),))
        self.rooms.join(self.ada, "r")
        self.rooms.join(self.ada, "r")
        self.rooms.leave(self.ada, "r")
        self.rooms.leave(self.ada, "r")
        self.assertEqual([[self.ada.id], ([],)], self.bus.told)

    def test_it_is_told_all_that_is_said_and_who_may_hear_it(self) -> None:
        self.join("r", self.ada, self.bob)
        self.bus.told.clear()
        self.rooms.say_from(self.ada, "r", "hi")
        self.ada.params.update(roomMatchKey="team", roomMatchValue="red")
        self.rooms.say_from(self.ada, "r", "hi")
        self.rooms.broadcast("r", "hi")
        first, _, third = self.bus.told
        line = self.bob.outbox.said[0]
        self.assertEqual(("said", "r", line, None), first)
        self.assertEqual(("said", "r", line, ("team", "red")), self.bus.told[1])
        self.assertEqual((b'"from":0' in third[2], None), (True, third[3]))

    def test_it_is_told_what_is_said_in_a_room_without_members_here(self) -> None:
        self.rooms.broadcast("nowhere", "hi")
        self.assertEqual(["said"], [each[0] for each in self.bus.told])

    def test_the_first_members_are_those_here(self) -> None:
        self.join("r", self.ada)
        self.bus.elsewhere["r"] = ["x", "y"]
        self.assertEqual(([self.ada.id], 3), self.rooms.first_members("r", 1))
        self.assertEqual(([self.ada.id, "x"], 3), self.rooms.first_members("r", 2))
        self.assertEqual(([self.ada.id, "x", "y"], 3), self.rooms.first_members("r", 9))

    def test_members_elsewhere_stand_last(self) -> None:
        self.join("r", self.ada, self.bob)
        self.bus.elsewhere["r"] = ["x", "y"]
        self.assertEqual([self.ada.id, self.bob.id, "x", "y"], self.rooms.members("r"))
        self.assertEqual([self.ada.id, self.bob.id], self.rooms.members_here("r"))
        self.assertEqual(["r"], self.rooms.rooms_here())

    def test_what_is_said_elsewhere_is_heard_by_all_here_or_by_those_who_match(self) -> None:
        self.join("r", self.ada, self.bob)
        self.rooms.hear("r", b'{"message":1}\r\n', None)
        self.rooms.hear("r", b'{"message":2}\r\n', ("id", self.bob.id))
        self.rooms.hear("nowhere", b'{"message":3}\r\n', None)
        self.assertEqual(([1], [1, 2]), (self.heard(self.ada), self.heard(self.bob)))
        self.assertNotIn("nowhere", self.rooms)

    def test_who_comes_and_goes_elsewhere_is_announced_here(self) -> None:
        self.join("r", self.ada, self.bob)
        self.rooms.hear_entered("r", "0f")
        self.rooms.hear_left("r", "0f")
        expected = [
            b'{"message":"%b","room":"r","from":"0f","context":"user","sentAt":1352686207062}\r\n'
            % text.encode()
            for text in (rooms.ENTERED, rooms.LEFT)
        ]
        self.assertEqual((expected, expected), (self.ada.outbox.said, self.bob.outbox.said))
        self.rooms.hear_entered("nowhere", "0f")
        self.assertNotIn("nowhere", self.rooms)

    def test_members_elsewhere_count_for_the_limit_of_announcements(self) -> None:
        self.live.swap(announcing(3).current)
        self.join("r", self.ada, self.bob)
        self.bus.elsewhere["r"] = ["x"]
        self.rooms.hear_entered("r", "x")
        self.assertEqual([rooms.ENTERED], self.heard(self.ada))
        self.rooms.join(self.cleo, "r")
        self.rooms.leave(self.cleo, "r")
        self.bus.elsewhere["r"] = ["x", "y"]
        self.rooms.hear_entered("r", "y")
        self.bus.elsewhere["r"] = ["x"]
        self.rooms.hear_left("r", "y")
        self.assertEqual([rooms.ENTERED], self.heard(self.ada))
        self.bus.elsewhere["r"] = []
        self.rooms.hear_left("r", "x")
        self.assertEqual([rooms.ENTERED, rooms.LEFT], self.heard(self.ada))

    def test_a_member_alone_here_is_announced_to_nobody_here(self) -> None:
        self.bus.elsewhere["r"] = ["x"]
        self.rooms.join(self.ada, "r")
        self.rooms.leave(self.ada, "r")
        self.assertEqual([], self.heard(self.ada))
