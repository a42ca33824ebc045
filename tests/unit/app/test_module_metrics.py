"""Metrics of modules that a process imports again."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import REGISTRY
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.app import importer, loader
from actionhero_tcp.development import modules
from actionhero_tcp.errors import StartError

SHARED = "from prometheus_client import Counter\n\nSHARED = Counter('tests_shared', 'Shared.')\n"
FILE = (
    "from prometheus_client import Counter, Gauge\nfrom ._shared import SHARED\n\n"
    "OWN = Counter('tests_own', 'Own.')\n"
)


class ModuleMetricsTests(SynchronousTestCase):
    """A folder of actions with metrics."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        (self.folder / "_shared.py").write_text(SHARED)
        self.path = self.folder / "a.py"
        self.path.write_text(FILE)
        self.addCleanup(self.leave)

    def leave(self) -> None:
        """Loads nothing in the end, so that the registry is as before."""
        self.path.write_text("")
        (self.folder / "_shared.py").unlink()
        loader.load(str(self.folder))
        self.assertEqual(set(), self.names())

    def names(self) -> set[str]:
        """The names of the metrics of these tests in the registry."""
        return {metric.name for metric in REGISTRY.collect() if metric.name.startswith("tests_")}

    def test_a_folder_can_be_loaded_again(self) -> None:
        for _ in range(3):
            loader.load(str(self.folder))
            self.assertEqual({"tests_own", "tests_shared"}, self.names())

    def test_a_file_that_does_not_import_leaves_none(self) -> None:
        self.path.write_text(FILE + "1 / 0\n")
        self.assertRaises(StartError, loader.load, str(self.folder))
        self.assertEqual({"tests_shared"}, self.names())
        self.path.write_text(FILE)
        loader.load(str(self.folder))
        self.assertEqual({"tests_own", "tests_shared"}, self.names())

    def test_a_changed_file_is_replaced_and_put_back(self) -> None:
        """As development mode does; the other file, and its metric, stay."""
        loader.load(str(self.folder))
        name = f"{importer.PACKAGE}.a"
        before = modules.known(importer.PACKAGE)
        modules.take_out([name])
        self.path.write_text(FILE + "MORE = Gauge('tests_more', 'More.')\n")
        importer.import_file(self.path, name, modules.SourceLoader(name, str(self.path)))
        self.assertEqual({"tests_own", "tests_shared", "tests_more"}, self.names())
        modules.put_back([name], before)
        self.assertEqual({"tests_own", "tests_shared"}, self.names())
