"""Tests of `actionhero_tcp.redis.broker`, over a Redis that lets things happen one by one."""

from __future__ import annotations

import random
from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.connection.connected_client import ConnectedClient
from actionhero_tcp.redis import broker, roster
from actionhero_tcp.rooms.rooms import ENTERED, LEFT
from tests.support import PROPERTY, make_connection, make_live
from tests.support.redis_model import KEYS, Node, RedisModel, heard, settle


class BusTestCase(SynchronousTestCase):
    """Has a Redis and two processes that have joined."""

    def setUp(self) -> None:
        self.redis = RedisModel()
        self.a, self.b = Node(self.redis, "a"), Node(self.redis, "b")
        self.nodes = [self.a, self.b]
        for node in self.nodes:
            node.begin()
        self.agree()
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def bound(self, max_pending_bytes: int) -> None:
        """Has another process in place of the first one, with less room for what is on its way."""
        self.a = self.nodes[0] = Node(self.redis, "c", max_pending_bytes=max_pending_bytes)
        self.a.begin()

    def agree(self) -> None:
        """Lets all happen; each process knows then who is alive."""
        settle(*self.nodes)
        for node in self.nodes:
            node.bus.alive = frozenset(each.bus.node for each in self.nodes if each.bus.node)

    def channel(self, room: str) -> bytes:
        """The channel of a room."""
        return KEYS.said(room).encode()

    def publish(self, room: str, message: bytes) -> None:
        """Publishes something as nobody in particular, and lets it arrive."""
        self.redis.execute(self.a.link, [b"PUBLISH", self.channel(room), message])
        settle(*self.nodes)

    def assert_members(self, room: str, *clients: ConnectedClient) -> None:
        """Every process with members of a room knows of exactly these."""
        expected = sorted(client.id for client in clients)
        for node in self.nodes:
            if room in node.rooms:
                self.assertEqual(expected, sorted(node.rooms.members(room)), node.name)
        self.assertEqual(
            expected, sorted(key.decode() for key in self.redis.hashes.get(self.key(room), {}))
        )

    def key(self, room: str) -> bytes:
        """The key of a room."""
        return KEYS.room(room).encode()


