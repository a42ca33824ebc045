"""Tests of `actionhero_tcp.rooms.broker`."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.connection.write_batch import WriteBatch
from actionhero_tcp.rooms.broker import LocalBus
from actionhero_tcp.rooms.rooms import Rooms
from tests.support import Soon, make_connection, make_live


class LocalBusTests(SynchronousTestCase):
    """There is one process."""

    def test_nobody_is_elsewhere(self) -> None:
        bus = LocalBus()
        bus.connected("a")
        bus.joined("r", "a", False)
        bus.announced("r", "a")
        bus.say("r", b"{}\r\n", ("id", "a"))
        self.assertEqual(([], 0), (list(bus.members("r")), bus.count("r")))
        bus.left("r", "a", True)
        bus.disconnected("a")

    def test_it_is_what_rooms_have_by_default(self) -> None:
        rooms = Rooms(WriteBatch(Soon()), make_live())
        self.assertIsInstance(rooms.bus, LocalBus)
        client = make_connection()
        rooms.join(client, "r")
        self.assertEqual([client.id], rooms.members("r"))
