"""The logs of a real `twistd` process: their forms, where they go, and what they never show."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import stat
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support import PATIENCE, ROOT, TWISTD, Daemon, wait_for
from tests.support.integration import OwnDaemonTestCase, Talker, request

ACTIONS = """
import logging
import warnings

from twisted.internet.defer import Deferred, fail
from twisted.python import log as older

from actionhero_tcp import ActionError, action


@action
def leak(api, connection, *, password: str):
    raise ValueError(f"not {password!r}")


@action
async def leakLater(api, connection, *, password: str):
    later = Deferred()
    api.reactor.callLater(0, later.callback, None)
    await later
    raise KeyError(password)


@action
def refuse(api, connection, *, password: str):
    raise ActionError(f"wrong: {password}")


@action
def noise(api, connection):
    print("printed \\x1b[31m\\u2603 \\ud800")
    warnings.warn("warned")
    logging.warning("logged")
    older.msg("older\\nAPI")
    try:
        raise ValueError("older\\x9b error")
    except ValueError:
        older.err(None, "why")
    fail(ValueError("nobody's business"))


@action
def echo(api, connection, **params):
    pass
"""

OBSERVER = """
from twisted.logger import ILogObserver, formatEvent
from zope.interface import implementer


@implementer(ILogObserver)
class Observer:
    def __call__(self, event):
        with open("mine.txt", "a") as mine:
            mine.write(formatEvent(event) + "\\n")
"""

REOPENED = "reopened the logs"

FILES = {"actions/all.py": ACTIONS, "observing.py": OBSERVER}

SECRET = "hunter2"


def read_lines(*texts: str) -> Iterator[dict[str, Any]]:
    """The lines of logs in JSON, of which each must be one, and printable."""
    for text in texts:
        assert text.endswith("\n")
        for line in text.removesuffix("\n").split("\n"):
            assert line.isprintable(), line
            yield json.loads(line)


class LogsTestCase(OwnDaemonTestCase):
    """Starts daemons whose logs lie in files."""

    def launch(
        self,
        *options: str,
        twistd: tuple[str, ...] = ("--nodaemon", "--pidfile="),
        log: str = "out.txt",
    ) -> Daemon:
        """A daemon in the foreground, once its log says that it has started.

        Args:
            options: Its options.
            twistd: Those of twistd.
            log: The file of its log; ``out.txt`` is its standard output.
        """
        folder = self.folder(FILES)
        with open(folder / "out.txt", "wb") as out:
            process = subprocess.Popen(
                [str(TWISTD), *twistd, "actionhero", "--bind-ip=127.0.0.1", "--port=0", *options],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={**os.environ, "PYTHONPATH": str(folder)},
            )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return Daemon(process, folder, self.port(folder / log))

    def port(self, log: Path) -> int:
        """The port that a daemon listens on, once its log says that it has started."""

        def started() -> re.Match[str] | None:
            text = log.read_text() if log.exists() else ""
            found = re.search(r"listening on 127\.0\.0\.1:(\d+)", text)
            return found if "has started" in text else None

        return int(wait_for(started, "a start")[1])

    def wait_for_text(self, path: Path, text: str) -> None:
        """Waits until a log says something."""
        wait_for(lambda: path.is_file() and text in path.read_text(), f"{path} to say {text}")

    def ask(self, running: Daemon, *lines: str) -> None:
        """Has a client send these lines, and read an answer to each."""
        client = self.join(running)
        for line in lines:
            client.ask(line)
        client.close()

    def logs(self, running: Daemon) -> dict[str, str]:
        """All logs of a daemon that is stopped for it, by their files' names."""
        self.assertEqual(-signal.SIGTERM, running.stop())
        return {path.name: path.read_text() for path in running.folder.iterdir() if path.is_file()}


