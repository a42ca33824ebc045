"""Runs jobs side by side."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from .jobs import ROOT, Job
from .report import Report

SLOTS: Final = 4 * (os.cpu_count() or 1)
"""How many processes run tests at the same time by default; many tests wait for a daemon."""

COVERED: Final = ("-m", "coverage", "run", "--parallel-mode", "-m")
END_SECONDS: Final = 60.0
"""As long a process may take to end after its last job."""

AS_ROOT: Final = (
    *("unshare", "--user", "--map-root-user", "--mount", "--net", "sh", "-c"),
    'mount -t tmpfs tmpfs /run && PATH="$PATH:/usr/sbin:/sbin" ip link set lo up && exec "$@"',
    "sh",
)
"""Before a command that a plain user gives: within it the user is root, of a network of its own."""


class Worker:
    """The handle of one `worker` process.

    Args:
        folder: Where its tests may leave files.
        coverage: Whether to measure its branch coverage.
        as_root: Whether it is root, at least of its own namespaces.

    Attributes:
        as_root: See above.
    """

    def __init__(self, folder: Path, coverage: bool, as_root: bool) -> None:
        self.as_root = as_root
        reader, writer = os.pipe()
        prefix = AS_ROOT if as_root and os.geteuid() != 0 else ()
        how = COVERED if coverage else ("-m",)
        self._output = folder / "output.txt"
        with open(self._output, "wb") as output:
            self._process = subprocess.Popen(
                [*prefix, sys.executable, *how, "tools.testing.worker", str(folder), str(writer)],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                pass_fds=[writer],
                start_new_session=True,
                text=True,
            )
        os.close(writer)
        self._events = os.fdopen(reader, encoding="utf-8")

    def run(self, job: Job, report: Report) -> bool:
        """Run the tests of a job.

        Returns:
            Whether the process can take another job. When it has died, the test that it was
            at has failed; so have those that it did not get to.
        """
        assert self._process.stdin is not None
        current, left = "", dict.fromkeys(job.tests)
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(job.tests), file=self._process.stdin, flush=True)
        for line in self._events:
            event = json.loads(line)
            if "cpu" in event:
                report.cpu(job, event["cpu"])
                break
            if "start" in event:
                current = event["start"]
            else:
                left.pop(event["test"], None)
                report.test(job, event["test"], event["seconds"], event["problems"])
        else:
            self.kill()
            status = self._process.returncode
            tail = self._output.read_text(errors="replace")[-8000:]
            for test in left:
                text = f"the process ended with status {status} at {current or 'its start'}\n{tail}"
                report.test(job, test, 0.0, [text])
            return False
        for test in left:
            report.test(job, test, 0.0, ["the test did not run"])
        return True

    def close(self) -> None:
        """Let the process end, and kill what it has left behind."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError, subprocess.TimeoutExpired):
            self._process.stdin.close()
            self._process.wait(END_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End the process and its children at once."""
        self.end_group()
        self._process.wait()
        self._events.close()

    @property
    def is_running(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def end_group(self) -> None:
        """Kill the process, if it is there, and its children; may be called from any thread."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)


def run(jobs: Sequence[Job], report: Report, slots: int, coverage: bool = False) -> None:
    """Run jobs; those that must be alone come last, one after another.

    Args:
        jobs: The jobs, in the order in which to start them.
        report: Where the results go.
        slots: How many run at the same time.
        coverage: Whether to measure branch coverage, into ``.coverage.*``.
    """
    with tempfile.TemporaryDirectory(prefix="actionhero-tests-") as folder:
        shared = [job for job in jobs if not job.alone]
        alone = [job for job in jobs if job.alone]
        _run_together(shared, report, min(slots, len(shared)), Path(folder), coverage)
        _run_together(alone, report, min(1, len(alone)), Path(folder) / "alone", coverage)


def _run_together(
    jobs: Iterable[Job], report: Report, slots: int, folder: Path, coverage: bool
) -> None:
    queue = iter(jobs)
    lock = threading.Lock()
    workers: list[Worker] = []

    def work(number: int) -> None:
        place = folder / str(number)
        place.mkdir(parents=True)
        worker: Worker | None = None
        while True:
            with lock:
                job = next(queue, None)
            if job is None:
                break
            if job.command:
                _run_command(job, report)
            else:
                if worker is not None and worker.as_root != job.as_root:
                    worker.close()
                    worker = None
                if worker is None:
                    worker = Worker(place, coverage, job.as_root)
                    workers.append(worker)
                if not worker.run(job, report):
                    worker = None
            report.done(job)
        if worker is not None:
            worker.close()

    threads = [threading.Thread(target=work, args=(n,), daemon=True) for n in range(slots)]
    for thread in threads:
        thread.start()
    _join(threads, workers)


def _join(threads: Iterable[threading.Thread], workers: Iterable[Worker]) -> None:
    """Wait for the threads; after Ctrl-C nothing that the tests have started stays."""
    try:
        for thread in threads:
            thread.join()
    except BaseException:
        for worker in workers:
            if worker.is_running:
                worker.end_group()
        raise


def _run_command(job: Job, report: Report) -> None:
    begin = time.monotonic()
    with subprocess.Popen(
        job.command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    problems = [output or f"status {process.returncode}"] if process.returncode else []
    report.test(job, job.name, time.monotonic() - begin, problems)
    report.cpu(job, usage.ru_utime + usage.ru_stime)