class ConversationTests(BusTestCase):
    """Two processes between which nothing goes wrong."""

    def test_members_of_both_know_of_each_other(self) -> None:
        ada = self.a.client("r")
        self.agree()
        bob = self.b.client("r")
        self.agree()
        self.assert_members("r", ada, bob)
        self.assertEqual([ada.id, bob.id], self.a.rooms.members("r"))
        self.assertEqual([bob.id, ada.id], self.b.rooms.members("r"))
        self.assertEqual((1, 1), (self.a.bus.count("r"), self.b.bus.count("r")))

    def test_who_was_there_hears_who_enters_and_leaves_and_not_the_other_way_round(self) -> None:
        ada = self.a.client("r")
        self.agree()
        bob = self.b.client("r")
        self.agree()
        self.b.leave(bob, "r")
        self.agree()
        self.assertEqual([ENTERED, LEFT], heard(ada))
        self.assertEqual([], heard(bob))

    def test_who_is_not_announced_is_a_member_that_nobody_hears_of(self) -> None:
        ada = self.a.client("r")
        self.agree()
        bob, cleo = make_connection(), make_connection()
        for client in (bob, cleo):
            self.b.clients[client.id] = client
            client.announced = False
            self.b.join(client, "r")
        self.agree()
        self.assertEqual({ada.id, bob.id, cleo.id}, set(self.a.rooms.members("r")))
        self.assertEqual([], heard(ada))
        self.b.leave(cleo, "r")
        self.b.rooms.announce(bob)
        self.agree()
        self.assertEqual([ENTERED], heard(ada))
        self.b.leave(bob, "r")
        self.agree()
        self.assertEqual([LEFT], heard(ada))
        self.assertEqual([ada.id], self.a.rooms.members("r"))

    def test_what_is_said_is_heard_once_and_not_by_the_speaker(self) -> None:
        ada, bob = self.a.client("r"), self.b.client("r")
        cleo = self.a.client("r")
        self.agree()
        for client in (ada, bob, cleo):
            heard(client)
        self.a.say(ada, "r", "hi")
        # Members on the speaker's own process don't wait for Redis.
        self.assertEqual((["hi"], []), (heard(cleo), heard(bob)))
        self.agree()
        self.assertEqual(([], [], ["hi"]), (heard(ada), heard(cleo), heard(bob)))

    def test_the_same_bytes_are_heard_everywhere(self) -> None:
        ada, bob, cleo = self.a.client("r"), self.b.client("r"), self.a.client("r")
        self.agree()
        self.a.say(ada, "r", 'h\u2603\r\n\ud800"{}')
        self.agree()
        self.assertEqual(cleo.outbox.said[-1], bob.outbox.said[-1])

    def test_what_one_turn_says_goes_out_in_one_go(self) -> None:
        ada = self.a.client("r", "s")
        bob = self.b.client("r", "s")
        self.agree()
        heard(bob)
        self.a.link.told.clear()
        with self.a.write_batch:
            for room in "rsr":
                for number in range(3):
                    self.a.rooms.say_from(ada, room, f"{room}{number}")
        # One message for what goes the same way, in the order in which it was said.
        self.assertEqual([["PUBLISH"] * 3], self.a.link.told)
        self.agree()
        self.assertEqual([f"{room}{n}" for room in "rsr" for n in range(3)], heard(bob))
        self.assertEqual(0, self.a.in_flight.held_bytes)

    def test_no_message_is_larger_than_it_may_be(self) -> None:
        ada, bob = self.a.client("r"), self.b.client("r")
        self.agree()
        heard(bob)
        self.a.link.told.clear()
        words = [f"{number}" + "x" * 30_000 for number in range(6)]
        with self.a.write_batch:
            for word in words:
                self.a.rooms.say_from(ada, "r", word)
        self.assertEqual([["PUBLISH"] * 3], self.a.link.told)
        self.agree()
        self.assertEqual(words, heard(bob))

    def test_what_nobody_elsewhere_would_hear_is_not_published(self) -> None:
        ada = self.a.client("r")
        self.agree()
        self.a.link.told.clear()
        self.a.say(ada, "r", "alone")
        self.assertEqual(([], 0), (self.a.link.told, self.a.bus.lost))
        bob = self.b.client("r")
        self.agree()
        self.a.say(ada, "r", "together")
        self.agree()
        self.assertEqual(["together"], heard(bob))
        self.b.gone(bob)
        self.agree()
        self.a.link.told.clear()
        self.a.say(ada, "r", "alone")
        self.assertEqual([], self.a.link.told)

    def test_those_who_do_not_match_do_not_hear_it(self) -> None:
        ada, bob, cleo = self.a.client("r"), self.b.client("r"), self.b.client("r")
        self.agree()
        for client in (bob, cleo):
            heard(client)
        ada.params.update(roomMatchKey="id", roomMatchValue=cleo.id)
        self.a.say(ada, "r", "psst")
        bob.attributes["team"] = 5
        ada.params.update(roomMatchKey="team", roomMatchValue="5")
        self.a.say(ada, "r", "team")
        self.agree()
        self.assertEqual((["team"], ["psst"]), (heard(bob), heard(cleo)))

    def test_the_application_speaks_to_a_room_that_has_no_members_here(self) -> None:
        bob = self.b.client("r")
        self.agree()
        self.a.rooms.broadcast("r", {"a": 1})
        self.a.soon.run()
        self.agree()
        self.assertEqual([{"a": 1}], heard(bob))

    def test_what_the_application_says_keeps_from_whom_it_excludes(self) -> None:
        ada, bob, cleo = self.a.client("r"), self.b.client("r"), self.b.client("r")
        self.agree()
        for each in (ada, bob, cleo):
            heard(each)
        self.a.rooms.broadcast("r", "psst", exclude={ada.id, bob.id, "gone"})
        self.a.soon.run()
        self.agree()
        self.assertEqual(([], [], ["psst"]), (heard(ada), heard(bob), heard(cleo)))

    def test_a_process_subscribes_to_a_room_while_it_has_a_member_there(self) -> None:
        ada, bob = self.a.client("r"), self.a.client("r", "s")
        self.agree()
        self.assertEqual({self.channel("r"), self.channel("s")}, self.a.link.channels)
        self.assertEqual(set(), self.b.link.channels)
        self.a.leave(bob, "s")
        self.a.leave(ada, "r")
        self.agree()
        self.assertEqual({self.channel("r")}, self.a.link.channels)
        self.a.gone(bob)
        self.agree()
        self.assertEqual((set(), []), (self.a.link.channels, self.a.bus.rooms))

    def test_those_who_go_leave_nothing_behind(self) -> None:
        clients = [(node, node.client("r", "s")) for node in self.nodes for _ in range(3)]
        self.agree()
        self.assertLessEqual(
            {
                KEYS.clients(KEYS.parts[0]).encode(),
                self.key("r"),
                KEYS.held(KEYS.parts[0], "a.1").encode(),
            },
            self.redis.keys,
        )
        # Whoever dies now, all goes by itself.
        self.assertEqual(self.redis.keys, self.redis.expiring)
        for node, client in clients:
            node.gone(client)
        self.agree()
        self.assertEqual(set(), self.redis.keys)

    def test_a_room_whose_name_holds_a_lone_surrogate_and_blanks(self) -> None:
        room = "a\ud800 b\n"
        ada, bob = self.a.client(room), self.b.client(room)
        self.agree()
        heard(bob)
        self.a.say(ada, room, "hi")
        self.agree()
        self.assertEqual(["hi"], heard(bob))
        self.a.gone(ada)
        self.agree()
        self.assertEqual([bob.id], self.b.rooms.members(room))

    def test_a_large_room_is_not_told_who_comes_and_goes(self) -> None:
        for node in self.nodes:
            node.live.swap(make_live({("general", "announce_limit"): 3}).current)
        ada, bob, cleo = self.a.client("r"), self.b.client("r"), self.b.client("r")
        self.agree()
        heard(ada)
        dora = self.b.client("r")
        self.agree()
        self.b.gone(dora)
        self.agree()
        self.assertEqual([], heard(ada))
        self.b.gone(cleo)
        self.agree()
        # There were three until it had left.
        self.assertEqual([LEFT], heard(ada))
        self.a.gone(ada)
        self.agree()
        self.assertEqual([LEFT], heard(bob)[-1:])


