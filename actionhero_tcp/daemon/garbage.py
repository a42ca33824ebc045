"""Settings of the garbage collector.

A collection of all generations looks at each object that is not frozen, and nobody is served
meanwhile. The modules, actions and settings of a server are 100,000 objects that live as long as
its process: they are taken out of its sight once they are loaded.
"""

from __future__ import annotations

import gc
from typing import Final

YOUNG_OBJECTS: Final = 10_000
"""So many new objects cause a collection of the youngest generation; Python's default is 700.

A request in flight is a few dozen objects, so a burst of a few hundred fits in: they are freed by
their reference counts, and no collection moves them to an older generation before."""


def settle() -> None:
    """Freeze what is there, and collect less often.

    It is called once, when all is loaded.
    """
    gc.collect(1)
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])
