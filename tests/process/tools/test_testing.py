"""Whole runs of `tools.testing`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support import PATIENCE, ROOT, wait_for

MODULE = """
import os
import sys

from twisted.trial.unittest import SynchronousTestCase


class GoodTests(SynchronousTestCase):
    def test_good(self):
        self.assertEqual("", sys.stdin.read())

    def test_other(self):
        pass


class BadTests(SynchronousTestCase):
    def test_fails(self):
        self.fail("the reason")


class CrashTests(SynchronousTestCase):
    def test_crashes(self):
        print("its last words", flush=True)
        os._exit(3)
"""


HANGING = """
import os
import signal
import subprocess
import time

from twisted.trial.unittest import SynchronousTestCase


class HangingTests(SynchronousTestCase):
    def test_hangs(self):
        child = subprocess.Popen(["sleep", "600"])
        with open(os.environ["PIDS"], "w") as file:
            file.write(f"{os.getpid()} {child.pid}")
        time.sleep(600)
"""


def read_words(path: Path, count: int) -> list[str]:
    """The words in a file, once there are so many."""
    words = path.read_text().split() if path.exists() else []
    return words if len(words) == count else []


def is_alive(pid: int) -> bool:
    """Whether a process runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class RunTests(SynchronousTestCase):
    """The exit status and the last line of a run, whatever happens in it."""

    def run_tests(self, *arguments: str, module: str = "tools.testing") -> tuple[int, str]:
        """The exit status and output of a run."""
        folder = Path(self.mktemp())
        folder.mkdir()
        (folder / "examples.py").write_text(MODULE)
        ended = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(folder.absolute())},
            capture_output=True,
            text=True,
            timeout=4 * PATIENCE,
        )
        self.assertEqual("", ended.stderr)
        return ended.returncode, ended.stdout

    def test_a_run_that_is_interrupted_leaves_nothing(self) -> None:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        (folder / "examples.py").write_text(HANGING)
        for number in (signal.SIGINT, signal.SIGTERM):
            running = subprocess.Popen(
                # In the background of a shell, nobody would hear of SIGINT.
                ["env", "--default-signal=INT", sys.executable, "-m", "tools.testing", "examples"],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(folder), "PIDS": str(folder / "pids")},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            self.addCleanup(running.wait)
            self.addCleanup(running.kill)
            pids = wait_for(lambda: read_words(folder / "pids", 2), "a test that hangs")
            running.send_signal(number)
            self.assertNotEqual(0, running.wait(PATIENCE))
            for pid in pids:
                wait_for(lambda pid=pid: not is_alive(int(pid)), "the end of all")
            (folder / "pids").unlink()

    def test_all_passed(self) -> None:
        status, output = self.run_tests("examples.GoodTests")
        self.assertEqual(0, status, output)
        self.assertEqual("2 passed, 0 failed", output.splitlines()[-1])

    def test_some_failed(self) -> None:
        status, output = self.run_tests("examples.GoodTests", "examples.BadTests")
        self.assertEqual(1, status, output)
        self.assertEqual("2 passed, 1 failed", output.splitlines()[-1])
        self.assertIn("the reason", output)
        self.assertIn('Run it again: make test ARGS="examples.BadTests.test_fails"', output)

    def test_a_process_that_dies_fails_its_test_and_the_others_go_on(self) -> None:
        status, output = self.run_tests("--jobs=1", "examples")
        self.assertEqual(1, status, output)
        self.assertEqual("2 passed, 2 failed", output.splitlines()[-1])
        self.assertIn("the process ended with status 3 at examples.CrashTests", output)
        self.assertIn("its last words", output)

    def test_what_is_not_there(self) -> None:
        status, output = self.run_tests("examples.NoTests")
        self.assertEqual(1, status, output)
        self.assertEqual("0 passed, 1 failed", output.splitlines()[-1])

    def test_many_runs_count_each_failure(self) -> None:
        arguments = ("--times=3", "--load=1", "--random=1", "examples.GoodTests")
        status, output = self.run_tests(*arguments, module="tools.testing.flaky")
        self.assertEqual(0, status, output)
        self.assertIn("run 1 of 3, under load: 2 passed, 0 failed", output)
        status, output = self.run_tests(
            *arguments, "examples.BadTests", module="tools.testing.flaky"
        )
        self.assertEqual(1, status, output)
        self.assertIn("examples.BadTests.test_fails: failed 3 times in 3 runs", output)
        self.assertEqual(1, output.count("FailTest: the reason"))
