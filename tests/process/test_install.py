"""What is installed: the wheel's files, and ``twistd actionhero`` in any working folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support import PATIENCE, ROOT, TWISTD

BUILTIN = ("actions_view", "cache_test", "file", "random_number", "sleep_test", "status")

BUILD_PATIENCE = 120.0


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Runs a command; its output is in the error where it fails."""
    ended = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=BUILD_PATIENCE)
    assert ended.returncode == 0, f"{command}\n{ended.stdout}\n{ended.stderr}"
    return ended


def copy_tree(folder: Path) -> None:
    """Copies what git knows of the tree, and what it would add, into a folder."""
    listed = run(
        "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT
    ).stdout
    for name in listed.split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def build_wheel(folder: Path) -> Path:
    """Builds the wheel from a copy of the tree."""
    source = folder / "source"
    copy_tree(source)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    # What builds it is in .venv already: nothing is downloaded.
    run(*pip, "--no-build-isolation", "--no-deps", "--wheel-dir", str(folder), ".", cwd=source)
    (wheel,) = folder.glob("*.whl")
    return wheel


PLUGINS = ["twisted/plugins/actionhero_plugin.py", "twisted/plugins/actionhero_reactors.py"]
"""The files that go into a package of Twisted's."""


class WheelTests(SynchronousTestCase):
    """What the wheel holds."""

    names: list[str] = []
    metadata = ""

    def setUp(self) -> None:
        # It is built once, for all tests of this class.
        if not self.names:
            with tempfile.TemporaryDirectory() as folder:
                wheel = build_wheel(Path(folder))
                with zipfile.ZipFile(wheel) as archive:
                    WheelTests.names = archive.namelist()
                    (path,) = (name for name in self.names if name.endswith("/METADATA"))
                    WheelTests.metadata = archive.read(path).decode()

    def test_holds_the_plugin_and_no_other_file_of_twisted(self) -> None:
        of_twisted = [name for name in self.names if name.startswith("twisted/")]
        self.assertEqual(of_twisted, PLUGINS)

    def test_holds_every_module(self) -> None:
        modules = {str(p.relative_to(ROOT)) for p in (ROOT / "actionhero_tcp").rglob("*.py")}
        self.assertLessEqual(modules, set(self.names))

    def test_holds_the_actions_that_come_with_the_server(self) -> None:
        for name in BUILTIN:
            self.assertIn(f"actionhero_tcp/builtin/{name}.py", self.names)

    def test_says_that_it_is_typed(self) -> None:
        self.assertIn("actionhero_tcp/py.typed", self.names)

    def test_holds_nothing_else(self) -> None:
        tops = {name.partition("/")[0] for name in self.names}
        self.assertEqual(
            {t for t in tops if not t.endswith(".dist-info")}, {"actionhero_tcp", "twisted"}
        )

    def test_needs_what_it_imports(self) -> None:
        for name in ("twisted", "pyOpenSSL", "service-identity", "msgspec", "ujson"):
            self.assertRegex(self.metadata, rf"(?mi)^Requires-Dist: {name}\b")


class PluginTests(SynchronousTestCase):
    """The installed plugin, from a folder that has nothing to do with it."""

    def twistd(self, *arguments: str) -> str:
        with tempfile.TemporaryDirectory() as folder:
            return subprocess.run(
                [str(TWISTD), *arguments],
                cwd=folder,
                capture_output=True,
                text=True,
                check=True,
                timeout=PATIENCE,
            ).stdout

    def test_twistd_lists_it(self) -> None:
        self.assertRegex(self.twistd("--help"), r"(?m)^ +actionhero +Serve Python functions")

    def test_its_help_names_the_options(self) -> None:
        text = self.twistd("actionhero", "--help")
        for option in (
            *("config", "port", "bind-ip", "secure", "key-file", "cert-file", "listen"),
            *("actions", "public", "default-chat-room", "welcome-message"),
            *("action-timeout", "drain-timeout", "no-log-requests"),
        ):
            self.assertRegex(text, rf"(?m)^ +(-\w, |--[\w-]+, )?--{option}\b")

    def test_it_is_a_real_install_and_not_the_tree(self) -> None:
        code = "import actionhero_tcp; print(actionhero_tcp.__file__)"
        with tempfile.TemporaryDirectory() as folder:
            place = run(sys.executable, "-c", code, cwd=Path(folder)).stdout
        self.assertIn("site-packages", place)
        self.assertNotEqual(Path(place).parent, ROOT / "actionhero_tcp")

    def test_what_is_installed_is_what_the_tree_holds(self) -> None:
        code = "import actionhero_tcp; print(actionhero_tcp.__path__[0])"
        with tempfile.TemporaryDirectory() as folder:
            installed = Path(run(sys.executable, "-c", code, cwd=Path(folder)).stdout.strip())
        stale = [
            path.name
            for path in (ROOT / "actionhero_tcp").rglob("*.py")
            if (installed / path.relative_to(ROOT / "actionhero_tcp")).read_bytes()
            != path.read_bytes()
        ]
        self.assertEqual(stale, [], "the processes tested are not this tree's: make install")