class PendingTests(BusTestCase):
    """What happens before a subscription is in force."""

    def setUp(self) -> None:
        super().setUp()
        self.bob = self.b.client("r")
        self.agree()

    def test_all_of_it_reaches_the_others_in_order(self) -> None:
        ada = self.a.client("r")
        self.a.say(ada, "r", "1")
        cleo = self.a.client("r")
        self.a.say(cleo, "r", "2")
        self.a.leave(ada, "r")
        self.a.say(cleo, "r", "3")
        self.a.join(ada, "r")
        self.assertEqual([], heard(self.bob))
        self.agree()
        self.assertEqual([ENTERED, "1", ENTERED, "2", LEFT, "3", ENTERED], heard(self.bob))
        self.assert_members("r", ada, cleo, self.bob)

    def test_one_who_is_gone_before_has_been_there(self) -> None:
        ada = self.a.client("r")
        self.a.say(ada, "r", "hi and bye")
        self.a.gone(ada)
        self.agree()
        self.assertEqual([ENTERED, "hi and bye", LEFT], heard(self.bob))
        self.assert_members("r", self.bob)
        self.assertEqual(set(), self.a.link.channels)
        self.assertNotIn(KEYS.held(KEYS.parts[0], "a.1").encode(), self.redis.keys)

    def test_one_who_comes_again_before_the_last_subscription_has_ended(self) -> None:
        ada = self.a.client("r")
        self.agree()
        heard(self.bob)
        self.a.leave(ada, "r")
        self.b.say(self.bob, "r", "nobody is there")
        self.b.run()
        self.a.run("subscriber replies")
        self.a.join(ada, "r")
        self.agree()
        self.assertEqual([], heard(ada))
        self.b.say(self.bob, "r", "now")
        self.agree()
        self.assertEqual(["now"], heard(ada))
        self.assertEqual([LEFT, ENTERED], heard(self.bob))
        self.assert_members("r", ada, self.bob)

    def test_who_came_and_went_around_the_end_of_the_last_subscription(self) -> None:
        ada = self.a.client("r")
        self.agree()
        cleo = self.b.client("r")
        self.b.run()
        self.a.leave(ada, "r")
        self.a.join(ada, "r")
        # That she came is told by the old subscription; that she went by none.
        self.a.run("subscriber replies")
        self.a.link.step("subscriber")
        self.b.gone(cleo)
        self.b.run()
        self.agree()
        self.assert_members("r", ada, self.bob)

    def test_what_is_said_is_not_lost_where_all_begins_anew(self) -> None:
        ada = self.a.client("r")
        self.a.say(ada, "r", "1")
        self.a.begin()
        self.a.say(ada, "r", "2")
        self.a.begin()
        self.agree()
        self.assertEqual([ENTERED, "1", "2"], heard(self.bob))
        self.assertEqual({"a.3"}, self.b.bus.nodes)
        self.assertEqual({b"a.3", b"b.1"}, set(self.redis.hashes[self.key("r")].values()))

    def test_no_more_of_it_waits_than_may(self) -> None:
        self.bound(8000)
        ada = self.a.client("r")
        for number in range(100):
            self.a.say(ada, "r", f"{number:0100d}")
        self.assertLess(self.a.in_flight.held_bytes, 8000)
        lost = self.a.bus.lost
        self.assertLess(80, lost)
        # Who is where is known all the same: nothing begins anew.
        self.assertEqual(0, self.a.link.failures)
        self.agree()
        entered, *said = heard(self.bob)
        self.assertEqual(ENTERED, entered)
        self.assertEqual([f"{number:0100d}" for number in range(100 - lost)], said)
        self.assertEqual(0, self.a.in_flight.held_bytes)
        self.a.say(ada, "r", "later")
        self.agree()
        self.assertEqual(["later"], heard(self.bob))
        self.assertEqual(lost, self.a.bus.lost)

    def test_rooms_that_open_while_there_is_no_room_leave_nothing_counted(self) -> None:
        self.bound(400)
        for number in range(20):
            self.a.client(f"r{number}")
        settle(self.a, self.b)
        self.assertEqual(0, self.a.in_flight.held_bytes)

    def test_the_bound_is_that_of_all_rooms_together(self) -> None:
        self.bound(200_000)
        clients = [self.a.client(f"r{number}") for number in range(50)]
        for client in clients:
            for _ in range(5):
                self.a.say(client, next(iter(client.rooms)), "x" * 10_000)
        self.assertLess(self.a.in_flight.held_bytes, 200_000)
        self.assertLess(200, self.a.bus.lost)
        settle(self.a, self.b)
        self.assertEqual(0, self.a.in_flight.held_bytes)
        self.assertEqual(0, self.a.link.failures)

    def test_who_goes_where_there_is_no_room_at_all_is_gone_after_all(self) -> None:
        self.bound(2000)
        ada, cleo = self.a.client("r"), self.a.client()
        self.a.join(cleo, "r")
        self.a.leave(ada, "r")
        # The heartbeat sees that something failed, and begins anew.
        self.assertGreater(self.a.link.failures, 0)
        for _ in range(4):
            self.agree()
            failures = self.a.link.failures
            self.a.begin()
            if self.a.link.failures == failures:
                break
        self.agree()
        self.b.bus.drop(lambda node: node.startswith("c.") and node != self.a.bus.node)
        self.assertEqual({self.bob.id, cleo.id}, set(self.b.rooms.members("r")))
        self.assertEqual(0, self.a.in_flight.held_bytes)

    def test_so_many_rooms_are_opened_at_a_time(self) -> None:
        self.patch(broker, "MAX_OPENING", 3)
        clients = [self.a.client(f"r{number}") for number in range(10)]
        self.a.say(clients[9], "r9", "hi")
        self.assertEqual(3, self.a.link.waiting("subscriber"))
        self.a.gone(clients[8])
        listeners = [self.b.client(f"r{number}") for number in range(10)]
        settle(self.a, self.b)
        self.assertEqual(9, len(self.a.link.channels))
        self.a.say(clients[9], "r9", "there")
        settle(self.a, self.b)
        self.assertEqual(["there"], heard(listeners[9])[-1:])
        for number in (0, 5, 9):
            members = {clients[number].id, listeners[number].id}
            self.assertEqual(members, set(self.b.rooms.members(f"r{number}")))
        self.assertEqual({listeners[8].id}, set(self.b.rooms.members("r8")))
        self.assertEqual(0, self.a.in_flight.held_bytes)

    def test_what_a_client_asks_for_is_counted_as_its_own(self) -> None:
        ada, cleo = self.a.client("r"), self.a.client("s")
        self.b.client("r", "s")
        self.agree()
        for client, room in ((ada, "r"), (cleo, "s")):
            with self.a.write_batch:
                self.a.write_batch.client = client.id
                self.a.rooms.say_from(client, room, "x" * (300_000 if client is ada else 10))
        self.assertEqual([ada.id], self.a.holds)
        # An action that speaks for the application counts as that of its client.
        with self.a.write_batch:
            self.a.write_batch.client = cleo.id
            self.a.rooms.broadcast("s", "x" * 300_000)
        self.assertEqual([ada.id, cleo.id], self.a.holds)
        self.agree()
        self.assertEqual([], self.a.holds)

    def test_a_connection_that_is_lost_releases_all(self) -> None:
        ada = self.a.client("r", "s")
        self.agree()
        with self.a.write_batch:
            self.a.write_batch.client = ada.id
            self.a.rooms.say_from(ada, "r", "x" * 300_000)
            self.a.rooms.join(ada, "t")
            self.a.rooms.say_from(ada, "t", "x")
        self.assertEqual([ada.id], self.a.holds)
        self.a.lose()
        self.assertEqual(([], 0), (self.a.holds, self.a.in_flight.held_bytes))
        self.a.say(ada, "r", "nobody hears this")
        self.assertEqual(3, self.a.bus.lost)


