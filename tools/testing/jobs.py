"""What there is to run: the tests, class by class, and the lints."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from twisted.trial.runner import TestLoader

ROOT: Final = Path(__file__).parent.parent.parent
BIN: Final = Path(sys.executable).parent


@dataclass(frozen=True)
class Job:
    """Tests that one process runs in a row.

    Attributes:
        name: The class of the tests, or the name of the lint.
        file: What the line of the report says: a test file, or a lint's name.
        tests: The ids of the tests; the name alone for a lint.
        command: The command of a lint; empty for tests.
        alone: Whether nothing else may run at the same time.
        as_root: Whether the tests make namespaces, which only root can.
    """

    name: str
    file: str
    tests: tuple[str, ...]
    command: tuple[str, ...] = ()
    alone: bool = False
    as_root: bool = False


def lints() -> list[Job]:
    """Return the lints and type checks; each counts as one test."""
    commands = (
        ("ruff format", (str(BIN / "ruff"), "format", "--check", ".")),
        ("ruff check", (str(BIN / "ruff"), "check", "--quiet", ".")),
        ("mypy", (str(BIN / "mypy"),)),
    )
    return [Job(name, name, (name,), command) for name, command in commands]


def find(names: Sequence[str]) -> list[Job]:
    """Find the tests below packages, modules, classes or test methods, a job for each class.

    A class whose attribute ``alone`` is true measures the machine itself: nothing runs
    beside it. One whose attribute ``as_root`` is true makes namespaces.

    Args:
        names: Dotted names.
    """
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    loader = TestLoader()
    classes: dict[str, dict[str, Any]] = {}
    for name in names:
        for test in _cases(loader.loadByName(name, recurse=True)):
            identity = test.id()
            owner = identity.rpartition(".")[0] if hasattr(test, "_testMethodName") else identity
            classes.setdefault(owner, {})[identity] = test
    return [_job(name, tests) for name, tests in classes.items()]


def shuffle(jobs: Iterable[Job], seed: int) -> list[Job]:
    """Return the jobs in random order, each with its tests in random order.

    Args:
        jobs: The jobs.
        seed: The same seed gives the same order.
    """
    dice = random.Random(seed)
    mixed = [replace(job, tests=tuple(dice.sample(job.tests, len(job.tests)))) for job in jobs]
    dice.shuffle(mixed)
    return mixed


def _job(name: str, tests: dict[str, Any]) -> Job:
    kind = type(next(iter(tests.values())))
    module = sys.modules.get(kind.__module__)
    file = getattr(module, "__file__", None) or name
    if Path(file).is_relative_to(ROOT / "tests"):
        name_of_file = str(Path(file).relative_to(ROOT))
    else:
        name_of_file = name
    return Job(
        name,
        name_of_file,
        tuple(tests),
        alone=bool(getattr(kind, "alone", False)),
        as_root=bool(getattr(kind, "as_root", False)),
    )


def _cases(suite: Any) -> Iterator[Any]:
    if hasattr(suite, "__iter__"):
        for test in suite:
            yield from _cases(test)
    else:
        yield suite
