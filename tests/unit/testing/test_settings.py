"""`actionhero_tcp.testing.settings`: what a test's server is configured with."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.config import configuration, sections
from actionhero_tcp.errors import StartError
from actionhero_tcp.testing.settings import config_for, folder_of

HERE = Path(__file__).resolve().parent


class SettingsTests(SynchronousTestCase):
    """`config_for`."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).resolve()
        (self.folder / "doings").mkdir(parents=True)

    def file(self, **sections: Any) -> Path:
        """A config file."""
        path = self.folder / "config.json"
        path.write_text(json.dumps(sections))
        return path

    def test_paths_count_from_the_folder_of_the_tests_file(self) -> None:
        self.assertEqual(HERE, folder_of(self))
        general = config_for(HERE, None, {"actions": "../app"}).general
        self.assertTrue(os.path.samefile(HERE.parent / "app", general.actions_directory))
        general = config_for(HERE, None, {}).general
        self.assertEqual(str(HERE / "actions"), general.actions_directory)
        self.assertEqual(str(HERE / "public"), general.flat_file_directory)

    def test_paths_of_the_config_file_count_from_its_folder(self) -> None:
        file = self.file(general={"actionsDirectory": "doings"})
        general = config_for(HERE, file, {}).general
        self.assertEqual(str(self.folder / "doings"), general.actions_directory)
        self.assertEqual(str(self.folder / "public"), general.flat_file_directory)

    def test_the_config_file_may_be_named_from_there(self) -> None:
        file = self.file(limits={"maxParams": 3})
        made = config_for(HERE, os.path.relpath(file, HERE), {})
        self.assertEqual(3, made.limits.max_params)

    def test_options_win_over_what_is_good_for_tests_and_that_over_the_file(self) -> None:
        file = self.file(
            tcpServer={"port": 6000, "bindIP": "0.0.0.0", "secure": True, "listen": ["tcp:1"]},
            redis={"enable": True},
            limits={"actionTimeout": 3, "maxParams": 4},
        )
        made = config_for(HERE, file, {"bind_ip": "127.0.0.2", "action_timeout": 7})
        server = made.tcp_server
        self.assertEqual((0, "127.0.0.2"), (server.port, server.bind_ip))
        self.assertEqual((False, ()), (server.secure, server.listen))
        self.assertEqual((7.0, 4), (made.limits.action_timeout, made.limits.max_params))
        self.assertFalse(made.redis.is_on)
        self.assertFalse(made.log.requests)

    def test_every_option_of_the_server_is_known(self) -> None:
        for info in configuration.fields():
            value = info.default
            if info.section_key == "general" and info.path:
                value = self.folder / "doings"
            made = config_for(HERE, None, {info.option.replace("-", "_"): value})
            self.assertIsInstance(made, sections.Config)

    def test_what_is_wrong_says_so(self) -> None:
        for error, text, options in (
            (TypeError, "there is no option action; ", {"action": "x"}),
            (ValueError, "port must be a whole number", {"port": "x"}),
            (ValueError, "port must be at most 65535", {"port": 70000}),
            (StartError, "there is no such folder", {"actions": "nowhere"}),
        ):
            raised = self.assertRaises(error, config_for, HERE, None, options)
            self.assertIn(text, str(raised))
        raised = self.assertRaises(StartError, config_for, HERE, self.folder / "none", {})
        self.assertIn("cannot read the config file", str(raised))