class SnapshotTests(BusTestCase):
    """The list of a room's members, and what is heard around it."""

    def join_until_list_is_asked_for(self) -> ConnectedClient:
        """A client of the first process whose room's list has been asked for, but not read."""
        ada = self.a.client("r")
        self.a.run("commands", "commands replies")
        self.a.run("subscriber")
        self.a.link.step("subscriber replies")
        self.assertEqual(["commands"], self.a.link.busy)
        return ada

    def test_who_comes_before_the_list_is_made_is_in_it_and_announced_once(self) -> None:
        ada = self.join_until_list_is_asked_for()
        bob = self.b.client("r")
        self.b.run()
        self.a.run("subscriber replies")
        self.assertNotIn(bob.id, self.a.rooms.members("r"))
        self.agree()
        self.assert_members("r", ada, bob)
        self.assertEqual([], heard(ada))
        self.assertEqual([ENTERED], heard(bob))

    def test_who_comes_after_the_list_is_made_but_before_it_is_read(self) -> None:
        ada = self.join_until_list_is_asked_for()
        self.a.run("commands")
        bob = self.b.client("r")
        self.b.run()
        self.a.run("subscriber replies")
        self.assertEqual([], heard(ada))
        self.agree()
        self.assert_members("r", ada, bob)
        self.assertEqual([ENTERED], heard(ada))

    def test_who_goes_after_the_list_is_made_but_before_it_is_read(self) -> None:
        bob = self.b.client("r")
        self.agree()
        ada = self.join_until_list_is_asked_for()
        self.a.run("commands")
        self.b.gone(bob)
        self.b.run()
        self.a.run("subscriber replies")
        self.agree()
        self.assert_members("r", ada)
        self.assertEqual([LEFT], heard(ada))

    def test_who_goes_before_the_list_is_made(self) -> None:
        bob = self.b.client("r")
        self.agree()
        ada = self.join_until_list_is_asked_for()
        self.b.gone(bob)
        self.b.run()
        self.agree()
        self.assert_members("r", ada)
        self.assertEqual([], heard(ada))

    def test_what_is_said_before_the_list_is_read_is_heard(self) -> None:
        bob = self.b.client("r")
        self.agree()
        ada = self.join_until_list_is_asked_for()
        # As soon as his process has heard of her.
        self.a.run("commands")
        self.b.run()
        self.b.say(bob, "r", "hi")
        self.b.run()
        self.a.run("subscriber replies")
        self.assertEqual(["hi"], heard(ada))

    def test_a_list_that_comes_too_late_is_not_read(self) -> None:
        self.b.client("r")
        self.agree()
        ada = self.join_until_list_is_asked_for()
        self.a.leave(ada, "r")
        self.agree()
        self.assertEqual([], self.a.bus.rooms)

    def test_a_list_or_a_subscription_that_is_refused_is_asked_for_anew(self) -> None:
        bob = self.b.client("r")
        self.agree()
        for command in ("HGETALL", "SUBSCRIBE", "PUBLISH", "UNSUBSCRIBE"):
            node = Node(self.redis, f"n{command}")
            node.begin()
            node.link.refused = {command}
            client = node.client("r", "s")
            node.leave(client, "s")
            settle(node, *self.nodes)
            self.assertGreater(node.link.failures, 0, command)
            node.link.refused.clear()
            node.begin()
            settle(node, *self.nodes)
            self.assertEqual({client.id, bob.id}, set(node.rooms.members("r")), command)
            self.assertEqual({client.id, bob.id}, set(self.b.rooms.members("r")), command)
            node.gone(client)
            settle(node, *self.nodes)

    def test_no_more_is_kept_than_may_until_the_list_is_read(self) -> None:
        self.patch(roster, "MAX_EARLY", 3)
        ada = self.join_until_list_is_asked_for()
        self.a.run("commands")
        clients = [self.b.client("r") for _ in range(5)]
        self.b.run()
        self.a.run("subscriber replies")
        # The first two came with the others' own list, in one message.
        early = self.a.bus._rooms["r"].roster.early
        assert early is not None
        self.assertLessEqual(len(early), 3)
        if self.a.link.failures:
            self.a.begin()
        self.agree()
        self.assert_members("r", ada, *clients)


