"""A process that runs tests.

It reads jobs from standard input, each a line: a JSON list of test ids. It writes events to
the descriptor that its argument names, each a line: a JSON object. ``start`` names a test that
begins; ``test`` names one that has ended, with ``seconds`` and ``problems``, a list of texts
that is empty when it passed; ``cpu`` ends a job: the seconds of processor time that it took,
children that have ended included.

Usage: python -m tools.testing.worker FOLDER EVENTS-DESCRIPTOR
"""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import sys
import time
import traceback
from pathlib import Path
from typing import IO, Any, Final

from twisted.python import log
from twisted.python.failure import Failure
from twisted.trial.reporter import TestResult
from twisted.trial.runner import LoggedSuite, TestLoader, TrialSuite

from .guard import Guard

HUNG_SECONDS: Final = 300.0
"""A test that has not ended by then is taken to hang; the process ends with its stacks."""


class EventResult(TestResult):
    """Writes what happens to the tests as events.

    Args:
        events: Where to.
        guard: Notices what a unit test may not do.
    """

    def __init__(self, events: IO[str], guard: Guard) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._events = events
        self._guard = guard
        self._current = ""
        self._problems: list[str] = []
        self._began = 0.0

    def send(self, **event: object) -> None:
        """Write one event."""
        self._events.write(json.dumps(event) + "\n")
        self._events.flush()

    def startTest(self, test: Any) -> None:
        """See `unittest.TestResult.startTest`."""
        super().startTest(test)  # type: ignore[no-untyped-call]
        faulthandler.dump_traceback_later(HUNG_SECONDS, exit=True)
        self._current = test.id()
        self._problems = []
        self._began = time.monotonic()
        self._guard.begin(self._current)
        self.send(start=self._current)

    def stopTest(self, test: Any) -> None:
        """See `unittest.TestResult.stopTest`."""
        super().stopTest(test)  # type: ignore[no-untyped-call]
        faulthandler.cancel_dump_traceback_later()
        self._guard.end()
        self._problems += dict.fromkeys(self._guard.found)
        self._current = ""
        seconds = time.monotonic() - self._began
        self.send(test=test.id(), seconds=seconds, problems=self._problems)

    def addError(self, test: Any, error: Any) -> None:
        """See `unittest.TestResult.addError`."""
        super().addError(test, error)
        self._add(test, _shown(self.errors.pop()[1]))

    def addFailure(self, test: Any, fail: Any) -> None:
        """See `unittest.TestResult.addFailure`."""
        super().addFailure(test, fail)  # type: ignore[no-untyped-call]
        self._add(test, _shown(self.failures.pop()[1]))

    def addSkip(self, test: Any, reason: Any) -> None:
        """See `unittest.TestResult.addSkip`; a skipped test counts as failed."""
        super().addSkip(test, reason)  # type: ignore[no-untyped-call]
        self._add(test, f"skipped: {reason}")

    def addUnexpectedSuccess(self, test: Any, todo: Any = None) -> None:
        """See `unittest.TestResult.addUnexpectedSuccess`."""
        super().addUnexpectedSuccess(test, todo)  # type: ignore[no-untyped-call]
        self._add(test, f"passed against expectation: {todo}")

    def _add(self, test: Any, problem: str) -> None:
        if self._current:
            self._problems.append(problem)
        else:
            # Outside of any test: a module that cannot be imported, an error that was logged.
            self.send(test=test.id(), seconds=0.0, problems=[problem])


def _shown(failure: object) -> str:
    """Format a failure, without the frames of the test library."""
    if not isinstance(failure, Failure):
        return str(failure)
    if isinstance(failure.value, BaseExceptionGroup):
        # Only Python shows the exceptions in a group.
        lines = "".join(traceback.format_exception(failure.value)).splitlines()
    else:
        lines = failure.getTraceback().splitlines()
    shown: list[str] = []
    skip = False
    for line in lines:
        if line.lstrip().startswith('File "'):
            skip = any(part in line for part in ("/twisted/trial/", "/unittest/"))
        elif not line.startswith("    "):
            skip = False
        if not skip:
            shown.append(line)
    return "\n".join(shown)


def cpu_seconds() -> float:
    """Return the processor time that this process and its ended children have taken."""
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def main() -> None:
    """Run jobs until standard input ends."""
    folder, descriptor = Path(sys.argv[1]), int(sys.argv[2])
    # Processes that tests start must inherit neither the jobs nor the events.
    os.set_inheritable(descriptor, False)
    events = os.fdopen(descriptor, "w", encoding="utf-8")
    jobs = os.fdopen(os.dup(0), encoding="utf-8")
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    faulthandler.enable()
    os.chdir(folder)
    with open("test.log", "w", encoding="utf-8") as file:
        log.startLoggingWithObserver(log.FileLogObserver(file).emit, setStdout=False)
        loader = TestLoader()
        guard = Guard()
        guard.install()
        result = EventResult(events, guard)
        now = 0.0
        for line in jobs:
            suite = LoggedSuite([loader.loadByName(name) for name in json.loads(line)])
            suite.run(result)
            before, now = now, cpu_seconds()
            result.send(cpu=now - before)
        # Ends the reactor's threads.
        TrialSuite().run(result)


if __name__ == "__main__":
    main()
