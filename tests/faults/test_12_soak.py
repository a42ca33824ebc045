"""Many clients that chat, run actions, fetch files, change rooms, come and go, and misbehave."""

from __future__ import annotations

import random
import sys
import time
from collections import deque

from tests.faults.bots import FILES, Account, Bot, Junkie
from tests.faults.counts import FULL, SOAK_CLIENTS, SOAK_ROUND_SECONDS, SOAK_SECONDS
from tests.faults.crowd import BATCH
from tests.faults.fuzz import Source
from tests.faults.harness import FaultTestCase, Stopwatch, mib, reasons
from tests.support.integration import MEGABYTE

SEED = 12
ROUNDS = max(2, round(SOAK_SECONDS / SOAK_ROUND_SECONDS))
OUTSTANDING = 300
"""So many requests wait for their answers at most before another client acts."""

CLIENTS_OF_A_ROOM = 50
STALL_SECONDS = 1.0
JUNKIES = 10
ACTS_BETWEEN_JUNK = 500
"""After so many acts somebody connects and sends junk."""

MOST_GROWTH = 16 * MEGABYTE
"""As much more may be in use in the second half of the rounds than in the first, in which
buffers of the connections come to the size that they keep."""


class SoakTests(FaultTestCase):
    """No request is left unanswered, no message lost or doubled, and the memory stays flat."""

    number = 12

    def test_soak(self) -> None:
        self.begin(
            "--no-log-requests",
            files={f"public/{name}": content for name, content in FILES.items()},
        )
        idle = self.state()
        self.chance = random.Random(SEED)
        rooms = max(2, SOAK_CLIENTS // CLIENTS_OF_A_ROOM)
        self.account = Account(bool(self.pair) or self.web, rooms, self.chance)
        self.source = Source(SEED)
        self.bots: list[Bot] = []
        self.junkies: deque[Junkie] = deque()
        used = []
        watch = Stopwatch()
        for number in range(1, ROUNDS + 1):
            self.play(SOAK_ROUND_SECONDS)
            self.rest()
            used.append(self.used_memory())
            if FULL:
                print(self.progress(number, used[-1]), file=sys.stderr, flush=True)
        seconds = watch.seconds
        self.assertEqual(self.probe()["connections"], SOAK_CLIENTS + idle.connections)
        for each in self.bots:
            each.quit()
        self.crowd.until(lambda: not self.crowd.peers, "the end of all")
        self.assert_back(idle)
        half = len(used) // 2
        self.assertLess(max(used[half:]) - max(used[:half]), MOST_GROWTH)
        counts = self.account.counts
        self.note(
            f"{SOAK_CLIENTS:,} clients in {rooms} rooms chat, run actions, fetch files, change "
            "rooms, come and go; some reset in mid-line, close one side only, stop reading for a "
            "while, or send junk",
            f"in {seconds:.0f} s {counts['answers']:,} answers, one for each request, and "
            f"{self.account.ledger.delivered:,} messages to members, none lost, doubled or out of "
            f"order; {counts['gone']:,} clients went ({reasons(self.closed())}); memory in use "
            f"{mib(max(used[:half]))} at most in the first half of that time, "
            f"{mib(max(used[half:]))} in the second; nothing left behind",
        )
        self.finish()

    def progress(self, number: int, used: int) -> str:
        """A line for who waits."""
        counts, delivered = self.account.counts, self.account.ledger.delivered
        return (
            f"round {number} of {ROUNDS}: {counts['answers']:,} answers, "
            f"{delivered:,} messages, {counts['gone']:,} gone, {mib(used)}"
        )

    def play(self, seconds: float) -> None:
        """Has the clients do things for a while; who is gone is replaced."""
        end = time.monotonic() + seconds
        stalled: deque[tuple[float, Bot]] = deque()
        acts = 0
        while (now := time.monotonic()) < end:
            self.replace()
            for _ in range(OUTSTANDING - sum(len(each.waiting) for each in self.bots)):
                bot = self.chance.choice(self.bots)
                if bot.action_done and not (bot.leaving or bot.stalled or bot.end):
                    bot.act()
                    acts += 1
                    if bot.stalled:
                        stalled.append((now + STALL_SECONDS, bot))
                    if acts % ACTS_BETWEEN_JUNK == 0:
                        self.send_junk()
            while stalled and stalled[0][0] < now:
                stalled.popleft()[1].wake()
            self.crowd.write_batch(0.01)
        for _, bot in stalled:
            bot.wake()

    def replace(self) -> None:
        """Lets new clients in for those who are gone, a few at a time."""
        self.bots = [each for each in self.bots if not each.end]
        coming = sum(not each.id for each in self.bots)
        for _ in range(min(BATCH - coming, SOAK_CLIENTS - len(self.bots))):
            self.bots.append(self.crowd.add(Bot, self.account))

    def send_junk(self) -> None:
        """Somebody sends junk; somebody who did so before is gone."""
        self.junkies.append(self.crowd.add(Junkie, self.source, self.chance.randrange(1, 50)))
        if len(self.junkies) > JUNKIES:
            self.junkies.popleft().reset()

    def rest(self) -> None:
        """Has all requests answered and all messages read, and compares what was heard."""
        for junkie in self.junkies:
            junkie.reset()
        self.junkies.clear()

        def over() -> bool:
            self.replace()
            # One that has its last answer may not have seen yet that the connection is closed.
            resting = sum(
                each.action_done and not each.waiting and not each.leaving for each in self.bots
            )
            return resting == SOAK_CLIENTS

        self.crowd.until(over, "answers")
        for each in self.bots:
            each.use_params()
        self.crowd.until(over, "what was said before")
        self.account.ledger.settle()


class SoakTLSTests(SoakTests):
    """The same over TLS."""

    pair = "ec"


class SoakWebSocketTests(SoakTests):
    """The same over WebSocket."""

    web = True
