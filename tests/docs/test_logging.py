"""The examples of docs/logging.md with a real daemon, and its statements that name a default."""

from __future__ import annotations

import json
from typing import Any

from actionhero_tcp.config.sections import Log
from actionhero_tcp.logs.lines import MAX_FIELDS_CHARACTERS
from tests import support
from tests.docs.test_actions import ask, examples
from tests.support.integration import OwnDaemonTestCase

PAGE = support.ROOT / "docs" / "logging.md"


class LoggingPageTests(OwnDaemonTestCase):
    """A client of a daemon with the page's files."""

    def lines(self, log: str) -> list[dict[str, Any]]:
        """The lines of JSON in a log."""
        return [json.loads(line) for line in log.splitlines() if line.startswith("{")]

    def test_the_lines(self) -> None:
        daemon = self.start("--log-format=json", files=examples(PAGE))
        client = self.join(daemon)
        client.ask(ask("enrol", device="7f3a"))
        client.ask(ask("report", celsius=95.5))
        client.ask(ask("report", celsius=20))
        log = daemon.wait_for_log('"name":"report"', count=2)
        log = daemon.wait_for_log('"message":"it is hot"')
        (hot,) = [line for line in self.lines(log) if line.get("message") == "it is hot"]
        expected = {"level": "warn", "namespace": "actionhero_actions.heat", "celsius": 95.5}
        self.assertEqual(expected, {key: hot[key] for key in expected})
        requests = [line for line in self.lines(log) if line.get("name") == "report"]
        self.assertEqual(["7f3a"] * 2, [line["device"] for line in requests])
        self.stop(daemon)

    def test_levels(self) -> None:
        action = (
            "import logging\nfrom actionhero_tcp import action\n\n\n"
            "@action\ndef act(api, connection):\n"
            "    for level in (10, 20, 30, 40):\n"
            "        logging.getLogger('mine').log(level, 'at %d', level)\n"
        )
        for level, least in (("debug", 10), ("info", 20)):
            daemon = self.start(f"--log-level={level}", files={"actions/act.py": action})
            self.join(daemon).ask("act")
            log = daemon.wait_for_log("at 40")
            shown = [number for number in (10, 20, 30, 40) if f"at {number}" in log]
            self.assertEqual([n for n in (10, 20, 30, 40) if n >= least], shown)
            daemon.stop()

    def test_the_defaults(self) -> None:
        page = PAGE.read_text(encoding="utf-8")
        self.assertIn(f"`log.level` (`{Log().level}` by default)", page)
        self.assertIn(f"at most {MAX_FIELDS_CHARACTERS} characters", page)
