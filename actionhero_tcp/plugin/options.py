"""The command line of `twistd actionhero`, made from the fields of the configuration."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from importlib.metadata import version
from typing import Any

from twisted.python import usage

from ..config import config_file, configuration
from ..config.field import FieldInfo
from ..config.sections import Config
from ..errors import StartError
from ..workers import worker
from .help_page import meaning, only_meaning, page
from .output import print_text

PROGRAM = "twistd actionhero"

_UNKNOWN = re.compile(r"option --(\S+) not recognized")


def _coerce(info: FieldInfo) -> Callable[[str], Any]:
    def coerce(text: str) -> Any:
        try:
            return info.parse(text)
        except ValueError as error:
            raise ValueError(f"--{info.option} {error}") from None

    return coerce


def _coerce_part(info: FieldInfo) -> Callable[[str], Any]:
    def coerce(text: str) -> Any:
        try:
            return info.parse_part(text)
        except ValueError as error:
            raise ValueError(f"--{info.option}-only {error}") from None

    return coerce


_PARAMETERS = [info for info in configuration.fields() if info.type not in (bool, tuple)]
_FLAGS = [info for info in configuration.fields() if info.type is bool]
_PARTS = [info for info in _FLAGS if info.only]
_LISTS = [info for info in configuration.fields() if info.type is tuple]


class Options(usage.Options):
    """The options of ``twistd actionhero``: ``--config``, and one for each field of the config.

    Attributes:
        configuration: The whole configuration, once the options are parsed.
        arguments: The command line, from after the word ``actionhero`` on.
        lists: The values of repeatable options, by section and field.
    """

    synopsis = "[options]"
    longdesc = (
        "Serves Python functions over persistent TCP and TLS connections: one line of text or "
        "JSON in, one line of JSON out. Options win over the config file."
    )
    optParameters = [
        ["config", "c", None, "the config file (JSON); relative paths in it count from its folder"],
        *([info.option, None, None, meaning(info), _coerce(info)] for info in _PARAMETERS),
        *(
            [
                f"{info.option}-only",
                None,
                None,
                only_meaning(info),
                _coerce_part(info),
            ]
            for info in _PARTS
        ),
    ]
    optFlags = [
        ["check-config", None, "check everything, print the effective configuration, and end"],
        *([info.option, None, meaning(info)] for info in _FLAGS),
        *([f"no-{info.option}", None, f"the opposite of --{info.option}"] for info in _FLAGS),
    ]

    def __init__(self) -> None:
        self.configuration = Config()
        self.arguments: Sequence[str] = ()
        self.lists: dict[tuple[str, str], tuple[str, ...]] = {}
        super().__init__()  # type: ignore[no-untyped-call]

    def opt_version(self) -> None:
        """Display the version of the server, and of Twisted, and exit."""
        print_text(f"actionhero-tcp {version('actionhero-tcp')} on Twisted {version('Twisted')}")
        raise SystemExit(0)

    def opt_help(self) -> None:
        """Display this help and exit."""
        print_text(str(self))
        raise SystemExit(0)

    def getUsage(self, width: int | None = None) -> str:
        """Return the help: the options by section, the most used first."""
        columns = os.environ.get("COLUMNS", "")
        return "\n" + page(self.longdesc, width or (int(columns) if columns.isdecimal() else 80))

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Reads the command line; what is wrong with it ends the start with one line."""
        self.arguments = options or ()
        try:
            self._refuse_abbreviations(self.arguments)
            super().parseOptions(options)  # type: ignore[no-untyped-call]
        except usage.UsageError as error:
            text = str(error).removeprefix("Parameter type enforcement failed: ")
            text += self._near(text)
            raise SystemExit(f"{PROGRAM}: {text} (--help lists the options)") from None
        except StartError as error:
            raise SystemExit(f"{PROGRAM}: {error}") from None

    def _refuse_abbreviations(self, words: Sequence[str]) -> None:
        """Refuse beginnings of options, which `usage` would take for the whole.

        A later version may have another option that begins so.
        """
        takes_value = {each.rstrip("="): each.endswith("=") for each in self.longOpt}
        waiting = iter(words)
        for word in waiting:
            if word == "--" or not word.startswith("-"):
                return
            name, equals, _ = word[2:].partition("=")
            if not word.startswith("--"):
                has_value = f"{word[1:]}:" in self.shortOpt
            elif name in takes_value:
                has_value = takes_value[name] and not equals
            else:
                raise usage.UsageError(f"option --{name} not recognized")
            if has_value:
                next(waiting, None)

    def _near(self, text: str) -> str:
        """Returns a hint at the option that an unknown one is most like; empty for other errors."""
        unknown = _UNKNOWN.search(text)
        near = unknown and get_close_matches(unknown[1], [x.rstrip("=") for x in self.longOpt], 1)
        return f"; did you mean --{near[0]}?" if near else ""

    def parseArgs(self, *arguments: str) -> None:
        """Takes no arguments."""
        if arguments:
            raise usage.UsageError(f"unexpected argument {arguments[0]!r}")

    def postOptions(self) -> None:
        """Puts the defaults, the config file and the options together, and checks them.

        Raises:
            usage.UsageError: Options contradict each other.
            StartError: The config file is wrong, or a folder is missing; the text says what
                is wrong, and where.
        """
        if self["config"]:
            # A daemon may change its folder.
            self["config"] = os.path.abspath(self["config"])
        if self["check-config"] and self.parent is not None:
            # Nothing is started; twistd would refuse beside a server that runs in this folder.
            self.parent["pidfile"] = ""
        # A worker has what its supervisor has; the file may have become another one since.
        self.configuration = self.read(True) if worker.place is None else worker.place.config
        server = self.configuration.tcp_server
        if not server.enable and not server.listen:
            raise usage.UsageError(
                "nothing to listen on: tcpServer.enable is false, and there is no --listen"
            )

    def read(self, may_wait: bool = False) -> Config:
        """Reads the config file, and puts it together with the defaults and the options.

        Args:
            may_wait: Whether the file may be a pipe, whose writer is then waited for.

        Raises:
            StartError: The file is wrong, or a folder is missing; the text says what and where.
        """
        given = self._given()
        in_file = config_file.read_file(self["config"], may_wait) if self["config"] else {}
        config = configuration.build(in_file, given)
        config_file.check_folders(config, {*in_file, *given})
        return config

    def _given(self) -> dict[tuple[str, str], Any]:
        """The values that the command line sets, by section and field."""
        given: dict[tuple[str, str], Any] = {**self.lists}
        for info in _PARAMETERS:
            if self[info.option] is not None:
                given[info.section, info.name] = self[info.option]
        for info in _FLAGS:
            on, off = self[info.option], self[f"no-{info.option}"]
            if on and off:
                raise usage.UsageError(f"--{info.option} and --no-{info.option} contradict")
            if on or off:
                given[info.section, info.name] = bool(on)
        for info in _PARTS:
            part = self[f"{info.option}-only"]
            if part is not None:
                if self[f"no-{info.option}"]:
                    raise usage.UsageError(
                        f"--{info.option}-only and --no-{info.option} contradict"
                    )
                given[info.section, info.name] = part
        return given


def _add_list_option(info: FieldInfo) -> None:
    """Gives `Options` an option that may be given several times, which `usage` has as methods."""

    def add(self: Options, text: str) -> None:
        field = info.section, info.name
        self.lists[field] = (*self.lists.get(field, ()), text)

    add.__doc__ = meaning(info)
    setattr(Options, f"opt_{info.option.replace('-', '_')}", add)


for _info in _LISTS:
    _add_list_option(_info)