class JsonTests(LogsTestCase):
    """JSON lines."""

    def test_every_line_is_one_object(self) -> None:
        running = self.launch("--log-format=json", "--log-params")
        self.ask(
            running,
            "noise",
            "leak",
            "\x1b[31mno\u009bname",
            '{"action":"echo","params":{"a":"\\ud800\\u2028\\u0000","b":1e300}}',
            '{"action":"echo","params":{"a":"' + "x" * 2000 + '"}}',
            '{"action":"randomNumber",',
            "paramView key",
        )
        lines = list(read_lines(self.logs(running)["out.txt"]))
        for line in lines:
            self.assertRegex(line["time"], r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")
            self.assertIn(line["level"], ("info", "warn", "error", "critical"))
            self.assertIsInstance(line["namespace"], str)
            self.assertIn("message" if "event" not in line else "client", line)
        messages = [line.get("message", "") for line in lines]
        for text in (
            "printed \x1b[31m☃ \\ud800",
            "logged",
            "older\nAPI",
            "why",
            "Unhandled error in Deferred:",
            "actionHero API has started",
            "actionHero API has stopped",
        ):
            self.assertIn(text, messages)
        (logged,) = [line for line in lines if line.get("message") == "logged"]
        self.assertEqual(("warn", "root"), (logged["level"], logged["namespace"]))
        self.assertTrue([text for text in messages if text.endswith("UserWarning: warned")])
        tracebacks = [line["traceback"] for line in lines if "traceback" in line]
        self.assertEqual(2, len(tracebacks))
        for text in tracebacks:
            self.assertTrue(text.startswith("Traceback (most recent call last):\n"), text)
            self.assertTrue(text.endswith("\n"))

    def test_the_request_log(self) -> None:
        running = self.launch("--log-format=json", "--log-params", "--request-log=requests.log")
        self.ask(running, "paramAdd key=☃", "leak", "echo")
        logs = self.logs(running)
        self.assertFalse([line for line in read_lines(logs["out.txt"]) if "event" in line])
        connect, *requests, disconnect = read_lines(logs["requests.log"])
        self.assertEqual("connect", connect["event"])
        self.assertEqual(
            [
                (1, "paramAdd", "ok", None, None),
                (2, "leak", "error", "password is a required parameter for this action", 4),
                (3, "echo", "ok", None, 4),
            ],
            [
                (
                    *(line["number"], line["name"], line["outcome"], line.get("error")),
                    len(line["params"]) if "params" in line else None,
                )
                for line in requests
            ],
        )
        self.assertEqual("☃", requests[2]["params"]["key"])
        self.assertEqual((3, "client closed"), (disconnect["requests"], disconnect["reason"]))
        for line in (connect, *requests, disconnect):
            self.assertEqual(connect["client"], line["client"])
            self.assertEqual(connect["from"], line["from"])


class PartTests(LogsTestCase):
    """A request log that does not show all requests."""

    def names(self, *options: str) -> list[str]:
        """The requests that are shown of two that are answered and one that fails."""
        running = self.launch("--log-format=json", "--request-log=requests.log", *options)
        self.ask(running, "paramsView", "randomNumber", "cacheTest")
        lines = list(read_lines(self.logs(running)["requests.log"]))
        self.assertEqual(["connect", "disconnect"], [lines[0]["event"], lines[-1]["event"]])
        return [line["name"] for line in lines[1:-1]]

    def test_errors(self) -> None:
        self.assertEqual(["cacheTest"], self.names("--log-requests-only=errors"))

    def test_slow_ones(self) -> None:
        self.assertEqual(["cacheTest"], self.names("--log-requests-only=slow"))
        slow = ("--log-requests-only=slow", "--slow-seconds=0.001")
        self.assertIn("cacheTest", self.names(*slow))

    def test_a_share(self) -> None:
        self.assertEqual(["randomNumber", "cacheTest"], self.names("--log-requests-only=0.5"))

    def test_a_reload_changes_which(self) -> None:
        folder = self.folder({"config.json": '{"log": {"requests": "errors"}}'})
        options = (f"--config={folder}/config.json", "--request-log=requests.log")
        running = self.launch("--log-format=json", *options)
        for asked, changed, log in (
            ("paramsView", "log.requests, log.slowSeconds", {"requests": "slow"}),
            ("sleepTest", "log.requests", {"requests": True}),
        ):
            self.ask(running, asked)
            config = {"log": {"slowSeconds": 0.001, **log}}
            (folder / "config.json").write_text(json.dumps(config))
            running.process.send_signal(signal.SIGHUP)
            self.wait_for_text(running.folder / "out.txt", f'changed: {changed}"')
        self.ask(running, "paramsView")
        lines = read_lines(self.logs(running)["requests.log"])
        names = [line["name"] for line in lines if line["event"] == "request"]
        self.assertEqual(["sleepTest", "paramsView"], names)

    def test_what_is_wrong_is_told(self) -> None:
        for options, error in (
            (("--log-requests-only=2",), '--log-requests-only must be true, false, "errors"'),
            (("--log-requests-only=slow", "--no-log-requests"), "contradict"),
        ):
            self.assertIn(error, self.refusal(self.folder(), *options))


class SecretTests(LogsTestCase):
    """Values that no log may show."""

    def check(self, *options: str) -> dict[str, str]:
        """Has a client send a secret in every way, and looks for it in all logs."""
        running = self.launch("--request-log=requests.log", *options)
        self.ask(
            running,
            f"paramAdd password={SECRET}",
            "leak",
            "leakLater",
            "refuse",
            "paramView password",
            "paramsView",
            "detailsView",
            f"say my password={SECRET}",
            f"password={SECRET}",
            f"paramadd\tpassword={SECRET}",
            f"paramadd\u00a0PASSWORD={SECRET}",
            f"paramAdd password {SECRET}=",
            f"paramView password={SECRET} {SECRET}",
            f'"password":"{SECRET}"}}',
            f'{{"action":"leak","params":{{"password":"{SECRET}"',
            f'{{"action":"leak","params":{{"password":"{SECRET}"}}}} {SECRET}',
            f'{{"action":"leak","params":"password={SECRET}"}}',
            f'{{"action":"password={SECRET}"}}',
            f'{{"action":["password={SECRET}"]}}',
            request("leak", PASSWORD=SECRET, password=SECRET),
            request("leakLater", password=SECRET),
            request("echo", deep=[{"Token": SECRET}], token={"a": [SECRET]}),
        )
        logs = self.logs(running)
        for name, text in logs.items():
            self.assertNotIn(SECRET, text, name)
        everything = "".join(logs.values())
        self.assertIn("ValueError: not '[FILTERED]'", everything)
        self.assertIn("KeyError: '[FILTERED]'", everything)
        self.assertIn("wrong: [FILTERED]", everything)
        self.assertIn("password=[FILTERED] is not a known action.", everything)
        return logs

    def test_in_text(self) -> None:
        self.check()
        self.assertIn(
            '"deep": [{"Token": "[FILTERED]"}]', self.check("--log-params")["requests.log"]
        )

    def test_in_json(self) -> None:
        logs = self.check("--log-format=json", "--log-params")
        echoes = [line for line in read_lines(logs["requests.log"]) if line.get("name") == "echo"]
        self.assertEqual("[FILTERED]", echoes[0]["params"]["token"])

    def test_names_of_ones_own(self) -> None:
        running = self.launch("--log-params", "--filter-param=pin", "--filter-param=key")
        self.ask(running, request("echo", pin=1234567, key=["a"], password="shown"))
        log = self.logs(running)["out.txt"]
        self.assertNotIn("1234567", log)
        self.assertIn('{"pin": "[FILTERED]", "key": "[FILTERED]", "password": "shown", ', log)


class PlaceTests(LogsTestCase):
    """Where the server's own log goes."""

    def test_a_file(self) -> None:
        running = self.launch("--log-file=own.log", log="own.log")
        self.ask(running, "paramsView")
        logs = self.logs(running)
        self.assertIn("name=paramsView", logs["out.txt"])
        self.assertNotIn("has started", logs["out.txt"])
        self.assertIn("has stopped", logs["own.log"])
        self.assertNotIn("client=", logs["own.log"])
        self.assertEqual(0o640, stat.S_IMODE((running.folder / "own.log").stat().st_mode))

    def test_both_in_one_file(self) -> None:
        options = ("--log-file=own.log", "--request-log=own.log", "--log-format=json")
        running = self.launch(*options, log="own.log")
        self.ask(running, "paramsView")
        logs = self.logs(running)
        self.assertEqual("", logs["out.txt"])
        lines = list(read_lines(logs["own.log"]))
        self.assertEqual(3, len([line for line in lines if "event" in line]))

    def test_the_file_of_twistd(self) -> None:
        twistd = ("--nodaemon", "--pidfile=", "--logfile=theirs.log")
        running = self.launch("--log-format=json", twistd=twistd, log="theirs.log")
        logs = self.logs(running)
        self.assertEqual("", logs["out.txt"])
        self.assertIn(
            "Server Shut Down.", [line["message"] for line in read_lines(logs["theirs.log"])]
        )

    def test_the_setting_wins_over_the_file_of_twistd(self) -> None:
        twistd = ("--nodaemon", "--pidfile=", "--logfile=theirs.log")
        running = self.launch("--log-file=own.log", twistd=twistd, log="own.log")
        self.assertNotIn("theirs.log", self.logs(running))

    def test_an_observer_of_twistd_wins_over_the_setting(self) -> None:
        twistd = ("--nodaemon", "--pidfile=", "--logger=observing.Observer")
        running = self.launch(
            "--log-file=own.log", "--log-format=json", twistd=twistd, log="mine.txt"
        )
        self.ask(running, "paramsView")
        logs = self.logs(running)
        self.assertNotIn("own.log", logs)
        self.assertIn("actionHero API has stopped\n", logs["mine.txt"])
        self.assertEqual(3, len(list(read_lines(logs["out.txt"]))))

    def test_a_file_that_cannot_be_opened_does_not_start(self) -> None:
        line = self.refusal(self.folder(), "--log-file=missing/own.log")
        self.assertRegex(
            line,
            r"\Atwistd actionhero: /.*/missing/own\.log: cannot open the server's log: "
            r"No such file or directory\n\Z",
        )


class DaemonizedTests(LogsTestCase):
    """In the background."""

    def launch_in_background(self, *options: str, log: str) -> Path:
        """Starts a daemon, and has it serve a client and stop; gives its folder."""
        folder = self.folder(FILES)
        ended = subprocess.run(
            [str(TWISTD), "actionhero", "--bind-ip=127.0.0.1", "--port=0", *options],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
        )
        self.assertEqual((0, b"", b""), (ended.returncode, ended.stdout, ended.stderr))
        pid = int((folder / "twistd.pid").read_text())
        self.addCleanup(self.end, folder, pid)
        with socket.create_connection(("127.0.0.1", self.port(folder / log)), PATIENCE) as stream:
            client = Talker(stream)
            client.message()
            client.ask("paramsView")
            (folder / log).rename(folder / "moved.log")
            os.kill(pid, signal.SIGUSR1)
            self.wait_for_text(folder / log, REOPENED)
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not (folder / "twistd.pid").exists(), "its end")
        return folder

    def end(self, folder: Path, pid: int) -> None:
        """Ends a daemon that has not ended by itself."""
        if (folder / "twistd.pid").exists():
            os.kill(pid, signal.SIGKILL)

    def test_json_goes_where_the_text_of_twistd_would_go(self) -> None:
        folder = self.launch_in_background("--log-format=json", log="twistd.log")
        texts = [(folder / name).read_text() for name in ("moved.log", "twistd.log")]
        messages = [line["message"] for line in read_lines(*texts)]
        self.assertIn("actionHero API has stopped", messages)
        warning = "requests are not logged: standard output is /dev/null; set log.requestFile"
        self.assertIn(warning, messages)

    def test_its_umask_leaves_its_group_the_logs(self) -> None:
        options = ("--log-file=own.log", "--request-log=requests.log")
        folder = self.launch_in_background(*options, log="own.log")
        self.assertFalse((folder / "twistd.log").exists())
        for name in ("own.log", "requests.log"):
            self.assertEqual(0o640, stat.S_IMODE((folder / name).stat().st_mode))
        self.assertIn("name=paramsView", (folder / "requests.log").read_text())

    def test_it_has_no_standard_output(self) -> None:
        ended = subprocess.run(
            [str(TWISTD), "--logfile=-", "actionhero", "--port=0"],
            cwd=self.folder(),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        self.assertEqual(1, ended.returncode)
        self.assertEqual(
            "twistd actionhero: a daemon in the background has no standard output to log to\n",
            ended.stderr,
        )


class CrashTests(LogsTestCase):
    """A server that is killed."""

    def test_lines_are_in_the_file_without_a_stop(self) -> None:
        running = self.launch("--request-log=requests.log")
        client = self.join(running)
        client.ask("paramsView")
        path = running.folder / "requests.log"
        self.wait_for_text(path, "name=paramsView ")
        running.process.kill()
        running.process.wait()
        self.assertTrue(path.read_text().endswith("\n"))


class RotationTests(LogsTestCase):
    """Logs that something moves away while clients ask."""

    def rotate(self, running: Daemon, number: int) -> None:
        """Does what logrotate does, with either of the signals."""
        for name in ("own.log", "requests.log"):
            path = running.folder / name
            path.rename(path.with_name(f"{name}.{number}"))
        sent, text = ((signal.SIGUSR1, REOPENED), (signal.SIGHUP, "reloaded"))[number % 2]
        running.process.send_signal(sent)
        self.wait_for_text(running.folder / "own.log", text)

    def test_no_line_is_lost(self) -> None:
        options = ("--log-file=own.log", "--request-log=requests.log", "--announce-limit=0")
        running = self.launch(*options, log="own.log")
        client, other = self.join(running), self.join(running)
        count, rounds = 50_000, 20

        def load() -> None:
            other.pipeline(b"paramsView\n" * count, count)

        loading = threading.Thread(target=load)
        loading.start()
        for number in range(rounds):
            client.ask(request("leak", password="x"))
            self.rotate(running, number)
        loading.join(PATIENCE)
        client.close()
        other.close()
        self.assertEqual(-signal.SIGTERM, running.stop())
        requests = "".join(p.read_text() for p in running.folder.glob("requests.log*"))
        self.assertEqual(count, requests.count("name=paramsView "))
        self.assertEqual(rounds, requests.count("name=leak "))
        for number in range(rounds):
            own = (running.folder / f"own.log.{number}").read_text()
            self.assertEqual(1, own.count("the action leak"))

    def test_a_file_that_cannot_be_opened_changes_nothing(self) -> None:
        running = self.launch("--log-file=own.log", "--request-log=requests.log", log="own.log")
        self.ask(running, "paramsView")
        for name in ("own.log", "requests.log"):
            (running.folder / name).rename(running.folder / f"{name}.1")
            (running.folder / name).mkdir()
        running.process.send_signal(signal.SIGUSR1)
        for name, what in (("own.log", "the server's log"), ("requests.log", "the request log")):
            self.wait_for_text(
                running.folder / "own.log.1",
                f"{running.folder / name}: cannot open {what}: Is a directory; "
                "the old file is written on",
            )
        self.ask(running, "detailsView")
        self.assertEqual(-signal.SIGTERM, running.stop())
        self.assertIn("has stopped", (running.folder / "own.log.1").read_text())
        self.assertIn("name=detailsView", (running.folder / "requests.log.1").read_text())

    def test_logrotate_does_it(self) -> None:
        running = self.launch("--log-file=own.log", "--request-log=requests.log", log="own.log")
        (running.folder / "pid").write_text(str(running.process.pid))
        page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
        (example,) = re.findall(r"(?ms)^```text\n(/var/log/actionhero/.*?)^```", page)
        for folder in ("/var/log/actionhero/", "/run/actionhero/"):
            self.assertIn(folder, example)
            example = example.replace(folder, f"{running.folder}/")
        (running.folder / "rules").write_text(example)
        os.chmod(running.folder, 0o755)
        self.ask(running, "paramsView")
        self.wait_for_text(running.folder / "requests.log", "disconnect")
        subprocess.run(
            ["logrotate", "--force", "--state", "state", "rules"],
            cwd=running.folder,
            check=True,
            timeout=PATIENCE,
        )
        self.wait_for_text(running.folder / "own.log", REOPENED)
        self.ask(running, "detailsView")
        logs = self.logs(running)
        self.assertIn("has started", logs["own.log.1"])
        self.assertIn("has stopped", logs["own.log"])
        self.assertIn("name=paramsView", logs["requests.log.1"])
        self.assertIn("name=detailsView", logs["requests.log"])


class StuckTests(LogsTestCase):
    """Both logs go to a pipe that nobody reads."""

    def setUp(self) -> None:
        self.place = self.folder()
        self.reader, writer = os.pipe()
        self.addCleanup(os.close, self.reader)
        self.addCleanup(os.close, writer)
        os.set_blocking(writer, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writer, b" " * 4096)
        # Whoever inherits it shares this.
        os.set_blocking(writer, True)
        self.writer = writer

    def serve(self, *options: str) -> subprocess.Popen[bytes]:
        """A daemon that starts while its standard output takes nothing."""
        process = subprocess.Popen(
            [
                *(str(TWISTD), "--nodaemon", "--pidfile=", "actionhero"),
                *("--listen=unix:socket", "--close-timeout=1", *options),
            ],
            cwd=self.place,
            stdin=subprocess.DEVNULL,
            stdout=self.writer,
            stderr=self.writer,
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def enter(self) -> Talker:
        """A client that has been welcomed, once the daemon listens."""
        path = str(self.place / "socket")

        def connected() -> socket.socket | None:
            stream = socket.socket(socket.AF_UNIX)
            stream.settimeout(PATIENCE)
            try:
                stream.connect(path)
            except OSError:
                stream.close()
                return None
            return stream

        stream = wait_for(connected, "a port")
        self.addCleanup(stream.close)
        client = Talker(stream)
        client.message()
        return client

    def check(self, process: subprocess.Popen[bytes], count: int = 5000) -> None:
        """It serves, and ends when it is told to."""
        client = self.enter()
        client.pipeline(b"randomNumber\n" * count, count)
        self.enter()
        process.send_signal(signal.SIGTERM)
        self.assertEqual(-signal.SIGTERM, process.wait(PATIENCE))

    def test_it_starts_serves_and_stops(self) -> None:
        self.check(self.serve())

    def test_workers(self) -> None:
        self.check(self.serve("--workers=2", "--redis=redis://127.0.0.1:1"))
