"""The layers of `actionhero_tcp`: which folder may import which, and what nobody may."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import actionhero_tcp

PACKAGE = Path(actionhero_tcp.__file__).parent
NAME = actionhero_tcp.__name__

Import = tuple[str, str]
"""The module and the name; the latter is empty for a whole module."""

LAYERS = (
    "plugin",
    "embedding",
    "workers",
    "development",
    "web",
    "server",
    "dispatch",
    "watchdog",
    "redis",
    "app",
    "rooms",
    "logs",
    "connection",
    "cli",
    "client",
    "config",
    "daemon",
    "wire",
    "net",
)
"""The folders from the top to the bottom: each imports only what stands below it."""

LEAVES = ("clock", "close_reasons", "errors", "regular_file", "stats")
"""Modules at the top of the package, below all folders."""

BESIDE = ("builtin", "template", "testing")
"""Folders outside of the layers; `builtin` and `template` use public names only."""

SANS_TRANSPORT = ("dispatch", "app", "rooms", "connection")
"""Folders that hand bytes to an outbox and never import a reactor or a socket."""

NETWORK = ("twisted.internet", "twisted.protocols", "socket", "OpenSSL", "select")
NETWORK_FREE = ("twisted.internet.defer", "twisted.internet.threads", "twisted.internet.interfaces")
"""Parts of `twisted.internet` that know no reactor until they are called with one."""

MAY_WRITE = {"connection.closing": {"twisted.protocols.tls"}}
"""Modules of those folders that handle a transport all the same."""


def modules(*folders: str) -> dict[str, tuple[Import, ...]]:
    """What the modules of some folders, or of all layers and leaves, import."""
    wanted = folders or (*LAYERS, *LEAVES)
    return {
        name: found for name, found in _all_imports().items() if name.partition(".")[0] in wanted
    }


@cache
def _all_imports() -> dict[str, tuple[Import, ...]]:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        name = name.removesuffix(".__init__")
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        found[name] = tuple(imports(name, tree))
    return found


def imports(module: str, tree: ast.Module) -> Iterator[Import]:
    """Each import of a module, at any depth, as (module, name); type-only ones included.

    Names within the package come without its name: ``("connection.outbox", "Outbox")``.
    """
    is_package = (PACKAGE / Path(*module.split("."))).is_dir()
    here = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            target = node.module or ""
            if node.level:
                parents = here[: len(here) - node.level + 1]
                target = ".".join(["", *parents, target]).rstrip(".")
            elif target == NAME or target.startswith(NAME + "."):
                target = target.removeprefix(NAME) or "."
            yield from ((target, alias.name) for alias in node.names)


def own_imports(imported: Iterable[Import]) -> set[str]:
    """The modules of the package that are among what a module imports."""
    found = set()
    for target, name in imported:
        if target.startswith("."):
            longer = f"{target}.{name}".lstrip(".")
            is_module = (PACKAGE / Path(*longer.split("."))).with_suffix(".py").exists()
            is_folder = (PACKAGE / Path(*longer.split("."))).is_dir()
            found.add(longer if is_module or is_folder else target.lstrip("."))
    return found


TAKES_THE_GLOBAL_REACTOR = (
    "plugin.tap",
    "plugin.schema_command",
    "client.client",
    "embedding.event_loop",
    "embedding.process",
)
"""The edges where nobody hands one in: `makeService`, a command, a client without ``reactor=``,
and an embedded server."""


class LayerTests(SynchronousTestCase):
    """Imports go down the layers, with no circle."""

    def test_each_folder_and_each_module_at_the_top_has_its_place(self) -> None:
        folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
        self.assertEqual({*LAYERS, "builtin", "testing"}, folders)
        modules = {path.stem for path in PACKAGE.glob("*.py")}
        self.assertEqual({*LEAVES, "__init__"}, modules)

    def test_imports_go_down(self) -> None:
        order = {folder: index for index, folder in enumerate((*LAYERS, *LEAVES))}
        for module, found in modules().items():
            top = module.partition(".")[0]
            for imported in own_imports(found):
                other = imported.partition(".")[0]
                if other not in order:
                    self.fail(f"{module} imports {imported}, which is no layer")
                if other != top and other not in LEAVES:
                    self.assertLess(order[top], order[other], f"{module} imports {imported}")

    def test_there_are_no_circles(self) -> None:
        graph = {module: own_imports(found) - {module} for module, found in modules().items()}
        self.assertGreaterEqual(len(set(TopologicalSorter(graph).static_order())), len(graph))

    def test_only_net_imports_names_that_a_library_keeps_to_itself(self) -> None:
        for module, found in modules().items():
            if module.partition(".")[0] == "net":
                continue
            for target, name in found:
                if not target.startswith("."):
                    private = target.rpartition(".")[2].startswith("_") or name.startswith("_")
                    self.assertFalse(
                        private and target != "__future__", f"{module}: {target} {name}"
                    )

    def test_what_hands_bytes_to_an_outbox_knows_no_network(self) -> None:
        for module, found in modules(*SANS_TRANSPORT).items():
            allowed = MAY_WRITE.get(module, set())
            for target, name in found:
                if target.startswith(NETWORK_FREE) or target in allowed:
                    continue
                self.assertFalse(target.startswith(NETWORK), f"{module} imports {target}")
                self.assertNotEqual(("twisted.internet", "reactor"), (target, name), module)

    def test_only_the_edges_take_the_global_reactor(self) -> None:
        for module, found in {**modules(), **modules("builtin")}.items():
            if module in TAKES_THE_GLOBAL_REACTOR:
                continue
            for target, name in found:
                self.assertNotEqual(("twisted.internet", "reactor"), (target, name), module)
                self.assertNotEqual("twisted.internet.reactor", target, module)

    def test_built_in_actions_use_public_names_only(self) -> None:
        for module, found in modules("builtin").items():
            for target, name in found:
                # A file of theirs that begins with "_" is shared, as in any actions folder.
                if target.startswith(".") and not target.startswith(".builtin._"):
                    self.assertEqual(".", target, module)
                    self.assertIn(name, actionhero_tcp.__all__, module)


class PublicNameTests(SynchronousTestCase):
    """What users import."""

    def test_each_is_there(self) -> None:
        for name in actionhero_tcp.__all__:
            self.assertTrue(hasattr(actionhero_tcp, name), name)
