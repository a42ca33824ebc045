"""Modules of files that change: made from the text as it is now, and replaced."""

from __future__ import annotations

import ast
import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any

from ..app import module_metrics
from ..app.importer import remember_source
from ..regular_file import read_regular


class SourceLoader(SourceFileLoader):
    """Makes a module from a file's text, and never from bytecode.

    Python takes bytecode for that of a file by the second in which this was changed and its
    size, which two versions may have in common.

    Attributes:
        imports: The names of the modules that the file imports, and of all that they are in.
            They may be names of other things: it is not known what ``from . import x`` finds.
    """

    imports: frozenset[str] = frozenset()

    def get_code(self, fullname: str) -> CodeType:
        """The code of the file as it is now."""
        path = self.get_filename(fullname)
        source = read_regular(path)
        remember_source(path, source)
        tree = ast.parse(source, path)
        package = fullname if self.is_package(fullname) else fullname.rpartition(".")[0]
        self.imports = frozenset(_imported(tree, package))
        return compile(tree, path, "exec", dont_inherit=True)


def imports(module: ModuleType) -> frozenset[str]:
    """The imports of a module; see `SourceLoader.imports`."""
    loader = getattr(module.__spec__, "loader", None)
    return loader.imports if isinstance(loader, SourceLoader) else frozenset()


def _imported(tree: ast.AST, package: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _with_parents(alias.name)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                above = package.split(".")
                above = above[: max(len(above) - node.level + 1, 0)]
                module = ".".join((*above, module) if module else above)
            yield from _with_parents(module)
            for alias in node.names:
                yield f"{module}.{alias.name}"


def _with_parents(name: str) -> Iterator[str]:
    while name:
        yield name
        name = name.rpartition(".")[0]


class Finder(MetaPathFinder):
    """Has the import statement take the modules of a package from their text.

    Args:
        package: The name of the package.
    """

    def __init__(self, package: str) -> None:
        self._prefix = package + "."

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: Any = None
    ) -> ModuleSpec | None:
        """Finds a module; None where it is of another package, or no Python file."""
        if fullname.startswith(self._prefix):
            name = fullname.rpartition(".")[2]
            for folder in path or ():
                for file in (os.path.join(folder, name, "__init__.py"), f"{folder}/{name}.py"):
                    if os.path.isfile(file):
                        loader = SourceLoader(fullname, file)
                        return importlib.util.spec_from_file_location(fullname, file, loader=loader)
        return None


def known(package: str) -> dict[str, ModuleType]:
    """The modules of a package, by their names, as the import statement knows them."""
    prefix = package + "."
    return {name: module for name, module in sys.modules.items() if name.startswith(prefix)}


def take_out(names: Iterable[str]) -> None:
    """Has the import statement look for modules again."""
    for name in names:
        _set(name, None)


def put_back(names: Iterable[str], modules: Mapping[str, ModuleType]) -> None:
    """Has the import statement find the modules that were there before, where there were any."""
    # A package before what is in it.
    for name in sorted(names):
        _set(name, modules.get(name))


def _set(name: str, module: ModuleType | None) -> None:
    parent, _, tail = name.rpartition(".")
    package = sys.modules.get(parent)
    module_metrics.withdraw(sys.modules.get(name))
    module_metrics.restore(module)
    if module is not None:
        sys.modules[name] = module
        if package is not None:
            setattr(package, tail, module)
    else:
        sys.modules.pop(name, None)
        # `from . import x` would also find it there.
        if package is not None and isinstance(vars(package).get(tail), ModuleType):
            delattr(package, tail)
