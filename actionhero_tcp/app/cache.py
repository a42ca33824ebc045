"""The cache that actions share: JSON values under a key, for a time, within a bound."""

from __future__ import annotations

import json
import sys
import time
from collections import OrderedDict
from heapq import heapify, heappop, heappush
from math import ceil
from typing import Final, Protocol

import msgspec

from ..clock import Clock, Timer, stop
from ..config.settings import LiveSettings
from ..connection.memory import Account
from ..wire import json_writer

ENTRY_BYTES = 512
"""The overhead that an entry counts for."""

MAX_EXPIRE_MS = 100 * 365 * 24 * 60 * 60 * 1000
"""A hundred years."""

MAX_VALUE_BYTES = 1024 * 1024
"""What one value may take as JSON: to and from Redis it travels whole, and others wait for it."""

NEW_RECORD = "new record"
UPDATED_RECORD = "updated record"


class CacheEntry(msgspec.Struct, frozen=True):
    """The result of `Cache.load`.

    Attributes:
        value: A copy of what was saved.
        created_at: When it was saved, in ms since 1970.
        read_at: When it was last loaded before this time; None if never.
        expires_at: When it will be gone, in ms since 1970; None for never.
    """

    value: object
    created_at: int
    read_at: int | None
    expires_at: int | None


class Cache(Protocol):
    """The interface of every form of the cache. Keys are strings, values are JSON values.

    Each method may raise CacheError: the cache is in Redis, and that cannot be used.

    Attributes:
        hits: How many calls of `load` of this process found an entry.
        misses: How many found none.
    """

    hits: int
    misses: int

    async def save(self, key: str, value: object, expire_ms: float | None = None) -> str:
        """Saves a copy of a value.

        Args:
            key: Its name.
            value: Made of dict, list, str, int, float, bool and None.
            expire_ms: After how many ms it is gone; None for never.

        Returns:
            ``"new record"``, or ``"updated record"`` where the key was there.

        Raises:
            UnserializableError: The value is no JSON.
            ValueError: ``expire_ms`` is not above 0, or more than `MAX_EXPIRE_MS`; the value
                takes more than `MAX_VALUE_BYTES` as JSON.
        """
        ...

    async def load(self, key: str) -> CacheEntry | None:
        """The entry of that key, with a copy of the value; None where there is none."""
        ...

    async def destroy(self, key: str) -> bool:
        """Removes the key; tells whether it was there."""
        ...

    async def size(self) -> int:
        """How many entries there are."""
        ...


def check_expiry(expire_ms: float | None) -> None:
    """Checks what `Cache.save` is given.

    Raises:
        ValueError: See there.
    """
    if expire_ms is not None and not 0 < expire_ms <= MAX_EXPIRE_MS:
        raise ValueError(
            f"expire_ms must be above 0 and at most {MAX_EXPIRE_MS} ms, not {expire_ms!r}"
        )


def encoded(value: object) -> bytes:
    """A value as every form of the cache keeps it.

    Raises:
        UnserializableError, ValueError: See `Cache.save`.
    """
    json_text = json_writer.dumps_plain(value)
    if len(json_text) > MAX_VALUE_BYTES:
        raise ValueError(
            f"a value in the cache can take at most {MAX_VALUE_BYTES} bytes as JSON, "
            f"not {len(json_text)}"
        )
    return json_text


class _Record(msgspec.Struct):
    """An entry. A `Struct`, as what `load` tells is, since their constructors are in C.

    Attributes:
        encoded: The value as JSON.
        size: The bytes that it takes, its key included.
        created_at: See `CacheEntry`, as for the next two.
        read_at: See above.
        expires_at: See above.
    """

    encoded: bytes
    size: int
    created_at: int
    read_at: int | None = None
    expires_at: int | None = None


_Expiry = tuple[float, int, str, _Record]
"""By when, how many were before it (so that no two are equal), and what is to go then."""

_decode: Final = msgspec.json.Decoder().decode


def _decoded(text: bytes) -> object:
    """The value that was saved as this text."""
    try:
        value: object = _decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        # A lone surrogate, for example.
        value = json.loads(text)
    return value


