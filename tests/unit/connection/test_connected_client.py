"""Tests of `actionhero_tcp.connection.connected_client`."""

from __future__ import annotations

import weakref
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.connection import connected_client
from actionhero_tcp.errors import ClientError, UnserializableError
from tests.support import PROPERTY, make_connection

KEYS = st.sampled_from(["a", "b", "ü", "☃", "action", "limit", "long key"])


class StateTests(SynchronousTestCase):
    """What a connection knows of its client."""

    def test_ids_are_32_hex_digits(self) -> None:
        self.assertRegex(make_connection().id, r"\A[0-9a-f]{32}\Z")

    def test_ids_differ(self) -> None:
        self.assertEqual(50, len({make_connection().id for _ in range(50)}))

    def test_knows_when_it_connected_in_ms(self) -> None:
        self.patch(connected_client.time, "time", lambda: 1346909099.6875)
        self.assertEqual(1346909099687, make_connection().connected_at)

    def test_starts_with_nothing(self) -> None:
        client = make_connection()
        self.assertEqual(
            ({}, {}, {}, 0, set(), None),
            (
                client.params,
                client.rooms,
                client.attributes,
                client.requests,
                client.pending,
                client.room,
            ),
        )

    def test_is_not_halted_at_first(self) -> None:
        self.assertFalse(make_connection().holds)

    def test_shares_no_state(self) -> None:
        one, other = make_connection(), make_connection()
        one.params["a"] = "1"
        one.attributes["a"] = 1
        one.rooms["a"] = None
        self.assertEqual(({}, {}, {}), (other.params, other.attributes, other.rooms))

    def test_knows_its_requests_that_run(self) -> None:
        one, other = make_connection(), make_connection()
        request, later = cast(Any, object()), cast(Any, object())
        one.action_ended(request)
        one.action_began(request)
        one.action_began(later)
        self.assertEqual(({request, later}, set()), (one.pending, other.pending))
        one.action_ended(request)
        one.action_ended(request)
        self.assertEqual({later}, one.pending)

    def test_shows_its_id_and_address(self) -> None:
        client = make_connection()
        self.assertEqual(f"<ConnectedClient {client.id} of 127.0.0.1:4321>", repr(client))

    def test_can_be_referred_to_weakly(self) -> None:
        client = make_connection()
        self.assertIs(client, weakref.ref(client)())

    def test_takes_no_other_attributes(self) -> None:
        with self.assertRaises(AttributeError):
            make_connection().unknown = 1  # type: ignore[attr-defined]


class SendAndCloseTests(SynchronousTestCase):
    """`Client.send` and `Client.close`."""

    def setUp(self) -> None:
        self.client = make_connection()

    def test_sends_with_the_context_api(self) -> None:
        self.client.send({"a": "☃"})
        self.assertEqual(['{"a":"☃","context":"api"}\r\n'.encode()], self.client.outbox.said)

    def test_leaves_a_context(self) -> None:
        self.client.send({"context": "mine"})
        self.assertEqual([b'{"context":"mine"}\r\n'], self.client.outbox.said)

    def test_refuses_what_is_no_json(self) -> None:
        for value in (1j, float("inf"), {None: 1}, object()):
            self.assertRaises(UnserializableError, self.client.send, {"a": value})
        self.assertEqual([], self.client.outbox.said)

    def test_closes_by_its_owner(self) -> None:
        self.client.close()
        self.client.close("quit")
        self.assertEqual(["closed by the application", "quit"], self.client.owner.closed)