class StrangerTests(BusTestCase):
    """What comes over a channel that does not come from another process of ours."""

    def setUp(self) -> None:
        super().setUp()
        self.ada = self.a.client("r")
        self.agree()

    def test_what_comes_from_oneself_is_ignored_also_from_an_earlier_incarnation(self) -> None:
        for node in ("a.1", "a.0", "a.7"):
            self.publish("r", b'["%b","said",[]]\n{}\r\n' % node.encode())
            self.publish("r", b'["%b","joined",["x"]]\n' % node.encode())
        self.assertEqual(([], [self.ada.id]), (heard(self.ada), self.a.rooms.members("r")))
        self.publish("r", b'["aa.1","joined",["x"]]\n')
        self.assertEqual([self.ada.id, "x"], self.a.rooms.members("r"))

    def test_junk_is_ignored_and_logged_once(self) -> None:
        for junk in (
            b"",
            b"\n",
            b"junk",
            b"[]",
            b"5\n",
            b"null\n",
            b"{}\n",
            b'"abc"\n',
            b'["b.1","said"]\n{}\r\n',
            b'["b.1","said",[],5]\n{}\r\n',
            b'[5,"said",[]]\n{}\r\n',
            b'["b.1","said",5]\n{}\r\n',
            b'["b.1","said",{}]\n{}\r\n',
            b'["b.1","said",["key"]]\n{}\r\n',
            b'["b.1","said",["key",5]]\n{}\r\n',
            b'["b.1","said",["a","b","c"]]\n{}\r\n',
            b'["b.1","said",[]]',
            b'["b.1","said",[]]\n{}',
            b'["b.1","joined",[["x"]]]\n',
            b'["b.1","joined","x"]\n',
            b'["b.1",["joined"],["x"]]\n',
            b'["b.1","sung",["x"]]\n',
            b'["b.1","left",[null]]\n',
            b"[" * 100_000,
            b"9" * 100_000,
            b'["b.1","joined",["\xff\xfe"]]\n',
        ):
            self.publish("r", junk)
            self.assertEqual([self.ada.id], self.a.rooms.members("r"), junk[:80])
        self.assertEqual([], heard(self.ada))
        (event,) = self.events
        self.assertIn("something else publishes", str(formatEvent(event)))
        bob = self.b.client("r")
        self.b.say(bob, "r", "hi")
        self.agree()
        self.assertEqual([ENTERED, "hi"], heard(self.ada))

    @PROPERTY
    @given(st.binary(max_size=200))
    def test_anything(self, junk: bytes) -> None:
        self.setUp()
        self.publish("r", junk)
        self.assertEqual([], heard(self.ada))

    def test_what_comes_over_other_channels_is_ignored(self) -> None:
        self.a.bus.heard("nowhere", b'["b.1","said",[]]\n{}\r\n')
        self.assertEqual([], heard(self.ada))


