"""Writes the JSON Schemas of a server's actions, or an AsyncAPI document of its protocol."""

from __future__ import annotations

import argparse
import dataclasses
from importlib.metadata import version
from typing import Any

import msgspec

from ..app.schema import DIALECT, Schema
from ..config.sections import Config
from ..daemon.systemd import Notifier
from ..dispatch import asyncapi
from ..embedding.composition import build
from ..errors import CommandError, StartError
from ..server.platform import Platform
from .options import PROGRAM, Options


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--config", metavar="FILE", help="the server's config file (JSON)")
    parser.add_argument("--actions", metavar="FOLDER", help="the folder of its action files")
    parser.add_argument(
        "--asyncapi", action="store_true", help="an AsyncAPI 3 document of the whole protocol"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the schemas.

    Returns:
        The exit status.

    Raises:
        CommandError: The config file or an action file has an error.
    """
    from twisted.internet import reactor

    options = Options()
    words = [
        word
        for name in ("config", "actions")
        for word in (f"--{name}", getattr(arguments, name))
        if getattr(arguments, name) is not None
    ]
    try:
        options.parseOptions(words)
        made = described(options.configuration, reactor, whole=arguments.asyncapi)
    except StartError as error:
        raise CommandError(str(error)) from None
    except SystemExit as end:
        raise CommandError(str(end.code).removeprefix(f"{PROGRAM}: ")) from None
    print(msgspec.json.format(msgspec.json.encode(made), indent=2).decode())
    return 0


def described(config: Config, reactor: Any, *, whole: bool) -> Schema:
    """The inputs and answers of a server of a configuration.

    Args:
        config: The configuration.
        reactor: The reactor, which is not run.
        whole: Whether to describe the whole protocol.

    Raises:
        StartError: An action file or the configuration has an error.
    """
    quiet = dataclasses.replace(config.log, requests=False)
    alone = dataclasses.replace(config, log=quiet, redis=type(config.redis)())
    nobody = Platform(reactor, Notifier(reactor), fail=lambda error: None)
    built = build(alone, nobody)
    actions = [action for _, action in sorted(built.api.actions.items())]
    if whole:
        server = config.tcp_server
        address = asyncapi.ServerAddress(
            config.general.server_name,
            version("actionhero-tcp"),
            f"{server.bind_ip}:{server.port}",
            server.secure,
        )
        verbs = {verb.name: verb for verb in built.context.dialect.verbs.values()}
        return asyncapi.document(address, actions, verbs.values())
    return {
        "$schema": DIALECT,
        "actions": {
            action.name: {"description": action.description, **action.schemas} for action in actions
        },
    }
