"""How much of everything: as much as is promised, or as much as fits into the daily tests."""

from __future__ import annotations

import os
import resource
from typing import Final, TypeVar

from tests.support.integration import MEGABYTE

Number = TypeVar("Number", int, float)

FULL: Final = os.environ.get("FAULTS") == "full"
"""Whether ``make faults`` runs."""


def count(*, full: Number, quick: Number) -> Number:
    """The count of this run: that of ``make faults``, or that of ``make test``."""
    return full if FULL else quick


BYSTANDER_PAUSE: Final = count(full=0.0, quick=0.005)
_, _MOST_FILES = resource.getrlimit(resource.RLIMIT_NOFILE)

SAID_BYTES: Final = count(full=200 * MEGABYTE, quick=20 * MEGABYTE)
STALLED_LISTENERS: Final = count(full=1000, quick=100)
STALLED_ASKERS: Final = count(full=100, quick=10)
REQUESTS_OF_AN_ASKER: Final = count(full=2_500, quick=2_000)
CUT_DISTANCE: Final = count(full=1, quick=7)
RANDOM_CUTS: Final = count(full=100, quick=5)
FUZZED_LINES: Final = count(full=1_000_000, quick=50_000)
STALLED_HANDSHAKES: Final = count(full=2_000, quick=200)
HANDSHAKE_SECONDS: Final = count(full=10.0, quick=3.0)
HANDSHAKE_SLACK: Final = count(full=1.0, quick=60.0)
CROWDED_WAVES: Final = count(full=5, quick=2)
RESETS: Final = count(full=5_000, quick=500)
STOPPED_DAEMONS: Final = count(full=32, quick=3)
BURSTS: Final = (1, 32) if FULL else (32,)
SLOW_SECONDS: Final = count(full=12.0, quick=3.0)
UNRULY_ROUNDS: Final = count(full=20, quick=1)
PROXY_CLIENTS: Final = count(full=5_000, quick=320)
DEAD_SECONDS: Final = count(full=120, quick=4)
DEAD_SLACK: Final = count(full=3.0, quick=60.0)
BROWSERS: Final = count(full=1_000, quick=200)
PAGE_ROWS: Final = count(full=min(20_000, _MOST_FILES - 500), quick=500)
BROWSER_ROUNDS: Final = count(full=20, quick=5)
SOAK_CLIENTS: Final = count(full=1_000, quick=100)
SOAK_SECONDS: Final = float(os.environ.get("SOAK_SECONDS", count(full=120.0, quick=6.0)))
SOAK_ROUND_SECONDS: Final = count(full=20.0, quick=2.0)
CLUSTER_NODES: Final = count(full=5, quick=3)
CLUSTER_CLIENTS: Final = count(full=2_000, quick=100)
CLUSTER_ROOMS: Final = count(full=200, quick=20)
CLUSTER_SECONDS: Final = count(full=30.0, quick=3.0)
CLUSTER_SLACK: Final = count(full=0.0, quick=60.0)
REDIS_ROOMS: Final = count(full=1_000, quick=100)
REDIS_FLOOD_SECONDS: Final = count(full=10.0, quick=3.0)
PENDING_CLIENTS: Final = count(full=10, quick=6)
PENDING_REQUESTS: Final = count(full=100, quick=20)
CROWDED_ROOM: Final = count(full=5_000, quick=300)
LARGE_ASKERS: Final = count(full=100, quick=20)
KEY_UPDATE_BYTES: Final = count(full=256 * MEGABYTE, quick=16 * MEGABYTE)
BLOCKING_CLIENTS: Final = count(full=5, quick=3)
BLOCKING_REQUESTS: Final = count(full=100, quick=20)
EXPENSIVE_CLIENTS: Final = count(full=20, quick=10)
EXPENSIVE_SECONDS: Final = count(full=10.0, quick=3.0)
HALF_LINES: Final = count(full=20_000, quick=300)
CACHE_VALUES: Final = count(full=10_000, quick=100)
ROOMS_OVER_TIME: Final = count(full=100_000, quick=5_000)
PARAM_SETS: Final = count(full=10_000, quick=200)
