"""Finds the actions and the hooks in a folder of Python files."""

from __future__ import annotations

import importlib.util
import sys
import traceback
import types
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from . import hooks
from .actions import MARK, Action
from .errors import StartError, printable
from .hooks import Hook

PACKAGE: Final = "actionhero_actions"
"""The package that the files of an actions folder belong to, so that they can import one another.

``from ._shared import pool`` reads ``_shared.py`` beside the file that says it.
"""


@dataclass(slots=True)
class Loaded:
    """What the files of a folder define.

    Attributes:
        actions: The actions, by name.
        hooks: The hooks, as their files and lines are in order.
    """

    actions: dict[str, Action] = field(default_factory=dict)
    hooks: list[Hook] = field(default_factory=list)


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
    _make_package(package, root)
    loaded = Loaded()
    for path in _files(root):
        for function in _functions_of(_import(path, root, package)):
            action = getattr(function, MARK, None)
            if isinstance(action, Action):
                _add(action, loaded.actions)
            loaded.hooks += getattr(function, hooks.MARK, ())
    return loaded


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


def _files(root: Path) -> Iterator[Path]:
    try:
        entries = sorted(root.iterdir())
    except OSError as error:
        raise StartError(f"{root}: cannot read the actions folder: {error.strerror}") from None
    for path in entries:
        if path.name.startswith(("_", ".")):
            continue
        if path.is_dir():
            yield from _files(path)
        elif path.suffix == ".py":
            yield path


def _make_package(name: str, root: Path) -> None:
    """An empty package in the folder, without whatever an earlier load left of it."""
    for known in [n for n in sys.modules if n == name or n.startswith(name + ".")]:
        del sys.modules[known]
    package = types.ModuleType(name, "The files of an actions folder.")
    package.__path__ = [str(root)]
    sys.modules[name] = package


def _import(path: Path, root: Path, package: str) -> types.ModuleType:
    name = ".".join((package, *path.relative_to(root).with_suffix("").parts))
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except StartError:
        raise
    except SyntaxError as error:
        place = f"{error.filename or path}:{error.lineno or 1}"
        raise StartError(f"{place}: {printable(str(error.msg))}") from None
    except BaseException as error:
        raise StartError(
            f"{path}:{_line_in(path, error)}: cannot import the action file: "
            f"{type(error).__name__}: {printable(str(error))}"
        ) from None
    return module


def _line_in(path: Path, error: BaseException) -> int:
    """The line of the file that the error came through last."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    return (lines[-1] or 1) if lines else 1


def _functions_of(module: types.ModuleType) -> Iterator[types.FunctionType]:
    """The functions that a module defines itself, not those it has imported."""
    own = {id(value): value for value in vars(module).values()}
    for value in own.values():
        if isinstance(value, types.FunctionType) and value.__module__ == module.__name__:
            yield value
