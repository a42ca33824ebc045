"""Names that a library keeps to itself: only `net/` uses any, and each of them is still there."""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
from pathlib import Path
from typing import Any

from twisted.internet import asyncioreactor, tcp
from twisted.internet.endpoints import SSL4ServerEndpoint
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.ssl import CertificateOptions
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

import actionhero_tcp
from actionhero_tcp.net import current_task, quick_deferred, transport

PACKAGE = Path(actionhero_tcp.__file__).parent
NAME = actionhero_tcp.__name__

DOCUMENTED = {"_exit", "_getframe", "_current_frames"}
"""Names of the standard library that are public all the same."""

BY_NAME = ("getattr", "setattr", "hasattr", "delattr")


def is_private(name: str) -> bool:
    """Whether a name is one that its owner keeps to itself."""
    return name.startswith("_") and not name.endswith("__")


def own_names(tree: ast.AST) -> set[str]:
    """The private names that a module gives to things of its own."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.attr if isinstance(node, ast.Attribute) else node.id)
    return {name for name in names if is_private(name)}


def used_names(tree: ast.AST) -> set[str]:
    """The private attributes that a module reads, also by `getattr` and the like."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            names.add(node.attr)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", None) in BY_NAME:
            names |= {a.value for a in node.args[1:2] if isinstance(a, ast.Constant)}
    return {name for name in names if is_private(name)}


def modules() -> dict[str, ast.Module]:
    """The modules outside of `net/` by their dotted names."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts[0] not in ("net", "template"):
            name = ".".join((NAME, *parts)).removesuffix(".__init__")
            found[name] = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return found


def library_names(cls: type) -> set[str]:
    """The private names that a class has from bases of libraries."""
    return {
        name
        for base in cls.__mro__
        if not base.__module__.startswith(NAME) and base.__module__ != "builtins"
        for name in vars(base)
        if is_private(name)
    }


class PlaceTests(SynchronousTestCase):
    """Who uses such names."""

    def test_each_private_name_that_is_read_is_one_of_our_own(self) -> None:
        trees = modules()
        ours = DOCUMENTED.union(*map(own_names, trees.values()))
        for module, tree in trees.items():
            self.assertEqual(set(), used_names(tree) - ours, module)

    def test_no_class_uses_a_private_name_of_a_library_that_it_extends(self) -> None:
        for module, tree in modules().items():
            scope = vars(importlib.import_module(module))
            for node in tree.body:
                if isinstance(node, ast.ClassDef) and inspect.isclass(scope[node.name]):
                    touched = used_names(node) | own_names(node)
                    shared = library_names(scope[node.name]) & touched
                    self.assertEqual(set(), shared, f"{module}.{node.name}")


class TwistedTests(SynchronousTestCase):
    """A new release of a library that changes such a name fails here. The server goes on without
    it; what it does instead is slower, or less exact, and the tests of each module show it."""

    def test_deferreds(self) -> None:
        self.assertTrue(quick_deferred.KNOWS_DEFERREDS)

    def test_what_a_transport_has_buffered(self) -> None:
        self.assertTrue(transport.KNOWS_BUFFERS)

    def test_the_epoll_reactor(self) -> None:
        for name in ("_selectables", "_doReadOrWrite"):
            self.assertTrue(hasattr(EPollReactor, name) or name in _assigned(EPollReactor), name)
        self.assertIn("_poller", _assigned(EPollReactor))

    def test_the_asyncio_reactor(self) -> None:
        self.assertIn("_asyncioEventloop", _assigned(asyncioreactor.AsyncioSelectorReactor))
        self.assertTrue(hasattr(asyncioreactor, "callWithLogger"))

    def test_the_log_of_a_port(self) -> None:
        self.assertTrue(hasattr(tcp.Port, "_logger"))

    def test_the_options_of_a_tls_endpoint(self) -> None:
        reactor: Any = Clock()
        endpoint = SSL4ServerEndpoint(reactor, 0, CertificateOptions())
        self.assertTrue(hasattr(endpoint, "_sslContextFactory"))

    def test_the_current_task_of_asyncio(self) -> None:
        self.assertIsNotNone(current_task.enter)
        self.assertIsNotNone(current_task.leave)
        self.assertTrue(hasattr(asyncio.Task, "_log_destroy_pending"))


def _assigned(cls: type) -> set[str]:
    """The attributes that a class and its bases assign to themselves."""
    return {
        node.attr
        for base in cls.__mro__
        if base.__module__ != "builtins"
        for node in ast.walk(ast.parse(inspect.getsource(inspect.getmodule(base))))  # type: ignore[arg-type]
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }
