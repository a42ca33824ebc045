"""How many connections may wait for the server to accept them."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.net import backlog


class MostWaitingTests(SynchronousTestCase):
    """`most_waiting`."""

    def test_the_kernel_says_it(self) -> None:
        self.assertEqual(int(backlog.SOMAXCONN.read_text()), backlog.most_waiting())

    def test_where_it_does_not_say_nothing_is_known(self) -> None:
        file = Path(self.mktemp())
        self.patch(backlog, "SOMAXCONN", file)
        self.assertIsNone(backlog.most_waiting())
        file.write_text("many\n")
        self.assertIsNone(backlog.most_waiting())
