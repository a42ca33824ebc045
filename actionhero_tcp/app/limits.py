"""`@limit`, which bounds how often clients may ask for an action."""

from __future__ import annotations

import math
import re
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ..connection.connection import Connection
from ..connection.rate_limit import RateLimit
from ..errors import LimitError, StartError
from .intervals import UNITS
from .marks import place_of
from .runnable import Wrapper

if TYPE_CHECKING:
    from .runnable import Runnable

MARK: Final = "__actionhero_limits__"
"""The attribute of a function that holds its limits."""

MAX_KEYS: Final = 10_000
"""How many keys one limit remembers; past it the one that was used least recently is forgotten."""

MAX_KEY_LENGTH: Final = 64
"""A longer text is remembered by its digest."""

KEY_OF_STATUS: Final = "actionLimit"
"""The key under which ``status`` counts refused requests."""

TOO_MANY_REQUESTS: Final = "too many requests"

_RATE: Final = re.compile(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,5})?(s|m|min|h|d)")

Key = Callable[[Connection], Hashable]
Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit, as it is declared.

    Attributes:
        count: How many requests one key may make at once after a rest.
        seconds: In which time it may make as many again.
        key: What is counted together; None for each connection by itself.
    """

    count: int
    seconds: int
    key: Key | None = None


def limit(rate: str, *, key: Key | None = None) -> Callable[[Function], Function]:
    """Bound how often an action runs.

    A request past the limit gets ``{"error":"too many requests","code":429,"retryAfter":ms}``,
    and nothing runs for it: no hook, no conversion of inputs, no thread. On a function that is
    `middleware` or `before_action` it bounds the requests that reach that function: for all
    actions, or for those that it names. Several limits of one function all hold.

    Args:
        rate: How many in which time, such as ``5/s``, ``100/m``, ``1000/h`` or ``10/30s``. As
            many may come at once after a rest.
        key: Takes the connection and returns what is counted together, such as
            ``lambda connection: connection.attributes.get("user")``; None for each connection
            by itself. What it returns must be hashable.

    Raises:
        StartError: The rate is not of that form; names the file and the line.
    """

    if callable(rate):
        file, line = place_of(rate)
        raise StartError(f'{file}:{line}: @limit needs a rate, such as @limit("5/s")')

    def mark(function: Function) -> Function:
        try:
            declared = _parse(rate, key)
        except ValueError as error:
            file, line = place_of(function)
            raise StartError(f"{file}:{line}: @limit({rate!r}): {error}") from None
        setattr(function, MARK, (declared, *getattr(function, MARK, ())))
        return function

    return mark


def _parse(rate: object, key: object) -> Limit:
    match = _RATE.fullmatch(rate) if isinstance(rate, str) else None
    if match is None:
        raise ValueError("a rate is a number of requests and a time, such as 5/s, 100/m or 10/30s")
    if key is not None and not callable(key):
        raise ValueError("a key is a function that takes the connection")
    seconds = int(match[2] or 1) * UNITS[match[3]]
    return Limit(int(match[1]), seconds, key)


class Limiter:
    """Counts the requests under one limit, for one server.

    Args:
        declared: The limit.
    """

    __slots__ = ("_declared", "_rates")

    def __init__(self, declared: Limit) -> None:
        self._declared = declared
        self._rates: OrderedDict[Hashable, RateLimit] = OrderedDict()

    def check(self, connection: Connection, now: float) -> None:
        """Count a request.

        Args:
            connection: The client.
            now: The time, in seconds.

        Raises:
            LimitError: It is one too many.
        """
        declared, rates = self._declared, self._rates
        key = connection.id if declared.key is None else _short(declared.key(connection))
        rate = rates.get(key)
        if rate is None:
            if len(rates) >= MAX_KEYS:
                rates.popitem(last=False)
            rate = rates[key] = RateLimit(declared.count / declared.seconds, declared.count, now)
        else:
            rates.move_to_end(key)
        if not rate.take(1, now):
            milliseconds = math.ceil(rate.wait() * 1000)
            fields = {"code": 429, "retryAfter": milliseconds}
            raise LimitError(KEY_OF_STATUS, TOO_MANY_REQUESTS, fields)


class Limiters:
    """All limits of one function, for one server.

    Args:
        function: The function.
    """

    __slots__ = ("_limiters",)

    def __init__(self, function: object) -> None:
        declared: Iterable[Limit] = getattr(function, MARK, ())
        self._limiters = [Limiter(each) for each in declared]

    def __bool__(self) -> bool:
        return bool(self._limiters)

    def check(self, api: Any, connection: Connection) -> None:
        """Count a request under each; see `Limiter.check`."""
        now = api.reactor.seconds()
        for each in self._limiters:
            each.check(connection, now)


class LimitedAction(Wrapper):
    """An action under limits; see `runnable.Runnable`.

    Args:
        inner: The action, or what wraps it.
        limiters: Its limits.
    """

    def __init__(self, inner: Runnable, limiters: Limiters) -> None:
        super().__init__(inner)
        self._limiters = limiters

    def start(self, api: Any, connection: Connection) -> Any:
        """Run it, unless that is one too many; see `runnable.Runnable.start`."""
        self._limiters.check(api, connection)
        return self._inner.start(api, connection)


def limited(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function of a hook, which is not called where a limit of it is exceeded."""
    limiters = Limiters(function)
    if not limiters:
        return function

    def check_and_call(api: Any, connection: Connection, *rest: Any) -> Any:
        limiters.check(api, connection)
        return function(api, connection, *rest)

    return check_and_call


def _short(key: Hashable) -> Hashable:
    """The key, or a digest where it is a long text, which a client may have chosen."""
    if isinstance(key, str) and len(key) > MAX_KEY_LENGTH:
        return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return key
