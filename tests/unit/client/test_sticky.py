"""What is set again on a new connection."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.client.dialects import named
from actionhero_tcp.client.sticky import Sticky


class StickyTests(SynchronousTestCase):
    """Params and rooms."""

    def test_the_first_dialect(self) -> None:
        sticky = Sticky(named(2012))
        self.assertEqual([], list(sticky.lines()))
        sticky.add_param(sticky.age, "b", "1")
        sticky.add_param(sticky.age, "a", "2")
        sticky.change("kitchen")
        sticky.change("attic")
        sticky.replace_params()
        lines = [b"paramAdd b=1\n", b"paramAdd a=2\n", b"roomChange attic\n"]
        self.assertEqual(lines, list(sticky.lines()))

    def test_the_later_dialect(self) -> None:
        sticky = Sticky(named(29))
        sticky.add_param(sticky.age, "b", "1")
        for room in "attic", "hall", "attic":
            sticky.enter(room)
        sticky.enter("cellar")
        sticky.leave("cellar")
        sticky.leave("cellar")
        lines = [b"paramAdd b=1\n", b"roomAdd hall\n", b"roomAdd attic\n"]
        self.assertEqual(lines, list(sticky.lines()))

    def test_a_request_in_json_replaces_the_params(self) -> None:
        sticky = Sticky(named(29))
        sticky.add_param(sticky.age, "b", "1")
        asked = sticky.age
        sticky.replace_params()
        self.assertEqual({}, sticky.params)
        # The answer to a request that was made before.
        sticky.add_param(asked, "c", "2")
        self.assertEqual({}, sticky.params)
