"""Finds the actions and the hooks in a folder of Python files."""

from __future__ import annotations

import os
import sys
import threading
import types
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from twisted.logger import Logger

from ..errors import StartError
from . import hooks, limits, marks
from .actions import MARK, Action
from .hooks import Hook, check_names
from .importer import MARKED, PACKAGE, action_files, import_file, make_package, module_name

BUILTIN_PACKAGE: Final = "actionhero_builtin"
"""The package that the files of the server's own actions belong to."""

_loading: Final = threading.RLock()
"""Servers of several threads load one after the other: a package is one for the process."""

_log = Logger()


@dataclass(slots=True)
class Loaded:
    """The actions and hooks of a folder.

    Attributes:
        actions: The actions, by name.
        hooks: The hooks, as their files and lines are in order.
        stand_ins: By the generation of actionHero whose clients call them: actions that take the
            place of others of their names.
    """

    actions: dict[str, Action] = field(default_factory=dict)
    hooks: list[Hook] = field(default_factory=list)
    stand_ins: dict[str, dict[str, Action]] = field(default_factory=dict)


def load(folder: str, package: str = PACKAGE) -> Loaded:
    """Loads all actions and hooks of a folder and its subfolders.

    Files and folders whose names begin with ``_`` or ``.`` are not looked into; they
    are for what the actions share.

    Args:
        folder: Where the files lie.
        package: The name of the package they become.

    Raises:
        StartError: A file does not import, an action or a hook is not right, or two actions
            have one name; the text names the file and the line.
    """
    root = Path(folder).resolve()
    with _loading:
        make_package(package, root)
        return _load_files(root, root, package)


def _load_files(folder: Path, root: Path, package: str) -> Loaded:
    """Loads the files of a folder that is the package's, or below it."""
    names = ((path, module_name(path, root, package)) for path in action_files(folder))
    return combine(definitions(import_file(path, name)) for path, name in names)


def definitions(module: types.ModuleType) -> Loaded:
    """The actions and hooks that a module defines.

    Raises:
        StartError: Two of its actions have one name.
    """
    _refuse_lost(module)
    loaded = Loaded()
    for function in _functions_of(module):
        _take(function, loaded)
    return loaded


def marked(actions: Iterable[object], hooks: Iterable[object] = ()) -> Loaded:
    """Return what single functions are that a program hands over, in their order.

    Args:
        actions: Functions that are ``@action``.
        hooks: Functions that are hooks.

    Raises:
        StartError: One is not, or two actions have one name; the text names the file and the
            line.
    """
    loaded = Loaded()
    for kind, functions in (("an action", actions), ("a hook", hooks)):
        for function in functions:
            before = len(loaded.actions), len(loaded.hooks)
            if isinstance(function, types.FunctionType):
                _take(function, loaded)
            if before == (len(loaded.actions), len(loaded.hooks)):
                file, line = marks.place_of(function)
                name = getattr(function, "__name__", repr(function))
                raise StartError(f"{file}:{line}: {name} is not marked as {kind}")
    return loaded


def _take(function: types.FunctionType, loaded: Loaded) -> None:
    """Adds what a function is marked as."""
    action = getattr(function, MARK, None)
    if isinstance(action, Action):
        _add(action, loaded.actions)
    loaded.hooks += getattr(function, hooks.MARK, ())
    _refuse_lost_limit(function)


def load_builtin(folder: str, names: Collection[str]) -> Loaded:
    """Loads the actions that come with the server, with those for clients of later versions.

    Args:
        folder: Where they lie. Each subfolder ``_of_NAME`` holds those for a generation of
            actionHero's clients, and may import what the folder shares.
        names: The names of those to load.
    """
    root, stand_ins = Path(folder).resolve(), {}
    with _loading:
        loaded = load(folder, BUILTIN_PACKAGE)
        for path in sorted(root.glob("_of_*")):
            found = _load_files(path, root, BUILTIN_PACKAGE)
            stand_ins[path.name.removeprefix("_of_")] = _chosen(found.actions, names)
    return Loaded(_chosen(loaded.actions, names), loaded.hooks, stand_ins)


def _chosen(actions: Mapping[str, Action], names: Collection[str]) -> dict[str, Action]:
    return {name: action for name, action in actions.items() if name in names}


