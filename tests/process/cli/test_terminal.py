"""Tests of `actionhero_tcp.cli.console.terminal` with real sockets or processes."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.process.cli.test_piped import PROGRAM, talk
from tests.process.client.test_blocking import FILES
from tests.support import wait_for
from tests.support.integration import DaemonTestCase, OwnDaemonTestCase
from tools.system_packages import need


class Terminal:
    """A terminal in which a command runs.

    Args:
        test: Closes it at its end.
        command: The command.
    """

    def __init__(self, test: SynchronousTestCase, *command: str) -> None:
        need("tmux")
        temporary = tempfile.TemporaryDirectory()
        test.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        self._tmux = ["tmux", "-f", "/dev/null", "-S", str(self.folder / "tmux")]
        test.addCleanup(self._call, "kill-server")
        environment = f"XDG_STATE_HOME={self.folder} TERM=screen-256color"
        line = f"{environment} {shlex.join(command)}; echo status $?; exec sleep 1000"
        self._call("new-session", "-d", "-x", "90", "-y", "60", line)

    def _call(self, *arguments: str) -> str:
        ran = subprocess.run([*self._tmux, *arguments], capture_output=True, text=True)
        return ran.stdout

    def type(self, *keys: str) -> None:
        """Types keys, by tmux's names of them."""
        self._call("send-keys", *keys)

    def type_line(self, text: str) -> None:
        """Types a line."""
        self._call("send-keys", "-l", text)
        self._call("send-keys", "Enter")

    def screen(self, *options: str) -> str:
        """What there is to see."""
        return self._call("capture-pane", "-p", *options).rstrip("\n")

    def wait_for(self, text: str, times: int = 1) -> str:
        """Waits until a text is to be seen; gives the screen."""

        def seen() -> bool:
            return self.screen().count(text) >= times

        try:
            wait_for(seen, text)
        except AssertionError as error:
            raise AssertionError(f"{error}:\n{self.screen()}") from None
        return self.screen()


class Dialect29Tests(DaemonTestCase):
    """A session in the dialect of actionHero 29."""

    files = FILES
    options = ("--dialect=29", "--starting-chat-rooms=hall")

    def test_a_session(self) -> None:
        place = f"127.0.0.1:{self.daemon.port}"
        terminal = Terminal(self, PROGRAM, "console", "--dialect=29", place)
        terminal.wait_for('"welcome"')
        terminal.wait_for("\n>")
        terminal.type("roomA", "Tab")
        terminal.wait_for("> roomAdd")
        terminal.type_line(" hall")
        terminal.wait_for('"data": true')
        terminal.type_line("say hall hello")
        terminal.wait_for("in hall: hello")
        terminal.type_line("file text")
        terminal.wait_for("hello\nworld\n13 bytes")
        terminal.type_line("quit")
        terminal.wait_for("status 0")


