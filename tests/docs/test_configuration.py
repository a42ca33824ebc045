"""docs/configuration.md and config.example.json say what the configuration's fields say."""

from __future__ import annotations

import dataclasses
import itertools
import re
import shlex
import subprocess
import tempfile
from configparser import ConfigParser
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.config import config_file, configuration, sections
from actionhero_tcp.config.field import FieldInfo
from actionhero_tcp.embedding.composition import build
from actionhero_tcp.errors import StartError
from actionhero_tcp.logs.file import LogFile
from actionhero_tcp.net import tls
from actionhero_tcp.plugin import tap
from tests import support
from tools import certs, config_reference

HINT = "run: python -m tools.config_reference --write"


class ReferenceTests(SynchronousTestCase):
    """The table in docs/configuration.md."""

    def test_is_up_to_date(self) -> None:
        text = config_reference.PAGE.read_text(encoding="utf-8")
        self.assertEqual(config_reference.page(text), text, HINT)

    def test_has_every_field(self) -> None:
        table = config_reference.table()
        for info in configuration.fields():
            self.assertRegex(table, rf"(?m)^\| `{info.key}` \| `--{info.option}`")

    def test_needs_its_markers(self) -> None:
        self.assertRaises(ValueError, config_reference.page, "no marker")

    def test_is_printed(self) -> None:
        command = [support.TWISTD.with_name("python"), "-m", "tools.config_reference"]
        printed = subprocess.run(command, cwd=support.ROOT, capture_output=True, check=True)
        self.assertEqual(config_reference.table(), printed.stdout.decode())


class SampleTests(SynchronousTestCase):
    """config.example.json."""

    def test_is_up_to_date(self) -> None:
        text = config_reference.SAMPLE.read_text(encoding="utf-8")
        self.assertEqual(config_reference.sample(), text, HINT)

    def test_loads_and_covers_every_field(self) -> None:
        values = config_file.read_file(str(config_reference.SAMPLE))
        expected = {(info.section, info.name): _resolved(info) for info in configuration.fields()}
        self.assertEqual(expected, values)

    def test_holds_the_defaults(self) -> None:
        built = dataclasses.asdict(
            configuration.build(config_file.read_file(str(config_reference.SAMPLE)))
        )
        for info in configuration.fields():
            self.assertEqual(_resolved(info), built[info.section][info.name])


def _resolved(info: FieldInfo) -> Any:
    """A field's default as the sample's place in the tree makes it."""
    if info.path and info.default:
        return str(support.ROOT / info.default)
    return info.default


EXTRAS = ("console", "fast", "otel", "redis", "web")
"""The extras for what a server or a user does; the others are for development."""


class DependencyTests(SynchronousTestCase):
    """docs/dependencies.md."""

    def test_names_what_is_installed_and_nothing_else(self) -> None:
        setup = ConfigParser()
        setup.read(support.ROOT / "setup.cfg")
        text = (support.ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
        runtime, _, rest = text.partition("## Extras")
        extras, _, development = rest.partition("## For development")
        wanted = setup["options.extras_require"]
        for asked, page in (
            (setup["options"]["install_requires"], runtime),
            ("".join(wanted[each] for each in EXTRAS), extras),
            (wanted["dev"] + wanted["docs"] + wanted["scan"], extras + development),
        ):
            names = {re.split(r"[^\w-]", line)[0] for line in asked.strip().splitlines()}
            self.assertEqual(names, set(re.findall(r"^\| `([\w-]+)`", page, re.MULTILINE)))


def _without_code(page: Path) -> str:
    return re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.M | re.S)


def _slugs(page: Path) -> set[str]:
    """The ends of links to a page: its anchors, and what forges make of its headings."""
    found = set(re.findall(r'^<a id="([^"]+)"></a>$', page.read_text("utf-8"), re.MULTILINE))
    for heading in re.findall(r"^#+ (.*)$", _without_code(page), re.MULTILINE):
        slug = re.sub(r"[^\w-]", "", heading.lower().replace(" ", "-"))
        # The second one of a name ends in -1.
        numbered = (f"{slug}-{number}" for number in itertools.count(1))
        found.add(next(s for s in itertools.chain([slug], numbered) if s not in found))
    return found


