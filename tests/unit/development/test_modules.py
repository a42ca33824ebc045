"""Modules that are made from the text of files that change."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from types import CodeType, ModuleType

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.app import importer
from actionhero_tcp.development import modules
from actionhero_tcp.development.modules import Finder, SourceLoader, imports, put_back, take_out
from tests import support

PACKAGE = "tests_of_modules"


class ModulesTestCase(SynchronousTestCase):
    """A package whose modules are found by a `Finder`."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).resolve()
        self.folder.mkdir()
        self.patch(sys, "meta_path", [Finder(PACKAGE), *sys.meta_path])
        importer.make_package(PACKAGE, self.folder)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        # All in one second.
        os.utime(path, ns=(10**18, 10**18))
        return path

    def module(self, name: str) -> ModuleType:
        importlib.invalidate_caches()
        return importlib.import_module(f"{PACKAGE}.{name}")


class SourceTests(ModulesTestCase):
    """`SourceLoader` and `Finder`."""

    def test_a_module_is_made_of_the_text_as_it_is(self) -> None:
        self.patch(sys, "dont_write_bytecode", False)
        for value in "123":
            self.write("a.py", f"x = {value}\n")
            self.assertEqual(int(value), self.module("a").x)
            take_out([f"{PACKAGE}.a"])
        self.assertEqual(["a.py"], os.listdir(self.folder))

    def test_bytecode_of_another_version_is_not_read(self) -> None:
        path = self.write("a.py", "x = 1\n")
        self.patch(sys, "dont_write_bytecode", False)
        importer.import_file(path, "tests_of_bytecode")
        self.addCleanup(sys.modules.pop, "tests_of_bytecode")
        self.assertIn("__pycache__", os.listdir(self.folder))
        self.write("a.py", "x = 2\n")
        self.assertEqual(2, self.module("a").x)

    def test_packages_and_modules_in_them(self) -> None:
        self.write("a/__init__.py", "from .b import x\n")
        self.write("a/b.py", "from ..c.d import x\n")
        self.write("c/d.py", "x = 1\n")
        self.assertEqual(1, self.module("a").x)
        self.assertEqual(1, self.module("a.b").x)

    def test_what_there_is_not(self) -> None:
        self.assertRaises(ModuleNotFoundError, self.module, "none")
        self.assertIsNone(Finder(PACKAGE).find_spec("json", None))
        self.assertIsNone(Finder(PACKAGE).find_spec(f"{PACKAGE}.a", None))

    def imports(self, text: str, name: str = "a.py") -> set[str]:
        """What a module of this text imports of its package, by its names there."""
        path = self.write(name, text)
        found = importer.module_name(path, self.folder, PACKAGE)
        source = SourceLoader(found, str(path))
        source.get_code(found)
        start = PACKAGE + "."
        return {n.removeprefix(start) for n in source.imports if n.startswith(start)}

    def test_what_a_module_imports(self) -> None:
        self.assertEqual(set(), self.imports("import json\nfrom os import path\n"))
        self.assertEqual({"_b", "_b.x", "_b.y"}, self.imports("from ._b import x, y\n"))
        self.assertEqual({"_b", "c"}, self.imports("from . import _b, c\n"))
        self.assertEqual({"c", "c.d", "c.d.x"}, self.imports("from .c.d import x\n"))
        self.assertEqual({"c", "c.d"}, self.imports(f"import {PACKAGE}.c.d\n"))
        self.assertEqual({"_b", "_b.x"}, self.imports("def f():\n  from ._b import x\n"))

    def test_what_a_module_in_a_folder_imports(self) -> None:
        self.assertEqual({"s", "s._b", "s._b.x"}, self.imports("from ._b import x\n", "s/a.py"))
        self.assertEqual({"_b", "_b.x"}, self.imports("from .._b import x\n", "s/a.py"))
        self.assertEqual({"s", "s.b"}, self.imports("from . import b\n", "s/__init__.py"))
        self.assertEqual(set(), self.imports("from .... import b\n", "s/a.py"))

    def test_what_was_not_read_by_it_imports_nothing_that_is_known(self) -> None:
        self.assertEqual(frozenset(), imports(os))
        self.assertEqual(frozenset(), imports(ModuleType("x")))

    @support.PROPERTY
    @given(st.text(alphabet="from .impotabc,*\n\x00", max_size=60))
    def test_any_text_is_a_module_or_an_error(self, text: str) -> None:
        path = Path(self.folder / "a.py")
        path.write_text(text)
        try:
            code = SourceLoader("x.a", str(path)).get_code("x.a")
        except (SyntaxError, ValueError):
            return
        self.assertIsInstance(code, CodeType)


class ReplacementTests(ModulesTestCase):
    """`take_out` and `put_back`."""

    def test_what_is_taken_out_is_imported_anew_however_that_is_said(self) -> None:
        self.write("b.py", "x = 1\n")
        self.write("a.py", "from . import b\nfrom .b import x\n")
        old = self.module("a")
        take_out([f"{PACKAGE}.{name}" for name in "ab"])
        self.write("b.py", "x = 2\n")
        new = self.module("a")
        self.assertEqual((1, 1), (old.b.x, old.x))
        self.assertEqual((2, 2), (new.b.x, new.x))

    def test_what_is_put_back_is_found_however_it_is_looked_for(self) -> None:
        self.write("s/__init__.py", "")
        self.write("s/b.py", "x = 1\n")
        self.module("s.b")
        before = modules.known(PACKAGE)
        names = list(before)
        take_out(names)
        self.assertEqual({}, modules.known(PACKAGE))
        self.write("s/b.py", "x = 2\n")
        self.module("s.b")
        put_back(names, before)
        self.write("a.py", "from .s import b\nfrom .s.b import x\n")
        self.assertEqual((1, 1), (self.module("a").b.x, self.module("a").x))

    def test_one_that_is_put_back_is_the_one_in_its_package(self) -> None:
        self.write("b.py", "x = 1\n")
        old = self.module("b")
        name = f"{PACKAGE}.b"
        take_out([name])
        self.write("b.py", "x = 2\n")
        self.assertEqual(2, self.module("b").x)
        put_back([name], {name: old})
        self.write("a.py", "from . import b\n")
        self.assertIs(old, self.module("a").b)

    def test_what_was_not_there_is_gone_again(self) -> None:
        self.write("b.py", "")
        self.module("b")
        put_back([f"{PACKAGE}.b", f"{PACKAGE}.none"], {})
        self.assertEqual({}, modules.known(PACKAGE))
        self.assertFalse(hasattr(sys.modules[PACKAGE], "b"))

    def test_a_variable_of_a_package_is_no_module(self) -> None:
        self.write("s/__init__.py", "b = 5\n")
        package = self.module("s")
        take_out([f"{PACKAGE}.s.b"])
        self.assertEqual(5, package.b)
