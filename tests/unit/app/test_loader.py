"""Finding actions in a folder."""

from __future__ import annotations

import sys
from pathlib import Path

from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.app import importer, loader
from actionhero_tcp.embedding import composition
from actionhero_tcp.errors import StartError
from tests import support

HEAD = "from actionhero_tcp import action, ActionError\n"


def function(name: str, result: str = "{}", decorator: str = "@action") -> str:
    """The text of an action."""
    return f"{decorator}\ndef {name}(api, connection):\n    return {result}\n"


class LoaderTestCase(SynchronousTestCase):
    """A folder of files."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).resolve()
        self.folder.mkdir()

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def load(self) -> list[str]:
        """The names of the actions found."""
        loaded = loader.load(str(self.folder))
        self.actions, self.hooks = loaded.actions, loaded.hooks
        return sorted(self.actions)

    def refusal(self) -> str:
        """What is wrong with the folder; one line."""
        text = str(self.assertRaises(StartError, self.load))
        self.assertEqual(1, len(text.splitlines()), text)
        return text


GUARD = """import functools
def logged_in(f):
    @functools.wraps(f)
    def guard(api, connection, **params):
        return f(api, connection, **params)
    return guard
def bare(f):
    def guard(api, connection, **params):
        return f(api, connection, **params)
    return guard