class DroppedTests(BusTestCase):
    """Processes that are gone, and that come back."""

    def setUp(self) -> None:
        super().setUp()
        self.ada, self.bob, self.cleo = (
            self.a.client("r"),
            self.b.client("r"),
            self.b.client("r", "s"),
        )
        self.agree()
        heard(self.ada)

    def test_the_members_of_a_dead_one_have_left(self) -> None:
        self.assertEqual({"b.1"}, self.a.bus.nodes)
        self.a.bus.drop({"b.1"}.__contains__)
        self.assertEqual([LEFT, LEFT], heard(self.ada))
        self.assertEqual([self.ada.id], self.a.rooms.members("r"))
        self.assertEqual(set(), self.a.bus.nodes)
        self.a.bus.drop({"b.1"}.__contains__)
        self.assertEqual([], heard(self.ada))

    def test_one_that_was_only_slow_puts_its_members_back(self) -> None:
        self.a.bus.drop({"b.1"}.__contains__)
        heard(self.ada)
        self.b.gone(self.bob)
        self.b.begin()
        self.agree()
        self.assertEqual([ENTERED], heard(self.ada))
        self.assertEqual({self.ada.id, self.cleo.id}, set(self.a.rooms.members("r")))
        # Those who stayed there heard nothing of it.
        self.assertEqual([LEFT], [m for m in heard(self.cleo) if m != ENTERED])

    def test_one_that_comes_back_before_it_is_dropped_is_not_announced(self) -> None:
        self.b.begin()
        self.agree()
        self.assertEqual({"b.2"}, self.a.bus.nodes)
        self.a.bus.drop({"b.1"}.__contains__)
        self.assertEqual([], heard(self.ada))

    def test_what_an_earlier_incarnation_told_late_changes_nothing(self) -> None:
        self.b.begin()
        self.agree()
        for event in ("joined", "left"):
            self.publish("r", b'["b.1","%b",["%b"]]\n' % (event.encode(), self.bob.id.encode()))
        self.assertEqual({"b.2"}, self.a.bus.nodes)
        self.assertEqual([], heard(self.ada))

    def test_one_who_is_cut_off_when_others_leave_does_not_matter(self) -> None:
        dora = self.a.client("s")
        self.agree()
        self.ada.outbox.send_event = lambda data: self.a.gone(self.ada)
        self.a.bus.drop({"b.1"}.__contains__)
        self.assertEqual((False, [dora.id]), ("r" in self.a.rooms, self.a.rooms.members("s")))

    def test_while_redis_is_away_only_those_here_are_shown_and_hear_each_other(self) -> None:
        dora = self.a.client("r")
        self.agree()
        heard(self.ada)
        self.a.lose()
        self.assertEqual([self.ada.id, dora.id], self.a.rooms.members("r"))
        self.assertEqual(0, self.a.bus.count("r"))
        self.a.say(dora, "r", "we are alone")
        self.assertEqual(["we are alone"], heard(self.ada))
        emil = self.a.client("r", "new")
        self.a.gone(emil)
        self.assertEqual([ENTERED, LEFT], heard(self.ada))
        self.assertEqual([], self.a.link.busy)
        self.assertEqual([], self.a.bus._outgoing)

    def test_afterwards_all_is_as_it_was_without_a_word(self) -> None:
        self.a.lose()
        self.a.begin()
        self.agree()
        self.assert_members("r", self.ada, self.bob, self.cleo)
        self.assertEqual(([], []), (heard(self.ada), heard(self.bob)[1:]))
        self.b.say(self.bob, "r", "hi")
        self.agree()
        self.assertEqual(["hi"], heard(self.ada))

    def test_what_has_changed_meanwhile_is_announced_afterwards(self) -> None:
        self.a.lose()
        self.b.gone(self.bob)
        dora = self.b.client("r")
        settle(self.b)
        emil = self.a.client("r")
        self.a.begin()
        self.a.bus.alive = frozenset(("b.1",))
        self.agree()
        self.assert_members("r", self.ada, self.cleo, dora, emil)
        self.assertEqual(sorted([ENTERED, LEFT, ENTERED]), sorted(heard(self.ada)))

    def test_one_who_came_into_a_new_room_meanwhile_hears_of_nobody_there(self) -> None:
        self.a.lose()
        emil = self.a.client("s")
        self.a.begin()
        self.agree()
        self.assertEqual({self.cleo.id, emil.id}, set(self.a.rooms.members("s")))
        self.assertEqual([], heard(emil))

    def test_redis_comes_back_empty_and_the_other_process_late(self) -> None:
        for node in self.nodes:
            node.lose()
        self.redis.hashes.clear()
        self.redis.sets.clear()
        self.b.clients.pop(self.bob.id)
        self.b.rooms.leave_all(self.bob)
        self.a.begin()
        self.a.bus.alive = frozenset(("a.2",))
        settle(self.a)
        self.assertEqual([], heard(self.ada))
        self.b.begin()
        self.agree()
        self.assertEqual([], heard(self.ada))
        self.a.bus.drop({"b.1"}.__contains__)
        self.assertEqual([LEFT], heard(self.ada))
        self.assert_members("r", self.ada, self.cleo)

    def test_a_process_that_is_told_to_begin_anew_hears_on_meanwhile(self) -> None:
        self.b.say(self.bob, "r", "before")
        self.a.begin()
        self.b.run()
        self.b.say(self.bob, "r", "while")
        self.b.run()
        self.agree()
        self.b.say(self.bob, "r", "after")
        self.agree()
        self.assertEqual(["before", "while", "after"], heard(self.ada))

    def test_keys_are_refreshed_and_those_that_were_written_meanwhile(self) -> None:
        bus = self.a.bus
        bus.refresh([])
        self.a.soon.run()
        self.agree()
        (part,) = KEYS.parts
        own = [KEYS.clients(part), KEYS.held(part, "a.1")]
        self.assertEqual([KEYS.room("r"), *own], bus.expiring)
        self.redis.expiring.clear()
        bus.refresh([KEYS.room("r")])
        self.a.soon.run()
        self.agree()
        self.assertEqual({self.key("r")}, self.redis.expiring)
        dora = self.a.client("r")
        self.agree()
        for _ in range(2):
            self.assertEqual({self.key("r"), *map(str.encode, own)}, self.redis.expiring)
            # Redis has forgotten them, and they are written again before the next refresh.
            self.redis.expiring.clear()
            self.a.leave(dora, "r")
            self.a.join(dora, "r")
            bus.refresh([])
            self.a.soon.run()
            self.agree()


