"""Both logs, for those who start them, open them anew and close them."""

from __future__ import annotations

from ..errors import StartError
from .request_log import RequestLog
from .server_log import ServerLog


class Loggers:
    """The server's own log, and the request log.

    Attributes:
        server: Writes the server's own events; None where twistd writes them elsewhere.
        requests: Writes the requests; None where they are not logged.
    """

    def __init__(self, server: ServerLog | None = None, requests: RequestLog | None = None) -> None:
        self.server = server
        self.requests = requests

    @property
    def goes_nowhere(self) -> bool:
        """Whether requests are logged to /dev/null, as a daemon's standard output is."""
        return self.requests is not None and self.requests.goes_nowhere

    def reopen(self) -> list[str]:
        """Opens the files of both anew, after they were moved away; no line is lost.

        Returns:
            What went wrong, a text for each file that cannot be opened; its log goes on
            in the file that it had.
        """
        errors = []
        for log in (self.server, self.requests):
            if log is not None:
                try:
                    log.reopen()
                except StartError as error:
                    errors.append(str(error))
        return errors

    def close(self) -> None:
        """Writes what waits, and closes the request log; there is more to say in the other one."""
        requests, self.requests = self.requests, None
        if requests is not None:
            requests.close()