"""


class LostTests(LoaderTestCase):
    """What is marked and would not be loaded stops the start."""

    def lost(self, text: str, line: int, reason: str, file: str = "one.py") -> None:
        """Checks what is said of a file after its head."""
        self.write("one.py", "from actionhero_tcp import action, after_action\n" + text)
        refusal = self.refusal()
        self.assertTrue(refusal.startswith(f"{self.folder / file}:{line}: "), refusal)
        self.assertIn(reason, refusal)

    def test_a_decorator_above_action(self) -> None:
        for decorator in ("logged_in", "bare", "functools.lru_cache", "staticmethod"):
            self.lost(
                GUARD + function("a", decorator=f"@{decorator}\n@action"), 12, "@action comes first"
            )

    def test_a_decorator_above_a_hook(self) -> None:
        text = "@bare\n@after_action\ndef h(api, connection, call):\n    pass\n"
        self.lost(GUARD + text, 12, "the hook 'h' would not be loaded")

    def test_members_of_classes(self) -> None:
        for decorator in ("", "    @staticmethod\n"):
            text = f"class A:\n{decorator}    @action\n    def a(api, connection):\n        pass\n"
            self.lost(text, 3, "a member of a class")

    def test_static_methods_callables_and_partials(self) -> None:
        self.lost(
            "@action\n@staticmethod\ndef a(api, connection):\n    pass\n", 2, "is no function"
        )
        head = "import functools\ndef f(api, connection, *, x: int): pass\n"
        self.lost(head + "a = action(functools.partial(f, x=1))\n", 3, "is no function")
        text = "class C:\n    def __call__(self, api, connection): pass\na = action(C())\n"
        self.lost(text, 4, "is no function")
        self.lost("a = action(len)\n", 2, "is no function")

    def test_a_name_that_is_used_again(self) -> None:
        self.lost(function("a") + "a = None\n", 2, "something else has its name")
        self.lost("@action(name='x')\n" + function("a"), 2, "is an action already")

    def test_a_factory_in_another_file(self) -> None:
        factory = (
            "from actionhero_tcp import action\n"
            "def make(name):\n"
            "    @action(name=name)\n"
            "    def made(api, connection): pass\n"
            "    return made\n"
        )
        self.write("_shared.py", factory)
        self.lost("from ._shared import make\na = make('a')\n", 3, "one.py", "_shared.py")

    def test_a_factory_in_the_same_file(self) -> None:
        text = "def make(name):\n    @action(name=name)\n    def made(api, connection): pass\n"
        self.write("one.py", HEAD + text + "    return made\na, b = make('a'), make('b')\n")
        self.assertEqual(["a", "b"], self.load())

    def test_what_is_imported_from_another_file_is_that_files(self) -> None:
        self.write("one.py", HEAD + "from .two import a\n" + function("b"))
        self.write("two.py", HEAD + function("a"))
        self.assertEqual(["a", "b"], self.load())

    def test_a_decorator_below_keeps_the_place_of_the_function(self) -> None:
        self.write("_guards.py", GUARD)
        self.write(
            "one.py",
            HEAD
            + "from ._guards import logged_in\n@action\n@logged_in\ndef a(api, connection): pass\n",
        )
        self.assertEqual(["a"], self.load())
        self.assertEqual(f"{self.folder / 'one.py'}:3", self.actions["a"].place)


class ReportTests(LoaderTestCase):
    """What the log says of a folder."""

    def setUp(self) -> None:
        super().setUp()
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def said(self) -> list[tuple[str, str]]:
        """The level and the text of what was logged."""
        return [(event["log_level"].name, formatEvent(event)) for event in self.events]

    def test_how_much_was_loaded(self) -> None:
        hook = "from actionhero_tcp import on_stop\n@on_stop\ndef h(api): pass\n"
        self.write("one.py", HEAD + function("a") + function("b") + hook)
        loader.load_folder(str(self.folder))
        self.assertEqual(
            [("info", f"loaded 2 actions and 1 hooks from {self.folder}")], self.said()
        )

    def test_an_empty_folder_is_a_warning(self) -> None:
        loader.load_folder(str(self.folder))
        self.assertEqual(
            [("warn", f"loaded 0 actions and 0 hooks from {self.folder}")], self.said()
        )

    def test_a_missing_folder_is_a_warning(self) -> None:
        self.assertEqual({}, loader.load_folder("/nope").actions)
        self.assertEqual([("warn", "loaded no actions: no such folder: /nope")], self.said())


class LoadTests(LoaderTestCase):
    """What is found."""

    def test_an_empty_folder_holds_no_actions(self) -> None:
        self.assertEqual([], self.load())

    def test_several_actions_of_several_files(self) -> None:
        self.write("one.py", HEAD + function("a") + function("b"))
        self.write("two.py", HEAD + function("c"))
        self.assertEqual(["a", "b", "c"], self.load())
        self.assertEqual(f"{self.folder / 'one.py'}:2", self.actions["a"].place)

    def test_subfolders_at_any_depth(self) -> None:
        self.write("a/one.py", HEAD + function("x"))
        self.write("a/b/c/one.py", HEAD + function("y"))
        self.assertEqual(["x", "y"], self.load())

    def test_other_files_are_left_alone(self) -> None:
        for name in ("readme.txt", "a.pyc", "_shared.py", ".hidden.py", "_a/b.py", ".a/b.py"):
            self.write(name, "this is no Python")
        self.write("__init__.py", "neither is this")
        self.assertEqual([], self.load())

    def test_functions_that_are_no_actions_are_left_alone(self) -> None:
        self.write("one.py", HEAD + function("a", decorator="") + "b = 1\nc = action\n")
        self.assertEqual([], self.load())

    def test_one_function_by_two_names_is_one_action(self) -> None:
        self.write("one.py", HEAD + function("a") + "b = a\n")
        self.assertEqual(["a"], self.load())

    def test_shared_modules_are_imported_relatively(self) -> None:
        self.write("_shared.py", "VALUE = 3\n")
        self.write("sub/_shared.py", "VALUE = 4\n")
        self.write("one.py", HEAD + "from ._shared import VALUE\n" + function("a", '{"v": VALUE}'))
        self.write(
            "sub/one.py", HEAD + "from ._shared import VALUE\n" + function("b", '{"v": VALUE}')
        )
        self.write(
            "sub/two.py", HEAD + "from .._shared import VALUE\n" + function("c", '{"v": VALUE}')
        )
        self.load()
        values = [self.actions[name].function(None, None)["v"] for name in "abc"]
        self.assertEqual([3, 4, 3], values)

    def test_a_file_may_import_another_whose_actions_stay_its_own(self) -> None:
        self.write("a.py", HEAD + "from .b import y\n" + function("x"))
        self.write("b.py", HEAD + function("y"))
        self.assertEqual(["x", "y"], self.load())
        self.assertEqual(f"{self.folder / 'b.py'}:2", self.actions["y"].place)

    def test_a_module_is_run_once(self) -> None:
        self.write("_count.py", "runs = []\n")
        self.write("a.py", "from ._count import runs\nfrom . import b\n")
        self.write("b.py", "from ._count import runs\nruns.append(1)\n")
        self.load()
        self.assertEqual([1], sys.modules[f"{importer.PACKAGE}._count"].runs)

    def test_loading_again_reads_the_files_anew(self) -> None:
        self.write("_shared.py", "VALUE = 3\n")
        path = self.write(
            "one.py", HEAD + "from ._shared import VALUE\n" + function("a", '{"v": VALUE}')
        )
        self.load()
        path.unlink()
        self.write("_shared.py", "VALUE = 1234567\n")
        self.write("two.py", HEAD + "from ._shared import VALUE\n" + function("b", '{"v": VALUE}'))
        self.assertEqual(["b"], self.load())
        self.assertEqual({"v": 1234567}, self.actions["b"].function(None, None))

    def test_file_names_need_not_be_identifiers(self) -> None:
        self.write("my-action.py", HEAD + function("a"))
        self.write("1.py", HEAD + function("b"))
        self.write("sub-folder/two words.py", HEAD + function("c"))
        self.assertEqual(["a", "b", "c"], self.load())

    def test_two_packages_do_not_disturb_each_other(self) -> None:
        self.write("one.py", HEAD + function("a"))
        first = loader.load(str(self.folder), "first_package").actions
        second = loader.load(str(self.folder), "second_package").actions
        self.assertIsNot(first["a"].function, second["a"].function)
        self.assertIn("first_package.one", sys.modules)

    def test_the_actions_that_come_with_the_server(self) -> None:
        found = loader.load(composition.BUILTIN_ACTIONS, "tests_builtin").actions
        self.assertEqual(
            ["actionsView", "cacheTest", "file", "randomNumber", "sleepTest", "status"],
            sorted(found),
        )


class ErrorTests(LoaderTestCase):
    """What is wrong with a folder is said in one line, with its place."""

    def test_a_folder_that_is_not_there(self) -> None:
        self.folder /= "none"
        self.assertEqual(
            f"{self.folder}: cannot read the actions folder: No such file or directory",
            self.refusal(),
        )

    def test_a_syntax_error(self) -> None:
        path = self.write("one.py", "a = 1\nb = = 2\n")
        self.assertEqual(f"{path}:2: invalid syntax", self.refusal())

    def test_bad_indentation(self) -> None:
        path = self.write("one.py", "def a():\npass\n")
        self.assertTrue(self.refusal().startswith(f"{path}:2: expected an indented block"))

    def test_a_file_that_is_not_utf_8(self) -> None:
        path = self.write("one.py", b"a = 1\nb = '\xff'\n")
        self.assertTrue(self.refusal().startswith(f"{path}:"), self.refusal())

    def test_a_file_with_a_nul(self) -> None:
        path = self.write("one.py", b"a = 1\n\x00")
        self.assertTrue(self.refusal().startswith(f"{path}:"), self.refusal())

    def test_a_syntax_error_in_a_shared_module_names_that(self) -> None:
        shared = self.write("_shared.py", "\n\nb = = 2\n")
        self.write("one.py", "from . import _shared\n")
        self.assertEqual(f"{shared}:3: invalid syntax", self.refusal())

    def test_a_missing_module(self) -> None:
        path = self.write("one.py", HEAD + "\nimport no_such_module_at_all\n")
        self.assertEqual(
            f"{path}:3: cannot import the action file: ModuleNotFoundError: "
            "No module named 'no_such_module_at_all'",
            self.refusal(),
        )

    def test_an_error_in_a_function_names_the_files_own_line(self) -> None:
        path = self.write("one.py", "import json\n\n\njson.loads('x')\n")
        self.assertIn(f"{path}:4: cannot import the action file: JSONDecodeError", self.refusal())

    def test_an_error_in_a_shared_module_names_the_line_that_imports_it(self) -> None:
        self.write("_shared.py", "\n\n\n1 / 0\n")
        path = self.write("one.py", "\nfrom . import _shared\n")
        self.assertEqual(
            f"{path}:2: cannot import the action file: ZeroDivisionError: division by zero",
            self.refusal(),
        )

    def test_even_an_exit_is_an_error(self) -> None:
        path = self.write("one.py", "raise SystemExit('bye')\n")
        self.assertEqual(
            f"{path}:1: cannot import the action file: SystemExit: bye", self.refusal()
        )

    def test_an_error_of_several_lines_is_told_in_one(self) -> None:
        path = self.write("one.py", "raise ValueError('first\\nsecond\\x1b[31m')\n")
        text = self.refusal()
        self.assertTrue(text.startswith(f"{path}:1: cannot import"), text)
        self.assertNotIn("\x1b", text)

    def test_an_action_that_is_not_right(self) -> None:
        path = self.write("one.py", HEAD + "@action\ndef a(api):\n    pass\n")
        self.assertTrue(self.refusal().startswith(f"{path}:2: the action 'a': "), self.refusal())

    def test_two_actions_of_one_name(self) -> None:
        one = self.write("one.py", HEAD + function("a"))
        two = self.write("sub/two.py", HEAD + "\n" + function("b", decorator='@action(name="a")'))
        self.assertEqual(f"{two}:3: the action 'a' is also defined in {one}:2", self.refusal())

    def test_two_of_one_name_in_one_file(self) -> None:
        path = self.write(
            "one.py", HEAD + function("a") + function("b", decorator='@action(name="a")')
        )
        self.assertEqual(f"{path}:5: the action 'a' is also defined in {path}:2", self.refusal())


class BuiltinTests(LoaderTestCase):
    """What comes with the server, and what a user puts in its place."""

    def test_a_user_replaces_what_comes_with_the_server(self) -> None:
        self.write("one.py", HEAD + function("a") + function("b"))
        builtin = loader.load(str(self.folder))
        self.write("one.py", HEAD + function("a"))
        own = loader.load(str(self.folder))
        whole = loader.complete(builtin, ["say"], own)
        self.assertIs(own.actions["a"], whole.actions["a"])
        self.assertIs(builtin.actions["b"], whole.actions["b"])
        self.assertRaises(StartError, loader.complete, builtin, ["b"], own)

    def test_a_user_replaces_what_stands_in_for_a_generation(self) -> None:
        self.write("one.py", HEAD + function("a") + function("b"))
        self.write("_of_9/two.py", HEAD + function("b") + function("c"))
        builtin = loader.load_builtin(str(self.folder), ("a", "b", "c"))
        self.assertEqual(["a", "b"], sorted(builtin.actions))
        self.write("one.py", HEAD + function("b"))
        whole = loader.complete(builtin, ["say"], loader.load(str(self.folder)), strict=True)
        self.assertEqual(["c"], list(whole.stand_ins["9"]))
        self.assertTrue(whole.stand_ins["9"]["c"].strict)

    def test_those_that_are_not_chosen_are_left_out_for_all_generations(self) -> None:
        self.write("one.py", HEAD + function("a") + function("b"))
        self.write("_of_9/two.py", HEAD + function("b") + function("c"))
        builtin = loader.load_builtin(str(self.folder), ("a", "c"))
        self.assertEqual(["a"], list(builtin.actions))
        self.assertEqual(["c"], list(builtin.stand_ins["9"]))


class WholeTests(LoaderTestCase):
    """The folder of a daemon's user."""

    def client(self) -> support.Client:
        service, reactor = support.make_service(
            {("general", "actions_directory"): str(self.folder)}
        )
        return support.Client(service, reactor)

    def test_its_actions_are_served_beside_the_servers_own(self) -> None:
        self.write("one.py", HEAD + function("mine", '{"mine": True}'))
        client = self.client()
        self.assertTrue(client.ask("mine")["mine"])
        self.assertIn("randomNumber", client.ask("randomNumber"))

    def test_one_of_the_same_name_replaces_the_servers_own(self) -> None:
        self.write("one.py", HEAD + function("randomNumber", '{"randomNumber": 4}'))
        client = self.client()
        self.assertEqual(4, client.ask("randomNumber")["randomNumber"])
        names = [known["name"] for known in client.ask("actionsView")["actions"]]
        self.assertEqual(1, names.count("randomNumber"))

    def test_one_named_like_a_verb_is_refused(self) -> None:
        for verb in ("say", "addParam", "exit"):
            path = self.write("one.py", HEAD + function("a", decorator=f'@action(name="{verb}")'))
            self.assertEqual(
                f"{path}:2: an action cannot be named {verb!r}, which is a verb",
                str(self.assertRaises(StartError, self.client)),
            )
            path.unlink()

    def test_verbs_are_compared_as_they_are_written(self) -> None:
        self.write("one.py", HEAD + function("Say", '{"loud": True}'))
        self.assertTrue(self.client().ask("Say")["loud"])
