"""Who may connect: as many clients as the process can hold, and as many of one address as may."""

from __future__ import annotations

import ipaddress
import resource
import sys
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from twisted.logger import Logger

from .. import close_reasons
from ..errors import StartError

if TYPE_CHECKING:
    from ..clock import Clock
    from ..config.sections import Config
    from ..config.settings import LiveSettings
    from ..connection.memory import MemoryBudget
    from ..stats import Stats

DESCRIPTORS_WANTED: Final = 1_048_576
"""The limit of open files is raised to this, or to as much of it as the system allows."""

RESERVED_DESCRIPTORS: Final = 64
"""At least so many descriptors (and one in a hundred) are kept for files, logs and sockets that
listen, unless that were more than half of all."""

REFUSED_AT_ONCE: Final = 64
"""So many clients that are refused are told so at a time; more of them are dropped unheard."""

LOG_SECONDS: Final = 1.0
"""Refusals are logged together, at most once in so many seconds."""

_log = Logger()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a client may not connect.

    Attributes:
        reason: For the log and the counters.
        limit: The limit that it would break, by its key.
        error: The text for the client.
    """

    reason: str
    limit: str
    error: str


TOO_MANY: Final = Refusal(
    close_reasons.TOO_MANY_CONNECTIONS,
    "maxConnections",
    "the server has as many connections as it can hold; try again later",
)
NO_MEMORY: Final = Refusal(
    close_reasons.OUT_OF_MEMORY,
    "maxMemory",
    "the server has no memory left for more clients; try again later",
)
TOO_MANY_OF_ADDRESS: Final = Refusal(
    close_reasons.TOO_MANY_OF_ADDRESS,
    "maxConnectionsPerIP",
    "there are too many connections from your address; close some, or try again later",
)


class Admission:
    """Counts the clients, and says who may connect.

    Args:
        live: ``maxConnections`` and ``maxConnectionsPerIP``.
        descriptors: The process's limit of open files.
        clock: Tells the time.
        stats: Counts the refusals.
        memory: The memory of all clients.

    Raises:
        StartError: ``maxConnections`` is more than the process can hold.
    """

    def __init__(
        self,
        live: LiveSettings,
        descriptors: int,
        clock: Clock,
        stats: Stats,
        memory: MemoryBudget,
    ) -> None:
        self._memory = memory
        self._live = live
        self._descriptors = descriptors
        reserve = min(max(RESERVED_DESCRIPTORS, descriptors // 100), descriptors // 2)
        self._most = descriptors - reserve
        self.check(live.config)
        self._clock = clock
        self._stats = stats
        self._admitted = 0
        self._refused = 0
        self._by_network: Counter[str] = Counter()
        self._unlogged = 0
        self._logged_at = float("-inf")

    def check(self, config: Config) -> None:
        """Checks whether the process can hold as many connections as a configuration allows.

        Raises:
            StartError: It cannot.
        """
        max_connections = config.limits.max_connections
        if max_connections > self._most:
            raise StartError(
                f"limits.maxConnections is {max_connections}, but the limit of open files "
                f"({self._descriptors}, less a reserve for files) allows {self._most}; raise it "
                "(`ulimit -n`, or LimitNOFILE= in the systemd unit), or set fewer connections"
            )

    def drops(self) -> bool:
        """Whether a further client is to be dropped at once, without an answer.

        If it is, the caller drops it and calls nothing else of this class for it.
        """
        refusal = self._refusal
        if refusal is None or self._refused < self._refused_at_once:
            return False
        self._count(refusal)
        self._stats.closed[refusal.reason] += 1
        return True

    def enter(self) -> Refusal | None:
        """Counts a client that has connected.

        Returns:
            None, or why it may not stay. `leave` is called for it in both cases.
        """
        refusal = self._refusal
        if refusal is None:
            self._admitted += 1
        else:
            self._refused += 1
            self._count(refusal)
        return refusal

    def enter_network(self, network: str) -> Refusal | None:
        """Counts an admitted client for where it comes from.

        Args:
            network: Its network, from `network_of`.

        Returns:
            None, or why it may not stay; then it counts as refused from now on.
        """
        limit = self._live.limits.max_connections_per_ip
        if limit and self._by_network[network] >= limit:
            self._admitted -= 1
            self._refused += 1
            self._count(TOO_MANY_OF_ADDRESS)
            return TOO_MANY_OF_ADDRESS
        self._by_network[network] += 1
        return None

    def leave(self, refused: bool, network: str | None) -> None:
        """A client has gone.

        Args:
            refused: Whether it was one that might not stay.
            network: Where `enter_network` counted it; None where it did not.
        """
        if refused:
            self._refused -= 1
        else:
            self._admitted -= 1
        if network is not None:
            self._by_network[network] -= 1
            if not self._by_network[network]:
                del self._by_network[network]

    @property
    def _refusal(self) -> Refusal | None:
        """Why nobody may connect now; None where clients may."""
        if self._admitted >= (self._live.limits.max_connections or self._most):
            return TOO_MANY
        return NO_MEMORY if self._memory.refuses else None

    @property
    def _refused_at_once(self) -> int:
        return min(REFUSED_AT_ONCE, max(1, self._most // 8))

    def _count(self, refusal: Refusal) -> None:
        """Counts a refusal, and logs it together with those since the last line."""
        if refusal is NO_MEMORY:
            self._memory.refused()
            return
        self._stats.limited[refusal.limit] += 1
        self._unlogged += 1
        now = self._clock.seconds()
        if now - self._logged_at >= LOG_SECONDS:
            _log.warn(
                "refused {count} connections, at last for {limit}; {admitted} are connected",
                count=self._unlogged,
                limit=refusal.limit,
                admitted=self._admitted,
            )
            self._unlogged = 0
            self._logged_at = now


def network_of(host: str) -> str:
    """What an address is counted as: itself; under IPv6 its /64, which is one customer's."""
    if ":" not in host:
        return sys.intern(host)
    try:
        address = ipaddress.IPv6Address(host)
    except ValueError:
        return sys.intern(host)
    if address.ipv4_mapped is not None:
        return sys.intern(str(address.ipv4_mapped))
    return sys.intern(str(ipaddress.IPv6Network((int(address) >> 64 << 64, 64))))


def raise_descriptor_limit() -> int:
    """Raises the soft limit of open files as far as the system allows.

    Returns:
        The current limit.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS_WANTED
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return DESCRIPTORS_WANTED if soft == resource.RLIM_INFINITY else soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):
        # A sandbox may forbid it, or the system's own limit be lower than it says.
        return soft
    return wanted
