"""The rooms as the application uses them."""

from __future__ import annotations

import threading
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.app.actions import _ThreadConnection
from actionhero_tcp.app.rooms import AppRooms
from actionhero_tcp.connection.connection import Connection
from actionhero_tcp.connection.write_batch import WriteBatch
from actionhero_tcp.errors import LimitError
from actionhero_tcp.rooms.rooms import Rooms
from tests.support import make_connection, make_live


class Elsewhere:
    """Other nodes, which are asked; nobody knows whether they have the client."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def join_room(self, client: str, room: str) -> bool:
        self.asked.append(("join", client, room))
        return True

    def leave_room(self, client: str, room: str) -> bool:
        self.asked.append(("leave", client, room))
        return True


class AppRoomsTests(SynchronousTestCase):
    """`AppRooms`."""

    def setUp(self) -> None:
        live = make_live({("limits", "max_rooms"): 2, ("limits", "max_room_name_length"): 5})
        self.inner = Rooms(WriteBatch(lambda call: None), live)
        self.ada, self.bob = make_connection(), make_connection()
        self.elsewhere: Any = Elsewhere()
        connections = {client.id: client for client in (self.ada, self.bob)}
        self.rooms = AppRooms(self.inner, live, connections, self.elsewhere)

    def test_a_client_joins_by_its_state_its_face_and_its_id(self) -> None:
        for client in (self.ada, Connection(self.ada, {}), self.ada.id):
            self.assertIs(True, self.rooms.join(client, "@r"))
            self.assertEqual(([self.ada.id], 1), (self.rooms.members("@r"), len(self.rooms)))
            self.assertIs(True, self.rooms.leave(client, "@r"))
            self.assertIs(True, self.rooms.leave(client, "@r"))
            self.assertNotIn("@r", self.rooms)

    def test_one_that_is_not_here_is_asked_for_elsewhere(self) -> None:
        self.assertIs(True, self.rooms.join("0f", "@r"))
        self.assertIs(True, self.rooms.leave("0f", "@r"))
        self.assertEqual([("join", "0f", "@r"), ("leave", "0f", "@r")], self.elsewhere.asked)
        self.assertEqual(0, len(self.rooms))

    def test_one_that_is_gone_joins_nothing(self) -> None:
        self.inner.remove(self.ada)
        self.assertIs(False, self.rooms.join(self.ada, "@r"))
        self.assertIs(False, self.rooms.leave(self.ada, "@r"))
        self.assertNotIn("@r", self.rooms)

    def test_a_client_is_in_so_many_rooms(self) -> None:
        self.rooms.join(self.ada, "a")
        self.rooms.join(self.ada, "b")
        self.rooms.join(self.ada, "a")
        error = self.assertRaises(LimitError, self.rooms.join, self.ada, "c")
        self.assertEqual(("maxRooms", ["a", "b"]), (error.limit, list(self.ada.rooms)))
        self.assertNotIn("c", self.rooms)

    def test_a_name_is_one_word_that_is_not_too_long(self) -> None:
        for name in ("", " ", "a b", " a", "a\n", "a\u2028", "\ud800", None, 5, b"a"):
            for call in (self.rooms.join, self.rooms.check):
                arguments = (self.ada, name) if call == self.rooms.join else (name,)
                error = self.assertRaises(ValueError, call, *arguments)
                self.assertIn("one word of printable characters", str(error))
            self.assertRaises(ValueError, self.rooms.create, name)
        error = self.assertRaises(LimitError, self.rooms.join, "0f", "a" * 6)
        self.assertEqual(("maxRoomNameLength", []), (error.limit, self.elsewhere.asked))
        self.assertEqual(0, len(self.rooms))

    def test_a_broadcast_leaves_out_whom_it_excludes(self) -> None:
        for client in (self.ada, self.bob):
            self.rooms.join(client, "r")
        for exclude, ada, bob in (
            ((), 1, 1),
            (self.ada, 0, 1),
            (Connection(self.ada, {}), 0, 1),
            (self.bob.id, 1, 0),
            ([self.ada, self.bob.id], 0, 0),
        ):
            for client in (self.ada, self.bob):
                client.outbox.said.clear()
            self.rooms.broadcast("r", "x", exclude=exclude)
            self.assertEqual((ada, bob), (len(self.ada.outbox.said), len(self.bob.outbox.said)))

    def test_a_message_cannot_be_taken_for_a_response(self) -> None:
        for context in ("response", None, 1):
            self.assertRaises(ValueError, self.rooms.broadcast, "r", "x", context=context)

    def test_says(self) -> None:
        self.rooms.join(self.ada, "r")
        self.rooms.say("r", "x")
        (message,) = self.ada.outbox.heard
        self.assertEqual((0, "user", "r"), (message["from"], message["context"], message["room"]))

    def test_knows_which_rooms_are_private_and_who_is_here(self) -> None:
        self.rooms.join(self.ada, "@r")
        self.assertEqual((True, False), (self.rooms.is_private("@r"), self.rooms.is_private("r")))
        self.assertEqual(
            (["@r"], [self.ada.id]), (self.rooms.rooms_here(), self.rooms.members_here("@r"))
        )

    def test_a_thread_has_the_reactor_do_it(self) -> None:
        calls: list[Any] = []

        class Reactor:
            def callFromThread(self, call: Any, *arguments: Any) -> None:
                calls.append((threading.get_ident(), call, arguments))

        face = _ThreadConnection(Connection(self.ada, {}), Reactor())
        face.join("r")
        face.leave("r")
        self.assertEqual([("check", "r")], self.ada.owner.rooms.asked)
        for _, call, arguments in calls:
            call(*arguments)
        asked = [("check", "r"), ("join", self.ada, "r"), ("leave", self.ada, "r")]
        self.assertEqual(asked, self.ada.owner.rooms.asked)