class LocalCache:
    """The cache of one process, in its memory.

    Values are kept encoded, so what a caller does to its own copy changes nothing
    here. Expired entries are removed by a timer that is set for the earliest; where
    there are too many, or too large ones, those go first that were not used for the
    longest time.

    Args:
        clock: Tells the time and calls later.
        account: Is charged with what the entries take.
        live: The current settings, which say how many entries there may be, and how many bytes
            they may take; the newest one stays in any case.

    Attributes:
        hits: See `Cache`.
        misses: See `Cache`.
    """

    def __init__(self, clock: Clock, account: Account, live: LiveSettings) -> None:
        self._clock = clock
        self._live = live
        self.hits = self.misses = 0
        self._account = account
        self._records: OrderedDict[str, _Record] = OrderedDict()
        self._expiries: list[_Expiry] = []
        self._expiries_before = 0
        self._timer: Timer | None = None
        self._timer_at = 0.0

    @property
    def held(self) -> int:
        """The bytes that all entries take."""
        return self._account.held

    def __len__(self) -> int:
        return len(self._records)

    async def save(self, key: str, value: object, expire_ms: float | None = None) -> str:
        """See `Cache.save`."""
        check_expiry(expire_ms)
        text, records, account = encoded(value), self._records, self._account
        record = _Record(text, len(text) + sys.getsizeof(key) + ENTRY_BYTES, _now())
        is_known = self._remove(key)
        records[key] = record
        account.charge(record.size)
        if expire_ms is not None:
            record.expires_at = record.created_at + ceil(expire_ms)
            self._expire_later(key, record, self._clock.seconds() + expire_ms / 1000)
        limits = self._live.limits
        while len(records) > limits.max_cache_entries or (
            account.held > limits.max_cache_bytes and len(records) > 1
        ):
            self._remove(next(iter(records)))
        return UPDATED_RECORD if is_known else NEW_RECORD

    async def load(self, key: str) -> CacheEntry | None:
        """See `Cache.load`."""
        record = self._records.get(key)
        if record is None:
            self.misses += 1
            return None
        self.hits += 1
        self._records.move_to_end(key)
        last_read, record.read_at = record.read_at, _now()
        return CacheEntry(_decoded(record.encoded), record.created_at, last_read, record.expires_at)

    async def destroy(self, key: str) -> bool:
        """See `Cache.destroy`."""
        was_known = self._remove(key)
        if not self._records:
            # The timer stays: to stop it, and set one for the next entry, takes far longer.
            self._expiries.clear()
        return was_known

    async def size(self) -> int:
        """See `Cache.size`."""
        return len(self._records)

    def close(self) -> None:
        """Empties the cache and stops its timer."""
        self._records.clear()
        self._expiries.clear()
        self._account.release(self.held)
        stop(self._timer)
        self._timer = None

    def _remove(self, key: str) -> bool:
        record = self._records.pop(key, None)
        if record is None:
            return False
        self._account.release(record.size)
        # Its expiry may keep the record for long.
        record.encoded = b""
        return True

    def _expire_later(self, key: str, record: _Record, deadline: float) -> None:
        expiries = self._expiries
        # Records that were replaced or removed leave their expiry behind.
        if len(expiries) > 2 * len(self._records) + 64:
            expiries[:] = [each for each in expiries if self._records.get(each[2]) is each[3]]
            heapify(expiries)
        self._expiries_before += 1
        heappush(expiries, (deadline, self._expiries_before, key, record))
        if self._timer is None or deadline < self._timer_at:
            self._set_timer()

    def _set_timer(self) -> None:
        """Has the timer come by the earliest expiry, if there is one."""
        if not self._expiries:
            return
        self._timer_at = self._expiries[0][0]
        delay = max(0.0, self._timer_at - self._clock.seconds())
        if self._timer is None:
            self._timer = self._clock.callLater(delay, self._expire)
        else:
            self._timer.reset(delay)

    def _expire(self) -> None:
        self._timer = None
        now = self._clock.seconds()
        while self._expiries and self._expiries[0][0] <= now:
            _, _, key, record = heappop(self._expiries)
            if self._records.get(key) is record:
                self._remove(key)
        self._set_timer()


def _now() -> int:
    return int(time.time() * 1000)
