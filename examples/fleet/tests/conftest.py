"""Each test has a database of its own."""

from pathlib import Path

import pytest
from fleet.actions import ACTIONS, HOOKS


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_DATABASE", str(tmp_path / "fleet.sqlite3"))


@pytest.fixture
def actionhero_options(database: None) -> dict[str, object]:
    return {"actions": ACTIONS, "hooks": HOOKS, "public": "../firmware"}
