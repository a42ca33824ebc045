"""The memory budget: what each client holds, what all of them hold, and what follows from it.

Code that keeps data for a client charges its account, and releases it with the data. What is
answered at once is never charged. As the total grows,

1. above `HOLD` of ``limits.maxMemory`` the heaviest clients are not read from,
2. above `REFUSE` new clients are refused,
3. above the limit itself the heaviest clients are closed.

Each stage ends at a lower mark than it begins, so that none flickers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from twisted.logger import Logger

from ..clock import Clock, Timer, stop

if TYPE_CHECKING:
    from ..config.settings import LiveSettings
    from ..stats import Stats

RELAX: Final = 0.5
"""Below this share of the limit every client is read from."""
HOLD: Final = 0.75
"""Above this share the heaviest clients are not read from; below it none is refused any more."""
REFUSE: Final = 0.875
"""Above this share new clients are refused; down to it the heaviest are closed."""

CONNECTION_BYTES: Final = 4096
"""The base memory of a connected client."""
TLS_BYTES: Final = 48 * 1024
"""What its TLS takes beside that: 27 KiB at rest, 47 in a handshake."""

TLS_BUFFER_BYTES: Final = 88 * 1024
"""What its TLS keeps beside that once it has got much at once: OpenSSL's input never shrinks."""
LARGE_READ_BYTES: Final = 8192
"""So much at once is much."""

LIGHT_BYTES: Final = 4096
"""A client that holds no more than this, beside what its connection takes, is read from always."""

LOG_SECONDS: Final = 60.0
"""Seconds between two log lines about the measures taken."""

_TICK_SECONDS: Final = 1.0

_log = Logger()


class AccountOwner(Protocol):
    """The holder of the charged memory: the protocol, or a stand-in in tests."""

    def hold_for_memory(self) -> None:
        """Reads no more from the client."""

    def release_for_memory(self) -> None:
        """Reads from the client again."""

    def close_for_memory(self) -> None:
        """Drops the connection, with whatever was to be sent."""


class Account:
    """The bytes that one client makes the process hold, or one part of the server.

    Args:
        budget: The budget of all accounts.
        owner: Who is told to hold back; None for a part of the server, which never is.
        base: The bytes that are held in any case.

    Attributes:
        held: The bytes.
        base: See above.
        owner: See above.
    """

    __slots__ = ("_budget", "base", "held", "owner")

    def __init__(self, budget: MemoryBudget, owner: AccountOwner | None, base: int) -> None:
        self._budget = budget
        self.owner = owner
        self.held = self.base = base

    def charge(self, size: int) -> None:
        """Something is kept."""
        self.held += size
        self._budget.charged(self, size)

    def release(self, size: int) -> None:
        """It is kept no longer."""
        # Nothing is left to release where the account is closed already.
        size = min(size, self.held)
        self.held -= size
        self._budget.released(self, size)

    def change(self, before: int, now: int) -> int:
        """Something of one size has another size now.

        Returns:
            The new size, for the next call.
        """
        if now > before:
            self.charge(now - before)
        elif now < before:
            self.release(before - now)
        return now

    def close(self) -> None:
        """All of it is gone."""
        self._budget.closed(self)


