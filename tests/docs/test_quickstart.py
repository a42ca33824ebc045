"""docs/quickstart.md, followed word by word in an empty folder.

Beside the kinds of blocks of `tests.docs.test_guide`:

- A block ``sh`` line that runs ``make … run`` starts a server, which goes on until the page says
  "Ctrl-C" or another one needs its port.
- ``transcript continued`` goes on with the client of the block before it.
- A block in Python is written while the server runs, which then has to load it.
- A block ``console`` whose output begins with an error has to fail with that line.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests import support
from tests.docs import test_guide
from tests.docs.test_protocol import Replay, Step, fences, transcripts
from tests.faults.namespace import Namespace
from tests.process.test_install import copy_tree
from tests.support import Daemon, wait_for, wheelhouse
from tools.system_packages import need

QUICKSTART = support.ROOT / "docs" / "quickstart.md"

SHOWN_FOLDER = "/home/ada/actionhero-tcp"
"""Where the page's checkout lies."""

INSTALL_PATIENCE = 200.0
"""Seconds that a server may take which is installed first."""

STOP = "Press Ctrl-C"

BUILD_SYSTEM = ("setuptools", "wheel")

OLD_PYTHON = '#!/bin/sh\ncase "$2" in *exit*) exit 1;; *print*) echo "3.10.13 /usr";; esac\n'
"""An old Python, as far as tools/venv.sh asks it."""


class MadeServer(Daemon):
    """A server that ``make run`` starts.

    Args:
        command: The command, for a shell.
        folder: Where it is given.
        environment: Its environment.
    """

    def __init__(self, command: str, folder: Path, environment: dict[str, str]) -> None:
        with open(folder / "log.txt", "wb") as log:
            process = subprocess.Popen(
                command,
                shell=True,
                cwd=folder,
                env=environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        super().__init__(process, folder, 0)
        try:
            self.port = int(wait_for(self._ready, "a start", INSTALL_PATIENCE))
            assert process.poll() is None, self.log
        except BaseException:
            self.kill()
            raise

    def _ready(self) -> str:
        port = re.search(r"listening on (?:127\.0\.0\.1|0\.0\.0\.0):(\d+)", self.log)
        started = test_guide.READY.search(self.log)
        if self.process.poll() is not None:
            return "0"
        return port[1] if port and started else ""

    def interrupt(self) -> None:
        """Stops it as Ctrl-C does, which the terminal sends to all of its processes."""
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(support.PATIENCE)
        assert "has stopped" in self.log, self.log

    def kill(self) -> None:
        """Ends all of its processes."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Newcomer(test_guide.Reader):
    """One who has just got a checkout.

    Args:
        folder: An empty folder.
    """

    package = "actionhero-tcp[console,fast,web]"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.folder = folder / "home" / "actionhero-tcp"
        copy_tree(self.folder)
        wheelhouse.make(folder / "wheels", *BUILD_SYSTEM)
        programs = folder / "bin"
        shutil.copy(programs / "python3", programs / "python3.11")
        (programs / "python3.10").write_text(OLD_PYTHON)
        (programs / "python3.10").chmod(0o755)
        (self.folder / "broken").mkdir()
        (self.folder / "broken" / "hello.py").write_text("def hello(:\n")
        self.servers: list[MadeServer] = []
        self.replay: Replay | None = None

    def follow(self, page: Path) -> None:
        """Does all of it, in order."""
        text = page.read_text(encoding="utf-8")
        (self.folder / "config.json").write_text('{"tcpServer": {"prot": 5002}}')
        steps, stopped = iter(_blocks(page)), False
        for number, info, content in fences(page):
            before = text[: text.index(f"```{info}\n{content}")]
            if STOP in before and not stopped:
                stopped = True
                self.stop_first()
            try:
                self._follow(info, content, steps)
            except (AssertionError, OSError, subprocess.SubprocessError) as error:
                logs = "\n".join(server.log for server in self.servers)
                raise AssertionError(f"{page.name}:{number}: {error}\n{logs}") from error
            self.done[info] += 1

    def _follow(self, info: str, content: str, steps: Iterator[list[Step]]) -> None:
        if info == "sh":
            for line in content.splitlines():
                self._run_line(line)
        elif info == "console":
            self._fail(content)
        elif info.startswith("transcript"):
            self._converse(info, next(steps))
        elif info == "python":
            self._write(content.partition("\n")[0].removeprefix("# "), content)
        elif info != "text":
            raise AssertionError(f"a block of {info}")

    def _run_line(self, line: str) -> None:
        if re.match(r"make (-C \S+ )?run\b", line):
            self.finish()
            self.servers.append(MadeServer(line, self.folder, self.environment))
        else:
            self._run(line)

    def _write(self, name: str, content: str) -> None:
        running = self.servers[-1]
        before = running.log.count(f"loaded: {name}")
        super()._write(name, content)
        wait_for(lambda: running.log.count(f"loaded: {name}") > before, f"a reload of {name}")

    def _converse(self, info: str, steps: list[Step]) -> None:
        if not info.endswith("continued"):
            self.finish()
            self.replay = Replay(self.servers[-1])
        assert self.replay is not None
        self.replay.play(steps)

    def finish(self) -> None:
        """Has the clients of the last conversation leave."""
        replay, self.replay = self.replay, None
        if replay is not None:
            replay.finish()

    def stop_first(self) -> None:
        """Presses Ctrl-C in the terminal of the first server."""
        self.finish()
        self.servers.pop(0).interrupt()

    def _fail(self, content: str) -> None:
        command, _, expected = content.partition("\n")
        ended = subprocess.run(
            command.removeprefix("$ "),
            shell=True,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=test_guide.COMMAND_PATIENCE,
        )
        shown = ended.stdout.replace(str(self.folder.resolve()), SHOWN_FOLDER)
        assert ended.returncode != 0, shown
        assert expected.strip() in shown.splitlines(), f"expected {expected!r}\n     got {shown}"
        assert "Traceback" not in shown, shown

    def kill(self) -> None:
        """Ends the servers that run."""
        for server in self.servers:
            server.kill()


def _blocks(page: Path) -> list[list[Step]]:
    """The steps of each block of a transcript."""
    steps = [step for transcript in transcripts(page) for step in transcript.steps]
    blocks: list[list[Step]] = []
    for _, info, content in fences(page):
        if info.startswith("transcript"):
            count = len(content.splitlines())
            blocks.append(steps[:count])
            del steps[:count]
    return blocks


class QuickstartTests(SynchronousTestCase):
    """The page, from an empty folder to the last error."""

    # It installs twice: nothing else is to slow that down.
    alone = True
    as_root = True

    def setUp(self) -> None:
        need("ip")
        namespace = Namespace()
        self.addCleanup(namespace.close)
        self.enterContext(namespace.entered())
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.newcomer = Newcomer(Path(temporary.name))
        self.addCleanup(self.newcomer.kill)

    def test_it_leads_where_it_says(self) -> None:
        self.newcomer.follow(QUICKSTART)
        (last,) = self.newcomer.servers
        self.assertEqual(5001, last.port)
        self.newcomer.stop_first()
