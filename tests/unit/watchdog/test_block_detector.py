"""When the reactor is blocked, by what, and what is logged of it; with no thread and no clock."""

from __future__ import annotations

from itertools import product
from traceback import FrameSummary, StackSummary

from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.stats import Stats
from actionhero_tcp.watchdog.block_detector import MAX_ENDED, REPEAT_SECONDS, BlockDetector
from tests import support

LOOK = 0.052
"""Seconds between looks: a little more than a fifth of 0.25, since threads are never early."""

UNSEEN = 0.234
"""A call of this length, 0.02 s after a beat, has ended when a look would find it too long."""


def stack_of(action: str) -> StackSummary:
    """A stack of one call."""
    return StackSummary.from_list([FrameSummary("x.py", 7, action or "other", line="sleep()")])


def told(text: str, action: str) -> str:
    """A line of the log, with the stack."""
    by = f" by the action {action}" if action else ""
    return f'the reactor {text}{by}:\n  File "x.py", line 7, in {action or "other"}\n    sleep()'


class Slowly:
    """A reactor and a thread that looks at it, in slow motion."""

    def __init__(self) -> None:
        self.stats = Stats()
        self.now = 100.0
        self.cpu = 7.0
        self.running = ""
        self.reads = 0
        self.stalls = BlockDetector(0.25, self.read, self.stats, self.now, self.cpu)
        self.next_look = self.now + LOOK

    def read(self) -> tuple[str, StackSummary]:
        self.reads += 1
        return self.running and f"action {self.running}", stack_of(self.running)

    def beat(self, after: float = 0.0) -> None:
        self.now += after
        self.stalls.beat(self.now)

    def look(self, after: float = LOOK, cpu: float = 0.0) -> bool:
        self.now += after
        self.cpu += cpu
        self.next_look = self.now + LOOK
        return self.stalls.look(self.now, self.cpu)

    def call(self, action: str, seconds: float) -> list[bool]:
        """A request has something called that blocks; gives what the looks give."""
        self.running = action
        self.stats.requests += 1
        end = self.now + seconds
        asked = []
        while self.next_look < end:
            asked.append(self.look(self.next_look - self.now))
        self.now = end
        return asked

    def block(self, action: str, seconds: float, before: float = 0.02) -> None:
        """A call some time after a beat, the beat after it, and the next look."""
        self.beat()
        self.now += before
        self.call(action, seconds)
        self.beat()
        self.look(max(0.0, self.next_look - self.now))

    def rest(self, seconds: float) -> None:
        """The reactor has nothing to do."""
        for _ in range(round(seconds / LOOK)):
            self.beat(LOOK)
            self.look(0)


class StallsTestCase(SynchronousTestCase):
    """Tests with a log."""

    def setUp(self) -> None:
        self.log: list[str] = []
        globalLogPublisher.addObserver(self.observe)
        self.addCleanup(globalLogPublisher.removeObserver, self.observe)
        self.it = Slowly()

    def observe(self, event: LogEvent) -> None:
        self.assertEqual(LogLevel.warn, event["log_level"])
        self.log.append(formatEvent(event))


class StallTests(StallsTestCase):
    """What is logged of one stall."""

    def test_while_beats_come_nothing_is_logged_and_no_stack_read(self) -> None:
        self.it.rest(60)
        self.assertEqual(([], 0, 0), (self.log, self.it.reads, self.it.stats.blocked))

    def test_what_is_short_is_not_logged(self) -> None:
        self.it.block("short", 0.22)
        self.assertEqual(([], 0), (self.log, self.it.stats.blocked))

    def test_what_ends_before_the_next_look_is_logged_whole(self) -> None:
        self.it.block("slow", UNSEEN)
        self.assertEqual([told("was blocked for 0.25 s", "slow")], self.log)
        self.it.rest(60)
        self.assertEqual((1, 1), (len(self.log), self.it.stats.blocked))
        self.assertAlmostEqual(0.254, self.it.stats.blocked_seconds)

    def test_what_is_longer_is_logged_while_it_lasts_and_when_it_ends(self) -> None:
        self.it.beat()
        self.it.call("slow", 0.38)
        self.assertEqual([told("has been blocked for 0.26 s so far", "slow")], self.log)
        self.it.beat()
        self.it.look()
        self.assertEqual(["the reactor goes on after 0.38 s"], self.log[1:])
        self.it.rest(60)
        self.assertEqual((2, 1), (len(self.log), self.it.stats.blocked))

    def test_what_never_ends_is_logged_once(self) -> None:
        self.it.beat()
        self.it.call("slow", 3600)
        self.assertEqual([told("has been blocked for 0.26 s so far", "slow")], self.log)

    def test_it_need_not_be_an_action(self) -> None:
        self.it.block("", 0.38)
        self.assertEqual(told("has been blocked for 0.26 s so far", ""), self.log[0])

    def test_where_no_look_came_in_time_there_is_no_stack(self) -> None:
        self.it.beat(0.5)
        self.it.look(0, cpu=0.5)
        self.assertEqual(["the reactor was blocked for 0.50 s"], self.log)

    def test_a_beat_is_asked_for_once(self) -> None:
        self.it.beat()
        asked = self.it.call("slow", 10)
        self.assertEqual([False, True], asked[:2])
        self.assertNotIn(True, asked[2:])
        self.it.beat()
        self.assertIn(True, self.it.call("slow", 10))

    def test_a_stack_that_was_read_after_the_end_blames_nobody(self) -> None:
        it = self.it

        def read() -> tuple[str, StackSummary]:
            it.beat()
            return "innocent", stack_of("innocent")

        it.stalls._read = read
        it.look(0.4, cpu=0.4)
        it.look()
        self.assertEqual(["the reactor was blocked for 0.40 s"], self.log)

    def test_what_it_shows_is_safe(self) -> None:
        name = "long" * 100
        stack = StackSummary.from_list([FrameSummary("\x1b[31m.py", 1, "x", line="\x07")])
        self.it.stalls._read = lambda: (f"action {name}", stack)
        self.it.block(name, 0.38)
        self.assertIn(f" by the action {name[:73]}…:\n", self.log[0])
        self.assertIn('File "\\x1b[31m.py"', self.log[0])
        self.assertTrue(all(line.isprintable() for line in self.log[0].split("\n")))


