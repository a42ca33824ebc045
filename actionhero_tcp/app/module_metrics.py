"""Metrics that a module makes when it is imported, in a process that imports it again.

prometheus-client refuses a second metric of the same name. A module is imported again when
development mode loads a change, and by each server of a test.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from types import ModuleType
from typing import Any


def withdraw(module: ModuleType | None) -> None:
    """Take the metrics of a module out of prometheus-client's own registry.

    Those that another module of its package holds stay: one of them has imported them.
    """
    for registry, collector in _collectors(module):
        if module is not None and _is_shared(collector, module):
            continue
        with suppress(KeyError):
            registry.unregister(collector)


def restore(module: ModuleType | None) -> None:
    """Put the metrics of a module into that registry, unless they are there."""
    for registry, collector in _collectors(module):
        with suppress(ValueError):
            registry.register(collector)


def _is_shared(collector: Any, module: ModuleType) -> bool:
    package = module.__name__.partition(".")[0]
    return any(
        collector is value
        for name, other in list(sys.modules.items())
        if other is not module and name.partition(".")[0] == package
        for value in vars(other).values()
    )


def _collectors(module: ModuleType | None) -> Iterator[tuple[Any, Any]]:
    client: Any = sys.modules.get("prometheus_client")
    if client is None or module is None:
        return
    for value in list(vars(module).values()):
        if isinstance(value, client.metrics.MetricWrapperBase):
            yield client.REGISTRY, value
