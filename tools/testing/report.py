"""What a person sees of a run, and what is remembered of it."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, TextIO

from .jobs import Job

COMMAND: Final = 'make test ARGS="{}"'


@dataclass
class _File:
    """The part of a run that one test file has."""

    waiting: set[str]
    seconds: float = 0.0
    cpu: float = 0.0
    passed: int = 0
    failed: int = 0


@dataclass
class Report:
    """Counts results, prints one line for each file as it ends, and the failures at the end.

    Its methods may be called from any thread.

    Args:
        jobs: What will be run.
        verbose: Whether each test gets a line.
        stream: Where to print.

    Attributes:
        failures: For each test that failed, what went wrong.
        seconds: For each job that ended, its duration.
        passed: How many tests have passed.
        cpu_seconds: The processor time of the tests and of what they started and waited for.
    """

    jobs: Sequence[Job]
    verbose: bool = False
    stream: TextIO = field(default_factory=lambda: sys.stdout)
    failures: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    passed: int = 0
    cpu_seconds: float = 0.0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._files: dict[str, _File] = {}
        for job in self.jobs:
            self._files.setdefault(job.file, _File(set())).waiting.add(job.name)
        self._total = sum(len(job.tests) for job in self.jobs)

    @property
    def failed(self) -> int:
        """How many tests have failed."""
        return len(self.failures)

    def test(self, job: Job, name: str, seconds: float, problems: Iterable[str]) -> None:
        """Record the result of a test.

        Args:
            job: What it belongs to.
            name: Its id.
            seconds: How long it took.
            problems: What went wrong; empty when it passed.
        """
        text = "\n".join(problems)
        with self._lock:
            file = self._files[job.file]
            file.seconds += seconds
            self.seconds[job.name] = self.seconds.get(job.name, 0.0) + seconds
            if text:
                before = self.failures.get(name)
                self.failures[name] = f"{before}\n{text}" if before else text
                file.failed += before is None
            else:
                self.passed += 1
                file.passed += 1
            if self.verbose:
                self._line(f"{'FAILED' if text else 'passed'}  {name}  {seconds:.2f} s")
            else:
                self._status()

    def cpu(self, job: Job, seconds: float) -> None:
        """Record the processor time of a job.

        Args:
            job: The job.
            seconds: What it took.
        """
        with self._lock:
            self.cpu_seconds += seconds
            self._files[job.file].cpu += seconds

    def done(self, job: Job) -> None:
        """Record the end of a job; the last one of a file prints the file's line."""
        with self._lock:
            file = self._files[job.file]
            file.waiting.discard(job.name)
            if not file.waiting:
                counts = f"{file.passed} passed"
                if file.failed:
                    counts += f", {file.failed} FAILED"
                self._line(f"{job.file}: {counts}, {file.seconds:.1f} s, {file.cpu:.1f} s of CPU")

    def end(self) -> None:
        """Print the failures in full, each with the command that runs it again."""
        for name in sorted(self.failures):
            self._line(f"\n{'=' * 80}\nFAILED {name}\n\n{self.failures[name].rstrip()}\n")
            if "." in name:
                self._line(f"Run it again: {COMMAND.format(name)}")
        self._line(f"\n{self.cpu_seconds:.0f} s of CPU\n")

    def _count(self) -> str:
        width = len(str(self._total))
        return f"[{self.passed + self.failed:{width}}/{self._total}]"

    def _line(self, text: str) -> None:
        prefix = f"{self._count()} " if text and not text.startswith(("\n", "Run")) else ""
        clear = "\r\x1b[K" if self.stream.isatty() else ""
        print(f"{clear}{prefix}{text}", file=self.stream, flush=True)

    def _status(self) -> None:
        """On a terminal, keep a count that moves at the end of the output."""
        if self.stream.isatty():
            text = f"{self._count()} {self.failed} failed"[: shutil.get_terminal_size().columns]
            print(f"\r\x1b[K{text}", end="", file=self.stream, flush=True)
