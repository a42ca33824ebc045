"""docs/guide.md, followed from its first line to its last, in a network of its own.

- A block in Python is written to the file that its first line names; one that comes after a
  paragraph which ends in "`path`:", to that path.
- A block ``sh`` is run. A line that starts a server leaves it running, in place of the one
  before it. Of lines with ``sudo`` all but ``systemctl`` are run, in a tree of the test's own.
- A block ``console`` shows a command, after ``$``, and what it prints.
- A block ``transcript`` is a conversation with the server that runs; see `test_docs_protocol`.
"""

from __future__ import annotations

import fcntl
import os
import re
import shlex
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests import support
from tests.docs.test_protocol import Replay, Transcript, fences, transcripts
from tests.faults.namespace import Namespace
from tests.support import wheelhouse
from tests.support.activation import ABOVE, HAND_OVER
from tests.support.redis_server import RedisServer
from tools.system_packages import need

GUIDE = support.ROOT / "docs" / "guide.md"

PORT = 5000
REDIS_PORT = 6379

COMMAND_PATIENCE = 120.0
"""Seconds that a command of the page may take."""

_PATH = re.compile(r"`([^`]+)`:$")
_SYSTEM = re.compile(r"(?<![\w./])/(?=(opt|etc)/)")
_TLS = re.compile(r"listening on .* with TLS")
READY = re.compile(r"^\S+ \[actionhero_tcp\.[\w.]+#info\] .* has started", re.MULTILINE)


class Server(support.Daemon):
    """A server that the page starts, on the port that the page names.

    Args:
        command: The command.
        folder: Where it runs.
        environment: Its environment.
        descriptors: What it inherits.
    """

    def __init__(
        self,
        command: list[str],
        folder: Path,
        environment: dict[str, str],
        descriptors: tuple[int, ...] = (),
    ) -> None:
        with open(folder / "log.txt", "wb") as log:
            process = subprocess.Popen(
                command,
                cwd=folder,
                stdout=log,
                stderr=log,
                env=environment,
                pass_fds=descriptors,
            )
        super().__init__(process, folder, PORT)
        support.wait_for(lambda: READY.search(self.log) or process.poll() is not None, "a start")
        assert process.poll() is None, self.log

    def connect(self) -> socket.socket:
        """A new connection, over TLS where the server says that it speaks it."""
        stream = super().connect()
        if not _TLS.search(self.log):
            return stream
        context = ssl.create_default_context(cafile=self.folder / "certs" / "server-cert.pem")
        return context.wrap_socket(stream, server_hostname="localhost")