def _refuse_lost_limit(function: types.FunctionType) -> None:
    """Refuses a limit of what is neither an action nor runs before actions."""
    if not hasattr(function, limits.MARK) or hasattr(function, MARK):
        return
    kinds = {hook.kind for hook in getattr(function, hooks.MARK, ())}
    if not kinds or kinds - hooks.LIMITABLE:
        file, line = marks.place_of(function)
        raise StartError(
            f"{file}:{line}: @limit of {function.__name__!r} would have no effect; it is for "
            "an action, or for a function that is @middleware or @before_action"
        )


def load_folder(folder: str) -> Loaded:
    """Loads a folder of a user's like `load`, and logs what it holds, or that it holds nothing.

    Raises:
        StartError: See `load`.
    """
    if not os.path.isdir(folder):
        _log.warn("loaded no actions: no such folder: {folder}", folder=os.path.abspath(folder))
        return Loaded()
    loaded = load(folder)
    report(loaded, folder)
    return loaded


def report(loaded: Loaded, folder: str) -> None:
    """Logs how much a folder holds; nothing at all is a warning."""
    level = _log.info if loaded.actions or loaded.hooks else _log.warn
    level(
        "loaded {actions} actions and {hooks} hooks from {folder}",
        actions=len(loaded.actions),
        hooks=len(loaded.hooks),
        folder=folder,
    )


def combine(parts: Iterable[Loaded]) -> Loaded:
    """All that several files define.

    Args:
        parts: The definitions of each, in the order of the files.

    Raises:
        StartError: Two actions have one name.
    """
    whole = Loaded()
    for part in parts:
        for action in part.actions.values():
            _add(action, whole.actions)
        whole.hooks += part.hooks
    return whole


def complete(
    builtin: Loaded, verbs: Collection[str], own: Loaded, *, strict: bool = False
) -> Loaded:
    """The actions that come with the server, and those of the user, which replace them.

    Args:
        builtin: The built-in actions.
        verbs: The words that no action can have as its name.
        own: The actions and hooks of the user.
        strict: Whether all actions refuse params that they do not declare.

    Raises:
        StartError: An action has the name of a verb, or a hook is for an unknown action; the text
            names the file and the line.
    """
    whole = Loaded(builtin.actions | own.actions, builtin.hooks + own.hooks)
    for generation, actions in builtin.stand_ins.items():
        whole.stand_ins[generation] = {n: actions[n] for n in actions.keys() - own.actions.keys()}
    if strict:
        for actions in (whole.actions, *whole.stand_ins.values()):
            actions.update({n: replace(action, strict=True) for n, action in actions.items()})
    check_names(whole.hooks, {*whole.actions}.union(*whole.stand_ins.values()))
    refuse_verbs(whole.actions.values(), verbs)
    return whole


def _add(action: Action, actions: dict[str, Action]) -> None:
    if action.name in actions:
        raise StartError(
            f"{action.place}: the action {action.name!r} is also defined in "
            f"{actions[action.name].place}"
        )
    actions[action.name] = action


def refuse_verbs(actions: Collection[Action], verbs: Collection[str]) -> None:
    """Checks that no action has the name of a verb, since nobody could call it.

    Raises:
        StartError: One has; the text names the file and the line.
    """
    for action in actions:
        if action.name in verbs:
            raise StartError(
                f"{action.place}: an action cannot be named {action.name!r}, which is a verb"
            )


def _refuse_lost(module: types.ModuleType) -> None:
    """Checks that all that was marked while a module was imported can be loaded.

    Raises:
        StartError: Something else has taken the place of a marked function; the text names the
            file and the line.
    """
    for mark in getattr(module, MARKED, ()):
        name = mark.function.__module__
        holder = sys.modules.get(name)
        if holder is not None and any(each is mark.function for each in vars(holder).values()):
            continue
        lost = f"{mark.file}:{mark.line}: {mark.text} would not be loaded: "
        names = mark.function.__qualname__.rpartition("<locals>.")[2]
        if "." in names:
            raise StartError(f"{lost}it is a member of a class; make it a function of the file")
        if name != module.__name__:
            raise StartError(
                f"{lost}a function of another file has made it for {module.__file__}; define it "
                "in that file, and in a decorator below @action use functools.wraps"
            )
        raise StartError(
            f"{lost}something else has its name; is there a decorator above @action? "
            "@action comes first, above all others"
        )


def _functions_of(module: types.ModuleType) -> Iterator[types.FunctionType]:
    """The functions that a module defines itself, not those it has imported."""
    own = {id(value): value for value in vars(module).values()}
    for value in own.values():
        if isinstance(value, types.FunctionType) and value.__module__ == module.__name__:
            yield value
