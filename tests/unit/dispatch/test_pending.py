"""How many actions of one client run at once."""

from __future__ import annotations

from typing import Any, cast

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.dispatch.pending import PendingLimit
from actionhero_tcp.errors import LimitError
from tests.support import make_connection, make_live


class PendingLimitTests(SynchronousTestCase):
    """`PendingLimit`, with two actions that run."""

    def limit(self, **general: Any) -> PendingLimit:
        """A limit with these settings."""
        self.connection = make_connection()
        self.connection.pending = {cast(Any, object()), cast(Any, object())}
        return PendingLimit(make_live({("general", name): v for name, v in general.items()}))

    def test_one_more_waits(self) -> None:
        limit = self.limit(simultaneous_actions=2)
        limit.check(self.connection)
        self.assertEqual(2, limit.most())

    def test_the_limit_of_all_dialects_holds_too(self) -> None:
        self.assertEqual(100, self.limit(simultaneous_actions=500).most())

    def test_one_more_is_refused(self) -> None:
        limit = self.limit(simultaneous_actions=2, pending_actions_policy="refuse")
        error = self.assertRaises(LimitError, limit.check, self.connection)
        self.assertEqual("you have too many pending requests", error.text)
        self.assertEqual(3, limit.most())
        self.limit(simultaneous_actions=3, pending_actions_policy="refuse").check(self.connection)
