"""Tests of `actionhero_tcp.plugin.options`: the command line, without a process."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.config import configuration, sections
from actionhero_tcp.errors import StartError
from actionhero_tcp.plugin.options import Options
from actionhero_tcp.workers import worker

FIELDS = list(configuration.fields())

OTHER_VALUES = {str: "something", int: "77", float: "2.5"}


class OptionsTestCase(SynchronousTestCase):
    """A folder with all that the options name."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).resolve()
        self.folder.mkdir()

    def parse(self, *arguments: str) -> sections.Config:
        """The configuration that a command line makes."""
        options = Options()
        options.parseOptions(list(arguments))
        return options.configuration

    def refusal(self, *arguments: str) -> str:
        """What is wrong with a command line; one line."""
        error = self.assertRaises(SystemExit, self.parse, *arguments)
        text = error.code
        assert isinstance(text, str)
        self.assertTrue(text.startswith("twistd actionhero: "), text)
        self.assertEqual(1, len(text.splitlines()), text)
        return text.removeprefix("twistd actionhero: ")

    def file(self, **sections: Any) -> str:
        """A config file."""
        path = self.folder / "config.json"
        path.write_text(json.dumps(sections))
        return str(path)


class OptionsTests(OptionsTestCase):
    """`Options`."""

    def test_without_options_all_is_as_by_default(self) -> None:
        self.assertEqual(sections.Config(), self.parse())

    def test_every_field_has_its_option(self) -> None:
        for info in FIELDS:
            if info.type is bool:
                for option, value in ((info.option, True), (f"no-{info.option}", False)):
                    arguments = [f"--{option}", "--listen=tcp:0"]
                    section = getattr(self.parse(*arguments), info.section)
                    self.assertIs(value, getattr(section, info.name))
            elif info.type is tuple:
                section = getattr(self.parse(f"--{info.option}=tcp:0"), info.section)
                self.assertEqual(("tcp:0",), getattr(section, info.name))
            else:
                text = info.choices[-1] if info.choices else OTHER_VALUES[info.type]
                if info.name in ("actions_directory", "flat_file_directory"):
                    text = str(self.folder)
                if info.minimum is not None and info.minimum > float(text):
                    text = f"{info.minimum + 1:g}"
                value = getattr(
                    getattr(self.parse(f"--{info.option}={text}"), info.section), info.name
                )
                self.assertEqual(info.type(text), value)
                self.assertNotEqual(info.default, value)
                self.assertIs(info.type, type(value))

    def test_the_version_is_the_servers(self) -> None:
        with redirect_stdout(io.StringIO()) as output:
            ended = self.assertRaises(SystemExit, Options().parseOptions, ["--version"])
        self.assertEqual(0, ended.code)
        self.assertRegex(output.getvalue(), r"\Aactionhero-tcp \d\S* on Twisted \d+\.\S+\n\Z")

    def test_there_is_no_option_without_a_field(self) -> None:
        options = Options()
        known = {info.option for info in FIELDS} | {"check-config", "config", "help", "version"}
        known |= {f"no-{info.option}" for info in FIELDS if info.type is bool}
        found = {name.rstrip("=") for name in options.longOpt}
        known |= {f"{info.option}-only" for info in FIELDS if info.only}
        self.assertEqual(known, found)

    def test_the_help_names_every_option_and_its_default(self) -> None:
        text = " ".join(Options().getUsage(width=200).split())
        for info in FIELDS:
            self.assertIn(f"--{info.option}", text)
            self.assertIn(" ".join(info.help.split()), text)
        self.assertIn("[default: 5000]", text)
        self.assertIn("[default: password, passwd, ", text)
        self.assertIn("[default: yes]", text)
        self.assertIn("[default: no]", text)
        self.assertNotIn("[default: ]", text)

    def test_abbreviations_are_refused(self) -> None:
        for arguments, near in (
            (["--por=1"], "port"),
            (["--por", "1"], "port"),
            (["--no-secur"], "no-secure"),
            (["--secure", "-c", "x.json", "--check-conf"], "check-config"),
            (["--server-name", "--por", "--welcome-messag", "x"], "welcome-message"),
        ):
            text = self.refusal(*arguments)
            self.assertRegex(text, rf"^option --\S+ not recognized; did you mean --{near}\?")

    def test_values_may_look_like_options(self) -> None:
        config = self.parse("--server-name", "--por", "--welcome-message=--x")
        self.assertEqual("--por", config.general.server_name)
        self.assertEqual("--x", config.general.welcome_message)
        self.assertIn("unexpected argument 'x'", self.refusal("x", "--por"))
        self.assertIn("unexpected argument '--por'", self.refusal("--", "--por"))

    def test_help_ends_with_status_0(self) -> None:
        out = io.StringIO()
        with redirect_stdout(out):
            error = self.assertRaises(SystemExit, self.parse, "--help")
        self.assertIn(error.code, (0, None))
        self.assertIn("--port", out.getvalue())

    def test_listen_may_be_given_several_times(self) -> None:
        server = self.parse("--listen", "tcp:1", "--listen", "unix:/x").tcp_server
        self.assertEqual(("tcp:1", "unix:/x"), server.listen)

    def test_so_may_other_lists_and_they_replace_the_default(self) -> None:
        self.assertEqual(("127.0.0.0/8", "::1"), self.parse().tcp_server.trusted_proxies)
        server = self.parse("--trusted-proxies=10.0.0.0/8", "--trusted-proxies", "::2").tcp_server
        self.assertEqual(("10.0.0.0/8", "::2"), server.trusted_proxies)

    def test_what_is_given_several_times_stands_in_place_of_the_list_before_it(self) -> None:
        file = self.file(log={"filterParams": ["pin"]})
        self.assertEqual(("pin",), self.parse("-c", file).log.filter_params)
        given = ("-c", file, "--filter-param=a", "--filter-param=b")
        self.assertEqual(("a", "b"), self.parse(*given).log.filter_params)
        self.assertEqual(("pin",), self.parse("-c", file).log.filter_params)
        self.assertIn("password", self.parse().log.filter_params)

    def test_options_win_over_the_file_and_the_file_over_the_defaults(self) -> None:
        file = self.file(
            tcpServer={"port": 6000, "bindIP": "127.0.0.1", "secure": True, "listen": ["tcp:1"]},
            limits={"actionTimeout": 3},
        )
        made = self.parse("--config", file, "--port=7000", "--no-secure", "--listen=tcp:2")
        server = made.tcp_server
        self.assertEqual((7000, "127.0.0.1", False), (server.port, server.bind_ip, server.secure))
        self.assertEqual(("tcp:2",), server.listen)
        self.assertEqual(3.0, made.limits.action_timeout)
        self.assertEqual(64, made.limits.max_room_name_length)

    def test_an_option_that_says_the_default_wins_too(self) -> None:
        file = self.file(tcpServer={"port": 6000, "enable": False})
        server = self.parse("-c", file, "--port=5000", "--tcp-server").tcp_server
        self.assertEqual((5000, True), (server.port, server.enable))

    def test_paths_in_the_file_count_from_its_folder_those_of_options_do_not(self) -> None:
        (self.folder / "files").mkdir()
        file = self.file(general={"flatFileDirectory": "files"}, tcpServer={"keyFile": "key.pem"})
        made = self.parse("--config", file, "--cert-file=cert.pem")
        self.assertEqual(str(self.folder / "files"), made.general.flat_file_directory)
        self.assertEqual(str(self.folder / "key.pem"), made.tcp_server.key_file)
        self.assertEqual("cert.pem", made.tcp_server.cert_file)


