"""asyncio's current task, set by hand while a coroutine takes its first step outside of a task.

`asyncio.timeout` and `asyncio.TaskGroup` ask for the current task before anything waits. The
functions that set it are documented for third-party task classes, but private by their names.
"""

from __future__ import annotations

import asyncio
from asyncio import AbstractEventLoop, Task
from collections.abc import Callable
from typing import Any

Switch = Callable[[AbstractEventLoop, "Task[Any]"], None]

enter: Switch | None = getattr(asyncio.tasks, "_enter_task", None)
"""Makes a task the loop's current one; a RuntimeError where another is. None where this Python
does not offer it: coroutines then take their first step in a task as well."""

leave: Switch | None = getattr(asyncio.tasks, "_leave_task", None)
"""Ends that."""


def running_loop() -> AbstractEventLoop | None:
    """The event loop that runs in this thread, or None."""
    return asyncio._get_running_loop()


def set_quiet(task: Task[Any], is_quiet: bool) -> None:
    """Has asyncio log nothing where a task is still waiting when the process ends."""
    if hasattr(task, "_log_destroy_pending"):
        task._log_destroy_pending = not is_quiet
