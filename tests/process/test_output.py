"""Commands whose output goes nowhere, and settings that nothing can hold: one line each."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support import PATIENCE, TWISTD
from tests.support.integration import OwnDaemonTestCase

CHECK = (str(TWISTD), "actionhero", "--check-config")
CONSOLE = str(TWISTD.with_name("actionhero-tcp"))


class OutputTestCase(OwnDaemonTestCase):
    """Runs commands in a shell, which closes and redirects as it is told."""

    def run_command(
        self, command: Sequence[str], redirection: str, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """What a command leaves, with no traceback in it."""
        done = subprocess.run(
            ["sh", "-c", f'"$@" {redirection}', "sh", *command],
            cwd=self.folder(),
            env={**os.environ, **(environment or {})},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        self.assertNotIn("Traceback", done.stdout + done.stderr)
        self.assertNotIn("Exception ignored", done.stderr)
        return done


class CheckConfigTests(OutputTestCase):
    """`--check-config`."""

    def test_a_full_disk(self) -> None:
        done = self.run_command(CHECK, "> /dev/full")
        self.assertEqual(1, done.returncode)
        text = "twistd actionhero: cannot write to standard output: No space left on device\n"
        self.assertEqual(text, done.stderr)

    def test_a_closed_pipe(self) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        with os.fdopen(writer, "w") as pipe:
            done = subprocess.run(
                CHECK, cwd=self.folder(), stdout=pipe, stderr=subprocess.PIPE, text=True
            )
        self.assertEqual(1, done.returncode)
        text = "twistd actionhero: cannot write to standard output: Broken pipe\n"
        self.assertEqual(text, done.stderr)

    def test_closed_output(self) -> None:
        self.assertEqual(0, self.run_command(CHECK, ">&-").returncode)

    def test_characters_that_the_output_does_not_take(self) -> None:
        command = (*CHECK, "--server-name=é☃")
        done = self.run_command(command, "", {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "1"})
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn(r'"serverName": "\u00e9\u2603"', done.stdout)

    def test_numbers_out_of_range_and_text_that_is_none(self) -> None:
        for text in (
            '{"log": {"blockedSeconds": 1e11}}',
            '{"tcpServer": {"keyFile": "a\\u0000b", "secure": true}}',
            '{"general": {"serverName": "\\ud800"}}',
        ):
            folder = self.folder({"config.json": text})
            error = self.refusal(folder, "--config=config.json")
            self.assertIn("config.json: ", error)


class HelpTests(OutputTestCase):
    """`twistd actionhero --help`."""

    def test_a_full_disk_and_a_closed_output(self) -> None:
        command = (*CHECK[: CHECK.index("actionhero") + 1], "--help")
        done = self.run_command(command, "> /dev/full")
        self.assertEqual(1, done.returncode)
        self.assertEqual(
            "twistd actionhero: cannot write to standard output: No space left on device\n",
            done.stderr,
        )
        self.assertNotIn("Traceback", self.run_command(command, ">&-").stderr)


class ConsoleTests(OutputTestCase):
    """`actionhero-tcp console`."""

    def test_a_tls_port_without_tls(self) -> None:
        running = self.start("--tls-handshake-timeout=1", pair="ec")
        done = self.run_command((CONSOLE, "console", f"127.0.0.1:{running.port}"), "< /dev/null")
        self.assertEqual(2, done.returncode)
        self.assertTrue(done.stderr.endswith("; it speaks TLS: add --tls\n"), done.stderr)
        self.assertEqual(1, done.stderr.count("\n"))
        self.stop(running)

    def test_closed_input_and_output(self) -> None:
        for redirection in ("<&-", ">&-"):
            done = self.run_command((CONSOLE, "console", "127.0.0.1:1"), redirection)
            self.assertEqual(1, done.returncode)
            self.assertEqual(
                "actionhero-tcp console: standard input and standard output have to be open\n",
                done.stderr,
            )

    def test_a_full_disk(self) -> None:
        running = self.start()
        command = (CONSOLE, "console", f"127.0.0.1:{running.port}")
        done = self.run_command(command, "< /dev/null > /dev/full")
        self.assertEqual(0, done.returncode, done.stderr)
        lines = Path(self.folder({"lines": "paramsView\n" * 3})) / "lines"
        done = self.run_command(command, f"< {lines} > /dev/full")
        self.assertEqual(1, done.returncode)
        self.assertEqual("actionhero-tcp console: No space left on device\n", done.stderr)
        self.stop(running)


class OtherRunnersTests(OwnDaemonTestCase):
    """`twist actionhero` and `python -m twisted actionhero`."""

    def test_they_run_it(self) -> None:
        python = str(TWISTD.with_name("python"))
        twist = str(TWISTD.with_name("twist"))
        for command in ([twist], [python, "-m", "twisted"]):
            self.assert_runs(command)

    def assert_runs(self, command: Sequence[str]) -> None:
        options = ("--log-format=text", "actionhero", "--port=0", "--bind-ip=127.0.0.1")
        process: Any = subprocess.Popen(
            [*command, *options],
            cwd=self.folder(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        seen = []
        try:
            for line in process.stdout:
                seen.append(line)
                if "has started" in line:
                    break
            process.terminate()
            rest, _ = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
            process.wait()
        text = "".join(seen) + rest
        self.assertIn("has started", text)
        self.assertIn("has stopped", text)
        self.assertNotIn("Traceback", text)
