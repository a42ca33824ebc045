"""What holds for all modules: docstrings, few parameters, objects that nobody else reaches into."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import actionhero_tcp

PACKAGE = Path(actionhero_tcp.__file__).parent

MOST_PARAMETERS = 6

Function = ast.FunctionDef | ast.AsyncFunctionDef
Named = Function | ast.ClassDef


def modules() -> Iterator[tuple[str, ast.Module]]:
    """All modules of the package but those that `actionhero-tcp new` copies, by their paths."""
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE)
        if name.parts[0] != "template":
            yield str(name), ast.parse(path.read_text(encoding="utf-8"), str(path))


def definitions(node: ast.AST, within: tuple[Named, ...] = ()) -> Iterator[tuple[Named, ...]]:
    """The classes and functions of a module, each behind those that it is in."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Named):
            yield (*within, child)
            yield from definitions(child, (*within, child))
        else:
            yield from definitions(child, within)


def is_only_declared(node: Named) -> bool:
    """Whether a body is ``...``: an overload, or a member that its protocol class documents."""
    body = node.body[0]
    return isinstance(body, ast.Expr) and getattr(body.value, "value", None) is ...


class DocstringTests(SynchronousTestCase):
    """Docstrings."""

    def test_each_module_has_one(self) -> None:
        for name, tree in modules():
            self.assertTrue(ast.get_docstring(tree), name)

    def test_each_public_name_has_one(self) -> None:
        for name, tree in modules():
            for path in definitions(tree):
                *within, node = path
                if any(isinstance(outer, Function) for outer in within):
                    continue
                if any(part.name.startswith("_") for part in path) or is_only_declared(node):
                    continue
                dotted = ".".join(part.name for part in path)
                self.assertTrue(ast.get_docstring(node), f"{name}:{node.lineno} {dotted}")


class ParameterTests(SynchronousTestCase):
    """A function that takes more than six parameters says why: "Takes many parameters: …"."""

    def test_no_function_takes_many_without_a_reason(self) -> None:
        for name, tree in modules():
            for path in definitions(tree):
                node = path[-1]
                if isinstance(node, ast.ClassDef):
                    continue
                arguments = node.args
                names = [
                    argument.arg
                    for argument in arguments.posonlyargs + arguments.args + arguments.kwonlyargs
                    if argument.arg not in ("self", "cls")
                ]
                if len(names) > MOST_PARAMETERS:
                    texts = [ast.get_docstring(part) or "" for part in path[-2:]]
                    reason = any("Takes many parameters:" in text for text in texts)
                    self.assertTrue(reason, f"{name}:{node.lineno} {node.name}: {names}")


RECORDS = {
    "request": "a request collects its name, params and outcome on its way",
    "call": "a call of an action or of a client, which hooks and callers may change",
    "answer": "an answer gets its number and its time",
    "error": "an error gets the fields of the response that carries it",
    "parts": "the parts of an answer have the time limit of their call",
    "reply": "a reply has the time limit of its call",
    "connection": "the state of one client, which verbs change",
    "stats": "counters",
    "times": "counters of one action",
    "write_batch": "the marks of the batch that is being handled, and a counter",
    "link": "a counter of what Redis refused",
    "bus": "the nodes that are known to be alive",
    "client": "a client's callbacks, which are public and documented",
}
"""Objects that are records: others set their attributes. All else has methods for that."""

OF_LIBRARIES = {
    "context": "ssl",
    "factory": "Twisted",
    "looks": "Twisted: the clock of a LoopingCall",
    "made": "ssl",
    "parser": "argparse",
    "port": "Twisted: the transports that a port makes",
    "protocol": "Twisted: a protocol's factory",
    "reactor": "Twisted: what a signal does",
    "timer": "threading",
    "sys": "the hook for exceptions",
    "warnings": "the hook for warnings",
}
"""Objects of libraries whose public attributes are set, as their documentation says."""


class ReachingInTests(SynchronousTestCase):
    """Attributes of objects of other modules; `net` may set those of a library."""

    def test_nobody_sets_one(self) -> None:
        for name, tree in modules():
            if name.startswith("net/"):
                continue
            for node in stored_elsewhere(tree):
                if node.attr.startswith("_"):
                    self.fail(f"{name}:{node.lineno} {ast.unparse(node)}")

    def test_only_records_are_set_from_outside(self) -> None:
        used = set()
        for name, tree in modules():
            for node in stored_elsewhere(tree):
                holder = ast.unparse(node.value).rpartition(".")[2].strip("_")
                if name.startswith("net/") and holder not in RECORDS:
                    continue
                used.add(holder)
                known = holder in RECORDS or holder in OF_LIBRARIES
                self.assertTrue(known, f"{name}:{node.lineno} {ast.unparse(node)}: use a method")
        self.assertEqual(set(), {*RECORDS, *OF_LIBRARIES} - used, "these are set by nobody")


def stored_elsewhere(tree: ast.Module) -> list[ast.Attribute]:
    """The attributes that a module sets of objects whose class it does not define."""
    stored = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and not (node.attr.startswith("_") and node.attr.endswith("__"))
    ]
    own = {node.attr for node in stored if ast.unparse(node.value) in ("self", "cls")}
    own |= {
        node.target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    return [node for node in stored if node.attr not in own]
