"""`client.reply`."""

from __future__ import annotations

from math import inf

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.client.reply import Reply


class ReplyTests(SynchronousTestCase):
    """The Deferred of a call."""

    def test_it_may_wait_for_ever_unless_it_is_told(self) -> None:
        reply = Reply()
        self.assertEqual((0.0, inf), (reply.started, reply.timeout))

    def test_it_succeeds_or_fails(self) -> None:
        good, bad = Reply(), Reply()
        good.succeed(1)
        bad.fail(ValueError("no"))
        self.assertEqual(1, self.successResultOf(good))
        self.failureResultOf(bad, ValueError)
