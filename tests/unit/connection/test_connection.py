"""Tests of `actionhero_tcp.connection.connection`."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.connection.connection import (
    Connection,
    JsonParams,
    answer_in_parts,
    parts_of,
    reserve_slot,
    state_of,
)
from actionhero_tcp.connection.files import FileReader
from tests.support import make_connection


class ConnectionTests(SynchronousTestCase):
    """`Connection`, what an action knows of its client."""

    def setUp(self) -> None:
        self.client = make_connection()
        self.params: dict[str, Any] = {"a": 1}
        self.seen = Connection(self.client, self.params)

    def test_knows_what_the_connection_knows(self) -> None:
        self.assertEqual(
            (self.client.id, self.client.connected_at, "127.0.0.1:4321"),
            (self.seen.id, self.seen.connected_at, self.seen.remote_address),
        )

    def test_shows_its_id_and_address(self) -> None:
        self.assertEqual(f"<Connection {self.client.id} of 127.0.0.1:4321>", repr(self.seen))

    def test_knows_the_params_of_the_request(self) -> None:
        self.client.params["a"] = "sticky"
        self.assertEqual({"a": 1}, self.seen.params)

    def test_knows_the_room_of_the_moment(self) -> None:
        self.assertEqual((None, ()), (self.seen.room, self.seen.rooms))
        self.client.rooms.update(one=1, two=2)
        self.client.room = "one"
        self.assertEqual(("one", ("one", "two")), (self.seen.room, self.seen.rooms))

    def test_enters_and_leaves_rooms_by_its_owner(self) -> None:
        self.seen.join("one")
        self.seen.leave("two")
        self.assertEqual(
            [("join", self.client, "one"), ("leave", self.client, "two")],
            self.client.owner.rooms.asked,
        )

    def test_sets_the_connections_attributes(self) -> None:
        self.seen.attributes["user"] = "ada"
        self.assertEqual({"user": "ada"}, self.client.attributes)

    def test_cannot_change_who_the_client_is(self) -> None:
        for name in ("id", "connected_at", "remote_address", "room", "attributes"):
            with self.assertRaises(AttributeError):
                setattr(self.seen, name, "x")

    def test_takes_no_other_attributes(self) -> None:
        with self.assertRaises(AttributeError):
            self.seen.user = "ada"  # type: ignore[attr-defined]

    def test_sends_a_message(self) -> None:
        self.seen.send({"a": 1})
        self.assertEqual([b'{"a":1,"context":"api"}\r\n'], self.client.outbox.said)

    def test_sends_a_file(self) -> None:
        reader = FileReader(os.open(os.devnull, os.O_RDONLY), 0)
        self.seen.send_file(reader)
        self.assertEqual([reader], self.client.outbox.files)

    def test_refuses_what_is_no_file(self) -> None:
        for wrong in ("menu.txt", Path("menu.txt"), BytesIO(b"menu")):
            with self.assertRaisesRegex(
                TypeError, r"what api.files.open\(name\) returns, not from"
            ):
                self.seen.send_file(wrong)  # type: ignore[arg-type]
        self.assertEqual([], self.client.outbox.files)

    def test_closes(self) -> None:
        self.seen.close()
        self.assertEqual(["closed by the application"], self.client.owner.closed)

    def test_sends_a_file_in_the_slot_that_was_reserved_for_it(self) -> None:
        reader = FileReader(os.open(os.devnull, os.O_RDONLY), 0)
        slot = Slot()
        reserve_slot(self.seen, slot)  # type: ignore[arg-type]
        self.seen.send_file(reader)
        self.seen.send_file(reader)
        self.assertEqual(([reader], [reader]), (slot.taken, self.client.outbox.files))

    def test_knows_what_takes_its_answer_in_parts(self) -> None:
        parts = object()
        answer_in_parts(self.seen, parts)
        self.assertIs(parts, parts_of(self.seen))

    def test_stands_for_the_state_of_the_client(self) -> None:
        self.assertIs(self.client, state_of(self.seen))
        self.assertIs(self.client, state_of(self.client))


class Slot:
    """Stands for a `ResponseSlot`."""

    def __init__(self) -> None:
        self.is_free = True
        self.taken: list[object] = []

    def take(self, part: object) -> None:
        """See `ResponseSlot.take`."""
        self.is_free = False
        self.taken.append(part)


class JsonParamsTests(SynchronousTestCase):
    """`JsonParams`: the params of a request that was read straight into its inputs."""

    def test_are_read_from_the_line_when_somebody_looks(self) -> None:
        line = b'{"action":"a","params":{"key":"value","offset":7}}'
        params = JsonParams(line, {"key": "value"}, {"limit": 100})
        seen = Connection(make_connection(), params)
        self.assertEqual({"key": "value", "offset": 7, "limit": 100}, seen.params)
        self.assertIs(seen.params, seen.params)

    def test_a_line_may_have_no_params(self) -> None:
        self.assertEqual({"limit": 1}, JsonParams(b'{"action":"a"}', {}, {"limit": 1}).read())
