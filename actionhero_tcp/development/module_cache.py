"""The files of an actions folder, loaded one by one as they change."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Final

from ..app import importer, loader
from ..app.importer import PACKAGE
from ..app.loader import Loaded
from ..errors import StartError
from . import modules
from .modules import Finder, SourceLoader
from .scan import Signature, scan

FINDER: Final = Finder(PACKAGE)
"""Once there is a library, this finds what action files import from one another."""

Group = frozenset[str]
"""Modules of which one imports the other."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file that is imported.

    Attributes:
        path: Where it lies.
        module: Its module.
        loaded: What it defines.
    """

    path: Path
    module: ModuleType
    loaded: Loaded


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a file has not come into force.

    Attributes:
        text: What is wrong, and where: one line. It may be wrong with another file.
        signature: How the file looked; None where it was gone.
    """

    text: str
    signature: Signature | None


@dataclass(frozen=True, slots=True)
class Change:
    """What has come into force: the files that are loaded, and those that are gone."""

    loaded: tuple[Path, ...]
    gone: tuple[Path, ...]


@dataclass(slots=True)
class _Attempt:
    """The outcome of a reload of files.

    Attributes:
        before: All modules of the package before that.
        sources: The files that did import, by the names of their modules.
        faults: What is wrong with the others, in the order of the files.
    """

    before: dict[str, ModuleType]
    sources: dict[str, Source] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)


class ModuleCache:
    """The loaded files of an actions folder.

    A file is reloaded when it has changed, or one that it imports has. Files of which one
    imports the other come into force together or not at all, so that no two versions of one
    are in use.

    Args:
        folder: The folder; it need not be there.
        complete: Checks what all files define, and puts it together with what comes with the
            server; raises StartError.

    Raises:
        StartError: Something is wrong with a file; the text says what and where.

    Attributes:
        root: The folder.
        files: How its files looked when they were last loaded, or found to have a fault.
        loaded: All current actions and hooks.
        sources: The loaded files, by the names of their modules.
        faults: Why others are not, by the names of theirs.
    """

    def __init__(self, folder: str, complete: Callable[[Loaded], Loaded]) -> None:
        self.root = Path(folder).resolve()
        self._complete = complete
        self.loaded = Loaded()
        self.sources: dict[str, Source] = {}
        self.faults: dict[str, Fault] = {}
        self._in_force: dict[str, Signature] = {}
        importer.make_package(PACKAGE, self.root)
        if FINDER not in sys.meta_path:
            sys.meta_path.insert(0, FINDER)
        self.files = scan(self.root)
        self._load(self.files)
        for fault in self.faults.values():
            raise StartError(fault.text)

    @property
    def own(self) -> Loaded:
        """The definitions in the folder, without the built-in ones."""
        return loader.combine(source.loaded for source in self.sources.values())

    def update(self, files: dict[Path, Signature]) -> Change | None:
        """Loads what has changed.

        Args:
            files: How the files look.

        Returns:
            The result; None if files changed meanwhile, in which case nothing was done.
        """
        return self._load(files, lambda: scan(self.root) == files)

    def _load(
        self, files: dict[Path, Signature], action_done: Callable[[], bool] = lambda: True
    ) -> Change | None:
        paths = {importer.module_name(path, self.root): path for path in sorted(files)}
        now = {name: files[path] for name, path in paths.items()}
        affected = self._affected(now)
        attempt = self._import(affected, paths)
        names = affected | attempt.sources.keys()
        if not action_done():
            modules.put_back(names, attempt.before)
            return None
        before = self.sources
        held = self._bring_into_force(self._groups(names, attempt), attempt)
        for group in held:
            modules.put_back(group, attempt.before)
        self.files = files
        self.faults = {
            name: Fault(attempt.faults.get(name, fault), now.get(name))
            for group, fault in held.items()
            for name in sorted(group)
        }
        self._in_force = {
            **{name: seen for name, seen in now.items() if name not in self.faults},
            **{name: seen for name, seen in self._in_force.items() if name in self.faults},
        }
        gone = before.keys() - self.sources.keys() - now.keys()
        return Change(
            loaded=tuple(s.path for name, s in attempt.sources.items() if name not in self.faults),
            gone=tuple(before[name].path for name in sorted(gone)),
        )

    def _affected(self, now: Mapping[str, Signature]) -> set[str]:
        """The modules whose files have changed, and those that import them, however indirectly."""
        then = self._in_force
        affected = {name for name in then.keys() | now if then.get(name) != now.get(name)}
        # Some of these were imported only when something ran.
        imports = {n: modules.imports(module) for n, module in modules.known(PACKAGE).items()}
        more: Collection[str] = affected
        while more:
            more = [n for n in imports.keys() - affected if not affected.isdisjoint(imports[n])]
            affected.update(more)
        return affected

    def _import(self, affected: Collection[str], paths: Mapping[str, Path]) -> _Attempt:
        """Imports these modules again; others stay."""
        importlib.invalidate_caches()
        attempt = _Attempt(modules.known(PACKAGE))
        modules.take_out(affected)
        for name, path in paths.items():
            if name in affected and importer.is_searched(path, self.root):
                try:
                    importer.import_file(path, name, SourceLoader(name, str(path)))
                except StartError as error:
                    attempt.faults[name] = str(error)
        known = modules.known(PACKAGE)
        for name, path in paths.items():
            module = known.get(name)
            if module is not None and module is not attempt.before.get(name):
                try:
                    searched = importer.is_searched(path, self.root)
                    loaded = loader.definitions(module) if searched else Loaded()
                    attempt.sources[name] = Source(path, module, loaded)
                except StartError as error:
                    attempt.faults[name] = str(error)
        return attempt

    @staticmethod
    def _groups(names: Collection[str], attempt: _Attempt) -> list[Group]:
        """These modules, those together of which one imports the other, now or before."""
        groups: list[Group] = []
        new = {name: source.module for name, source in attempt.sources.items()}
        for name in sorted(names):
            versions = [known[name] for known in (attempt.before, new) if name in known]
            group = Group({name}).union(*map(modules.imports, versions)) & set(names)
            near = [known for known in groups if not group.isdisjoint(known)]
            groups = [known for known in groups if known not in near]
            groups.append(group.union(*near))
        return groups

    def _bring_into_force(self, groups: list[Group], attempt: _Attempt) -> dict[Group, str]:
        """Brings into force what has no fault; gives the rest, and why."""
        held: dict[Group, str] = {}
        for name, fault in attempt.faults.items():
            held.setdefault(next(group for group in groups if name in group), fault)
        waiting = [group for group in groups if group not in held]
        if self._admit(waiting, attempt) is None:
            return held
        # Each alone; one may depend on another, such as one that has given up an
        # action's name.
        before = None
        while len(waiting) != before:
            before = len(waiting)
            refused = {group: self._admit([group], attempt) for group in waiting}
            waiting = [group for group, fault in refused.items() if fault is not None]
        return held | {group: fault for group, fault in refused.items() if fault is not None}

    def _admit(self, groups: Iterable[Group], attempt: _Attempt) -> str | None:
        """Brings groups into force, unless that gives a fault."""
        names = frozenset[str]().union(*groups)
        kept = {name: source for name, source in self.sources.items() if name not in names}
        new = {name: source for name, source in attempt.sources.items() if name in names}
        every = dict(sorted((kept | new).items(), key=lambda item: item[1].path))
        try:
            self.loaded = self._complete(loader.combine(s.loaded for s in every.values()))
        except StartError as error:
            return str(error)
        self.sources = every
        return None
