"""How the files of a folder look."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.development import scan as module
from actionhero_tcp.development.scan import scan, signature
from actionhero_tcp.errors import StartError


class ScanTests(SynchronousTestCase):
    """`scan` and `signature`."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).resolve()
        self.folder.mkdir()

    def write(self, name: str, text: str = "") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def found(self) -> list[str]:
        return sorted(str(path.relative_to(self.folder)) for path in scan(self.folder))

    def test_python_files_at_any_depth_those_to_be_imported_included(self) -> None:
        for name in ("a.py", "_b.py", "c/d.py", "c/__init__.py", "_e/f/g.py"):
            self.write(name)
        self.assertEqual(["_b.py", "_e/f/g.py", "a.py", "c/__init__.py", "c/d.py"], self.found())

    def test_other_files_are_left_out(self) -> None:
        for name in ("a.txt", ".b.py", ".c/d.py", "__pycache__/e.py", "f.pyc", "g.py~"):
            self.write(name)
        self.assertEqual([], self.found())

    def test_a_folder_that_is_not_there_has_no_files(self) -> None:
        self.assertEqual({}, scan(self.folder / "none"))

    def test_a_file_in_place_of_the_folder_has_none_either(self) -> None:
        self.assertEqual({}, scan(self.write("a.py")))

    def test_a_link_to_nothing_is_no_file(self) -> None:
        (self.folder / "a.py").symlink_to("none.py")
        self.assertEqual([], self.found())

    def test_a_linked_file_looks_as_the_one_it_leads_to(self) -> None:
        target = self.write("one.txt", "x = 1")
        (self.folder / "a.py").symlink_to(target)
        self.assertEqual({self.folder / "a.py": signature(str(target))}, scan(self.folder))

    def test_a_change_shows_whatever_time_the_file_claims(self) -> None:
        path = self.write("a.py", "x = 1")
        os.utime(path, ns=(0, 0))
        before = scan(self.folder)
        self.assertEqual(before, scan(self.folder))
        # A copy that keeps the time of what it copies, of the same size.
        copy = self.write("b.txt", "x = 2")
        os.utime(copy, ns=(0, 0))
        copy.replace(path)
        self.assertNotEqual(before, scan(self.folder))

    def test_a_folder_of_too_many_files_is_not_watched(self) -> None:
        self.patch(module, "MOST_ENTRIES", 3)
        for name in ("a.py", "b.txt", "c.py"):
            self.write(name)
        self.assertEqual(["a.py", "c.py"], self.found())
        self.write("d/e.py")
        error = self.assertRaises(StartError, scan, self.folder)
        self.assertEqual(
            f"{self.folder}: more than 3 files and folders, too many to watch", str(error)
        )

    def test_a_circle_of_links_has_an_end(self) -> None:
        (self.folder / "a").symlink_to(self.folder)
        (self.folder / "b").symlink_to(self.folder)
        self.assertRaises(StartError, scan, self.folder)

    def test_a_folder_that_cannot_be_read(self) -> None:
        def refuse(folder: str) -> None:
            raise PermissionError(13, "Permission denied")

        self.patch(module.os, "scandir", refuse)
        error = self.assertRaises(StartError, scan, self.folder)
        self.assertEqual(
            f"{self.folder}: cannot read the actions folder: Permission denied", str(error)
        )

    def test_a_file_that_is_gone_before_it_is_looked_at(self) -> None:
        self.write("a.py")
        self.write("b.py")

        def look(path: str) -> tuple[int, ...] | None:
            Path(path).unlink()
            return signature(path)

        self.patch(module, "signature", look)
        self.assertEqual({}, scan(self.folder))

    def test_what_is_not_there_has_no_look(self) -> None:
        self.assertIsNone(signature(str(self.folder / "none")))
        self.assertIsNone(signature(""))
