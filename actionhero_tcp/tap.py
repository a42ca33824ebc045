"""The command line, and the only place that wires the parts together."""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any

from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.logger import Logger
from twisted.python import usage

from . import config as configuration
from . import configfile, endpoints, loader, serverlog, systemd, tls
from .admission import Admission, raise_descriptor_limit
from .api import Api
from .cache import LocalCache
from .commands import Commands
from .config import Config, FieldInfo
from .connection import Connection
from .errors import StartError
from .factory import ActionHeroFactory
from .files import Files
from .loglines import FORMS
from .logs import Logs
from .paramfilter import ParamFilter
from .polling import poll_directly
from .proxied import TrustedProxies
from .reload import Parts, Reload
from .requestlog import RequestLog
from .rooms import Rooms
from .router import Router
from .runner import Runner
from .serverlog import ServerLog
from .service import ActionHeroService, Listener
from .signals import Signals, end_process_after
from .stats import Stats
from .systemd import Notifier
from .turn import Turn
from .watch import Watch

BUILTIN_ACTIONS = str(Path(__file__).parent / "builtin")
"""The folder of the actions that come with the server."""

PROGRAM = "twistd actionhero"

_log = Logger()


def _coerce(info: FieldInfo) -> Callable[[str], Any]:
    def coerce(text: str) -> Any:
        try:
            return info.parse(text)
        except ValueError as error:
            raise ValueError(f"--{info.option} {error}") from None

    return coerce


def _help(info: FieldInfo) -> str:
    default = info.default
    if isinstance(default, bool):
        default = "yes" if default else "no"
    elif isinstance(default, tuple):
        default = ", ".join(default)
    return f"{info.help} [default: {default}]" if default != "" else info.help


_PARAMETERS = [info for info in configuration.fields() if info.type not in (bool, tuple)]
_FLAGS = [info for info in configuration.fields() if info.type is bool]
_LISTS = [info for info in configuration.fields() if info.type is tuple]


