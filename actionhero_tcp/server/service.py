"""The daemon as a Twisted service: it listens, and stops in order."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..errors import StartError
from ..net.descriptor_exhaustion import pause_when_exhausted
from ..net.transport import write_at_once
from .factory import ActionHeroFactory
from .file_reading import FileReading
from .listening import Listener, ListeningService, stop_seconds
from .reload import Reload, failed

if TYPE_CHECKING:
    from ..logs.loggers import Loggers
    from .platform import Platform
    from .resource import Resource

_log = Logger()


class ActionHeroService(ListeningService):
    """Listens with the factory, and on stopping lets what runs finish.

    Its resources start in their order, and stop in the reverse order once the ports are closed.

    Args:
        factory: Serves the clients.
        listeners: Where to listen.
        platform: The process around it.
        logs: Both logs.
        resources: Resources that start and stop with it.
        reload: Reloads the configuration and the certificates.
    """

    def __init__(
        self,
        factory: ActionHeroFactory,
        listeners: Sequence[Listener],
        platform: Platform,
        logs: Loggers,
        resources: Sequence[Resource],
        reload: Reload,
    ) -> None:
        super().__init__(factory, listeners, platform, logs)
        self.name = factory.context.live.config.general.server_name
        self._resources = resources
        self._reload = reload
        self._reading = FileReading(
            platform.reactor, reload.read, reload.use, failed, self._tell_if_ready
        )
        self._opens_late = any(resource.opens_port for resource in resources)
        self._serves = False
        self._stopping = False

    def privilegedStartService(self) -> None:
        """Listens, unless a resource is to have started before."""
        if not self._opens_late:
            super().privilegedStartService()

    def startService(self) -> None:
        """Starts the resources, and serves."""
        super().startService()
        if self.logs.goes_nowhere:
            _log.warn("requests are not logged: standard output is /dev/null; set log.requestFile")
        self._start(list(self._resources))

    def reload(self) -> bool:
        """Reads the configuration and the certificates, and opens the files of the logs again.

        Returns:
            Whether the configuration and the certificates were well.
        """
        self.notifier.reloading()
        try:
            self.logs.reopen(self._report_unopened)
            return self._reload()
        finally:
            self._tell_if_ready()

    def reload_later(self) -> None:
        """Does what `reload` does, and waits for no disk: the files are read in a thread."""
        self.notifier.reloading()
        self.logs.reopen(self._report_unopened)
        self._reading.start()

    def not_ready(self) -> list[str]:
        """Returns why no clients should be sent here; an empty list where they may come."""
        if self._stopping:
            return ["draining"]
        if not (self._serves and self._listens_everywhere):
            return ["starting"]
        context = self.factory.context
        error = context.api.cluster.error
        if error and context.live.config.redis.required:
            return [f"Redis unreachable: {error}"]
        return []

    def stopService(self) -> Deferred[None]:
        """Stops accepting, says goodbye, lets what runs finish, flushes and closes.

        Returns:
            A Deferred that fires when no client is left.
        """
        super().stopService()  # type: ignore[no-untyped-call]
        self._stopping = True
        count = len(self.factory.clients)
        _log.info("{name} is stopping, with {count} clients connected", name=self.name, count=count)
        seconds = stop_seconds(self.factory.context.live.limits)
        self.notifier.stopping(f"stopping, with {count} clients connected", seconds)
        stopped: Deferred[Any] = self._stop_listening()
        for resource in reversed(self._resources):
            stopped.addCallback(partial(_stop, resource))
            stopped.addErrback(lambda f: _log.failure("a part did not stop well", failure=f))
        return stopped.addCallback(self._stopped)

    def _stopped(self, _: object) -> None:
        self.notifier.close()
        _log.info("{name} has stopped", name=self.name)
        api, limits = self.factory.context.api, self.factory.context.live.limits
        self._platform.stopped(api.threads, limits.close_timeout)

    def cut_short(self) -> None:
        """Ends a stop that is under way: what still runs is cancelled, and connections dropped."""
        _log.warn("{name} is told to stop again, and ends at once", name=self.name)
        for resource in reversed(self._resources):
            resource.cut_short()

    def _start(self, resources: list[Resource]) -> None:
        """Starts resources in their order, up to one that the ports wait for."""
        while resources and not resources[0].opens_port:
            resources.pop(0).start()
        if resources:
            self._platform.hold()
            # What it waits for needs a reactor that runs.
            self._platform.call_when_running(partial(self._start_slowly, resources))
        else:
            self._serve()

    def _start_slowly(self, resources: list[Resource]) -> None:
        # It may have been told to stop meanwhile.
        if not self.running:
            return
        started = resources.pop(0).start()
        assert started is not None
        started.addCallbacks(lambda _: self._started(resources), self._cannot_start)
        started.addErrback(lambda f: _log.failure("the server cannot start", failure=f))

    def _started(self, resources: list[Resource]) -> None:
        self._listen()
        if self._error is None:
            self._start(resources)

    def _cannot_start(self, failure: Failure) -> None:
        # One that has been told to stop has cancelled them.
        if self.running:
            failure.trap(StartError)
            self._fail(str(failure.value))

    def _serve(self) -> None:
        if self._error is not None:
            return
        self._serves = True
        _log.info("{name} has started", name=self.name)
        self._tell_if_ready()
        self._platform.started()

    def _listening(self, port: Any, listener: Listener) -> None:
        write_at_once(port)
        pause_when_exhausted(port, self.factory.context.clock, self.factory.context.stats)
        super()._listening(port, listener)
        self._tell_if_ready()

    def _tell_if_ready(self) -> None:
        """Tells that it serves, once it has started and listens everywhere."""
        if self._serves and self.running and self._listens_everywhere:
            self.notifier.ready(f"listening on {self._places}")


def _stop(resource: Resource, _: object) -> Deferred[Any] | None:
    return resource.stop()