class RefusalTests(OptionsTestCase):
    """What is wrong ends the start with one line."""

    def test_an_unknown_option(self) -> None:
        self.assertIn("option --nope not recognized (--help lists", self.refusal("--nope"))

    def test_a_misspelled_option_gets_a_hint(self) -> None:
        for given, near in (("--prot=1", "port"), ("--cofnig=x", "config"), ("--secrue", "secure")):
            self.assertIn(f" not recognized; did you mean --{near}?", self.refusal(given))

    def test_an_argument(self) -> None:
        self.assertIn("unexpected argument 'nope'", self.refusal("nope"))

    def test_a_value_of_a_wrong_type_or_out_of_range(self) -> None:
        for argument, text in (
            ("--port=x", "--port must be a whole number, not 'x'"),
            ("--port=1.5", "--port must be a whole number, not '1.5'"),
            ("--port=65536", "--port must be at most 65535, not 65536"),
            ("--port=-1", "--port must be at least 0, not -1"),
            ("--action-timeout=soon", "--action-timeout must be a number, not 'soon'"),
            ("--action-timeout=nan", "--action-timeout must be a finite number, not nan"),
            ("--max-line-length=1", "--max-line-length must be at least 64, not 1"),
            ("--log-format=xml", '--log-format must be text or json, not "xml"'),
        ):
            self.assertEqual(f"{text} (--help lists the options)", self.refusal(argument))

    def test_an_option_and_its_opposite(self) -> None:
        for info in FIELDS:
            if info.type is bool:
                self.assertIn(
                    f"--{info.option} and --no-{info.option} contradict",
                    self.refusal(f"--{info.option}", f"--no-{info.option}"),
                )

    def test_nothing_to_listen_on(self) -> None:
        self.assertIn("nothing to listen on", self.refusal("--no-tcp-server"))
        file = self.file(tcpServer={"enable": False})
        self.assertIn("nothing to listen on", self.refusal("--config", file))
        self.assertIn("nothing to listen on", self.refusal("--no-tcp-server", "--config", file))
        self.assertFalse(self.parse("--no-tcp-server", "--listen=tcp:0").tcp_server.enable)

    def test_a_config_file_that_is_not_there(self) -> None:
        path = str(self.folder / "none.json")
        self.assertEqual(
            f"{path}: cannot read the config file: No such file or directory",
            self.refusal("--config", path),
        )

    def test_a_config_file_that_is_wrong_names_the_key(self) -> None:
        file = self.file(tcpServer={"prot": 1})
        self.assertEqual(
            f"{file}: unknown key tcpServer.prot; did you mean port?", self.refusal("-c", file)
        )
        file = self.file(tcpServer={"port": "5000"})
        self.assertEqual(
            f'{file}: tcpServer.port must be a whole number, not "5000"', self.refusal("-c", file)
        )

    def test_folders_that_were_asked_for_must_be_there(self) -> None:
        none = str(self.folder / "none")
        for option, key in (("actions", "actionsDirectory"), ("public", "flatFileDirectory")):
            text = f"{none}: there is no such folder (general.{key})"
            self.assertEqual(text, self.refusal(f"--{option}={none}"))
            self.assertEqual(text, self.refusal("-c", self.file(general={key: "none"})))

    def test_a_file_in_place_of_a_folder(self) -> None:
        file = self.file()
        self.assertIn("there is no such folder", self.refusal(f"--actions={file}"))

    def test_a_worker_has_the_configuration_of_its_supervisor(self) -> None:
        theirs = configuration.build({("limits", "max_params"): 7})
        self.patch(worker, "place", worker.WorkerSpec(1, theirs))
        file = str(self.folder / "gone.json")
        options = Options()
        options.parseOptions(["--config", file, "--max-params=9"])
        self.assertEqual(theirs, options.configuration)
        self.assertEqual(["--config", file, "--max-params=9"], options.arguments)
        self.assertRaises(StartError, options.read)

    def test_usage_errors_stay_what_they_are_within(self) -> None:
        options = Options()
        self.assertRaises(usage.UsageError, options.parseArgs, "x")
        options.parseArgs()
