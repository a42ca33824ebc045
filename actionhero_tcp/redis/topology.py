"""Finds out which node of a Redis Cluster has which slots, again whenever that may have changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError

from ..clock import Timer, stop
from ..errors import shorten
from .address import RedisAddress
from .connection import MAX_ERROR_CHARACTERS
from .endpoint import TlsFiles, connector
from .query import FAILURES, query
from .slots import SlotMap

LOOK_SECONDS: Final = 0.25
"""The shortest time between two looks at the slots."""

LONGEST_LOOK_SECONDS: Final = 2.0
"""The longest time between two looks while the cluster is unreachable."""


class Topology:
    """The slots of a cluster.

    Args:
        address: Some nodes of the cluster.
        tags: The hash tags whose slots matter.
        reactor: The reactor.
        tls: The files for TLS.
    """

    def __init__(
        self, address: RedisAddress, tags: tuple[str, ...], reactor: Any, tls: TlsFiles
    ) -> None:
        self._address = address
        self._tags = tags
        self._reactor = reactor
        self._tls = tls
        self._places = list(address.cluster)
        self._looking: Deferred[Any] | None = None
        self._timer: Timer | None = None
        self._looked_at = float("-inf")
        self._failures = 0
        self._again = False
        self._stopped = False
        self._on_found: Callable[[SlotMap], object] = lambda found: None
        self._on_failed: Callable[[str], object] = lambda error: None

    def report_to(
        self, on_found: Callable[[SlotMap], object], on_failed: Callable[[str], object]
    ) -> None:
        """Has functions called with what was found, and with an error where nothing was."""
        self._on_found = on_found
        self._on_failed = on_failed

    @property
    def is_idle(self) -> bool:
        """Whether nothing is left: no look, no timer."""
        return self._looking is None and (self._timer is None or not self._timer.active())

    def look(self) -> None:
        """Looks at the slots, soon; what is asked for during a look comes after it."""
        if self._looking is not None:
            self._again = True
        elif not self._stopped and (self._timer is None or not self._timer.active()):
            since = self._reactor.seconds() - self._looked_at
            delay = LOOK_SECONDS * min(1.5**self._failures, LONGEST_LOOK_SECONDS / LOOK_SECONDS)
            self._timer = self._reactor.callLater(max(0.0, delay - since), self._look)

    def settle(self) -> None:
        """All is well: the next look comes soon after it is asked for."""
        self._failures = 0

    def stop(self) -> None:
        """Looks no more."""
        self._stopped = True
        stop(self._timer)
        if self._looking is not None:
            self._looking.cancel()

    def _look(self) -> None:
        self._again = False
        self._failures = min(self._failures + 1, 10)
        looking: Deferred[SlotMap] = Deferred.fromCoroutine(self._ask_all())
        self._looking = looking
        looking.addCallbacks(self._found, self._failed)

    def _found(self, found: SlotMap) -> None:
        self._ended()
        seeds = self._address.cluster
        # A node that was removed is asked no more; those that were configured always are.
        known = dict.fromkeys((*found.nodes, *seeds))
        self._places = [each for each in self._places if each in known]
        self._places += [each for each in known if each not in self._places]
        self._on_found(found)
        if self._again:
            self.look()

    def _failed(self, failure: Any) -> None:
        self._ended()
        if not self._stopped:
            self._on_failed(shorten(failure.getErrorMessage(), MAX_ERROR_CHARACTERS))
            self.look()

    def _ended(self) -> None:
        self._looking = None
        self._looked_at = self._reactor.seconds()

    async def _ask_all(self) -> SlotMap:
        """Asks the nodes one after the other, each look another one first: one may be cut off."""
        errors = []
        for place in tuple(self._places):
            self._places.remove(place)
            self._places.append(place)
            try:
                endpoint = connector(self._address.at(*place), self._tls, self._reactor)
                login, asked = self._address.login, ("CLUSTER", "SLOTS")
                reply = await query(endpoint, login, asked, self._reactor)
                return SlotMap.parse(reply, place, self._tags)
            except FAILURES as error:
                errors.append(f"{place[0]}:{place[1]}: {self._address.redacted(str(error))}")
        raise ConnectError(string=f"no node gives the slots of the cluster ({'; '.join(errors)})")