class CulpritTests(StallsTestCase):
    """Who is to blame, where one stall is made of several calls."""

    def test_what_ran_before_it_in_the_same_pass_is_not_named(self) -> None:
        self.it.beat()
        self.it.call("first", 0.17)
        self.it.call("slow", 0.38)
        self.it.beat()
        self.it.look()
        self.assertEqual(2, len(self.log))
        self.assertIn(" by the action slow:", self.log[0])

    def test_each_that_takes_too_long_is_named(self) -> None:
        self.it.beat()
        for name in ("one", "two", "three"):
            self.it.call(name, 0.38)
        self.it.beat()
        self.it.look()
        named = [name for name in ("one", "two", "three") if f"action {name}:" in "".join(self.log)]
        self.assertEqual(["one", "two", "three"], named)
        self.assertEqual("the reactor goes on after 1.14 s", self.log[-1])
        self.assertEqual((4, 1), (len(self.log), self.it.stats.blocked))

    def test_one_that_is_over_when_the_next_begins(self) -> None:
        self.it.beat()
        self.it.call("one", 0.255)
        self.it.call("two", 0.04)
        self.it.beat()
        self.it.look()
        self.assertEqual([told("was blocked for 0.26 s", "one")], self.log)

    def test_many_short_ones_are_not_blamed_one_by_one(self) -> None:
        self.it.beat()
        for _ in range(20):
            self.it.call("short", 0.02)
        self.it.beat()
        self.it.look()
        (line,) = self.log
        self.assertIn(
            "was blocked for 0.40 s by several calls, such as this of the action short:\n", line
        )

    def test_the_last_of_some_is_not_blamed_for_the_others(self) -> None:
        self.it.beat()
        for name in ("one", "two", "three"):
            self.it.call(name, 0.14)
        self.it.beat()
        self.it.look()
        (line,) = self.log
        self.assertIn(" by several calls, such as this of the action three:\n", line)

    def test_many_short_ones_without_an_end(self) -> None:
        self.it.beat()
        for _ in range(1000):
            self.it.call("short", 0.02)
        (line,) = self.log
        self.assertIn(
            "blocked for 0.52 s so far by several calls, such as this of the action short:\n", line
        )

    def test_a_long_one_after_many_short_ones(self) -> None:
        self.it.beat()
        for _ in range(50):
            self.it.call("short", 0.02)
        self.it.call("slow", 0.38)
        self.assertEqual(2, len(self.log))
        self.assertIn(" by the action slow:", self.log[1])


class RepeatTests(StallsTestCase):
    """What happens again and again."""

    def test_the_same_action_is_not_logged_again_for_a_while(self) -> None:
        for _ in range(5):
            self.it.block("slow", UNSEEN)
        self.assertEqual((1, 5), (len(self.log), self.it.stats.blocked))
        self.it.rest(REPEAT_SECONDS)
        self.it.block("slow", UNSEEN)
        self.assertEqual(2, len(self.log))
        self.assertIn(" by the action slow (4 more since this was last logged):", self.log[1])
        self.it.rest(REPEAT_SECONDS)
        self.it.block("slow", UNSEEN)
        self.assertIn(" by the action slow:", self.log[-1])

    def test_others_are(self) -> None:
        for name in ("slow", "other", ""):
            self.it.block(name, UNSEEN)
        self.assertEqual(3, len(self.log))

    def test_what_is_not_logged_has_no_end_in_the_log(self) -> None:
        for _ in range(5):
            self.it.block("slow", 0.43)
        self.assertEqual(2, len(self.log))
        self.assertIn("goes on", self.log[1])

    def test_what_goes_on_for_longer_than_that_is_logged(self) -> None:
        self.it.block("slow", 0.38)
        self.log.clear()
        self.it.block("slow", REPEAT_SECONDS + 1)
        self.assertEqual(2, len(self.log))
        self.assertIn("so far by the action slow", self.log[0])


