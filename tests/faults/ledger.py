"""Who has to have heard what: the bookkeeping of clients that talk in rooms.

A speaker numbers what it says while it is in a room (a *visit*). In what the server sends
to it stands who is there when it comes (``roomView``), who comes and who goes, and the
answers to what it said, all in the order in which these things happened. So from the
speaker's side it is known exactly which numbers each of the others has to have heard; from
the other's side, which it did hear.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

Ranges = list[tuple[int, int]]
"""Numbers in their order, as ranges: from the first up to, but not including, the second."""


class Visit:
    """A speaker's stay in a room.

    Args:
        speaker: The speaker's id.
        number: The how manieth of its stays it is.
        members: The ids of those who are there already.

    Attributes:
        said: How many of its messages the server has confirmed.
    """

    def __init__(self, speaker: str, number: int, members: Iterable[str]) -> None:
        self.speaker = speaker
        self.number = number
        self.said = 0
        self._since = dict.fromkeys(members, 0)
        self._since.pop(speaker, None)
        self._heard: dict[str, Ranges] = defaultdict(list)

    def entered(self, member: str) -> None:
        """Somebody came: it hears what is said from now on."""
        self._since[member] = self.said

    def left(self, member: str) -> None:
        """Somebody went: it hears no more."""
        since = self._since.pop(member, None)
        if since is not None:
            extend(self._heard[member], since, self.said)

    def settle(self) -> dict[str, Ranges]:
        """What each member has to have heard since the last call; who is there stays there."""
        present = list(self._since)
        for member in present:
            self.left(member)
        heard, self._heard = self._heard, defaultdict(list)
        self._since = dict.fromkeys(present, self.said)
        return heard


class Ledger:
    """What all clients said and heard.

    Attributes:
        delivered: How many messages were compared.
    """

    def __init__(self) -> None:
        self.delivered = 0
        self._visits: list[Visit] = []
        self._over: set[Visit] = set()
        self._gone: set[str] = set()
        self._cut_short: set[str] = set()
        self._heard: dict[str, dict[tuple[str, int], Ranges]] = {}

    def joins(self, client: str) -> None:
        """A client is there; what it hears counts from now on."""
        self._heard[client] = defaultdict(list)

    def visit(self, speaker: str, number: int, members: Iterable[str]) -> Visit:
        """A client begins to speak in a room; see `Visit`."""
        visit = Visit(speaker, number, members)
        self._visits.append(visit)
        return visit

    def ends(self, visit: Visit) -> None:
        """A client is in that room no longer."""
        self._over.add(visit)

    def leaves(self, client: str, cut_short: bool) -> None:
        """A client has gone.

        Args:
            client: Who.
            cut_short: Whether it has not read all that was sent to it.
        """
        self._gone.add(client)
        if cut_short:
            self._cut_short.add(client)

    def hears(self, listener: str, speaker: str, visit: int, number: int) -> None:
        """A client has heard a message; what strangers say does not count.

        Raises:
            AssertionError: It has heard it before, or a later one of that visit.
        """
        if speaker not in self._heard:
            return
        ranges = self._heard[listener][speaker, visit]
        if ranges and number < ranges[-1][1]:
            raise AssertionError(
                f"{listener} heard {number} of {speaker} after {ranges[-1][1] - 1}"
            )
        extend(ranges, number, number + 1)

    def settle(self) -> None:
        """Compares what was heard with what was said, when all is read that was sent.

        Raises:
            AssertionError: Somebody has not heard all that it had to, or more.
        """
        for visit in self._visits:
            for listener, expected in visit.settle().items():
                if listener in self._heard:
                    self._compare(visit, listener, expected)
        for listener, heard in self._heard.items():
            for (speaker, _), ranges in heard.items():
                # A speaker that went early was not told of all that it said.
                if ranges and speaker not in self._cut_short:
                    raise AssertionError(f"{listener} heard {ranges} of {speaker} beside the rest")
            heard.clear()
        self._visits = [visit for visit in self._visits if visit not in self._over]
        for client in self._gone:
            self._heard.pop(client, None)
        for done in (self._over, self._gone, self._cut_short):
            done.clear()

    def _compare(self, visit: Visit, listener: str, expected: Ranges) -> None:
        heard = self._heard[listener].pop((visit.speaker, visit.number), [])
        if visit.speaker in self._cut_short:
            heard = clip(heard, visit.said)
        if listener in self._cut_short:
            expected = clip(expected, heard[-1][1] if heard else 0)
        if heard != expected:
            raise AssertionError(
                f"{listener} heard {heard} of visit {visit.number} of {visit.speaker}, "
                f"and not {expected}"
            )
        self.delivered += sum(end - start for start, end in heard)


def extend(ranges: Ranges, start: int, end: int) -> None:
    """Adds numbers that come after those that are there."""
    if start < end:
        if ranges and ranges[-1][1] == start:
            start = ranges.pop()[0]
        ranges.append((start, end))


def clip(ranges: Ranges, end: int) -> Ranges:
    """The numbers below one."""
    return [(a, min(b, end)) for a, b in ranges if a < end]
