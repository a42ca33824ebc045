"""The cache that actions share: JSON values under a key, for a time, within a bound."""

from __future__ import annotations

import sys
import time
from collections import OrderedDict
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from math import ceil
from typing import NamedTuple, Protocol

from ..clock import Clock, Timer, stop
from ..connection.memory import Account
from ..wire import json_reader, json_writer

DEFAULT_MAX_ENTRIES = 10_000
DEFAULT_MAX_BYTES = 64 * 1024 * 1024

ENTRY_BYTES = 512
"""What an entry counts for beside its key and value."""

MAX_EXPIRE_MS = 100 * 365 * 24 * 60 * 60 * 1000
"""A hundred years."""

MAX_VALUE_BYTES = 1024 * 1024
"""What one value may take as JSON: to and from Redis it travels whole, and others wait for it."""

NEW_RECORD = "new record"
UPDATED_RECORD = "updated record"


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """What `Cache.load` tells.

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
    """What every form of the cache does. Keys are strings, values are JSON values.

    Each method may raise CacheError: the cache is in Redis, and that cannot be used.
    """

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


@dataclass(slots=True)
class _Record:
    encoded: bytes
    created_at: int
    read_at: int | None
    expires_at: int | None
    size: int
    """The bytes that it takes, with its key."""


class _Expiry(NamedTuple):
    deadline: float
    number: int
    """Of those with one deadline, the first comes first."""
    key: str
    record: _Record


class LocalCache:
    """The cache of one process, in its memory.

    Values are kept encoded, so what a caller does to its own copy changes nothing
    here. Expired entries are removed by a timer that is set for the earliest; where
    there are too many, or too large ones, those go first that were not used for the
    longest time.

    Args:
        clock: Tells the time and calls later.
        account: Is charged with what the entries take.
        max_entries: How many entries there may be.
        max_bytes: How many bytes they may take; the newest one stays in any case.

    Attributes:
        max_entries: See above; a reload may change it, and
        max_bytes: this.
    """

    def __init__(
        self,
        clock: Clock,
        account: Account,
        max_entries: int = DEFAULT_MAX_ENTRIES,
        max_bytes: int = DEFAULT_MAX_BYTES,
    ) -> None:
        self._clock = clock
        self.max_entries = max_entries
        self.max_bytes = max_bytes
        self._account = account
        self._records: OrderedDict[str, _Record] = OrderedDict()
        self._expiries: list[_Expiry] = []
        self._expiry_number = 0
        self._timer: Timer | None = None

    @property
    def held(self) -> int:
        """The bytes that all entries take."""
        return self._account.held

    def __len__(self) -> int:
        return len(self._records)

    async def save(self, key: str, value: object, expire_ms: float | None = None) -> str:
        """See `Cache.save`."""
        check_expiry(expire_ms)
        json_text, now = encoded(value), _now()
        size = len(json_text) + sys.getsizeof(key) + ENTRY_BYTES
        record = _Record(json_text, now, None, None, size)
        known = self._remove(key)
        self._records[key] = record
        self._account.charge(size)
        if expire_ms is not None:
            record.expires_at = now + ceil(expire_ms)
            self._expire_later(key, record, expire_ms / 1000)
        while len(self._records) > self.max_entries or (
            self._account.held > self.max_bytes and len(self._records) > 1
        ):
            self._remove(next(iter(self._records)))
        return NEW_RECORD if known is None else UPDATED_RECORD

    async def load(self, key: str) -> CacheEntry | None:
        """See `Cache.load`."""
        record = self._records.get(key)
        if record is None:
            return None
        self._records.move_to_end(key)
        last_read, record.read_at = record.read_at, _now()
        value = json_reader.loads_own(record.encoded)
        return CacheEntry(value, record.created_at, last_read, record.expires_at)

    async def destroy(self, key: str) -> bool:
        """See `Cache.destroy`."""
        known = self._remove(key)
        if not self._records:
            self.close()
        return known is not None

    async def size(self) -> int:
        """See `Cache.size`."""
        return len(self._records)

    def close(self) -> None:
        """Empties the cache and stops its timer."""
        self._records.clear()
        self._expiries.clear()
        if self._account.held:
            self._account.release(self._account.held)
        if self._timer is not None:
            stop(self._timer)
            self._timer = None

    def _remove(self, key: str) -> _Record | None:
        record = self._records.pop(key, None)
        if record is not None:
            self._account.release(record.size)
            # Its expiry may keep the record for long.
            record.encoded = b""
        return record

    def _expire_later(self, key: str, record: _Record, seconds: float) -> None:
        # Records that were replaced or removed leave their expiry behind.
        if len(self._expiries) > 2 * len(self._records) + 64:
            self._expiries = [e for e in self._expiries if self._records.get(e.key) is e.record]
            heapify(self._expiries)
        self._expiry_number += 1
        deadline = self._clock.seconds() + seconds
        heappush(self._expiries, _Expiry(deadline, self._expiry_number, key, record))
        self._set_timer()

    def _set_timer(self) -> None:
        if not self._expiries:
            return
        deadline = self._expiries[0].deadline
        if self._timer is None or self._timer.getTime() > deadline:
            stop(self._timer)
            delay = max(0.0, deadline - self._clock.seconds())
            self._timer = self._clock.callLater(delay, self._expire)

    def _expire(self) -> None:
        self._timer = None
        now = self._clock.seconds()
        while self._expiries and self._expiries[0].deadline <= now:
            expiry = heappop(self._expiries)
            if self._records.get(expiry.key) is expiry.record:
                self._remove(expiry.key)
        self._set_timer()


def _now() -> int:
    return int(time.time() * 1000)
