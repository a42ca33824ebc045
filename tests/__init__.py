"""The tests. They are random only where they are asked to be: see `PROFILE`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from hypothesis import HealthCheck, settings, strategies
from hypothesis.configuration import set_hypothesis_home_dir

HYPOTHESIS_HOME: Final = Path(sys.prefix) / "hypothesis"
"""Where hypothesis keeps its tables of Unicode, in whichever folder a test runs."""

PROFILE: Final = "HYPOTHESIS_PROFILE"
"""The variable that names the profile of the property tests: ``fixed`` by default, which tries
the same examples in each run; ``random`` tries others each time, as ``make flaky`` does."""

_ANY_MACHINE: Final = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""No property depends on how fast the machine is."""

set_hypothesis_home_dir(HYPOTHESIS_HOME)
settings.register_profile("fixed", _ANY_MACHINE, derandomize=True, database=None)
settings.register_profile("random", _ANY_MACHINE, database=None, print_blob=True)
settings.load_profile(os.environ.get(PROFILE, "fixed"))


def prepare() -> None:
    """Has those tables made, which takes seconds, before several processes need them at once."""
    strategies.text().validate()
