"""What clients leave with the server for long: half lines, cache entries, rooms, sticky params."""

from __future__ import annotations

import socket

from tests.faults.counts import CACHE_VALUES, FULL, HALF_LINES, PARAM_SETS, ROOMS_OVER_TIME
from tests.faults.crowd import BATCH, Bystander, Crowd, LinePeer
from tests.faults.harness import FaultTestCase, mib, reasons
from tests.support.integration import MEGABYTE

ALL = 16 * MEGABYTE
"""`maxMemory` here."""

CACHE = 8 * MEGABYTE
"""`maxCacheBytes` here."""

SLACK = 24 * MEGABYTE

HALF = b"x" * 64_000

PARAMS = b"".join(b"paramAdd key%d=%b\n" % (number, b"x" * 150) for number in range(100))
"""As many params as a client may have, and nearly as many bytes."""

ROOMS_AT_ONCE = 500

FILL = """
from actionhero_tcp import action


@action
async def fill(api, connection, *, number: int):
    await api.cache.save(f"key{number}", "x" * 1_000_000)
    return {"objects": await api.cache.size()}
"""


class Keeper(LinePeer):
    """Leaves something with the server.

    Attributes:
        answers: How many answers it got.
    """

    def __init__(self, crowd: Crowd, stream: socket.socket, data: bytes) -> None:
        super().__init__(crowd, stream)
        self.answers = 0
        self.send(data)

    def received(self, data: bytes) -> None:
        if self.welcomed or b"no memory left" not in data:
            super().received(data)

    def line(self, line: bytes) -> None:
        self.answers += b'"context":"response"' in line

    @property
    def settled(self) -> bool:
        """Whether it was let in, or closed."""
        return self.welcomed or bool(self.end)


class WhatStaysTests(FaultTestCase):
    """Memory stays within the budget, and comes back."""

    number = 20

    def gather(self, count: int, data: bytes) -> list[Keeper]:
        """Has so many clients connect and send this, one batch after the other."""
        keepers = []
        for number in range(1, count + 1):
            keepers.append(self.crowd.add(Keeper, data))
            if number % BATCH == 0:
                self.crowd.until(lambda: all(each.settled for each in keepers), "an answer")
        self.crowd.until(lambda: all(each.settled for each in keepers), "an answer")
        return keepers

    def play(self, count: int, data: bytes, what: str) -> None:
        self.begin("--no-log-requests", "--announce-limit=0", f"--max-memory={ALL}")
        idle = self.state()
        (bystander,) = self.crowd.gather(1, Bystander)
        before = self.reset_peak()
        keepers = self.gather(count, data)
        self.crowd.run(1)
        grown = self.peak() - before
        self.assertLess(grown, ALL + SLACK)
        answers = bystander.answers
        self.crowd.until(lambda: bystander.answers > answers + 10, "another's answers")
        self.assertEqual("", bystander.end)
        refused = sum(not each.welcomed for each in keepers)
        limits, closed = self.limits(), self.closed()
        self.assertGreater(limits.get("maxMemory", 0), 0)
        for each in keepers:
            each.close()
        bystander.close()
        self.assert_back(idle)
        late = self.crowd.gather(5, Bystander)
        self.crowd.until(lambda: all(each.answers for each in late), "answers for new clients")
        self.note(
            f"{count:,} clients {what} (`maxMemory` {mib(ALL)})",
            f"memory grew by {mib(grown)}; {count - refused:,} were let in and {refused:,} "
            f"refused, {reasons(closed) or 'none'} ended meanwhile; another was served; when they "
            "had gone, new ones were let in and nothing was left behind",
        )
        self.finish()

    def some(self, count: int) -> int:
        """All of them over TCP; fewer where each takes longer to connect."""
        return count // 4 if FULL and (self.pair or self.web) else count

    def test_half_lines(self) -> None:
        self.play(self.some(HALF_LINES), HALF, "each send 64 KB of a line, and not its end")

    def test_sticky_params(self) -> None:
        self.play(self.some(PARAM_SETS), PARAMS, "each set as many sticky params as they may")

    def test_cache(self) -> None:
        self.begin(
            "--no-log-requests",
            f"--max-cache-bytes={CACHE}",
            f"--max-memory={4 * CACHE}",
            files={"actions/fill.py": FILL},
        )
        before, objects = self.reset_peak(), 0
        for number in range(CACHE_VALUES):
            objects = self.observer.ask_json("fill", number=number)["objects"]
        grown = self.peak() - before
        self.assertLess(grown, CACHE + SLACK)
        self.assertEqual(CACHE // 1_000_600, objects)
        self.note(
            f"{CACHE_VALUES:,} values of 1 MB go into the cache (`maxCacheBytes` {mib(CACHE)})",
            f"the last {objects} stay; memory grew by {mib(grown)}",
        )
        self.finish()

    def test_rooms(self) -> None:
        self.begin("--no-log-requests")
        idle = self.state()
        (keeper,) = self.crowd.gather(1, Keeper, b"")
        before = self.used_memory()
        for first in range(0, ROOMS_OVER_TIME, ROOMS_AT_ONCE):
            lines = (b"roomChange room%d\n" % n for n in range(first, first + ROOMS_AT_ONCE))
            keeper.send(b"".join(lines))
            expected = first + ROOMS_AT_ONCE
            self.crowd.until(lambda expected=expected: keeper.answers == expected, "answers")  # type: ignore[misc]
        grown = self.used_memory() - before
        self.assertEqual(idle.rooms + 1, self.state().rooms)
        self.assertLess(grown, 4 * MEGABYTE)
        keeper.close()
        self.assert_back(idle)
        self.note(
            f"A client is in {ROOMS_OVER_TIME:,} rooms, one after the other",
            f"one room stays; memory in use grew by {mib(grown)}",
        )
        self.finish()


class WhatStaysTLSTests(WhatStaysTests):
    """The same over TLS."""

    pair = "ec"


class WhatStaysWebSocketTests(WhatStaysTests):
    """The same over WebSocket."""

    web = True
