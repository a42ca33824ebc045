"""Finds tests that assert nothing: such a test passes whatever the code does.

A test asserts by itself (``assert``, ``self.assert…``, ``self.fail``, ``raise AssertionError``),
or by what it calls: a helper of the test folder that asserts, found by its name. Methods of
other objects count by their names alone, `ASSERTING`: most helpers assert something on the way.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ASSERTING: Final = ("assert", "fail", "wait_for")
"""Methods whose names begin so assert."""

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class _Part:
    """What a function, or a class, does.

    Attributes:
        asserts: Whether it asserts by itself.
        names: The names that it uses, which may be those of helpers.
    """

    asserts: bool = False
    names: set[str] = field(default_factory=set)


def tests_without_assertion(folder: Path) -> list[str]:
    """Return the tests below a folder that assert nothing, as ``path:line name``."""
    trees = {path: ast.parse(path.read_bytes()) for path in sorted(folder.rglob("*.py"))}
    helpers = _asserting_helpers(trees.values())
    return [
        f"{path.relative_to(folder)}:{test.lineno} {test.name}"
        for path, tree in trees.items()
        for test in _tests(tree)
        if not _asserts(_part(test), helpers)
    ]


def _tests(tree: ast.Module) -> Iterator[_Function]:
    """Yield the tests of a module: methods of its classes, not of classes in those."""
    for owner in tree.body:
        if isinstance(owner, ast.ClassDef):
            for member in owner.body:
                if isinstance(member, _Function) and member.name.startswith("test_"):
                    yield member


def _asserting_helpers(trees: Iterable[ast.Module]) -> set[str]:
    """Return the names of all functions and classes that assert, also by one another."""
    parts: dict[str, _Part] = {}
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, _Function | ast.ClassDef) and not node.name.startswith("test_"):
                known, part = parts.setdefault(node.name, _Part()), _part(node)
                known.asserts |= part.asserts
                known.names |= part.names
    helpers: set[str] = set()
    while found := {n for n, part in parts.items() if n not in helpers and _asserts(part, helpers)}:
        helpers |= found
    return helpers


def _asserts(part: _Part, helpers: set[str]) -> bool:
    return part.asserts or not helpers.isdisjoint(part.names)


def _part(node: ast.AST) -> _Part:
    part = _Part()
    for each in ast.walk(node):
        part.asserts |= _is_assertion(each)
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Name):
            part.names.add(each.func.id)
        elif isinstance(each, ast.Name) and each.id[:1].isupper():
            # A class whose methods another function calls.
            part.names.add(each.id)
        elif isinstance(each, ast.Attribute) and _is_own(each.value):
            part.names.add(each.attr)
    return part


def _is_assertion(node: ast.AST) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr.startswith(ASSERTING)
    if isinstance(node, ast.Raise) and node.exc is not None:
        return "AssertionError" in ast.dump(node.exc)
    return isinstance(node, ast.Assert)


def _is_own(node: ast.expr) -> bool:
    """Whether an attribute of this is a method of the test, or a function of `tests.support`."""
    if isinstance(node, ast.Call):
        node = node.func
    return isinstance(node, ast.Name) and node.id in ("self", "super", "support")
