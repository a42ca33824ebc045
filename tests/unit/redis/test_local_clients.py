"""What other nodes ask this one to do with its clients."""

from __future__ import annotations

from typing import Any

from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.errors import LimitError
from actionhero_tcp.redis.local_clients import JOIN, LEAVE, LocalClients
from tests.support import make_connection


class LocalClientsTests(SynchronousTestCase):
    """One client, and ids of none."""

    def setUp(self) -> None:
        self.client = make_connection()
        self.clients = LocalClients({self.client.id: self.client})
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def test_a_line_reaches_the_client(self) -> None:
        self.clients.send(self.client.id, b"{}\r\n")
        self.clients.send("0f", b"{}\r\n")
        self.assertEqual([b"{}\r\n"], self.client.outbox.said)

    def test_rooms_are_changed_by_the_owner(self) -> None:
        self.clients.change_rooms(self.client.id, JOIN, "@a")
        self.clients.change_rooms(self.client.id, LEAVE, "@b")
        self.clients.change_rooms("0f", JOIN, "@c")
        self.assertEqual(
            [("join", self.client, "@a"), ("leave", self.client, "@b")],
            self.client.owner.rooms.asked,
        )

    def test_what_cannot_be_is_logged(self) -> None:
        def refuse(client: Any, room: str) -> bool:
            raise LimitError("maxRooms", "too many\nrooms")

        self.client.owner.rooms.join = refuse
        self.clients.change_rooms(self.client.id, JOIN, "@a")
        (event,) = self.events
        self.assertIn("which cannot be: too many\\nrooms", formatEvent(event))
