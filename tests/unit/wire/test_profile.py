"""Tests of `actionhero_tcp.wire.profile`."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.wire import json_lines
from actionhero_tcp.wire.profile import PROFILE_2012


class ProfileTests(SynchronousTestCase):
    """`Profile`, and the one of the first dialect."""

    def test_ids_are_32_hex_digits_and_differ(self) -> None:
        ids = {PROFILE_2012.new_id() for _ in range(20)}
        self.assertEqual(20, len(ids))
        for id in ids:
            self.assertRegex(id, r"\A[0-9a-f]{32}\Z")

    def test_room_messages_reach_it_as_they_are(self) -> None:
        line = b'{"message":"hello"}\r\n'
        self.assertIs(line, PROFILE_2012.server_message(line))
        self.assertTrue(PROFILE_2012.is_plain)

    def test_another_form_or_another_audience_is_not_plain(self) -> None:
        self.assertFalse(replace(PROFILE_2012, hears_moves=False).is_plain)
        self.assertFalse(replace(PROFILE_2012, server_message=bytes.upper).is_plain)

    def test_its_goodbyes_and_its_refusal_are_those_of_the_protocol(self) -> None:
        self.assertEqual(json_lines.GOODBYE, PROFILE_2012.goodbye)
        self.assertEqual(json_lines.IDLE_GOODBYE, PROFILE_2012.idle_goodbye)
        self.assertEqual(json_lines.error("no", 3), PROFILE_2012.refusal("no", 3))