class TerminalTests(DaemonTestCase):
    """A session at the prompt."""

    files = FILES

    def start(self) -> Terminal:
        """A terminal with the console in it, at its prompt."""
        terminal = Terminal(self, PROGRAM, "console", f"127.0.0.1:{self.daemon.port}")
        terminal.wait_for('"welcome"')
        terminal.wait_for("\n>")
        return terminal

    def test_answers_are_indented_coloured_and_timed(self) -> None:
        terminal = self.start()
        terminal.type_line("roomView")
        screen = terminal.wait_for(" ms")
        self.assertIn('  "roomStatus": {\n    "room": "defaultRoom",', screen)
        self.assertRegex(screen, r"#\d · \d+\.\d ms")
        self.assertIn('\x1b[34m"roomStatus"', terminal.screen("-e"))
        terminal.type_line("nope")
        terminal.wait_for('"error": "nope is not a known action."')

    def test_what_others_say_does_not_break_the_line_being_typed(self) -> None:
        terminal = self.start()
        terminal.type("say half a li")
        terminal.wait_for("> say half a li")
        other = talk(f"127.0.0.1:{self.daemon.port}", lines=b"say hello \x1b[2Jthere\n")
        self.assertEqual(0, other.returncode)
        screen = terminal.wait_for("I have left the room")
        self.assertIn(r"in defaultRoom: hello \x1b[2Jthere", screen)
        self.assertEqual("> say half a li", screen.splitlines()[-1])
        terminal.type("ne", "Enter")
        terminal.wait_for(" ms")
        self.assertIn("> say half a line\n{", terminal.screen())

    def test_completes_verbs_actions_and_inputs(self) -> None:
        terminal = self.start()
        terminal.type("roomV", "Tab")
        terminal.wait_for("> roomView")
        terminal.type("C-u", "cacheT", "Tab")
        terminal.wait_for("> cacheTest")
        terminal.type("C-u", "paramAdd k", "Tab")
        terminal.wait_for("> paramAdd key=")
        terminal.type("C-u")
        terminal._call("send-keys", "-l", '{"action":"cacheT')
        terminal.type("Tab")
        terminal.wait_for('> {"action":"cacheTest","params":{"key":"","value":""}}')

    def test_files_do_not_garble_the_terminal(self) -> None:
        terminal = self.start()
        for name in "binary", "text":
            terminal.type_line(f'{{"action":"file","params":{{"fileName":"{name}"}}}}')
        screen = terminal.wait_for("13 bytes")
        self.assertIn("300,000 bytes, no text", screen)
        self.assertIn("hello\nworld\n13 bytes", screen)

    def test_history(self) -> None:
        terminal = self.start()
        for line in ("roomView", " say secret", "detailsView"):
            terminal.type_line(line)
        terminal.wait_for(" ms", 3)
        terminal.type("Up")
        terminal.wait_for("> detailsView", 2)
        kept = terminal.folder / "actionhero-tcp" / "history"
        self.assertEqual("roomView\ndetailsView\n", kept.read_text())
        self.assertEqual(0o600, kept.stat().st_mode & 0o777)

    def test_ctrl_d_says_goodbye_and_ctrl_c_does_not(self) -> None:
        terminal = self.start()
        terminal.type("half", "C-c")
        terminal.type_line("roomView")
        terminal.wait_for(" ms")
        terminal.type("C-d")
        screen = terminal.wait_for("status 0")
        self.assertIn('"status": "Bye!"', screen)

    def test_quit(self) -> None:
        terminal = self.start()
        terminal.type_line("quit")
        terminal.wait_for("status 0")

    def test_an_answer_may_come_while_another_line_is_typed(self) -> None:
        terminal = self.start()
        terminal.type_line('{"action":"sleepTest","params":{"sleepDuration":700}}')
        terminal.type("another")
        screen = terminal.wait_for("sleepDelta")
        self.assertEqual("> another", screen.splitlines()[-1])


class EndTests(OwnDaemonTestCase):
    """How it ends when the connection does."""

    def test_a_server_that_goes(self) -> None:
        running = self.start()
        terminal = Terminal(self, PROGRAM, "console", f"127.0.0.1:{running.port}")
        terminal.wait_for("\n>")
        running.stop()
        screen = terminal.wait_for("status 2")
        self.assertIn("Server going down NOW", screen)
        self.assertIn("the server has hung up", screen)

    def test_no_server(self) -> None:
        terminal = Terminal(self, PROGRAM, "console", "127.0.0.1:1")
        self.assertIn("refused", terminal.wait_for("status 2"))

    def test_tls(self) -> None:
        running = self.start(pair="ec")
        ca_file = str(running.folder / "certs" / "server-cert.pem")
        place = f"localhost:{running.port}"
        terminal = Terminal(self, PROGRAM, "console", place, "--ca", ca_file)
        terminal.wait_for('"welcome"')
        other = Terminal(self, PROGRAM, "console", place, "--tls")
        self.assertIn("verify failed", other.wait_for("status 2"))

    def test_without_prompt_toolkit(self) -> None:
        code = (
            "import sys; sys.modules['prompt_toolkit'] = None; "
            "from actionhero_tcp.cli.main import main; sys.exit(main(['console']))"
        )
        terminal = Terminal(self, sys.executable, "-c", code)
        screen = terminal.wait_for("status 1").replace("\n", "")
        self.assertIn("pip install 'actionhero-tcp[console]'", screen)
