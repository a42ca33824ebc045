"""Who may know whom: the arrows of the design, held against the imports as they stand."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import actionhero_tcp

from . import support

PACKAGE = support.ROOT / "actionhero_tcp"
NAME = "actionhero_tcp"

ALLOWED: dict[str, set[str]] = {
    # Leaves.
    "clock": set(),
    "errors": set(),
    "reasons": set(),
    "allowance": set(),
    "backlog": set(),
    "bus": set(),
    "redis.keys": set(),
    "stats": set(),
    "configfield": set(),
    "config": {"configfield"},
    "framing": set(),
    "logs.paramfilter": set(),
    "development.modules": set(),
    "polling": set(),
    "entry.proxyheader": set(),
    "transport": set(),
    "outbox": {"transport"},
    "turn": set(),
    "wire": {"errors"},
    "coroutines": set(),
    "api": {"wire"},
    "configfile": {"config", "configfield", "errors"},
    "files": {"errors"},
    "development.scan": {"errors"},
    "systemd": {"clock", "errors"},
    "cli": {"errors"},
    "new": {"errors"},
    "logs.file": {"errors"},
    "logs.lines": {"errors"},
    "tls": {"errors"},
    "signals": set(),
    "starter": set(),
    "cache": {"clock", "wire"},
    "redis.address": {"errors"},
    "redis.protocol": {"errors", "redis.address"},
    "redis.connection": {"clock", "redis.address", "redis.protocol", "transport"},
    "redis.link": {"clock", "errors", "redis.address", "redis.connection", "redis.protocol"},
    "redis.message": set(),
    "redis.roster": {"bus", "redis.message"},
    "redis.bus": {"bus", "errors", "redis.keys", "redis.message", "redis.roster"},
    "redis.cluster": {"clock", "redis.bus"},
    "redis.cache": {"cache", "errors", "redis.connection"},
    "inputs": {"errors", "wire"},
    # One client's state, and who is where.
    "connection": {"errors", "reasons", "wire"},
    "rooms": {"bus", "connection", "outbox", "wire"},
    # What is logged.
    "logs.requestlog": {
        "clock",
        "connection",
        "errors",
        "logs.file",
        "logs.lines",
        "logs.paramfilter",
    },
    "logs.serverlog": {"errors", "logs.file", "logs.lines"},
    "logs.both": {"errors", "logs.requestlog", "logs.serverlog"},
    # What blocks the reactor.
    "stalls": {"errors"},
    "watch": {"clock", "stalls"},
    # What a line can ask for.
    "actions": {"connection", "coroutines", "errors", "inputs", "wire"},
    "hooks": {"actions", "errors"},
    "lifecycle": {"clock", "errors", "hooks"},
    "hooked": {"actions", "clock", "connection", "coroutines", "errors", "hooks"},
    "commands": {"connection", "errors", "reasons", "rooms", "wire"},
    "hookedverbs": {"commands", "connection", "coroutines", "hooks", "wire"},
    "request": {"clock", "connection"},
    "runner": {"actions", "connection", "errors", "request", "wire"},
    "router": {
        "commands",
        "connection",
        "errors",
        "framing",
        "hookedverbs",
        "inputs",
        "runner",
        "wire",
    },
    "development.telling": {"errors", "request", "runner", "wire"},
    "loader": {"actions", "errors", "hooks"},
    "development.library": {"errors", "loader", "development.modules", "development.scan"},
    # The network.
    "entry.admission": {"errors", "reasons"},
    "entry.arrival": {"clock", "connection", "coroutines", "errors", "wire"},
    "entry.entrance": {
        "entry.admission",
        "entry.arrival",
        "clock",
        "connection",
        "errors",
        "hooks",
        "reasons",
        "tls",
        "transport",
        "wire",
    },
    "entry.exhaustion": {"reasons"},
    "heartbeat": {"clock"},
    "linger": {"clock", "transport"},
    "entry.proxied": {"entry.entrance", "errors", "entry.proxyheader", "reasons"},
    "endpoints": {"errors", "entry.proxied"},
    "workers.handover": {"endpoints"},
    "protocol": {
        "allowance",
        "backlog",
        "clock",
        "connection",
        "entry.entrance",
        "framing",
        "heartbeat",
        "linger",
        "outbox",
        "reasons",
        "transport",
        "wire",
    },
    "factory": {"clock", "connection", "protocol", "wire"},
    "reload": {"config", "errors", "entry.proxied", "tls"},
    "development.changes": {"errors", "hooks", "development.scan"},
    "listening": set(),
    "service": {"errors", "entry.exhaustion", "factory", "listening", "transport"},
    # Several processes.
    "workers.worker": {"config", "errors"},
    "workers.process": {"clock", "listening", "workers.worker"},
    "workers.supervisor": {
        "clock",
        "errors",
        "workers.handover",
        "listening",
        "reload",
        "signals",
        "workers.worker",
        "workers.process",
    },
    # The public names.
    "__init__": {"actions", "api", "cache", "connection", "errors", "files", "hooks"},
    "options": {"config", "configfield", "configfile", "errors", "workers.worker"},
    "ending": {"errors", "options", "signals"},
    "listeners": {"endpoints", "errors", "listening", "tls"},
    # The only place that wires.
    "tap": {
        "entry.admission",
        "api",
        "cache",
        "redis.cluster",
        "commands",
        "config",
        "connection",
        "development.changes",
        "ending",
        "errors",
        "factory",
        "files",
        "workers.handover",
        "hooked",
        "hookedverbs",
        "redis.keys",
        "development.library",
        "lifecycle",
        "listeners",
        "listening",
        "loader",
        "logs.lines",
        "logs.both",
        "options",
        "logs.paramfilter",
        "polling",
        "entry.proxied",
        "redis.bus",
        "redis.cache",
        "redis.address",
        "redis.link",
        "reload",
        "logs.requestlog",
        "rooms",
        "router",
        "runner",
        "logs.serverlog",
        "service",
        "signals",
        "starter",
        "stats",
        "systemd",
        "development.telling",
        "turn",
        "watch",
        "workers.worker",
        "workers.supervisor",
    },
}
"""For each module those of the package that it may import at run time, lower ones first."""

PACKAGES: dict[str, set[str]] = {
    "client": {"clock", "errors", "tls", "transport", "wire"},
    "console": {
        "client",
        "client.blocking",
        "client.conversation",
        "client.outcomes",
        "client.secure",
        "client.settings",
        "errors",
    },
    "testing": {
        "api",
        "clock",
        "config",
        "configfile",
        "entry.entrance",
        "errors",
        "options",
        "protocol",
        "tap",
    },
}
"""For each package within the package what of the rest it may import at run time."""

NO_NETWORK = (
    "framing",
    "entry.proxyheader",
    "router",
    "request",
    "runner",
    "commands",
    "actions",
    "rooms",
    "connection",
    "inputs",
    "wire",
    "files",
    "turn",
)
"""Modules that hand bytes to an outbox and never write."""

NETWORK = ("twisted.internet", "twisted.protocols", "socket", "OpenSSL", "asyncio", "select")

NETWORK_FREE = ("twisted.internet.defer", "twisted.internet.threads")
"""Parts of `twisted.internet` that know no reactor until they are called with one."""


def imports(tree: ast.Module, *, type_checking: bool) -> Iterator[tuple[str, str]]:
    """The imports of a module, at any depth, as (module, name); a name is "" for ``import x``.

    Args:
        tree: The module.
        type_checking: Whether to give those under ``if TYPE_CHECKING:``, or the others.
    """
    guarded: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            for statement in node.body:
                guarded.update(ast.walk(statement))
    for node in ast.walk(tree):
        if (node in guarded) is not type_checking:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from ((module, alias.name) for alias in node.names)


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def own(here: str, tree: ast.Module, *, type_checking: bool = False) -> set[str]:
    """The modules of the package that a module of it imports.

    Args:
        here: The module's name, such as ``redis.bus``.
        tree: The module.
        type_checking: See `imports`.
    """
    found: set[str] = set()
    for module, name in imports(tree, type_checking=type_checking):
        dots = len(module) - len(module.lstrip("."))
        if dots:
            parents = here.split(".")
            module = ".".join([*parents[: len(parents) - dots], module[dots:]]).strip(".")
        elif module == NAME or module.startswith(NAME + "."):
            module = module.removeprefix(NAME).strip(".")
        else:
            continue
        is_folder = not module or (PACKAGE / module).is_dir()
        found.add(".".join(filter(None, (module, name))) if is_folder else module)
    return found


def is_of_a_package(path: Path) -> bool:
    """Whether a file belongs to one of those packages that have a row of their own."""
    top = path.relative_to(PACKAGE).parts[0]
    return top in {*PACKAGES, "builtin", "template"}


def modules() -> dict[str, ast.Module]:
    """The modules of the server, by their names."""
    paths = [path for path in PACKAGE.rglob("*.py") if not is_of_a_package(path)]
    names = {path: ".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in paths}
    return {name: parse(path) for path, name in sorted(names.items()) if ".__init__" not in name}


def outside(tree: ast.Module) -> Iterator[str]:
    """What a module of a package within the package imports from outside of that."""
    for module, name in imports(tree, type_checking=False):
        if module.startswith(".."):
            yield module.strip(".") or name
        else:
            assert not module.startswith(NAME), module


class ImportTests(SynchronousTestCase):
    """The imports of all modules."""

    def setUp(self) -> None:
        self.trees = modules()
        self.builtin = {path.stem: parse(path) for path in sorted(PACKAGE.glob("builtin/*.py"))}

    def test_every_module_has_its_row(self) -> None:
        self.assertEqual(sorted(ALLOWED), sorted(self.trees))

    def test_every_module_imports_what_its_row_says_and_no_more(self) -> None:
        for module, tree in self.trees.items():
            self.assertEqual(sorted(ALLOWED[module]), sorted(own(module, tree)), module)

    def test_every_package_imports_what_its_row_says_and_no_more(self) -> None:
        for package, allowed in PACKAGES.items():
            inner = {path.stem: parse(path) for path in (PACKAGE / package).glob("*.py")}
            found = {name for tree in inner.values() for name in outside(tree)}
            self.assertEqual(sorted(allowed), sorted(found), package)

    def test_no_module_imports_a_package(self) -> None:
        for module, tree in self.trees.items():
            self.assertEqual(set(), own(module, tree) & {*PACKAGES}, module)

    def test_every_arrow_goes_down_the_table(self) -> None:
        above: set[str] = set()
        for module, allowed in ALLOWED.items():
            self.assertLessEqual(allowed, above, f"{module} knows what stands below it")
            above.add(module)

    def test_the_page_on_the_architecture_has_every_module_above_what_it_imports(self) -> None:
        page = (support.ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
        table = page.partition("## The modules")[2].partition("\n\n- ")[0]
        firsts = re.findall(r"(?m)^\|(.*?)\|", table)
        cells = [re.findall(r"`([\w/]+)\.py`", first) for first in firsts if "plugin" not in first]
        rows = [[name.replace("/", ".") for name in cell] for cell in cells]
        below = {module for row in rows for module in row}
        self.assertEqual(set(self.trees) - {"__init__"}, below)
        for row in rows:
            for module in row:
                self.assertLessEqual(own(module, self.trees[module]), below, module)
            below.difference_update(row)

    def test_there_are_no_cycles(self) -> None:
        graph = {module: own(module, tree) for module, tree in self.trees.items()}
        self.assertEqual(set(graph), set(TopologicalSorter(graph).static_order()))

    def test_what_is_imported_for_types_only_is_of_the_package_too(self) -> None:
        for module, tree in self.trees.items():
            self.assertLessEqual(own(module, tree, type_checking=True), set(self.trees), module)

    def test_only_tap_and_the_reader_of_its_file_know_the_configuration_at_run_time(self) -> None:
        knowing = [module for module, tree in self.trees.items() if "config" in own(module, tree)]
        self.assertEqual(["configfile", "options", "reload", "tap", "workers.worker"], knowing)
        reading = [
            module for module, tree in self.trees.items() if "configfile" in own(module, tree)
        ]
        self.assertEqual(["options"], reading)

    def test_nobody_knows_tap(self) -> None:
        for module, tree in self.trees.items():
            self.assertNotIn(
                "tap", own(module, tree) | own(module, tree, type_checking=True), module
            )

    def test_only_these_touch_transports(self) -> None:
        knowing = {
            module for module, tree in self.trees.items() if "transport" in own(module, tree)
        }
        self.assertEqual(
            {"entry.entrance", "linger", "outbox", "protocol", "redis.connection", "service"},
            knowing,
        )

    def test_what_has_no_network_imports_no_reactor_and_no_transport(self) -> None:
        for module in NO_NETWORK:
            for imported, name in imports(self.trees[module], type_checking=False):
                if imported.startswith(NETWORK_FREE):
                    continue
                self.assertFalse(imported.startswith(NETWORK), f"{module} imports {imported}")
                self.assertNotEqual("reactor", name, module)

    def test_connection_knows_no_twisted(self) -> None:
        for type_checking in (False, True):
            for imported, _ in imports(self.trees["connection"], type_checking=type_checking):
                self.assertFalse(imported.startswith("twisted"), imported)

    def test_only_make_service_takes_the_global_reactor(self) -> None:
        for module, tree in {**self.trees, **self.builtin}.items():
            names = [
                name
                for imported, name in imports(tree, type_checking=False)
                if (imported, name) == ("twisted.internet", "reactor")
                or imported == "twisted.internet.reactor"
            ]
            self.assertEqual(["reactor"] if module == "tap" else [], names, module)
            top = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
            self.assertNotIn("reactor", [alias.name for node in top for alias in node.names])

    def test_built_in_actions_use_the_public_names_only(self) -> None:
        self.assertGreater(len(self.builtin), 6)
        for module, tree in self.builtin.items():
            for type_checking in (False, True):
                for imported, name in imports(tree, type_checking=type_checking):
                    self.assertFalse(imported.startswith("."), module)
                    if imported.startswith(NAME):
                        self.assertEqual(NAME, imported, module)
                        self.assertIn(name, actionhero_tcp.__all__, module)

    def test_the_public_names_are_there(self) -> None:
        for name in actionhero_tcp.__all__:
            self.assertTrue(hasattr(actionhero_tcp, name), name)

    def test_every_module_has_its_own_tests(self) -> None:
        tests = {path.stem for path in (support.ROOT / "tests").glob("test_*.py")}
        wanted = {f"test_{m.replace('.', '_')}" for m in self.trees if m != "__init__"}
        self.assertEqual(set(), wanted - tests)
        self.assertIn("test_builtin", tests)