class Options(usage.Options):
    """The options of ``twistd actionhero``: ``--config``, and one for each field of the config.

    Attributes:
        configuration: The whole configuration, once the options are parsed.
        lists: What options that may be given several times were given, by section and field.
    """

    synopsis = "[options]"
    longdesc = (
        "Serves Python functions over persistent TCP and TLS connections: one line of text or "
        "JSON in, one line of JSON out. Options win over the config file."
    )
    optParameters = [
        ["config", "c", None, "the config file (JSON); relative paths in it count from its folder"],
        *([info.option, None, None, _help(info), _coerce(info)] for info in _PARAMETERS),
    ]
    optFlags = [
        ["check-config", None, "check everything, print the configuration in force, and end"],
        *([info.option, None, _help(info)] for info in _FLAGS),
        *([f"no-{info.option}", None, f"the opposite of --{info.option}"] for info in _FLAGS),
    ]

    def __init__(self) -> None:
        self.configuration = Config()
        self.lists: dict[tuple[str, str], tuple[str, ...]] = {}
        super().__init__()  # type: ignore[no-untyped-call]

    def opt_version(self) -> None:
        """Display the version of the server, and of Twisted, and exit."""
        print(f"actionhero-tcp {version('actionhero-tcp')} on Twisted {version('Twisted')}")
        raise SystemExit(0)

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Reads the command line; what is wrong with it ends the start with one line."""
        try:
            super().parseOptions(options)  # type: ignore[no-untyped-call]
        except usage.UsageError as error:
            text = str(error).removeprefix("Parameter type enforcement failed: ")
            raise SystemExit(f"{PROGRAM}: {text} (--help lists the options)") from None
        except StartError as error:
            raise SystemExit(f"{PROGRAM}: {error}") from None

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
        self.configuration = self.read()
        server = self.configuration.tcp_server
        if not server.enable and not server.listen:
            raise usage.UsageError(
                "nothing to listen on: tcpServer.enable is false, and there is no --listen"
            )

    def read(self) -> Config:
        """Reads the config file, and puts it together with the defaults and the options.

        Raises:
            StartError: The file is wrong, or a folder is missing; the text says what and where.
        """
        given = self._given()
        in_file = configfile.read_file(self["config"]) if self["config"] else {}
        config = configuration.build(in_file, given)
        _check_folders(config, {*in_file, *given})
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
        return given


def _add_list_option(info: FieldInfo) -> None:
    """Gives `Options` an option that may be given several times, which `usage` has as methods."""

    def add(self: Options, text: str) -> None:
        field = info.section, info.name
        self.lists[field] = (*self.lists.get(field, ()), text)

    add.__doc__ = _help(info)
    setattr(Options, f"opt_{info.option.replace('-', '_')}", add)


for _info in _LISTS:
    _add_list_option(_info)


def _check_folders(config: Config, given: set[tuple[str, str]]) -> None:
    """A folder that was asked for must be there; those of the defaults need not."""
    for info in configuration.fields():
        if info.name not in ("actions_directory", "flat_file_directory"):
            continue
        folder = getattr(getattr(config, info.section), info.name)
        if (info.section, info.name) in given and not os.path.isdir(folder):
            raise StartError(f"{folder}: there is no such folder ({info.section_key}.{info.key})")


def makeService(options: Options) -> ActionHeroService:
    """Wires the daemon.

    Args:
        options: The parsed command line.

    Raises:
        SystemExit: Something keeps it from starting: one line on standard error, exit status 1.
    """
    from twisted.internet import reactor

    config = options.configuration
    try:
        if options["check-config"]:
            check(config, reactor)
            raise SystemExit(0)
        notifier = systemd.from_environment(os.environ, reactor)
        server_log = serverlog.start(config.log.file, config.log.format, options.parent or {})
        service = build(config, reactor, options.read, notifier, server_log)
    except StartError as error:
        raise SystemExit(f"{PROGRAM}: {error}") from None
    poll_directly(reactor)
    calls: dict[int, Callable[[], object]] = {
        signal.SIGHUP: service.reload,
        signal.SIGUSR1: service.reopen_logs,
    }
    # Until the reactor runs there is nothing to reload: what is asked for then is what is read.
    for number in calls:
        signal.signal(number, signal.SIG_IGN)
    handlers = Signals(reactor, service.cut_short, calls)
    reactor.callWhenRunning(handlers.install)
    return service


def check(config: Config, reactor: Any) -> None:
    """Checks all that a start would, but opens no log and no port; prints the configuration.

    Raises:
        StartError: Something is not right.
    """
    quiet = dataclasses.replace(config.log, requests=False)
    build(dataclasses.replace(config, log=quiet), reactor)
    print(configuration.as_json(config))


def build(
    config: Config,
    reactor: Any,
    read: Callable[[], Config] | None = None,
    notifier: Notifier | None = None,
    server_log: ServerLog | None = None,
) -> ActionHeroService:
    """The daemon of a configuration, ready to be started.

    Args:
        config: The configuration.
        reactor: The reactor.
        read: Reads the configuration anew, for a reload.
        notifier: Is told how the daemon is; None where nobody wants to know.
        server_log: Its own log; None where that is not its business.

    Raises:
        StartError: An action, a certificate, an endpoint or a log is not right.
    """
    general, limits = config.general, config.limits
    stats, turn = Stats(), Turn(lambda call: reactor.callLater(0, call))
    rooms = Rooms(turn, general.announce_limit)
    commands = Commands(rooms, limits)
    actions = _load_actions(general.actions_directory, commands)
    cache = LocalCache(reactor, limits.max_cache_entries)
    connections: dict[str, Connection] = {}
    api = Api(
        config=config,
        actions=MappingProxyType(actions),
        cache=cache,
        rooms=rooms,
        files=Files(general.flat_file_directory, general.directory_file_type),
        stats=stats,
        connections=MappingProxyType(connections),
        reactor=reactor,
    )
    certificates = _certificates(config)
    proxies = TrustedProxies(config.tcp_server.trusted_proxies)
    listeners = _listeners(config, proxies, certificates, reactor)
    filter = ParamFilter(config.log.filter_params)
    log = None
    if config.log.requests:
        form = FORMS[config.log.format]
        log = RequestLog(reactor, config.log.request_file, config.log.params, form, filter)
    runner = Runner(api, turn, limits, general.server_error_message, filter, log)
    defaults = {"limit": general.default_limit, "offset": general.default_offset}
    router = Router(runner, actions, commands.table, stats, limits, defaults, log)
    admission = Admission(limits, raise_descriptor_limit(), reactor, stats)
    factory = ActionHeroFactory(
        router=router,
        runner=runner,
        rooms=rooms,
        stats=stats,
        turn=turn,
        limits=limits,
        admission=admission,
        clock=reactor,
        connections=connections,
        welcome_message=general.welcome_message,
        default_room=general.default_chat_room,
        log=log,
    )
    parts = Parts(
        api, rooms, cache, commands, runner, router, admission, factory, proxies, certificates
    )
    watch = None
    if config.log.blocked_seconds:
        watch = Watch(reactor, config.log.blocked_seconds, actions.values(), stats)
    service = ActionHeroService(
        general.server_name,
        factory,
        listeners,
        partial(_end_process, reactor),
        notifier or Notifier(reactor),
        cache,
        Logs(server_log, log),
        partial(_leave_threads, reactor, limits.close_timeout),
        watch=watch,
    )
    service.read_anew = Reload(config, read or (lambda: config), parts.prepare)
    return service


def _load_actions(folder: str, commands: Commands) -> dict[str, Any]:
    """The actions that come with the server, and those of the user, which replace them."""
    actions = loader.load(BUILTIN_ACTIONS, "actionhero_builtin")
    if os.path.isdir(folder):
        actions |= loader.load(folder)
    loader.refuse_verbs(actions.values(), [word.decode() for word in commands.table])
    return actions


def _certificates(config: Config) -> tls.Certificates | None:
    server = config.tcp_server
    if server.secure:
        return tls.Certificates(tls.load(server.key_file, server.cert_file, server.ca_file))
    if server.ca_file:
        raise StartError("tcpServer.caFile is set, but not tcpServer.secure: nothing speaks TLS")
    return None


def _listeners(
    config: Config, proxies: TrustedProxies, certificates: tls.Certificates | None, reactor: Any
) -> list[Listener]:
    """Where to listen: `port`, or what `listen` describes; with TLS where that is wanted."""
    server = config.tcp_server
    listeners = [
        Listener(endpoints.described(text, proxies, reactor), text) for text in server.listen
    ]
    if not listeners:
        endpoint = TCP4ServerEndpoint(reactor, server.port, interface=server.bind_ip)
        listeners = [Listener(endpoint, f"TCP {server.bind_ip}:{server.port}")]
    return (
        listeners if certificates is None else [_secure(each, certificates) for each in listeners]
    )


def _secure(listener: Listener, certificates: tls.Certificates) -> Listener:
    text = listener.description
    endpoint = endpoints.secured(text, listener.endpoint, certificates)
    return Listener(endpoint, f"{text}, with TLS")


def _end_process(reactor: Any, error: str) -> None:
    """Ends a daemon that cannot listen, with status 1, whether or not its reactor runs yet.

    Raises:
        StartError: The reactor does not run yet. It passes through twistd, which tells the
            process that waits for a daemon to start and removes the PID file; then it is
            shown without its traceback.
    """
    _log.critical("{error}", error=error)
    if not reactor.running:
        sys.excepthook = _show_error
        raise StartError(error)
    print(f"{PROGRAM}: {error}", file=sys.__stderr__)
    reactor.addSystemEventTrigger("after", "shutdown", os._exit, 1)
    reactor.stop()


def _leave_threads(reactor: Any, seconds: float) -> None:
    """Has the process end without the blocking actions that do not return."""
    pool = getattr(reactor, "threadpool", None)
    if pool is not None and pool.working:
        _log.warn(
            "{count} blocking actions still run; the process ends without them in {seconds} s",
            count=len(pool.working),
            seconds=f"{seconds:g}",
        )
        end_process_after(seconds, reactor._exitSignal or signal.SIGTERM)


def _show_error(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    print(f"{PROGRAM}: {error}", file=sys.__stderr__)
