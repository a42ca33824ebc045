"""Tests of `tools.testing`: the runner of the tests."""

from __future__ import annotations

import io
import json
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tools.testing import durations, jobs
from tools.testing.assertions import tests_without_assertion
from tools.testing.guard import Guard
from tools.testing.jobs import Job
from tools.testing.report import Report
from tools.testing.worker import EventResult


class Examples:
    """Tests with every outcome; no test case, so that nobody finds and runs them."""

    class Case(SynchronousTestCase):
        def test_passes(self) -> None:
            """Passes."""

        def test_fails(self) -> None:
            self.fail("the reason")

        def test_skips(self) -> None:
            self.skipTest("no such thing here")  # type: ignore[no-untyped-call]

        def test_groups(self) -> None:
            raise ExceptionGroup("several", [ValueError("the first"), KeyError("the second")])


class JobTests(SynchronousTestCase):
    """What there is to run."""

    def test_a_job_for_each_class(self) -> None:
        found = {job.name: job for job in jobs.find([__name__])}
        job = found[f"{__name__}.JobTests"]
        self.assertEqual("tests/unit/tools/test_testing.py", job.file)
        self.assertIn(self.id(), job.tests)
        self.assertFalse(job.alone)
        self.assertIn(f"{__name__}.ReportTests", found)

    def test_marks_of_a_class(self) -> None:
        found = {job.name: job for job in jobs.find(["tests.docs.test_quickstart", __name__])}
        marked = found["tests.docs.test_quickstart.QuickstartTests"]
        self.assertEqual((True, True), (marked.alone, marked.as_root))
        self.assertFalse(found[f"{__name__}.JobTests"].as_root)

    def test_one_test(self) -> None:
        (job,) = jobs.find([self.id()])
        self.assertEqual((self.id(),), job.tests)

    def test_what_is_not_there_fails(self) -> None:
        (job,) = jobs.find(["tests.unit.nowhere"])
        self.assertEqual(1, len(job.tests))

    def test_a_seed_repeats_an_order(self) -> None:
        found = jobs.find(["tests.unit.tools"])
        self.assertEqual(jobs.shuffle(found, 7), jobs.shuffle(found, 7))
        self.assertNotEqual(jobs.shuffle(found, 7), jobs.shuffle(found, 8))
        names = sorted(name for job in found for name in job.tests)
        self.assertEqual(names, sorted(n for job in jobs.shuffle(found, 7) for n in job.tests))

    def test_the_longest_starts_first(self) -> None:
        place = Path(self.mktemp())
        found = [Job(name, f"tests/unit/{name}.py", (name,)) for name in "abc"]
        durations.remember({"b": 3.0, "c": 1.0, "a": 2.0}, place)
        self.assertEqual("bac", "".join(j.name for j in durations.longest_first(found, place)))
        durations.remember({"a": 4.0}, place)
        self.assertEqual("abc", "".join(j.name for j in durations.longest_first(found, place)))
        place.write_text("nonsense")
        self.assertEqual(3, len(durations.longest_first(found, place)))

    def test_long_ones_are_known_where_nothing_has_run(self) -> None:
        known = Job("tests.docs.test_guide.GuideTests", "tests/docs/test_guide.py", ("one",))
        other = Job("other", "tests/docs/test_other.py", ("one", "two", "three"))
        found = durations.longest_first([other, known], Path(self.mktemp()))
        self.assertEqual([known, other], found)


