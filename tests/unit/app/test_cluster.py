"""A process that is alone, as the application meets it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.app.cluster import NoCluster


class NoClusterTests(SynchronousTestCase):
    """`NoCluster`."""

    def test_nobody_else_is_there(self) -> None:
        alone = NoCluster()
        self.assertEqual(([], "", {}), (alone.peers, alone.error, alone.status()))
        self.assertIs(False, alone.send("a" * 32, b"line"))
        self.assertIs(False, alone.join_room("a" * 32, "r"))
        self.assertIs(False, alone.leave_room("a" * 32, "r"))
