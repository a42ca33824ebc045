"""Development mode: what changes in the actions folder and the config file comes into force."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from ..app.hooks import (
    AROUND_ACTIONS,
    ON_ROOM_CHANGE,
    ON_SAY,
    ON_START,
    ON_STOP,
    Hook,
)
from ..errors import StartError, printable, shorten
from .scan import Signature, scan, signature

if TYPE_CHECKING:
    from ..app.application import Application
    from ..app.loader import Loaded
    from ..app.schedule import Schedule
    from ..watchdog.monitor import Monitor
    from .diagnostics import DiagnosticDialect
    from .module_cache import Change, ModuleCache

INTERVAL: Final = 0.25
"""Seconds from look to look. A file that two scans found the same counts as completely written."""

MAX_FAULT_CHARACTERS: Final = 500
"""As much of a fault is told to a client."""

MOST_NAMED: Final = 10
"""As many files one line of the log names."""

_HOOKED_VERBS: Final = {ON_SAY: "say", ON_ROOM_CHANGE: "roomChange"}

_log = Logger()

T = TypeVar("T")


class Settled(Generic[T]):
    """Notices changes, each once it has come to rest.

    Args:
        value: How it looks at the start.
    """

    def __init__(self, value: T) -> None:
        self._known = self._seen = value

    def changed(self, value: T) -> bool:
        """Whether it has changed, and looks as it did at the last look."""
        rests, self._seen = value == self._seen, value
        if not rests or value == self._known:
            return False
        self._known = value
        return True


@dataclass(frozen=True, slots=True)
class Subscribers:
    """The parts of a running server that know the actions and hooks.

    Each is what its module says; ``watch`` is None where nothing watches the reactor.
    """

    application: Application
    dialects: Sequence[DiagnosticDialect]
    watch: Monitor | None
    schedule: Schedule

    def take(self, library: ModuleCache) -> None:
        """Applies the current state of a library everywhere."""
        loaded = library.loaded
        actions = loaded.actions
        self.application.replace(loaded)
        if self.watch is not None:
            self.watch.set_actions(actions.values(), loaded.hooks)
        self.schedule.set_hooks(loaded.hooks)
        folder = f"{library.root.parent}/"
        faults = {
            name: shorten(fault.text.replace(folder, ""), MAX_FAULT_CHARACTERS)
            for name, fault in library.faults.items()
        }
        named = {
            name: text
            for module, text in faults.items()
            if module in library.sources
            for name in _names(library.sources[module].loaded, actions)
        }
        different = list(dict.fromkeys(faults.values()))
        more = f" (and {len(different) - 1} more)" if len(different) > 1 else ""
        for dialect in self.dialects:
            dialect.set_faults(named, different[0] + more if different else "")


def _names(loaded: Loaded, actions: Iterable[str]) -> Iterator[str]:
    """The actions of a file, and the actions and verbs around which its hooks run."""
    yield from loaded.actions
    for hook in loaded.hooks:
        if hook.kind in AROUND_ACTIONS:
            yield from hook.actions or actions
        elif hook.kind in _HOOKED_VERBS:
            yield _HOOKED_VERBS[hook.kind]


class Development:
    """Looks at the actions folder and the config file, and loads what has changed.

    Args:
        library: The files of the actions folder.
        users: Who is to know of changes in it.
        config_file: The config file; empty where there is none.
        reload: Reloads that, and logs the result.
        clock: The reactor.
    """

    def __init__(
        self,
        library: ModuleCache,
        users: Subscribers,
        config_file: str,
        reload: Callable[[], object],
        clock: Any,
    ) -> None:
        self._library = library
        self._users = users
        self._config_file = config_file
        self._reload = reload
        self._files = Settled(library.files)
        self._config = Settled(signature(config_file))
        self._trouble = ""
        self._looks = LoopingCall(self._look)
        self._looks.clock = clock

    def start(self) -> None:
        """Looks from now on, and says so in the log."""
        _log.warn(
            "development mode: what changes in {folder} is loaded at once; not for production",
            folder=self._library.root,
        )
        ended = self._looks.start(INTERVAL, now=False)
        ended.addErrback(
            lambda failure: _log.failure("changes are no longer looked for", failure=failure)
        )

    def stop(self) -> None:
        """Looks no more."""
        if self._looks.running:
            self._looks.stop()

    def _look(self) -> None:
        config = signature(self._config_file)
        if self._config_file and self._config.changed(config):
            self._reload()
        try:
            files = scan(self._library.root)
        except StartError as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                _log.error("{trouble}", trouble=printable(self._trouble))
            return
        self._trouble = ""
        if self._files.changed(files):
            self._update(files)

    def _update(self, files: dict[Path, Signature]) -> None:
        known, hooks = self._library.faults, self._library.loaded.hooks
        change = self._library.update(files)
        if change is None:
            return
        self._users.take(self._library)
        self._tell(change)
        self._tell_of_restart(change, [*hooks, *self._library.loaded.hooks])
        new = [fault for name, fault in self._library.faults.items() if fault != known.get(name)]
        for text in dict.fromkeys(fault.text for fault in new):
            _log.error("{fault}; the old version stays active", fault=printable(text))

    def _tell(self, change: Change) -> None:
        """Says in the log what has come into force."""
        for what, paths in (("loaded", change.loaded), ("gone", change.gone)):
            if paths:
                _log.info("{what}: {files}", what=what, files=self._names(paths))

    def _tell_of_restart(self, change: Change, hooks: Iterable[Hook]) -> None:
        """Says in which of these files there are hooks, before or now, that do not run again."""
        once = {hook.file for hook in hooks if hook.kind in (ON_START, ON_STOP)}
        paths = [path for path in (*change.loaded, *change.gone) if str(path) in once]
        if paths:
            _log.warn(
                "{files}: what has changed in hooks of the start and the stop needs a restart",
                files=self._names(paths),
            )

    def _names(self, paths: Sequence[Path]) -> str:
        """The names of files for one line of the log."""
        root = self._library.root.parent
        names = [str(path.relative_to(root)) for path in paths[:MOST_NAMED]]
        if len(paths) > MOST_NAMED:
            names.append(f"{len(paths) - MOST_NAMED} more")
        return printable(", ".join(names))
