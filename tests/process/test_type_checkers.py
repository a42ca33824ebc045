"""What type checkers say of actions: mypy, strictly, and pyright."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

BIN = Path(sys.executable).parent

ACCEPTED = '''
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal, Protocol, TypedDict
from uuid import UUID

from msgspec import Meta, Struct
from actionhero_tcp import NO_RESPONSE, ActionError, Api, Connection, NoResponse, action


class Reading(Struct):
    at: datetime
    values: list[float]
    status: Literal["ok", "warn", "fail"] = "ok"


class Accepted(Struct):
    stored: int


@action
async def report(api: Api, connection: Connection, *, device: UUID, reading: Reading,
                 battery: Annotated[int, Meta(ge=0, le=100)] | None = None) -> Accepted:
    """Store one reading of a device."""
    if connection.attributes.get("device") != device:
        raise ActionError("authenticate first", code=401)
    return Accepted(stored=await api.state.db.insert(device, reading))


class Database(Protocol):
    async def count(self) -> int: ...


class State(Protocol):
    db: Database


@dataclass
class Count:
    n: int


class Listed(TypedDict):
    names: list[str]


@action(name="count-all", strict=True, errors={503: "no database"})
async def count(api: Api[State], connection: Connection) -> Count:
    n: int = await api.state.db.count()
    return Count(n)


@action
def names(api: Api, connection: Connection) -> Listed:
    return {"names": [name for name in api.actions]}


@action(blocking=True)
def either(api: Api, connection: Connection, *, n: int = 1) -> dict[str, int] | None:
    return {"n": n} if n else None


@action(sends_file=True)
def send(api: Api, connection: Connection, *, name: str) -> NoResponse:
    connection.send_file(api.files.open(name))
    return NO_RESPONSE


count_again = count
'''

REFUSED = {
    "an order of (connection, api)": """
@action
def swapped(connection: Connection, api: Api) -> None: ...
""",
    "a set": """
@action
def numbers(api: Api, connection: Connection) -> set[int]:
    return {1}
""",
    "a list, later": """
@action(strict=True)
async def numbers(api: Api, connection: Connection) -> list[int]:
    return [1]
""",
    "an input without an annotation": """
@action
def untyped(api: Api, connection: Connection, *, x) -> None: ...
""",
    "an option that there is not": """
@action(bloking=True)
def blocking(api: Api, connection: Connection) -> None: ...
""",
    "a state of another type": """
class State(Protocol):
    size: int

@action
def state(api: Api[State], connection: Connection) -> dict[str, str]:
    size: str = api.state.size
    return {"size": size}
""",
}
IMPORTS = "from typing import Protocol\n\nfrom actionhero_tcp import Api, Connection, action\n\n"


class TypeCheckerTests(SynchronousTestCase):
    """Both check the same files, outside of this project."""

    def check(self, *command: str, files: dict[str, str]) -> str:
        """What a checker says of files of these texts."""
        folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
        words = [str(BIN / command[0]), *command[1:], *files]
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
        return done.stdout + done.stderr

    def mypy(self, files: dict[str, str]) -> list[str]:
        """The errors of mypy: the names of the files."""
        said = self.check("mypy", "--strict", "--config-file=", "--no-error-summary", files=files)
        return [line.partition(":")[0] for line in said.splitlines() if ": error:" in line]

    def pyright(self, files: dict[str, str]) -> list[str]:
        """Those of pyright, strict."""
        files = {name: f"# pyright: strict\n{text}" for name, text in files.items()}
        said = self.check("pyright", "--outputjson", "--pythonpath", sys.executable, files=files)
        found = json.loads(said[said.index("{") :])["generalDiagnostics"]
        return [Path(error["file"]).name for error in found if error["severity"] == "error"]

    def test_the_example_is_accepted(self) -> None:
        files = {"accepted.py": ACCEPTED}
        self.assertEqual([], self.mypy(files))
        # Strict, pyright wants to know what the state is.
        said = self.check("pyright", "--pythonpath", sys.executable, files=files)
        self.assertIn("0 errors", said)

    def test_files_of_an_actions_folder_import_one_another(self) -> None:
        folder = Path(tempfile.mkdtemp(), "actions")
        self.addCleanup(shutil.rmtree, folder.parent)
        folder.mkdir()
        (folder / "_shared.py").write_text("LIMIT: int = 5\n", encoding="utf-8")
        text = IMPORTS + (
            "from ._shared import LIMIT\n\n\n"
            "@action\ndef most(api: Api, connection: Connection) -> dict[str, int]:\n"
            '    return {"limit": LIMIT}\n'
        )
        (folder / "most.py").write_text(text, encoding="utf-8")
        # As docs/actions.md has it.
        words = [BIN / "mypy", "--strict", "--explicit-package-bases", "--config-file=", "actions"]
        done = subprocess.run(words, cwd=folder.parent, capture_output=True, text=True)
        self.assertEqual(0, done.returncode, done.stdout)

    def test_what_is_refused(self) -> None:
        files = {f"refused_{i}.py": IMPORTS + text for i, text in enumerate(REFUSED.values())}
        expected = dict(zip(files, REFUSED, strict=True))
        for checker in (self.mypy, self.pyright):
            found = checker(files)
            for name, what in expected.items():
                self.assertIn(name, found, f"{checker.__name__} accepts {what}")