class StickyParamsTests(SynchronousTestCase):
    """The setting and forgetting of sticky params."""

    def setUp(self) -> None:
        self.client = make_connection()

    def set(self, key: str, value: str = "", count: int = 100, size: int = 10_000) -> None:
        """Sets a param."""
        self.client.set_param(key, value, count, size)

    def refused(self, key: str, value: str, expected: str, **limits: int) -> None:
        """Checks that a param cannot be set, and that nothing changed."""
        before = list(self.client.params.items())
        error = self.assertRaises(ClientError, self.set, key, value, **limits)
        self.assertEqual(expected, error.text)
        self.assertEqual(before, list(self.client.params.items()))

    def test_sets(self) -> None:
        self.set("a", "x = y ")
        self.assertEqual({"a": "x = y "}, self.client.params)

    def test_keeps_the_order_in_which_they_came(self) -> None:
        for key in "bac":
            self.set(key)
        self.set("a", "again")
        self.assertEqual(["b", "a", "c"], list(self.client.params))

    def test_overwrites(self) -> None:
        self.set("a", "1")
        self.set("a", "2")
        self.assertEqual({"a": "2"}, self.client.params)

    def test_deletes(self) -> None:
        self.set("a")
        self.set("b")
        self.client.delete_param("a")
        self.assertEqual({"b": ""}, self.client.params)

    def test_deletes_what_is_not_there(self) -> None:
        self.client.delete_param("a")
        self.assertEqual({}, self.client.params)

    def test_deletes_all(self) -> None:
        self.set("a")
        self.set("b")
        self.client.delete_params()
        self.assertEqual({}, self.client.params)

    def test_holds_as_many_as_are_allowed(self) -> None:
        for key in "abc":
            self.set(key, count=3)
        self.refused("d", "", "a connection can hold at most 3 params", count=3)

    def test_a_full_connection_can_overwrite(self) -> None:
        for key in "abc":
            self.set(key, count=3)
        self.set("b", "new", count=3)
        self.assertEqual("new", self.client.params["b"])

    def test_a_full_connection_has_room_again(self) -> None:
        for key in "abc":
            self.set(key, count=3)
        self.client.delete_param("a")
        self.set("d", count=3)
        self.assertEqual(["b", "c", "d"], list(self.client.params))

    def test_action_limit_and_offset_do_not_count(self) -> None:
        for key in ("action", "a", "limit", "b", "offset", "c"):
            self.set(key, count=3)
        self.refused("d", "", "a connection can hold at most 3 params", count=3)

    def test_a_full_connection_takes_action_limit_and_offset(self) -> None:
        for key in ("a", "b", "c", "action", "limit", "offset"):
            self.set(key, count=3)
        self.assertEqual(6, len(self.client.params))

    def test_holds_as_many_bytes_as_are_allowed(self) -> None:
        self.set("key", "x" * 7, size=10)
        self.assertEqual("x" * 7, self.client.params["key"])

    def test_holds_no_byte_more(self) -> None:
        text = "the params of a connection can take at most 10 bytes"
        self.refused("key", "x" * 8, text, size=10)
        self.set("a", "x" * 5, size=10)
        self.refused("b", "x" * 4, text, size=10)
        self.set("b", "x" * 3, size=10)

    def test_counts_bytes_not_characters(self) -> None:
        text = "the params of a connection can take at most 10 bytes"
        self.refused("ü", "☃☃☃", text, size=10)
        self.refused("☃☃", "ab☃", text, size=10)
        self.set("ü", "a☃☃b", size=10)
        self.refused("x", "", text, size=10)

    def test_what_is_overwritten_counts_no_more(self) -> None:
        for _ in range(100):
            self.set("key", "x" * 7, size=10)
            self.set("key", "y", size=10)
        self.set("b", "x" * 5, size=10)
        self.refused("c", "", "the params of a connection can take at most 10 bytes", size=10)

    def test_what_is_deleted_counts_no_more(self) -> None:
        for _ in range(100):
            self.set("key", "x" * 7, size=10)
            self.client.delete_param("key")
        for _ in range(100):
            self.set("key", "x" * 7, size=10)
            self.client.delete_params()
        self.set("key", "x" * 7, size=10)
        self.refused("b", "x", "the params of a connection can take at most 10 bytes", size=10)

    def test_a_refused_param_counts_for_nothing(self) -> None:
        text = "the params of a connection can take at most 10 bytes"
        for _ in range(3):
            self.refused("key", "x" * 8, text, size=10)
        self.set("key", "x" * 7, size=10)

    def test_action_limit_and_offset_count_for_their_bytes(self) -> None:
        text = "the params of a connection can take at most 10 bytes"
        self.refused("action", "hello", text, size=10)
        self.set("action", "hell", size=10)

    def test_numbers_among_them_do_no_harm(self) -> None:
        self.client.params["limit"] = 100
        self.set("key", "x" * 30, size=40)
        self.refused(
            "key", "x" * 50, "the params of a connection can take at most 40 bytes", size=40
        )

    @PROPERTY
    @given(
        st.lists(
            st.tuples(KEYS, st.none() | st.text(max_size=12)) | st.tuples(st.none(), st.none()),
            max_size=30,
        )
    )
    def test_refuses_only_what_is_too_much(
        self, steps: list[tuple[str | None, str | None]]
    ) -> None:
        self.setUp()
        model: dict[str, str] = {}
        for key, value in steps:
            if key is None:
                self.client.delete_params()
                model.clear()
            elif value is None:
                self.client.delete_param(key)
                model.pop(key, None)
            else:
                changed = {**model, key: value}
                counted = len(changed.keys() - {"action", "limit", "offset"})
                size = sum(len((k + v).encode()) for k, v in changed.items())
                if counted > 3 or size > 30:
                    self.assertRaises(ClientError, self.set, key, value, 3, 30)
                else:
                    self.set(key, value, 3, 30)
                    model = changed
            self.assertEqual(list(model.items()), list(self.client.params.items()))