class ReportTests(SynchronousTestCase):
    """What is printed."""

    def setUp(self) -> None:
        self.jobs = [
            Job("x.A", "tests/x.py", ("x.A.one", "x.A.two")),
            Job("x.B", "tests/x.py", ("x.B.one",)),
        ]
        self.stream = io.StringIO()
        self.report = Report(self.jobs, stream=self.stream)

    def test_a_line_for_each_file_when_all_of_it_has_ended(self) -> None:
        first, second = self.jobs
        self.report.test(first, "x.A.one", 0.5, [])
        self.report.test(first, "x.A.two", 0.25, [])
        self.report.cpu(first, 0.5)
        self.report.done(first)
        self.assertEqual("", self.stream.getvalue())
        self.report.test(second, "x.B.one", 1.0, ["why"])
        self.report.cpu(second, 0.25)
        self.report.done(second)
        self.assertEqual(
            "[3/3] tests/x.py: 2 passed, 1 FAILED, 1.8 s, 0.8 s of CPU\n", self.stream.getvalue()
        )
        self.assertEqual((2, 1), (self.report.passed, self.report.failed))

    def test_failures_come_in_full_with_the_command_that_runs_them_again(self) -> None:
        self.report.test(self.jobs[0], "x.A.one", 0.5, ["one problem", "another"])
        self.report.cpu(self.jobs[0], 12.0)
        self.report.end()
        text = self.stream.getvalue()
        self.assertIn("FAILED x.A.one\n\none problem\nanother\n", text)
        self.assertIn('make test ARGS="x.A.one"', text)
        self.assertTrue(text.endswith("\n12 s of CPU\n\n"), text)

    def test_verbose_names_each_test(self) -> None:
        report = Report(self.jobs, verbose=True, stream=self.stream)
        report.test(self.jobs[0], "x.A.one", 0.5, [])
        report.test(self.jobs[0], "x.A.two", 0.5, ["why"])
        self.assertEqual(
            "[1/3] passed  x.A.one  0.50 s\n[2/3] FAILED  x.A.two  0.50 s\n",
            self.stream.getvalue(),
        )


class EventTests(SynchronousTestCase):
    """What the process that runs the tests says of them."""

    def problems(self, name: str) -> list[str]:
        """What is wrong with one of the examples."""
        events = io.StringIO()
        Examples.Case(name).run(EventResult(events, Guard()))
        start, end = map(json.loads, events.getvalue().splitlines())
        self.assertEqual(start["start"], end["test"])
        return list(end["problems"])

    def test_one_that_passes_has_no_problems(self) -> None:
        self.assertEqual([], self.problems("test_passes"))

    def test_a_failure_has_its_traceback_without_that_of_trial(self) -> None:
        (text,) = self.problems("test_fails")
        self.assertIn("the reason", text)
        self.assertIn("test_testing.py", text)
        self.assertNotIn("/twisted/trial/", text)

    def test_a_skipped_test_has_failed(self) -> None:
        self.assertEqual(["skipped: no such thing here"], self.problems("test_skips"))

    def test_a_group_shows_what_is_in_it(self) -> None:
        (text,) = self.problems("test_groups")
        self.assertIn("the first", text)
        self.assertIn("the second", text)


class GuardTests(SynchronousTestCase):
    """Unit tests neither start processes nor use the network."""

    def test_what_is_found(self) -> None:
        guard = Guard()
        guard.begin("tests.unit.x")
        guard.notice("subprocess.Popen", ("true", ["true"], None, None))
        guard.notice("socket.bind", (None, ("127.0.0.1", 0)))
        guard.notice("socket.bind", (None, "/run/socket"))
        guard.notice("open", ("x", "r", 0))
        self.assertEqual(2, len(guard.found))
        self.assertIn("process", guard.found[0])
        self.assertIn("network", guard.found[1])
        guard.end()
        guard.notice("os.fork", ())
        self.assertEqual(2, len(guard.found))

    def test_other_tests_may(self) -> None:
        guard = Guard()
        guard.begin("tests.process.x")
        guard.notice("os.fork", ())
        self.assertEqual([], guard.found)


HELPED = """
class Base:
    def check(self):
        self.look()

    def look(self):
        assert True


class Tests(Base):
    def test_by_itself(self):
        self.assertEqual(1, 1)

    def test_by_a_helper_of_a_helper(self):
        self.check()

    def test_by_what_it_waits_for(self):
        server.wait_for_log("text")

    def test_by_the_methods_of_a_class(self):
        run(Base)

    def test_nothing(self):
        server.check()
        look = 1
        print(look)

    class Example:
        def test_of_no_test_case(self):
            pass
"""


class AssertionTests(SynchronousTestCase):
    """Each test asserts something."""

    def test_all_do(self) -> None:
        self.assertEqual([], tests_without_assertion(jobs.ROOT / "tests"))

    def test_one_that_does_not_is_found(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        (folder / "test_it.py").write_text(HELPED)
        self.assertEqual(["test_it.py:23 test_nothing"], tests_without_assertion(folder))