class World:
    """Three processes, whose clients do things while all that can happen happens in any order.

    Args:
        chance: Decides.

    Attributes:
        clients: The clients that are connected, with their processes.
        said: What each speaker said in each room.
        expected: What each listener has to have heard of that: what was said while the
            speaker's process knew of it.
        moved: Who has left a room, and so need not have heard all.
    """

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        redis = RedisModel()
        self.nodes = [Node(redis, name) for name in "abc"]
        for node in self.nodes:
            node.begin()
        settle(*self.nodes)
        self.clients: list[tuple[Node, ConnectedClient]] = []
        self.said: dict[tuple[str, str], list[str]] = defaultdict(list)
        self.expected: dict[tuple[str, str, str], list[str]] = defaultdict(list)
        self.moved: set[str] = set()

    def act(self, number: int) -> None:
        """Something is done."""
        node, what = self.chance.choice(self.nodes), self.chance.randrange(20)
        if what < 2 or not self.clients:
            self.clients.append((node, node.client()))
        elif what == 2:
            node.begin()
            node.bus.alive = self.alive
        elif what == 3:
            node, client = self.clients.pop(self.chance.randrange(len(self.clients)))
            node.gone(client)
        else:
            node, client = self.chance.choice(self.clients)
            self.do(node, client, self.chance.choice("rs"), f"{number}", what == 4)

    def do(self, node: Node, client: ConnectedClient, room: str, message: str, leave: bool) -> None:
        """A client does something in a room."""
        if room not in client.rooms:
            node.join(client, room)
        elif leave:
            node.leave(client, room)
            self.moved.add(client.id)
        else:
            self.said[client.id, room].append(message)
            for member in node.rooms.members(room):
                self.expected[client.id, room, member].append(message)
            node.say(client, room, message)

    def step(self) -> None:
        """Something that was sent arrives."""
        if busy := [(node, queue) for node in self.nodes for queue in node.link.busy]:
            node, queue = self.chance.choice(busy)
            node.link.step(queue)
            node.soon.run()

    def rest(self) -> None:
        """All arrives, and who is not alive any more is noticed."""
        settle(*self.nodes)
        for node in self.nodes:
            node.bus.alive = self.alive
            node.bus.drop(lambda name: name not in self.alive)

    @property
    def alive(self) -> frozenset[str]:
        """Who is alive, by the ids of now."""
        return frozenset(node.bus.node for node in self.nodes if node.bus.node)