class LateTests(StallsTestCase):
    """Looks that come late."""

    def test_a_process_that_was_stopped_is_not_blocked(self) -> None:
        self.it.running = "innocent"
        for beat_before, beat_after in product((True, False), repeat=2):
            self.it.rest(1)
            if beat_before:
                self.it.beat(0.03)
            self.it.now += 5
            if beat_after:
                self.it.beat()
            self.it.look(0)
            self.it.beat()
            self.it.rest(1)
            self.assertEqual(([], 0), (self.log, self.it.stats.blocked))

    def test_what_ended_just_before_the_stop(self) -> None:
        self.it.beat()
        self.it.call("slow", 0.38)
        self.it.beat()
        self.it.look(5)
        self.it.rest(1)
        self.assertEqual(["the reactor goes on after 0.38 s"], self.log[1:])

    def test_what_blocks_after_such_a_stop_counts(self) -> None:
        self.it.now += 5
        self.it.beat()
        self.it.look(0)
        self.it.call("slow", 0.38)
        self.assertIn("so far by the action slow:", self.log[0])

    def test_the_time_in_which_it_was_stopped_does_not_count(self) -> None:
        self.it.beat()
        self.it.call("short", 0.12)
        self.it.look(5)
        self.it.call("short", 0.06)
        self.it.beat()
        self.it.look()
        self.assertEqual([], self.log)
        self.it.beat()
        self.it.call("slow", 0.2)
        self.it.look(5)
        for _ in range(6):
            self.it.look()
        self.it.beat()
        self.it.look()
        self.assertIn("so far by the action slow:", self.log[0])
        self.assertEqual(["the reactor goes on after 0.52 s"], self.log[1:])

    def test_c_code_that_keeps_the_lock_is_named(self) -> None:
        self.it.beat()
        self.it.running = "regex"
        self.it.look(0.8, cpu=0.8)
        self.assertEqual([told("has been blocked for 0.80 s so far", "regex")], self.log)

    def test_it_is_so_on_a_busy_machine_for_the_time_that_it_had(self) -> None:
        self.it.beat()
        self.it.running = "regex"
        self.it.look(5, cpu=0.8)
        self.assertEqual([told("has been blocked for 0.80 s so far", "regex")], self.log)
        self.it.beat()
        self.it.look()
        self.assertEqual(["the reactor goes on after 0.80 s"], self.log[1:])

    def test_on_a_busy_machine_less_than_that_is_not_named(self) -> None:
        self.it.beat()
        self.it.running = "innocent"
        self.it.look(5, cpu=0.2)
        self.it.beat()
        self.it.rest(1)
        self.assertEqual(([], 0), (self.log, self.it.stats.blocked))

    def test_it_is_so_on_a_busy_server(self) -> None:
        for requests in (50, 50, 40):
            self.it.beat(LOOK)
            self.it.stats.requests += requests
            self.it.running = "regex"
            self.it.look(0)
        self.it.stats.requests += 40
        self.it.look(0.8, cpu=0.8)
        self.assertEqual([told("has been blocked for 0.80 s so far", "regex")], self.log)

    def test_a_look_that_gets_no_turn_beside_many_calls_blames_none_of_them(self) -> None:
        self.it.running = "short"
        for requests, seconds in ((50, LOOK), (280, 0.28), (300, 0.3)):
            self.it.stats.requests += requests
            self.it.look(seconds, cpu=seconds)
        (line,) = self.log
        self.assertIn(" by several calls, such as this of the action short:\n", line)

    def test_stalls_that_ended_before_a_look_are_all_counted(self) -> None:
        for _ in range(3):
            self.it.beat(0.3)
        self.it.look(0, cpu=0.9)
        self.assertEqual(3, self.it.stats.blocked)

    def test_not_more_of_them_are_kept_than_there_is_room_for(self) -> None:
        for _ in range(MAX_ENDED + 5):
            self.it.beat(0.3)
        self.it.look(0, cpu=99)
        self.assertEqual(MAX_ENDED, self.it.stats.blocked)

    @support.PROPERTY
    @given(st.lists(st.tuples(st.floats(0, 2), st.floats(0, 0.1)), max_size=20))
    def test_each_stall_is_counted_once(self, blocks: list[tuple[float, float]]) -> None:
        it = Slowly()
        expected = 0
        for seconds, before in blocks:
            it.rest(0.2)
            it.beat()
            start = it.now
            it.block("slow", seconds, before)
            age = it.now - start
            it.rest(0.2)
            if abs(seconds + before - 0.25) < 0.001:
                return
            expected += seconds + before > 0.25
            self.assertLessEqual(seconds, age)
            self.assertEqual(expected, it.stats.blocked)
