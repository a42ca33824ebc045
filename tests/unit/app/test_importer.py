"""Tests of `actionhero_tcp.app.importer`; `test_loader` has those of whole folders."""

from __future__ import annotations

import linecache
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.app import importer
from actionhero_tcp.errors import StartError


class ImporterTests(SynchronousTestCase):
    """Files of an actions folder, one by one."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).resolve()
        self.folder.mkdir()

    def test_the_names_of_modules(self) -> None:
        names = {
            "a.py": "p.a",
            "b/my-action.py": "p.b.my-action",
            "_c/__init__.py": "p._c",
            "_c/d/_e.py": "p._c.d._e",
        }
        for path, name in names.items():
            found = importer.module_name(self.folder / path, self.folder, "p")
            self.assertEqual(name, found)

    def test_which_files_are_searched(self) -> None:
        for name, searched in (
            ("a.py", True),
            ("b/c.py", True),
            ("_a.py", False),
            ("b/__init__.py", False),
            ("_b/c.py", False),
            (".b/c.py", False),
        ):
            self.assertEqual(searched, importer.is_searched(self.folder / name, self.folder), name)

    def test_a_file_that_does_not_import_leaves_no_module(self) -> None:
        path = self.folder / "one.py"
        path.write_text("1 / 0\n")
        self.assertRaises(StartError, importer.import_file, path, "tests_none.one")
        self.assertNotIn("tests_none.one", sys.modules)

    def test_the_files_of_a_folder_in_order_without_those_that_are_shared(self) -> None:
        for name in ("b.py", "a/c.py", "_shared.py", "a/_x.py", ".git/d.py", "text.txt"):
            path = self.folder / name
            path.parent.mkdir(exist_ok=True)
            path.touch()
        found = [str(path.relative_to(self.folder)) for path in importer.action_files(self.folder)]
        self.assertEqual(["a/c.py", "b.py"], found)

    def test_a_folder_that_cannot_be_read(self) -> None:
        missing = self.folder / "missing"
        error = self.assertRaises(StartError, list, importer.action_files(missing))
        self.assertEqual(
            f"{missing}: cannot read the actions folder: No such file or directory", str(error)
        )

    def test_tracebacks_show_a_file_as_it_was_loaded(self) -> None:
        path = self.folder / "one.py"
        path.write_text("a = 1\n")
        self.addCleanup(sys.modules.pop, "tests_shown.one", None)
        self.addCleanup(linecache.cache.pop, str(path), None)
        importer.import_file(path, "tests_shown.one")
        path.write_text("b = 2\n")
        linecache.checkcache(str(path))
        self.assertEqual("a = 1\n", linecache.getline(str(path), 1))
