"""`actionhero-tcp new`: the project it makes runs, and its tests pass; or nothing is made."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.cli import new, wheel
from actionhero_tcp.errors import CommandError
from tests.docs.test_testing import trial
from tests.process import test_deploy
from tests.support import PATIENCE, ROOT, TWISTD, daemon
from tests.support.integration import Talker

PROGRAM = TWISTD.with_name("actionhero-tcp")
RUFF = TWISTD.with_name("ruff")
FROM_MAKE = ("ARGS", "MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS")
"""The variables by which make hands its options on."""


class NewTestCase(SynchronousTestCase):
    """Has a folder for projects, from which the command is run."""

    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name).resolve()
        before = os.getcwd()
        os.chdir(self.folder)
        self.addCleanup(os.chdir, before)

    def new(self, path: str) -> str:
        """Runs the command in this process; gives what it prints."""
        with contextlib.redirect_stdout(io.StringIO()) as output:
            self.assertEqual(0, new.run(argparse.Namespace(path=path)))
        return output.getvalue()

    def refusal(self, path: str) -> str:
        """Why there is no project; and that nothing has changed."""
        before = self.files()
        error = self.assertRaises(CommandError, new.run, argparse.Namespace(path=path))
        self.assertEqual(before, self.files())
        return str(error)

    def files(self) -> set[str]:
        """All that is in the folder."""
        return {str(path.relative_to(self.folder)) for path in self.folder.rglob("*")}


class WriteTests(NewTestCase):
    """What is written."""

    def test_every_file_of_the_template(self) -> None:
        self.new("my-api")
        expected = {
            f"my-api/{path.relative_to(new.TEMPLATE)}".replace("__name__", "my-api")
            for path in new.TEMPLATE.rglob("*")
            if "__pycache__" not in path.parts
        }
        made = {name for name in self.files() if not name.startswith("my-api/vendor")}
        self.assertEqual(expected | {"my-api"}, made)
        for name in ("my-api.service", "Makefile", "README.md", "public", ".gitignore"):
            self.assertIn(f"my-api/{name}", expected)

    def test_another_machine_can_install_it(self) -> None:
        """The wheel in the project is that of the installed package, and pip takes it."""
        installed = metadata.distribution("actionhero-tcp")
        with patch.object(new, "requirement", return_value="--find-links vendor\nx"):
            self.new("my-api")
        (made,) = Path("my-api/vendor").iterdir()
        self.assertEqual(f"actionhero_tcp-{installed.version}-py3-none-any.whl", made.name)
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
        ran = subprocess.run(
            [*command, "--disable-pip-version-check", "--target", "there", str(made)],
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE,
        )
        self.assertEqual(0, ran.returncode, ran.stderr)
        for name in ("template/config.json", "py.typed", "builtin/status.py"):
            self.assertTrue((Path("there/actionhero_tcp") / name).is_file(), name)

    def test_the_wheel_of_an_editable_installation_has_the_code_of_the_checkout(self) -> None:
        installed = metadata.distribution("actionhero-tcp")
        wheel.pack(installed, Path("whole"))
        with zipfile.ZipFile(*Path("whole").iterdir()) as whole:
            described = [name for name in whole.namelist() if ".dist-info/" in name]
            whole.extractall("site", described)
        Path("site/__editable__.actionhero_tcp.pth").write_text(str(ROOT))
        (info,) = Path("site").glob("*.dist-info")
        (info / "INSTALLER").write_text("pip")
        record = info / "RECORD"
        lines = [f"{name},," for name in described]
        lines += ["__editable__.actionhero_tcp.pth,,", f"{info.name}/INSTALLER,,", "../../bin/x,,"]
        record.write_text("\n".join(lines))
        wheel.pack(metadata.PathDistribution(info), Path("made"))
        with zipfile.ZipFile(*Path("made").iterdir()) as made:
            names = made.namelist()
            self.assertIsNone(made.testzip())
        code = [
            path
            for folder in ("actionhero_tcp", "twisted/plugins")
            for path in (ROOT / folder).rglob("*")
            if path.is_file() and path.suffix in (".py", ".js", ".json", ".typed")
        ]
        expected = {str(path.relative_to(ROOT)) for path in code} | set(described)
        self.assertEqual(set(), expected - set(names))
        self.assertEqual(len(names), len(set(names)))
        wrong = [name for name in names if "__pycache__" in name or name.startswith("__editable__")]
        self.assertEqual([], wrong)

    def test_the_installed_command_has_all_of_them(self) -> None:
        self.new("one")
        ran = subprocess.run(
            [str(PROGRAM), "new", "two/one"],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        self.assertEqual((0, ""), (ran.returncode, ran.stderr))
        one, two = self.folder / "one", self.folder / "two" / "one"
        for path in one.rglob("*"):
            if path.is_file() and path.suffix != ".whl" and path.name != "requirements.txt":
                same = two / path.relative_to(one)
                self.assertEqual(path.read_text(), same.read_text(), path)
        self.assertEqual(
            *(
                {str(p.relative_to(f)) for p in f.rglob("*") if "vendor" not in p.parts}
                for f in (one, two)
            )
        )

    def test_says_how_to_go_on(self) -> None:
        text = "my-api is ready:\n\n    cd {}\n    make test\n    make run\n"
        self.assertEqual(text.format("a/my-api"), self.new("a/my-api"))
        self.assertEqual(text.format("'b c/my-api'"), self.new("b c/my-api"))

    def test_the_name_is_filled_in_and_nothing_else_is_left_to_fill(self) -> None:
        self.new("my-api")
        for path in (self.folder / "my-api").rglob("*"):
            if path.is_file() and path.name != "Makefile" and path.suffix != ".whl":
                left = re.findall(r"\$(?!\{MAINPID\})\S*", path.read_text())
                self.assertEqual([], left, path)
        config = json.loads(Path("my-api/config.json").read_text())
        self.assertEqual("my-api", config["general"]["serverName"])
        self.assertIn("WorkingDirectory=/opt/my-api\n", Path("my-api/my-api.service").read_text())
        self.assertTrue(Path("my-api/README.md").read_text().startswith("# my-api\n"))

    def test_what_is_filled_is_what_has_something_to_fill(self) -> None:
        having = {
            str(path.relative_to(new.TEMPLATE))
            for path in new.TEMPLATE.rglob("*")
            if path.is_file() and re.search(r"\$(name|requirement)\b", path.read_text("latin-1"))
        }
        self.assertEqual(having, new.FILLED)

    def test_files_have_the_rights_that_new_files_have(self) -> None:
        self.new("my-api")
        Path("folder").mkdir()
        Path("folder/file").write_text("")
        for made, usual in (("my-api", "folder"), ("my-api/Makefile", "folder/file")):
            self.assertEqual(os.stat(usual).st_mode, os.stat(made).st_mode, made)

    def test_in_an_empty_folder(self) -> None:
        Path("here").mkdir()
        self.new("here")
        os.chdir("here")
        self.assertTrue(Path("config.json").is_file())
        os.chdir("..")
        Path("there").mkdir()
        os.chdir("there")
        self.new(".")
        self.assertTrue(Path("there.service").is_file())
        os.chdir("..")
        self.new("also/../made")
        self.assertEqual({"here", "there", "made"}, {path.name for path in self.folder.iterdir()})


class RefusalTests(NewTestCase):
    """Nothing is written over, and nothing by halves."""

    def test_a_folder_that_is_not_empty(self) -> None:
        Path("my-api").mkdir()
        Path("my-api/.hidden").write_text("")
        self.assertEqual(
            f"{self.folder}/my-api: this folder is there already, and is not empty",
            self.refusal("my-api"),
        )
        self.assertIn("not empty", self.refusal("my-api/"))

    def test_twice(self) -> None:
        self.new("my-api")
        self.assertIn("not empty", self.refusal("my-api"))

    def test_a_file_and_links(self) -> None:
        Path("file").write_text("")
        Path("link").symlink_to("nowhere")
        Path("folder").mkdir()
        Path("link2").symlink_to("folder")
        for path, what in (
            ("file", "file: this is there already, and is no folder"),
            ("file/my-api", "file: this is there already, and is no folder"),
            ("link", "link: this is there already, and is a link"),
            ("link2", "link2: this is there already, and is a link"),
        ):
            self.assertEqual(f"{self.folder}/{what}", self.refusal(path))

    def test_names(self) -> None:
        for name in ("1st", "-x", "a b", "ä", "a.b", "a\nb", "$name", "x" * 65, "a;b"):
            self.assertIn("a name has at most 64 letters", self.refusal(f"some/{name}/../{name}"))
        self.assertIn("a project cannot be called ''", self.refusal("/"))
        for name in ("a", "My_api-2", "x" * 64):
            self.new(name)

    def test_where_nothing_can_be_written(self) -> None:
        self.assertEqual(
            "/proc/my-api: the project cannot be written: No such file or directory",
            self.refusal("/proc/my-api"),
        )

    def test_a_failure_leaves_nothing(self) -> None:
        write = Path.write_text

        def fail(path: Path, *arguments: Any, **keywords: Any) -> int:
            if path.name == "requirements.txt":
                raise OSError(28, "No space left on device")
            return write(path, *arguments, **keywords)

        Path("empty").mkdir()
        for name in ("my-api", "empty"):
            with patch.object(Path, "write_text", fail):
                self.assertIn("cannot be written: No space left", self.refusal(name))

    def test_a_failure_at_the_last_moment_leaves_nothing(self) -> None:
        rename = Path.rename

        def fail(path: Path, target: Path) -> Path:
            if path.name in ("public", "my-api"):
                raise OSError(18, "Invalid cross-device link")
            return rename(path, target)

        Path("empty").mkdir()
        for name in ("my-api", "empty"):
            with patch.object(Path, "rename", fail):
                self.assertIn("cannot be written: Invalid", self.refusal(name))

    def test_the_command_says_it_in_one_line(self) -> None:
        (self.folder / "my-api").write_text("")
        ran = subprocess.run(
            [str(PROGRAM), "new", "my-api"], capture_output=True, text=True, timeout=PATIENCE
        )
        self.assertEqual((1, ""), (ran.returncode, ran.stdout))
        self.assertRegex(ran.stderr, r"\Aactionhero-tcp new: \S+/my-api: this is there[^\n]*\n\Z")


class RequirementTests(SynchronousTestCase):
    """Where a project has the server from: where it was installed from here."""

    def requirement(self, origin: dict[str, Any] | None) -> str:
        text = None if origin is None else json.dumps(origin)
        installed = SimpleNamespace(version="1.2.3", read_text=lambda name: text)
        self.patch(metadata, "distribution", lambda name: installed)
        return new.requirement()

    def test_a_package_index(self) -> None:
        self.assertEqual("actionhero-tcp[fast,web] >= 1.2.3", self.requirement(None))

    def test_a_folder_or_a_file(self) -> None:
        origin = {"url": "file:///srv/actionhero", "dir_info": {}}
        wanted = "--find-links vendor\nactionhero-tcp[fast,web] >= 1.2.3"
        self.assertEqual(wanted, self.requirement(origin))
        origin = {"url": "file:///srv/x", "vcs_info": {"vcs": "git", "commit_id": "abc"}}
        self.assertEqual(wanted, self.requirement(origin))

    def test_a_repository(self) -> None:
        origin = {
            "url": "https://git.example/actionhero",
            "vcs_info": {"vcs": "git", "commit_id": "abc", "requested_revision": "main"},
        }
        self.assertEqual(
            "actionhero-tcp[fast,web] @ git+https://git.example/actionhero@abc",
            self.requirement(origin),
        )

    def test_the_one_installed_here(self) -> None:
        self.assertNotIn("file:", new.requirement())
        self.assertRegex(new.requirement(), r"(?m)^actionhero-tcp\[fast,web\] >= \d")


class ProjectTests(NewTestCase):
    """The project that is made."""

    def setUp(self) -> None:
        super().setUp()
        self.new("my-api")
        self.project = self.folder / "my-api"

    def test_its_tests_pass(self) -> None:
        ran = trial(self.project, "tests")
        self.assertEqual(0, ran.returncode, ran.stdout)
        tests = sum(path.read_text().count("def test_") for path in self.project.rglob("*.py"))
        self.assertIn(f"PASSED (successes={tests})", ran.stdout)
        self.assertGreater(tests, 10)

    def test_its_tests_can_fail(self) -> None:
        path = self.project / "actions" / "hello.py"
        path.write_text(path.read_text().replace("Hello!", "Goodbye!"))
        self.assertIn("FAILED (failures=2", trial(self.project, "tests").stdout)

    def test_every_action_and_hook_is_tried(self) -> None:
        tests = (self.project / "tests" / "test_actions.py").read_text()
        for path in (self.project / "actions").glob("*.py"):
            for name in re.findall(r"@action\b[^\n]*\n(?:async )?def (\w+)", path.read_text()):
                self.assertIn(f'"{name}"', tests)

    def test_it_serves(self) -> None:
        with daemon("--config", "config.json", folder=str(self.project)) as running:
            with running.connect() as stream:
                client = Talker(stream)
                self.assertEqual("Welcome to my-api!", client.message()["welcome"])
                client.send(b'{"action":"divide","params":{"a":10,"b":4}}\nhello\n')
                quotient, greeting = client.messages(2)
                self.assertEqual((2.5, "Hello!"), (quotient["quotient"], greeting["greeting"]))
                client.send(b'countdown start=1\n{"action":"countdown","params":{"start":1}}\n')
                while "liftoff" not in (message := client.message()):
                    self.assertIn("left", message)
            running.stop()
            self.assertIn("my-api has started", running.log)

    def make(self, target: str) -> subprocess.CompletedProcess[str]:
        """Runs its Makefile, with the environment of this process for its own."""
        environment = TWISTD.parent.parent
        return subprocess.run(
            ["make", f"VENV={environment}", "-o", f"{environment}/.installed", target],
            cwd=self.project,
            # The options of the make that runs the tests are not those of the project.
            env={name: value for name, value in os.environ.items() if name not in FROM_MAKE},
            capture_output=True,
            text=True,
            timeout=PATIENCE * 2,
        )

    def test_make(self) -> None:
        self.assertIn("PASSED", self.make("test").stdout)
        checked = self.make("check")
        self.assertEqual(0, checked.returncode, checked.stderr)
        self.assertIn('"serverName": "my-api"', checked.stdout)
        listed = self.make("help").stdout
        for target in ("run", "test", "check", "clean"):
            self.assertRegex(listed, rf"(?m)^make {target} ")

    def test_make_installs_what_is_required(self) -> None:
        ran = subprocess.run(
            ["make", "-n", "run"], cwd=self.project, capture_output=True, text=True, check=True
        ).stdout
        steps = (
            "-m venv .venv",
            "--requirement requirements.txt",
            "twistd --reactor=uvloop --nodaemon",
        )
        places = [ran.index(step) for step in steps]
        self.assertEqual(sorted(places), places)

    def test_it_is_formatted_and_has_nothing_to_object_to(self) -> None:
        for command in (
            ["format", "--isolated", "--check"],
            ["check", "--isolated", "--select", "A,B,C4,E,F,I,RUF,SIM,UP,W"],
        ):
            ran = subprocess.run(
                [str(RUFF), *command, "--no-cache", str(self.project)],
                capture_output=True,
                text=True,
            )
            self.assertEqual(0, ran.returncode, ran.stdout)

    def test_its_readme_names_what_is_there(self) -> None:
        text = (self.project / "README.md").read_text()
        for path in (self.project / "actions").glob("*.py"):
            self.assertIn(f"`{path.name}`", text)
        for name in re.findall(r"`([\w./-]+\.\w+)`", text):
            self.assertTrue([*self.project.rglob(name)], name)

    def test_git_leaves_out_what_was_made(self) -> None:
        ignored = (self.project / ".gitignore").read_text().split()
        self.assertLessEqual({".venv/", "__pycache__/", "_trial_temp*/", "twistd.pid"}, {*ignored})


class UnitTests(NewTestCase):
    """The unit for systemd."""

    analyze = test_deploy.AnalyzeTests.analyze

    def setUp(self) -> None:
        super().setUp()
        self.new("my-api")
        self.unit = self.folder / "my-api" / "my-api.service"

    def test_is_right(self) -> None:
        text = self.unit.read_text()
        self.assertIn("ExecStart=/opt/my-api/.venv/bin/twistd", text)
        self.unit.write_text(text.replace("/opt/my-api/.venv/bin/twistd", str(TWISTD)))
        self.assertEqual("", self.analyze("verify", str(self.unit)))

    def test_is_well_protected(self) -> None:
        output = self.analyze("security", "--offline=true", str(self.unit))
        found = re.search(r"Overall exposure level for my-api.service: ([\d.]+)", output)
        assert found is not None, output
        self.assertLessEqual(float(found[1]), test_deploy.EXPOSURE, output)

    def test_has_what_the_unit_of_the_server_has(self) -> None:
        ours, theirs = (
            {line for line in text.splitlines() if line and not line.startswith("#")}
            for text in (self.unit.read_text(), (ROOT / "deploy/actionhero.service").read_text())
        )
        different = {line.partition("=")[0] for line in ours ^ theirs}
        expected = (
            "Description Documentation Requires ExecStart WorkingDirectory User LoadCredential"
        )
        expected += " ConfigurationDirectory StateDirectory LogsDirectory RuntimeDirectory"
        self.assertEqual(set(expected.split()), different)