class LinkTests(SynchronousTestCase):
    """README.md and docs/, as a forge shows them."""

    def test_links_lead_somewhere(self) -> None:
        top = [support.ROOT / name for name in ("README.md", "SECURITY.md", "CONTRIBUTING.md")]
        for page in (*top, *(support.ROOT / "docs").rglob("*.md")):
            for link in re.findall(r"\]\(([^)]+)\)", _without_code(page)):
                name, _, heading = link.partition("#")
                if "://" in link:
                    continue
                target = page.parent / name if name else page
                self.assertTrue(target.is_file(), f"{page}: {link}")
                if heading:
                    self.assertIn(heading, _slugs(target), f"{page}: {link}")


class ExampleTests(SynchronousTestCase):
    """The JSON and the error messages that the page shows."""

    def setUp(self) -> None:
        self.text = config_reference.PAGE.read_text(encoding="utf-8")
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)

    def test_json_examples_load(self) -> None:
        examples = re.findall(r"^```json\n(.*?)^```", self.text, re.MULTILINE | re.DOTALL)
        self.assertTrue(examples)
        for example in examples:
            path = self.folder / "config.json"
            path.write_text(example, encoding="utf-8")
            self.assertTrue(config_file.read_file(str(path)))

    def test_messages_about_the_file(self) -> None:
        for content in (
            None,
            '{"general": {"serverName": "x",}}',
            '{"tcpServer": {"port": 1, "port": 2}}',
            '{"tcpServer": {"prot": 5000}}',
            '{"tcp": {"port": 5000}}',
            '{"tcpServer": {"port": "5000"}}',
            '{"tcpServer": {"port": 70000}}',
        ):
            path = self.folder / "config.json"
            if content is not None:
                path.write_text(content, encoding="utf-8")
            error = self.assertRaises(StartError, config_file.read_file, str(path))
            self._shown(str(error).replace(f"{self.folder}/", ""))

    def test_messages_about_options(self) -> None:
        for options in (
            "--port abc",
            "--log-format xml",
            "--nope",
            "--secure --no-secure",
            "--no-tcp-server",
            "--actions nope",
        ):
            error = self.assertRaises(SystemExit, tap.Options().parseOptions, shlex.split(options))
            self._shown(str(error).removeprefix("twistd actionhero: "))

    def test_messages_about_proxies(self) -> None:
        for server in (
            sections.TcpServer(listen=("haproxy:ssl:5001",)),
            sections.TcpServer(trusted_proxies=("10.0.0.1/8",)),
        ):
            whole = sections.Config(tcp_server=server)
            platform = support.make_platform(support.Reactor())
            self._shown(str(self.assertRaises(StartError, build, whole, platform)))

    def test_messages_about_certificates(self) -> None:
        key, cert = (str(path) for path in certs.make(self.folder / "a"))
        other, _ = (str(path) for path in certs.make(self.folder / "b"))
        garbage = self.folder / "garbage"
        garbage.write_text("garbage")
        missing = self.folder / "missing"
        for key_file, cert_file in (
            (str(missing), cert),
            (str(garbage), cert),
            (key, str(garbage)),
            (other, cert),
        ):
            error = str(self.assertRaises(StartError, tls.load, key_file, cert_file))
            if key_file == str(missing):
                error = error.replace(key_file, "./certs/server-key.pem")
            self._shown(error.replace(key_file, "key.pem").replace(cert_file, "cert.pem"))

    def test_messages_about_logs(self) -> None:
        for what, name in (("the server's log", "server"), ("the request log", "requests")):
            self._shown(str(self.assertRaises(StartError, LogFile, f"/nope/{name}.log", what)))

    def _shown(self, message: str) -> None:
        self.assertIn(f"\ntwistd actionhero: {message}\n", self.text)
