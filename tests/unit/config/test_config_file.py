"""The reading of config.json."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.config import config_file, configuration
from actionhero_tcp.errors import StartError

FIELDS = list(configuration.fields())


class ReadFileTests(SynchronousTestCase):
    """`read_file`, and how it says what is wrong."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.path = str(self.folder / "config.json")

    def read(self, text: str | bytes) -> dict[tuple[str, str], Any]:
        """What a config file of that text sets."""
        data = text if isinstance(text, bytes) else text.encode()
        Path(self.path).write_bytes(data)
        return config_file.read_file(self.path)

    def refused(self, text: str | bytes, expected: str) -> None:
        """Checks that a text is refused; what the error says after the file's name."""
        error = str(self.assertRaises(StartError, self.read, text))
        self.assertEqual(self.path + expected, error)

    def test_an_empty_object_sets_nothing(self) -> None:
        self.assertEqual({}, self.read("{}"))
        self.assertEqual({}, self.read('{"general": {}, "limits": {}}'))

    def test_gives_values_by_section_and_field(self) -> None:
        text = (
            '{"tcpServer": {"port": 80, "bindIP": "::", "listen": ["unix:/s"], "secure": true},'
            ' "limits": {"actionTimeout": 5}}'
        )
        expected = {
            ("tcp_server", "port"): 80,
            ("tcp_server", "bind_ip"): "::",
            ("tcp_server", "listen"): ("unix:/s",),
            ("tcp_server", "secure"): True,
            ("limits", "action_timeout"): 5.0,
        }
        self.assertEqual(expected, self.read(text))

    def test_takes_every_default(self) -> None:
        document: dict[str, dict[str, Any]] = {}
        for info in FIELDS:
            document.setdefault(info.section_key, {})[info.key] = info.default
        values = self.read(json.dumps(document))
        self.assertEqual(len(FIELDS), len(values))
        for info in FIELDS:
            if not info.path:
                self.assertEqual(info.default, values[info.section, info.name], info.key)

    def test_relative_paths_count_from_the_files_folder(self) -> None:
        values = self.read('{"general": {"actionsDirectory": "./a/b", "flatFileDirectory": ".."}}')
        self.assertEqual(str(self.folder / "a/b"), values["general", "actions_directory"])
        self.assertEqual(
            str(self.folder.parent), os.path.normpath(values["general", "flat_file_directory"])
        )

    def test_a_relative_name_of_the_file_makes_absolute_paths(self) -> None:
        self.read('{"tcpServer": {"keyFile": "key.pem"}}')
        values = config_file.read_file(os.path.relpath(self.path))
        self.assertEqual(str(self.folder / "key.pem"), values["tcp_server", "key_file"])

    def test_absolute_paths_stay(self) -> None:
        values = self.read('{"log": {"requestFile": "/var/log/requests"}}')
        self.assertEqual({("log", "request_file"): "/var/log/requests"}, values)

    def test_an_empty_path_stays_empty(self) -> None:
        self.assertEqual({("log", "request_file"): ""}, self.read('{"log": {"requestFile": ""}}'))

    def test_what_is_no_path_stays(self) -> None:
        values = self.read('{"general": {"serverName": "./index.html"}}')
        self.assertEqual({("general", "server_name"): "./index.html"}, values)

    def test_reads_non_ascii(self) -> None:
        self.assertEqual(
            {("general", "server_name"): "☃é"}, self.read('{"general": {"serverName": "☃\\u00e9"}}')
        )

    def test_no_such_file(self) -> None:
        missing = str(self.folder / "nope.json")
        error = self.assertRaises(StartError, config_file.read_file, missing)
        self.assertEqual(
            f"{missing}: cannot read the config file: No such file or directory", str(error)
        )

    def test_a_folder(self) -> None:
        error = self.assertRaises(StartError, config_file.read_file, str(self.folder))
        self.assertEqual(f"{self.folder}: cannot read the config file: Is a directory", str(error))

    def test_no_utf8(self) -> None:
        self.refused(b'{"a": "\xff"}', ": the config file is not UTF-8 at byte 7")

    def test_no_json(self) -> None:
        self.refused(
            '{\n"general": {,}}',
            ":2: the config file is not valid JSON: "
            "Expecting property name enclosed in double quotes",
        )
        self.refused("", ":1: the config file is not valid JSON: Expecting value")

    def test_repeated_keys(self) -> None:
        self.refused(
            '{"tcpServer": {"secure": true, "port": 1, "port": 2}}',
            ": the config file is not valid: the key 'port' occurs twice",
        )
        self.refused(
            '{"log": {}, "log": {}}',
            ": the config file is not valid: the key 'log' occurs twice",
        )

    def test_too_many_levels(self) -> None:
        error = self.assertRaises(StartError, self.read, "[" * 100_000)
        self.assertIn(f"{self.path}: the config file is not valid: ", str(error))

    def test_too_many_digits(self) -> None:
        text = '{"tcpServer": {"port": ' + "9" * 5000 + "}}"
        error = self.assertRaises(StartError, self.read, text)
        self.assertIn(f"{self.path}: the config file is not valid: ", str(error))

    def test_no_object(self) -> None:
        self.refused("[]", ": the config file must be an object, not []")
        self.refused("5", ": the config file must be an object, not 5")

    def test_a_section_that_is_no_object(self) -> None:
        self.refused('{"log": true}', ": the section log must be an object, not true")
        self.refused('{"limits": [1]}', ": the section limits must be an object, not [1]")

    def test_an_unknown_section(self) -> None:
        self.refused('{"tcpserver": {}}', ": unknown key tcpserver; did you mean tcpServer?")
        self.refused(
            '{"xyz": {}}',
            ": unknown key xyz; known are general, limits, log, redis, tcpServer, web",
        )

    def test_an_unknown_key(self) -> None:
        self.refused(
            '{"tcpServer": {"bindIp": "::"}}',
            ": unknown key tcpServer.bindIp; did you mean bindIP?",
        )
        self.refused(
            '{"log": {"xyz": 1}}',
            ": unknown key log.xyz; known are blockedSeconds, file, filterParams, format, "
            "level, maxQueuedBytes, params, requestFile, requests, slowSeconds",
        )

    def test_a_key_of_another_section(self) -> None:
        error = self.assertRaises(StartError, self.read, '{"general": {"port": 80}}')
        self.assertIn(f"{self.path}: unknown key general.port; ", str(error))

    def test_the_name_of_a_field_is_no_key(self) -> None:
        self.refused(
            '{"tcp_server": {"port": 1}}', ": unknown key tcp_server; did you mean tcpServer?"
        )

    def test_a_wrong_type(self) -> None:
        self.refused(
            '{"tcpServer": {"port": "80"}}',
            ': tcpServer.port must be a whole number, not "80"',
        )
        self.refused(
            '{"tcpServer": {"listen": "unix:/s"}}', ": tcpServer.listen must be a list of strings"
        )

    def test_a_value_out_of_range(self) -> None:
        self.refused(
            '{"limits": {"maxJsonDepth": 501}}',
            ": limits.maxJsonDepth must be at most 500, not 501",
        )

    def test_numbers_that_are_not_finite(self) -> None:
        for text, shown in (("NaN", "nan"), ("Infinity", "inf"), ("1e999", "inf")):
            self.refused(
                f'{{"limits": {{"actionTimeout": {text}}}}}',
                f": limits.actionTimeout must be a finite number, not {shown}",
            )

    def test_numbers_too_large_for_floats(self) -> None:
        for place in ('"tcpServer": {"port"', '"limits": {"actionTimeout"'):
            text = "{" + place + ": 1" + "0" * 400 + "}}"
            error = str(self.assertRaises(StartError, self.read, text))
            self.assertIn(f"{self.path}: ", error)
            self.assertRegex(error, r"(tcpServer\.port|limits\.actionTimeout) must be ")