class AnyOrderTests(SynchronousTestCase):
    """Whatever happens in whatever order it can happen."""

    @PROPERTY
    @given(st.integers(0, 2**64))
    def test_all_agree_and_nothing_is_lost_doubled_or_out_of_order(self, seed: int) -> None:
        self.patch(broker, "MAX_OPENING", 1 + seed % 3)
        world = World(random.Random(seed))
        for number in range(world.chance.randrange(80)):
            world.act(number)
            for _ in range(world.chance.randrange(8)):
                world.step()
        world.rest()
        for room in "rs":
            present = {client.id for _, client in world.clients if room in client.rooms}
            for node in world.nodes:
                if room in node.rooms:
                    self.assertEqual(present, set(node.rooms.members(room)))
                self.assertEqual(0, node.in_flight.held_bytes)
        for _, client in world.clients:
            self.check(world, client)

    def check(self, world: World, client: ConnectedClient) -> None:
        """A client has heard what it had to, each once and in order."""
        got: dict[tuple[str, str], list[str]] = defaultdict(list)
        for message in client.outbox.heard:  # type: ignore[attr-defined]
            if message["message"] not in (ENTERED, LEFT):
                got[message["from"], message["room"]].append(message["message"])
        for (speaker, room), words in got.items():
            self.assertNotEqual(client.id, speaker)
            remaining = iter(world.said[speaker, room])
            self.assertTrue(all(word in remaining for word in words), "doubled or out of order")
        if client.id not in world.moved:
            for speaker, room in world.said:
                if speaker != client.id:
                    expected = set(world.expected[speaker, room, client.id])
                    self.assertEqual(set(), expected - set(got[speaker, room]))
