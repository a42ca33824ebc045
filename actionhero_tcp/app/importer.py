"""Imports the files of an actions folder, as the modules of a package.

An error in a file becomes a `StartError` that names the file and the line.
"""

from __future__ import annotations

import importlib.util
import linecache
import sys
import traceback
import types
from collections.abc import Iterator
from contextlib import suppress
from importlib.machinery import SourceFileLoader
from importlib.util import decode_source
from pathlib import Path
from typing import Final

from ..errors import StartError, printable
from ..regular_file import read_regular
from . import marks, module_metrics

PACKAGE: Final = "actionhero_actions"
"""The package that the files of an actions folder belong to, so that they can import one another.

``from ._shared import pool`` reads ``_shared.py`` beside the file that says it.
"""

MARKED: Final = "__actionhero_marked__"
"""The attribute of a module that holds what was marked while it was imported."""


def is_searched(path: Path, root: Path) -> bool:
    """Whether a file is searched for actions; others are only there to be imported."""
    return not any(part.startswith(("_", ".")) for part in path.relative_to(root).parts)


def action_files(root: Path) -> Iterator[Path]:
    """The files of a folder and its subfolders that are searched for actions, in order.

    Raises:
        StartError: A folder cannot be read.
    """
    try:
        entries = sorted(root.iterdir())
    except OSError as error:
        raise StartError(f"{root}: cannot read the actions folder: {error.strerror}") from None
    for path in entries:
        if path.name.startswith(("_", ".")):
            continue
        if path.is_dir():
            yield from action_files(path)
        elif path.suffix == ".py":
            yield path


def make_package(name: str, root: Path) -> None:
    """An empty package in a folder, without whatever an earlier load left of it."""
    for known in [n for n in sys.modules if n == name or n.startswith(name + ".")]:
        module_metrics.withdraw(sys.modules.pop(known))
    package = types.ModuleType(name, "The files of an actions folder.")
    package.__path__ = [str(root)]
    sys.modules[name] = package


def module_name(path: Path, root: Path, package: str = PACKAGE) -> str:
    """The name of a file's module: ``package.folder.file``; of an ``__init__.py`` its folder's."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join((package, *(parts[:-1] if parts[-1] == "__init__" else parts)))


def import_file(path: Path, name: str, loader: SourceFileLoader | None = None) -> types.ModuleType:
    """Imports a file of an actions folder, unless another one has imported it.

    Args:
        path: The file.
        name: The name of its module.
        loader: Reads the file; None for Python's own way, with bytecode.

    Raises:
        StartError: It does not import; the text names the file and the line.
    """
    if name in sys.modules:
        return sys.modules[name]
    try:
        source = read_regular(str(path))
    except OSError as error:
        raise StartError(f"{path}: cannot read the action file: {error.strerror}") from None
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with marks.collected() as marked:
            spec.loader.exec_module(module)
        setattr(module, MARKED, marked)
    except BaseException as error:
        module_metrics.withdraw(sys.modules.pop(name, None))
        raise _refusal(path, error) from None
    remember_source(str(path), source)
    return module


def remember_source(path: str, source: bytes) -> None:
    """Have tracebacks show a file's text as it was loaded.

    They would read the file again, for which a reactor must not wait, and which may have
    changed meanwhile.
    """
    with suppress(SyntaxError, UnicodeDecodeError):
        lines = decode_source(source).splitlines(keepends=True)
        # Without a time of its last change an entry is never checked.
        linecache.cache[path] = len(source), None, lines, path


def _refusal(path: Path, error: BaseException) -> StartError:
    """Return an error that names the fault of a file that does not import."""
    if isinstance(error, StartError):
        return error
    if isinstance(error, SyntaxError):
        place = f"{error.filename or path}:{error.lineno or 1}"
        return StartError(f"{place}: {printable(str(error.msg))}")
    return StartError(
        f"{path}:{_line_in(path, error)}: cannot import the action file: "
        f"{type(error).__name__}: {printable(str(error))}"
    )


def _line_in(path: Path, error: BaseException) -> int:
    """The line of the file that the error came through last."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    return (lines[-1] or 1) if lines else 1