class MemoryBudget:
    """The bytes that all clients hold together.

    Args:
        live: ``maxMemory``, ``maxConnectionMemory`` and ``memoryTimeout``.
        default: The value that stands for a ``maxMemory`` of 0.
        clock: Calls later.
        stats: Counts how often a limit took effect.

    Attributes:
        held: The bytes that are held now.
        refuses: Whether new clients are refused.
        pressed: Whether the heaviest are not read from.
    """

    def __init__(self, live: LiveSettings, default: int, clock: Clock, stats: Stats) -> None:
        self._live = live
        self._default = default
        self._clock = clock
        self._stats = stats
        self.held = 0
        self.refuses = False
        self.pressed = False
        self._held_before = 0
        self._accounts: set[Account] = set()
        self._own: set[Account] = set()
        self._heaviest: dict[Account, float] = {}
        self._timer: Timer | None = None
        self._log = _Report()
        self._set_marks()
        live.on_change(self._set_marks)

    def _set_marks(self) -> None:
        limits = self._live.limits
        self.most = limits.max_memory or self._default
        self._most_each = limits.max_connection_memory
        self._hold_at, self._refuse_at = self.most * HOLD, self.most * REFUSE

    def account(self, owner: AccountOwner | None = None, base: int = 0) -> Account:
        """An account of a client, or, without an owner, of a part of the server."""
        account = Account(self, owner, base)
        self._accounts.add(account)
        self.charged(account, base)
        return account

    def closed(self, account: Account) -> None:
        """See `Account.close`."""
        self._accounts.discard(account)
        self._own.discard(account)
        self._heaviest.pop(account, None)
        size, account.held, account.owner = account.held, 0, None
        self.released(account, size)

    def charged(self, account: Account, size: int) -> None:
        """See `Account.charge`."""
        if account not in self._accounts:
            # It is on its way out, and its transport with it.
            account.held = 0
            return
        self.held += size
        if account.held > self._most_each and account not in self._own and account.owner:
            self._own.add(account)
            self._stats.limited["maxConnectionMemory"] += 1
            account.owner.hold_for_memory()
        if self.held > self._hold_at:
            self._press(account)

    def released(self, account: Account, size: int) -> None:
        """See `Account.release`."""
        self.held -= size
        if account in self._own and account.held <= self._most_each // 2:
            self._own.discard(account)
            self._let_go(account)
        if self.pressed:
            self._relax()

    def must_wait(self, account: Account, more: int) -> bool:
        """Whether a client's lines have to wait since it is one of the heaviest with them.

        Else all clients would go on at once as soon as none was held, each with a request.

        Args:
            account: The client's account; it is held where this is so.
            more: The bytes that are not charged yet.
        """
        if not self.pressed or account.held - account.base + more <= LIGHT_BYTES:
            return False
        if account not in self._heaviest:
            self._hold(account)
        return True

    def refused(self) -> None:
        """A new client was refused."""
        self._stats.limited["maxMemory"] += 1
        self._log.refused += 1
        self._tick_later()

    def stop(self) -> None:
        """Stops the timer."""
        stop(self._timer)

    def _press(self, account: Account) -> None:
        """The total is above the first mark."""
        if not self.pressed:
            self.pressed = True
            self._hold_heaviest()
        elif account not in self._heaviest and account.held - account.base > LIGHT_BYTES:
            self._hold(account)
        self.refuses = self.refuses or self.held > self._refuse_at
        if self.held > self.most:
            self._close_heaviest()
        self._tick_later()

    def _relax(self) -> None:
        self.refuses = self.refuses and self.held >= self._hold_at
        if self.held <= self.most * RELAX:
            self._let_all_go()

    def _let_all_go(self) -> None:
        self.pressed = False
        held, self._heaviest = self._heaviest, {}
        for account in held:
            self._let_go(account)

    def _by_weight(self) -> list[Account]:
        """The accounts of clients, the heaviest first."""
        clients = [account for account in self._accounts if account.owner is not None]
        return sorted(clients, key=lambda account: account.base - account.held)

    def _hold_heaviest(self) -> None:
        """Holds so many that what the others hold is little."""
        left: float = self.held
        for account in self._by_weight():
            weight = account.held - account.base
            if left <= self.most * RELAX or weight <= LIGHT_BYTES:
                break
            left -= weight
            self._hold(account)

    def _hold(self, account: Account) -> None:
        if account.owner is None:
            return
        self._heaviest[account] = self._clock.seconds()
        self._stats.limited["maxMemory"] += 1
        self._log.held += 1
        if account not in self._own:
            account.owner.hold_for_memory()

    def _let_go(self, account: Account) -> None:
        """Reads from a client again, unless there is another reason not to."""
        owner = account.owner
        if owner is not None and account not in self._own and account not in self._heaviest:
            owner.release_for_memory()

    def _close_heaviest(self) -> None:
        for account in self._by_weight():
            # To close those who hold next to nothing would release next to nothing.
            if self.held <= self._refuse_at or account.held - account.base <= LIGHT_BYTES:
                break
            self._close(account)

    def _close(self, account: Account) -> None:
        owner = account.owner
        self.closed(account)
        self._stats.limited["maxMemory"] += 1
        self._log.closed += 1
        if owner is not None:
            owner.close_for_memory()

    def _tick_later(self) -> None:
        if self._timer is None:
            self._timer = self._clock.callLater(_TICK_SECONDS, self._tick)

    def _tick(self) -> None:
        """Closes who was held for too long: else memory that nobody gives back were lost."""
        self._timer = None
        now = self._clock.seconds()
        longest = self._live.limits.memory_timeout
        for account in [a for a, since in self._heaviest.items() if now - since >= longest]:
            # The end of one may have let the others go.
            if account in self._heaviest:
                self._close(account)
        if self.pressed and self._held_before <= self.held <= self._hold_at:
            # Nothing was released meanwhile, and there is room for some to go on.
            self._let_all_go()
        self._held_before = self.held
        self._log.write(now, self.held, self.most)
        if self.pressed or self._log.is_pending:
            self._tick_later()


class _Report:
    """The measures since the last line of the log."""

    def __init__(self) -> None:
        self.held = self.refused = self.closed = 0
        self._written_at = float("-inf")

    @property
    def is_pending(self) -> bool:
        return bool(self.held or self.refused or self.closed)

    def write(self, now: float, held: int, most: int) -> None:
        """Writes a line, if there is something to tell and the last one is old enough."""
        if not self.is_pending or now - self._written_at < LOG_SECONDS:
            return
        _log.warn(
            "memory limit: clients hold about {held} MiB of limits.maxMemory, {most} MiB; "
            "{paused} clients were not read from, {refused} refused, {closed} closed",
            held=held >> 20,
            most=most >> 20,
            paused=self.held,
            refused=self.refused,
            closed=self.closed,
        )
        self.held = self.refused = self.closed = 0
        self._written_at = now
