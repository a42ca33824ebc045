"""Which rooms exist in the cluster."""

from __future__ import annotations

from tests.support.redis_model import KEYS, settle
from tests.unit.redis.test_broker import BusTestCase


class RoomNamesTests(BusTestCase):
    """Two processes, one of which asks for rooms of the other."""

    def create(self) -> None:
        """Has the first process create a room."""
        with self.a.write_batch:
            self.assertTrue(self.a.rooms.create("r"))
        self.agree()

    def exists_at_b(self, room: str) -> bool:
        """What the second process finds out."""
        found = self.b.bus.exists_elsewhere(room)
        assert found is not None
        settle(*self.nodes)
        return self.successResultOf(found)

    def test_a_room_with_members_exists(self) -> None:
        ada = self.a.client("r")
        self.agree()
        self.assertTrue(self.exists_at_b("r"))
        self.a.leave(ada, "r")
        self.agree()
        self.assertFalse(self.exists_at_b("r"))

    def test_a_room_that_was_created_exists(self) -> None:
        self.create()
        self.assertTrue(self.exists_at_b("r"))
        self.assertFalse(self.exists_at_b("other"))
        self.assertIn(KEYS.created_rooms.encode(), self.redis.expiring)

    def test_a_redis_that_has_lost_it_is_told_again(self) -> None:
        self.create()
        self.redis.hashes.clear()
        self.a.begin()
        self.agree()
        self.assertTrue(self.exists_at_b("r"))

    def test_one_created_while_redis_was_away_is_told_later(self) -> None:
        self.a.lose()
        self.a.rooms.create("r")
        self.a.begin()
        self.agree()
        self.assertTrue(self.exists_at_b("r"))

    def test_nothing_is_known_where_redis_refuses_or_is_away(self) -> None:
        self.create()
        self.b.link.refused = {"HGET"}
        self.assertFalse(self.exists_at_b("r"))
        self.b.lose()
        self.assertIsNone(self.b.bus.exists_elsewhere("r"))

    def test_the_names_are_kept_from_expiring(self) -> None:
        self.create()
        self.redis.expiring.clear()
        with self.a.write_batch:
            self.a.bus.refresh([])
        self.agree()
        self.assertIn(KEYS.created_rooms.encode(), self.redis.expiring)
