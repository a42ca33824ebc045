"""The sdist and the wheel that ``make dist`` builds, each installed into a bare environment."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from email.parser import BytesParser
from pathlib import Path

from packaging.metadata import Metadata
from twisted.trial.unittest import SynchronousTestCase

from tests.process.test_install import copy_tree, run
from tests.support import PATIENCE, ROOT, Daemon, wait_for, wheelhouse
from tests.support.integration import WELCOME, Talker

BUILD_SYSTEM = ("setuptools", "wheel")

READY = re.compile(r"listening on 127\.0\.0\.1:(\d+)")

NO_HOSTS = re.compile(r"example\.(com|org|net)|localhost|127\.0\.0\.1")
"""Hosts that a project's URL cannot have."""


class Built:
    """The two distributions, and a folder of wheels of all that they need."""

    _folder: tempfile.TemporaryDirectory[str] | None = None

    @classmethod
    def folder(cls) -> Path:
        """The folder; it is filled by the first test that needs it."""
        if cls._folder is None:
            cls._folder = tempfile.TemporaryDirectory()
            folder = Path(cls._folder.name)
            copy_tree(folder / "tree")
            recipe = re.search(
                r"(?m)^dist:.*\n\t.*\n\t\$\(BIN\)/python (.*)$", (ROOT / "Makefile").read_text()
            )
            assert recipe is not None, "the Makefile has no target dist of this form"
            run(sys.executable, *recipe[1].split(), cwd=folder / "tree")
            wheels = folder / "wheels"
            wheels.mkdir()
            wheelhouse.make(wheels, "actionhero-tcp", *BUILD_SYSTEM)
            # What is installed here must not stand in for what was built.
            for path in wheels.glob("actionhero_tcp-*"):
                path.unlink()
        return Path(cls._folder.name)

    @classmethod
    def one(cls, pattern: str) -> Path:
        """The only file of the distributions whose name matches."""
        (path,) = (cls.folder() / "tree" / "dist").glob(pattern)
        return path


class ContentTests(SynchronousTestCase):
    """What is in them."""

    def metadata(self) -> tuple[Metadata, bytes]:
        with zipfile.ZipFile(Built.one("*.whl")) as wheel:
            (name,) = (each for each in wheel.namelist() if each.endswith("/METADATA"))
            data = wheel.read(name)
        return Metadata.from_email(data), data

    def test_the_metadata_is_valid(self) -> None:
        metadata, data = self.metadata()
        self.assertEqual("actionhero-tcp", metadata.name)
        self.assertEqual("text/markdown", metadata.description_content_type)
        self.assertTrue(metadata.description and metadata.summary)
        message = BytesParser().parsebytes(data)
        self.assertEqual(["LICENSE"], message.get_all("License-File"))
        self.assertIn("MIT", (message["License"] or "") + (message["License-Expression"] or ""))

    def test_the_classifiers_are_distinct_and_name_each_python(self) -> None:
        metadata, _ = self.metadata()
        found = metadata.classifiers or []
        self.assertEqual(len({*found}), len(found))
        pythons = {each for each in found if re.search(r":: 3\.\d+$", each)}
        self.assertEqual(
            {f"Programming Language :: Python :: 3.{minor}" for minor in (11, 12, 13)}, pythons
        )

    def test_no_url_has_a_host_that_does_not_exist(self) -> None:
        metadata, _ = self.metadata()
        for url in (metadata.project_urls or {}).values():
            self.assertNotRegex(url, NO_HOSTS)

    def test_the_wheel_holds_no_tests_and_no_bytecode(self) -> None:
        with zipfile.ZipFile(Built.one("*.whl")) as wheel:
            names = wheel.namelist()
        tops = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
        self.assertEqual({"actionhero_tcp", "twisted"}, tops)
        self.assertEqual([], [name for name in names if name.endswith((".pyc", ".pem", ".so"))])
        template = "actionhero_tcp/template/tests/"
        tests = [n for n in names if re.search(r"(^|/)(tests/|test_)", n)]
        self.assertEqual([], [name for name in tests if not name.startswith(template)])

    def test_the_sdist_holds_what_its_tests_need(self) -> None:
        with tarfile.open(Built.one("*.tar.gz")) as archive:
            names = {name.partition("/")[2] for name in archive.getnames()}
        for name in ("LICENSE", "Makefile", "tests/unit/test_layers.py", "docs/index.md"):
            self.assertIn(name, names)
        self.assertEqual([], [name for name in names if name.endswith((".pyc", ".pem"))])


class InstallTests(SynchronousTestCase):
    """A bare environment with one of them in it, and a server from another folder."""

    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)

    def check(self, distribution: Path) -> None:
        python = str(self.folder / "environment" / "bin" / "python")
        base = sys._base_executable  # type: ignore[attr-defined]
        environment = str(self.folder / "environment")
        run(base, "-m", "venv", "--without-pip", environment, cwd=self.folder)
        # Neither a pip in there nor bytecode of all that is never imported: both take seconds.
        pip = [sys.executable, "-m", "pip", "--python", python, "--quiet"]
        pip.append("--disable-pip-version-check")
        wheels = str(Built.folder() / "wheels")
        run(
            *(*pip, "install", "--no-compile", "--no-index", "--find-links", wheels),
            str(distribution),
            cwd=self.folder,
        )
        run(*pip, "check", cwd=self.folder)
        self.serve(str(self.folder / "environment" / "bin" / "twistd"))

    def serve(self, twistd: str) -> None:
        """Starts the plugin in a folder that has nothing to do with it, and talks to it."""
        work = self.folder / "work"
        work.mkdir()
        command = [twistd, "-n", "--pidfile=", "actionhero", "--bind-ip=127.0.0.1", "--port=0"]
        with open(work / "log.txt", "wb") as log:
            process = subprocess.Popen(command, cwd=work, stdout=log, stderr=log)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        running = Daemon(process, work, 0)
        wait_for(lambda: "has started" in running.log or process.poll() is not None, "a start")
        found = READY.search(running.log)
        assert found is not None, running.log
        with socket.create_connection(("127.0.0.1", int(found[1])), PATIENCE) as stream:
            client = Talker(stream)
            self.assertEqual(WELCOME, client.line())
            self.assertIn("randomNumber", client.ask("randomNumber"))
        process.send_signal(signal.SIGTERM)
        self.assertEqual(-signal.SIGTERM, process.wait(PATIENCE))
        self.assertNotIn("Traceback", running.log)

    def test_the_wheel(self) -> None:
        self.check(Built.one("*.whl"))

    def test_the_sdist(self) -> None:
        self.check(Built.one("*.tar.gz"))
