"""The files of a folder, loaded one by one as they change."""

from __future__ import annotations

import gc
import itertools
import os
import sys
import weakref
from functools import partial
from pathlib import Path

from actionhero_tcp.app import importer, loader
from actionhero_tcp.app.hooks import BEFORE_ACTION
from actionhero_tcp.app.loader import Loaded
from actionhero_tcp.development import module_cache as module
from actionhero_tcp.development.module_cache import Change, ModuleCache
from actionhero_tcp.development.scan import scan
from actionhero_tcp.errors import StartError
from tests.unit.app.test_loader import HEAD, LoaderTestCase, function

HOOK = "from actionhero_tcp import before_action\n"


def hook(*names: str) -> str:
    """The text of a hook for some actions."""
    return f"{HOOK}@before_action{names!r}\ndef check(api, connection, call):\n    pass\n"


class LibraryTestCase(LoaderTestCase):
    """A folder that changes."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(sys, "meta_path", sys.meta_path[:])
        self._times = itertools.count(10**18, 1000)

    def write(self, name: str, text: str | bytes) -> Path:
        path = super().write(name, text)
        # All in one second, and yet each at a time of its own.
        time = next(self._times)
        os.utime(path, ns=(time, time))
        return path

    def start(self) -> ModuleCache:
        self.library = ModuleCache(str(self.folder), partial(loader.complete, Loaded(), ["say"]))
        return self.library

    def update(self) -> tuple[list[str], list[str]]:
        """The files that were loaded, and those that are gone."""
        change = self.library.update(scan(self.folder))
        assert change is not None
        loaded, gone = (
            [str(path.relative_to(self.folder)) for path in paths]
            for paths in (change.loaded, change.gone)
        )
        return loaded, gone

    def call(self, name: str) -> object:
        return self.library.loaded.actions[name].function(None, None)["v"]

    @property
    def names(self) -> list[str]:
        return sorted(self.library.loaded.actions)

    @property
    def faults(self) -> dict[str, str]:
        """The faults, without the folder, by their modules."""
        return {
            name.removeprefix(importer.PACKAGE + "."): fault.text.replace(f"{self.folder}/", "")
            for name, fault in self.library.faults.items()
        }


def answers(value: object, name: str = "a") -> str:
    """The text of an action with this answer."""
    return HEAD + function(name, f'{{"v": {value}}}')


class StartTests(LibraryTestCase):
    """What a library has at first is what `loader.load` has."""

    def test_a_folder_is_loaded(self) -> None:
        self.write("_shared.py", "V = 1\n")
        self.write("sub/_shared.py", "from .._shared import V as W\n")
        self.write("sub/one.py", "from ._shared import W\n" + answers("W"))
        self.write("my-action.py", hook("a") + answers(2, "b"))
        self.start()
        self.assertEqual(["a", "b"], self.names)
        self.assertEqual(1, self.call("a"))
        self.assertEqual(["check"], [h.name for h in self.library.loaded.hooks])
        self.assertEqual(self.load(), self.names)
        own = self.library.own
        self.assertEqual((["a", "b"], 1), (sorted(own.actions), len(own.hooks)))

    def test_a_folder_that_is_not_there_is_empty(self) -> None:
        self.folder /= "later"
        self.start()
        self.assertEqual([], self.names)
        self.write("a.py", answers(1))
        self.assertEqual((["a.py"], []), self.update())
        self.assertEqual(1, self.call("a"))

    def test_a_fault_is_an_error(self) -> None:
        for text in (
            "a = = 1\n",
            "import none\n",
            hook("none"),
            HEAD + function("say"),
            HEAD + function("a") + function("b", decorator='@action(name="a")'),
        ):
            path = self.write("a.py", text)
            error = self.assertRaises(StartError, self.start)
            self.assertTrue(str(error).startswith(f"{path}:"), error)

    def test_the_first_file_of_several_faulty_ones_is_named(self) -> None:
        for name in ("b/c.py", "d.py", "a.py"):
            self.write(name, "= =\n")
        error = self.assertRaises(StartError, self.start)
        self.assertEqual(f"{self.folder}/a.py:1: invalid syntax", str(error))

    def test_hooks_are_in_the_order_of_their_files(self) -> None:
        names = ("b/c.py", "a.py", "a/z.py", "b.py")
        for name in names:
            self.write(name, hook())
        self.start()
        found = [Path(h.file) for h in self.library.loaded.hooks]
        self.load()
        self.assertEqual([Path(h.file) for h in self.hooks], found)
        self.assertEqual(len(names), len(found))


class ChangeTests(LibraryTestCase):
    """What is loaded when something changes."""

    def test_where_nothing_has_changed_nothing_is_done(self) -> None:
        self.write("one.py", answers(1))
        self.start()
        before = dict(self.library.sources)
        self.assertEqual(([], []), self.update())
        self.assertEqual(before, self.library.sources)

    def test_a_changed_file(self) -> None:
        self.write("one.py", answers(1))
        self.start()
        for value in range(2, 9):
            self.write("one.py", answers(value))
            self.assertEqual((["one.py"], []), self.update())
            self.assertEqual(value, self.call("a"))

    def test_the_others_keep_their_variables(self) -> None:
        self.write("one.py", answers(1))
        self.write("two.py", "seen = []\n" + answers("seen", "b"))
        self.start()
        self.call("b").append(1)  # type: ignore[attr-defined]
        self.write("one.py", answers(2))
        self.update()
        self.assertEqual([1], self.call("b"))
        self.assertEqual(2, self.call("a"))

    def test_a_new_file_and_one_in_a_new_folder(self) -> None:
        self.start()
        self.write("one.py", answers(1))
        self.write("sub/_v.py", "V = 2\n")
        self.write("sub/two.py", "from ._v import V\n" + answers("V", "b"))
        self.assertEqual((["one.py", "sub/_v.py", "sub/two.py"], []), self.update())
        self.assertEqual([1, 2], [self.call("a"), self.call("b")])

    def test_a_file_that_is_gone(self) -> None:
        path = self.write("one.py", hook() + answers(1))
        self.write("two.py", answers(2, "b"))
        self.start()
        old = self.library.loaded.actions["a"].function
        path.unlink()
        self.assertEqual(([], ["one.py"]), self.update())
        self.assertEqual(["b"], self.names)
        self.assertEqual([], self.library.loaded.hooks)
        # What still runs can end.
        self.assertEqual({"v": 1}, old(None, None))

    def test_the_folder_may_go_and_come_back(self) -> None:
        self.write("one.py", answers(1))
        self.start()
        away = self.folder.with_name("away")
        self.folder.rename(away)
        self.assertEqual(([], ["one.py"]), self.update())
        self.assertEqual([], self.names)
        away.rename(self.folder)
        self.update()
        self.assertEqual(["a"], self.names)

    def test_who_imports_what_has_changed_is_loaded_anew_however_indirectly(self) -> None:
        self.write("_c.py", "V = 1\n")
        self.write("_b.py", "from . import _c\n")
        self.write("sub/_a.py", "from .._b import _c\n")
        self.write("sub/one.py", "from ._a import _c\n" + answers("_c.V"))
        self.write("other.py", answers(1, "b"))
        self.start()
        self.write("_c.py", "V = 2\n")
        self.assertEqual((["_b.py", "_c.py", "sub/_a.py", "sub/one.py"], []), self.update())
        self.assertEqual(2, self.call("a"))

    def test_two_action_files_of_which_one_imports_the_other(self) -> None:
        self.write("a.py", "from .b import V\n" + answers("V"))
        self.write("b.py", "V = 1\n" + answers("V", "b"))
        self.start()
        self.write("b.py", "V = 2\n" + answers("V", "b"))
        self.assertEqual((["a.py", "b.py"], []), self.update())
        self.assertEqual([2, 2], [self.call("a"), self.call("b")])
        self.assertIs(
            sys.modules[f"{importer.PACKAGE}.b"],
            self.library.sources[f"{importer.PACKAGE}.b"].module,
        )

    def test_files_that_import_each_other(self) -> None:
        self.write("a.py", "from . import b\nV = 1\n" + answers("V + b.V"))
        self.write("b.py", "from . import a\nV = 10\n" + answers("V + a.V", "b"))
        self.start()
        for one, two in ((2, 10), (2, 20), (3, 30)):
            self.write("a.py", f"from . import b\nV = {one}\n" + answers("V + b.V"))
            self.write("b.py", f"from . import a\nV = {two}\n" + answers("V + a.V", "b"))
            self.update()
            self.assertEqual([one + two] * 2, [self.call("a"), self.call("b")])

    def test_a_package_with_a_file_of_its_own(self) -> None:
        self.write("_lib/__init__.py", "from .v import V\n")
        self.write("_lib/v.py", "V = 1\n")
        self.write("a.py", "from ._lib import V\n" + answers("V"))
        self.start()
        self.write("_lib/v.py", "V = 2\n")
        self.assertEqual((["_lib/__init__.py", "_lib/v.py", "a.py"], []), self.update())
        self.assertEqual(2, self.call("a"))
        self.write("_lib/__init__.py", "V = 3\n")
        self.update()
        self.assertEqual(3, self.call("a"))

    def test_a_file_that_nothing_imports_yet_is_not_loaded(self) -> None:
        self.start()
        self.write("_shared.py", "1 / 0\n")
        self.assertEqual(([], []), self.update())
        self.assertEqual({}, self.faults)

    def test_a_file_that_nothing_imports_any_more_is_not_gone(self) -> None:
        self.write("_v.py", "V = 1\n")
        self.write("a.py", "from ._v import V\n" + answers("V"))
        self.start()
        self.write("_v.py", "1 / 0\n")
        self.write("a.py", answers(2))
        self.assertEqual((["a.py"], []), self.update())
        self.assertNotIn(f"{importer.PACKAGE}._v", sys.modules)

    def test_what_was_missing_comes(self) -> None:
        text = "try:\n    from ._v import V\nexcept ImportError:\n    V = 0\n"
        self.write("a.py", text + answers("V"))
        self.start()
        self.assertEqual(0, self.call("a"))
        self.write("_v.py", "V = 1\n")
        self.update()
        self.assertEqual(1, self.call("a"))

    def test_an_import_within_a_function_finds_what_is_in_force(self) -> None:
        self.write("_v.py", "V = 1\n")
        lazy = "@action\ndef a(api, connection):\n    from ._v import V\n    return {'v': V}\n"
        self.write("a.py", HEAD + lazy)
        self.write("b.py", answers(1, "b"))
        self.start()
        self.assertEqual(1, self.call("a"))
        self.write("b.py", answers(2, "b"))
        self.assertEqual((["b.py"], []), self.update())
        self.write("_v.py", "V = 2\n")
        self.assertEqual((["a.py"], []), self.update())
        self.assertEqual(2, self.call("a"))
        self.write("_v.py", "V = 3\n")
        self.write("a.py", "= =")
        self.update()
        self.assertEqual(2, self.call("a"))

    def test_what_was_imported_within_a_function_is_not_stale_either(self) -> None:
        self.write("_w.py", "V = 1\n")
        self.write("_v.py", "from ._w import V\n")
        lazy = "@action\ndef a(api, connection):\n    from ._v import V\n    return {'v': V}\n"
        self.write("a.py", HEAD + lazy)
        self.start()
        for value in (1, 2, 3):
            self.write("_w.py", f"V = {value}\n")
            self.update()
            self.assertEqual(value, self.call("a"))

    def test_old_versions_are_not_kept(self) -> None:
        self.write("_v.py", "V = 1\n")
        self.write("a.py", "from ._v import V\n" + answers("V"))
        self.write("b.py", "from ._v import V\n" + answers("V", "b"))
        self.start()
        self.write("a.py", "from ._v import V\n1 / 0\n")
        self.update()
        old = [weakref.ref(source.module) for source in self.library.sources.values()]
        self.write("_v.py", "V = 2\n")
        self.write("a.py", "from ._v import V\n" + answers("V"))
        self.update()
        gc.collect()
        self.assertEqual([None] * 3, [reference() for reference in old])

    def test_an_action_moves_from_file_to_file(self) -> None:
        self.write("a.py", answers(1))
        self.write("b.py", "")
        self.start()
        for old, new in (("a", "b"), ("b", "a")):
            self.write(f"{old}.py", "")
            self.write(f"{new}.py", answers(2))
            self.write("c.py", hook("a"))
            self.update()
            self.assertEqual({}, self.faults)
            self.assertTrue(self.library.loaded.actions["a"].place.endswith(f"{new}.py:2"))

    def test_files_that_change_while_they_are_read(self) -> None:
        path = self.write("one.py", answers(1))
        self.write("_v.py", "V = 1\n")
        self.write("two.py", "from ._v import V\n" + answers("V", "b"))
        self.start()
        seen = scan(self.folder)
        self.write("one.py", answers(2))
        self.write("_v.py", "V = 2\n")
        self.write("new.py", answers(3, "c"))
        files = scan(self.folder)
        before = {name: sys.modules[name] for name in self.library.sources}
        self.patch(module, "scan", lambda root: path.unlink(missing_ok=True) or scan(root))
        self.assertIsNone(self.library.update(files))
        self.assertEqual([1, 1], [self.call("a"), self.call("b")])
        self.assertEqual(seen, self.library.files)
        self.assertEqual(before, {name: sys.modules[name] for name in before})
        self.assertNotIn(f"{importer.PACKAGE}.new", sys.modules)
        self.patch(module, "scan", scan)
        self.assertEqual((["_v.py", "new.py", "two.py"], ["one.py"]), self.update())
        self.assertEqual([2, 3], [self.call("b"), self.call("c")])


class FaultTests(LibraryTestCase):
    """What has a fault does not come into force."""

    def test_a_faulty_file_keeps_its_old_version_until_it_is_mended(self) -> None:
        self.write("one.py", answers(1))
        self.start()
        before = sys.modules[f"{importer.PACKAGE}.one"]
        for text, fault in (
            ("= =\n", "one.py:1: invalid syntax"),
            ("\n1 / 0\n", "one.py:2: cannot import the action file: ZeroDivisionError"),
            (HEAD + "@action\ndef a(api):\n  pass\n", "one.py:2: the action 'a': "),
            (HEAD + function("say"), "one.py:2: an action cannot be named 'say'"),
            (hook("none"), "one.py:2: the hook 'check' is for the action 'none'"),
            ("raise SystemExit\n", "one.py:1: cannot import the action file: SystemExit"),
        ):
            self.write("one.py", text)
            self.assertEqual(([], []), self.update())
            self.assertTrue(self.faults["one"].startswith(fault), self.faults)
            self.assertEqual(1, self.call("a"))
            self.assertIs(before, sys.modules[f"{importer.PACKAGE}.one"])
            self.assertEqual([], self.library.loaded.hooks)
        self.write("one.py", answers(2))
        self.assertEqual((["one.py"], []), self.update())
        self.assertEqual({}, self.faults)
        self.assertEqual(2, self.call("a"))

    def test_a_new_faulty_file(self) -> None:
        self.start()
        path = self.write("one.py", "= =\n")
        self.update()
        self.assertEqual({"one": "one.py:1: invalid syntax"}, self.faults)
        self.assertNotIn(f"{importer.PACKAGE}.one", sys.modules)
        path.unlink()
        self.update()
        self.assertEqual({}, self.faults)

    def test_others_come_into_force_all_the_same(self) -> None:
        for name in "abc":
            self.write(f"{name}.py", answers(1, name))
        self.start()
        self.write("a.py", answers(2, "a"))
        self.write("b.py", "= =\n")
        self.write("c.py", answers(2, "c"))
        self.assertEqual((["a.py", "c.py"], []), self.update())
        self.assertEqual([2, 1, 2], [self.call(name) for name in "abc"])

    def test_a_fault_stays_while_others_change(self) -> None:
        self.write("a.py", answers(1))
        self.start()
        self.write("a.py", "= =\n")
        self.update()
        known = dict(self.library.faults)
        self.write("b.py", answers(1, "b"))
        self.assertEqual((["b.py"], []), self.update())
        self.assertEqual(known, self.library.faults)
        self.write("a.py", "= = \n")
        self.update()
        self.assertNotEqual(known, self.library.faults)
        self.assertEqual({"a": "a.py:1: invalid syntax"}, self.faults)

    def test_files_that_import_one_another_come_into_force_together(self) -> None:
        self.write("_v.py", "V = 1\nW = 1\n")
        self.write("a.py", "from ._v import V\n" + answers("V"))
        self.write("b.py", "from ._v import W\n" + answers("W", "b"))
        self.start()
        fault = "b.py:1: cannot import the action file: ImportError: cannot import name 'W'"
        self.write("_v.py", "V = 2\nX = 2\n")
        self.assertEqual(([], []), self.update())
        self.assertEqual(["_v", "a", "b"], sorted(self.faults))
        for text in self.faults.values():
            self.assertTrue(text.startswith(fault), text)
        self.assertEqual([1, 1], [self.call("a"), self.call("b")])
        self.assertEqual(1, sys.modules[f"{importer.PACKAGE}._v"].V)
        self.write("b.py", "from ._v import X\n" + answers("X", "b"))
        self.assertEqual((["_v.py", "a.py", "b.py"], []), self.update())
        self.assertEqual([2, 2], [self.call("a"), self.call("b")])

    def test_a_fault_in_what_is_imported_is_named_there(self) -> None:
        self.write("_v.py", "V = 1\n")
        self.write("a.py", "from ._v import V\n" + answers("V"))
        self.start()
        self.write("_v.py", "\nV = = 2\n")
        self.update()
        self.assertEqual(dict.fromkeys(("_v", "a"), "_v.py:2: invalid syntax"), self.faults)
        self.write("_v.py", "V = 3\n")
        self.update()
        self.assertEqual(3, self.call("a"))

    def test_what_is_imported_may_not_go(self) -> None:
        path = self.write("_v.py", "V = 1\n")
        self.write("a.py", "from ._v import V\n" + answers("V"))
        self.start()
        path.unlink()
        self.assertEqual(([], []), self.update())
        self.assertIn("No module named", self.faults["a"])
        self.assertEqual(1, self.call("a"))
        self.write("a.py", answers(2))
        self.assertEqual((["a.py"], ["_v.py"]), self.update())
        self.assertEqual({}, self.faults)

    def test_an_import_that_may_fail_holds_its_file_back_too(self) -> None:
        self.write("b.py", "V = 1\n")
        text = "try:\n    from .b import V\nexcept Exception:\n    V = 0\n"
        self.write("a.py", text + answers("V"))
        self.start()
        self.write("b.py", "= =\n")
        self.update()
        self.assertEqual(1, self.call("a"))
        self.assertEqual(["a", "b"], sorted(self.faults))

    def test_a_faulty_new_version_that_has_new_imports(self) -> None:
        self.write("_v.py", "V = 1\n")
        self.write("a.py", answers(1))
        self.start()
        self.write("a.py", "from ._v import V\n1 / 0\n")
        self.update()
        self.assertEqual(1, self.call("a"))
        self.write("a.py", "from ._v import V\n" + answers("V + 1"))
        self.update()
        self.assertEqual(2, self.call("a"))

    def test_two_actions_of_one_name(self) -> None:
        self.write("one.py", answers(1))
        self.start()
        for name, fault in (
            ("two", "two.py:2: the action 'a' is also defined in one.py:2"),
            ("eins", "one.py:2: the action 'a' is also defined in eins.py:2"),
        ):
            path = self.write(f"{name}.py", answers(2))
            self.write("other.py", answers(name.__repr__(), "b"))
            self.assertEqual((["other.py"], []), self.update())
            self.assertEqual({name: fault}, self.faults)
            self.assertEqual([1, name], [self.call("a"), self.call("b")])
            path.unlink()
            self.update()
        self.write("two.py", answers(2))
        self.update()
        (self.folder / "one.py").unlink()
        self.assertEqual((["two.py"], ["one.py"]), self.update())
        self.assertEqual(2, self.call("a"))

    def test_an_action_that_a_hook_is_for_may_not_go(self) -> None:
        self.write("h.py", hook("a"))
        path = self.write("one.py", answers(1))
        self.start()
        path.unlink()
        self.assertEqual(([], []), self.update())
        self.assertIn("is for the action 'a', which there is not", self.faults["one"])
        self.assertEqual(1, self.call("a"))
        self.write("h.py", hook())
        self.assertEqual((["h.py"], ["one.py"]), self.update())
        self.assertEqual([BEFORE_ACTION], [h.kind for h in self.library.loaded.hooks])

    def test_one_needs_that_another_gives_up_a_name_while_a_third_is_wrong(self) -> None:
        self.write("b.py", answers(1))
        self.start()
        self.write("a.py", answers(2))
        self.write("b.py", "")
        self.write("c.py", HEAD + function("say"))
        self.assertEqual((["a.py", "b.py"], []), self.update())
        self.assertEqual(["c"], sorted(self.faults))
        self.assertEqual(2, self.call("a"))

    def test_going_back_to_what_is_in_force_mends(self) -> None:
        self.write("a.py", answers(1))
        self.start()
        self.write("a.py", "= =\n")
        self.update()
        self.write("a.py", answers(1))
        self.update()
        self.assertEqual({}, self.faults)

    def test_a_change_is_plain_to_see(self) -> None:
        self.start()
        self.assertEqual(Change((), ()), self.library.update(scan(self.folder)))
