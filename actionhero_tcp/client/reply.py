"""What a call of the Twisted client gives: a Deferred that knows how long it may wait."""

from __future__ import annotations

from math import inf

from ..net.quick_deferred import QuickDeferred


class Reply(QuickDeferred):
    """The Deferred of one call; see `roles.Call`.

    Attributes:
        started: When the call was made, in seconds by the clock of the client's reactor.
        timeout: How many seconds it may take.
    """

    started = 0.0
    timeout = inf