class Reader:
    """One who does what the page says.

    Args:
        folder: An empty folder.

    Attributes:
        package: What the page installs.
        folder: Where the commands are given.
        system: What stands for ``/`` where the page writes to ``/etc`` and ``/opt``.
        server: The server that runs.
        done: How many blocks it has written, run or replayed, by their kinds.
    """

    package = "actionhero-tcp[redis]"

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "home"
        self.system = folder / "system"
        self.server: Server | None = None
        self.done: Counter[str] = Counter()
        wheels, programs = folder / "wheels", folder / "bin"
        for each in (self.folder, self.system, wheels, programs):
            each.mkdir()
        wheelhouse.make(wheels, self.package)
        # The page's python3 is the one that runs the tests; its environment is not this one.
        python = programs / "python3"
        python.write_text(f'#!/bin/sh\nexec {sys._base_executable} "$@"\n')  # type: ignore[attr-defined]
        python.chmod(0o755)
        self.environment = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "HOME": str(folder),
            "PYTHONUNBUFFERED": "1",
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(wheels),
            "PIP_NO_COMPILE": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_ROOT_USER_ACTION": "ignore",
        }

    def follow(self, page: Path) -> None:
        """Does all of it, in order.

        Raises:
            AssertionError: Something was not as the page says.
        """
        lines = page.read_text(encoding="utf-8").splitlines()
        conversations = iter(transcripts(page))
        for number, info, content in fences(page):
            try:
                self._do(info, content, lines[: number - 2], conversations)
            except (AssertionError, OSError, subprocess.SubprocessError) as error:
                log = self.server.log if self.server else ""
                raise AssertionError(f"{page.name}:{number}: {error}\n{log}") from error

    def _do(
        self, info: str, content: str, before: list[str], conversations: Iterator[Transcript]
    ) -> None:
        paragraph = next((line for line in reversed(before) if line), "")
        if info == "sh":
            for line in content.splitlines():
                self._run_line(line)
        elif info == "console":
            self._show(content)
        elif info == "transcript":
            self._talk(next(conversations))
        elif info == "python":
            self._write(content.partition("\n")[0].removeprefix("# "), content)
        else:
            named = _PATH.search(paragraph)
            assert named is not None, f"a block of {info} that no path stands before"
            self._write(named[1], content)
        self.done[info] += 1

    def _write(self, name: str, content: str) -> None:
        path = self.system / name[1:] if name.startswith("/") else self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")

    def _run_line(self, line: str) -> None:
        words = shlex.split(line)
        if words[0] == "cd":
            self.folder /= words[1]
        elif words[0].endswith("/twistd") and "-n" in words:
            self.stop()
            self.server = Server(words, self.folder, self.environment)
        elif words[:2] == ["sudo", "systemctl"]:
            pass
        elif words[0] == "sudo":
            self._run(_SYSTEM.sub(f"{self.system}/", line.removeprefix("sudo ")))
        else:
            if words[0].endswith("/twistd"):
                self.stop()
            self._run(line)

    def _run(self, command: str) -> str:
        ended = subprocess.run(
            command,
            shell=True,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_PATIENCE,
        )
        assert ended.returncode == 0, f"{command}\n{ended.stdout}"
        return ended.stdout

    def _show(self, content: str) -> None:
        command, _, expected = content.partition("\n")
        printed = self._run(command.removeprefix("$ ")).replace("\r\n", "\n")
        assert printed == expected, f"expected {expected!r}\n     got {printed!r}"

    def _talk(self, conversation: Transcript) -> None:
        assert self.server is not None
        Replay(self.server).run(conversation)

    def stop(self) -> None:
        """Stops the server that runs, as Ctrl-C does."""
        if self.server is not None:
            assert self.server.stop(signal.SIGINT) == -signal.SIGINT, self.server.log
            self.server = None

    def kill(self) -> None:
        """Ends the server that runs, whatever it does."""
        if self.server is not None:
            self.server.process.kill()
            self.server.process.wait()


class GuideTests(SynchronousTestCase):
    """The guide, from an empty folder to the service."""

    as_root = True

    def setUp(self) -> None:
        need("ip")
        need("redis-server")
        namespace = Namespace()
        self.addCleanup(namespace.close)
        self.enterContext(namespace.entered())
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.reader = Reader(Path(temporary.name))
        self.addCleanup(lambda: self.reader.kill())

    def test_it_leads_where_it_says(self) -> None:
        redis = RedisServer()
        redis.port = REDIS_PORT
        self.addCleanup(redis.close)
        redis.start()
        self.reader.follow(GUIDE)
        self.reader.stop()
        self.assertEqual(Counter(info for _, info, _ in fences(GUIDE)), self.reader.done)
        self.check_the_units()

    def check_the_units(self) -> None:
        """The units that the guide has made: systemd takes them, and their command serves."""
        units = self.reader.system / "etc" / "systemd" / "system"
        need("systemd-analyze")
        service, port = units / "chat.service", units / "chat.socket"
        chat = self.reader.system / "opt" / "chat"
        service.write_text(_SYSTEM.sub(f"{self.reader.system}/", service.read_text()))
        checked = subprocess.run(
            ["systemd-analyze", "--no-pager", "verify", str(service), str(port)],
            capture_output=True,
            text=True,
            timeout=support.PATIENCE,
        )
        self.assertEqual((0, "", ""), (checked.returncode, checked.stdout, checked.stderr))
        found = re.search(r"(?m)^ExecStart=(.*)$", service.read_text())
        assert found is not None
        with socket.create_server(("0.0.0.0", PORT)) as held:
            descriptor = fcntl.fcntl(held.fileno(), fcntl.F_DUPFD, ABOVE)
            self.addCleanup(os.close, descriptor)
            command = [sys.executable, "-c", HAND_OVER, str(descriptor)]
            command += shlex.split(found[1].replace("%d", str(chat / "certs")))
            self.reader.server = Server(command, chat, self.reader.environment, (descriptor,))
            (last,) = transcripts(GUIDE)[-1:]
            Replay(self.reader.server).run(last)
            self.reader.stop()
