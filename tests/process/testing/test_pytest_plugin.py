"""The plugin for pytest, with pytest as a process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support import PATIENCE

ACTIONS = """
import asyncio
from actionhero_tcp import action

@action
async def slow(api, connection, *, name: str):
    await asyncio.sleep(0.001)
    return {"greeting": f"Hello, {name}!"}

@action
def quick(api, connection):
    return {"quick": True}

@action
def broken(api, connection):
    raise ZeroDivisionError("by nothing")
"""

BOTH = """
import pytest
from service import broken, quick, slow
from actionhero_tcp.testing import FakeServer

pytestmark = pytest.mark.actionhero(actions=[broken, quick, slow])

def test_plain(actionhero_server, actionhero_client):
    assert actionhero_client.run("quick")["quick"]
    assert actionhero_server.run("quick")["messageCount"] == 2

async def test_asyncio(actionhero_server, actionhero_client):
    answer = await actionhero_client.run("slow", name="Ada")
    assert answer["greeting"] == "Hello, Ada!"
    assert actionhero_server.api.connections

@pytest.mark.actionhero(actions=[quick], action_timeout=5)
def test_closest_marker(actionhero_server):
    assert set(actionhero_server.api.actions) >= {"quick"}
    assert "slow" not in actionhero_server.api.actions
    assert actionhero_server.api.config.limits.action_timeout == 5

@pytest.mark.parametrize("name", ["Ada", "Bob"])
async def test_parameters(actionhero_client, name):
    assert name in (await actionhero_client.run("slow", name=name))["greeting"]

async def test_fails(actionhero_client):
    assert (await actionhero_client.run("quick"))["quick"] is False

async def test_bug(actionhero_client):
    await actionhero_client.run("broken")
"""


class PluginTests(SynchronousTestCase):
    """A project whose tests pytest runs."""

    def run_pytest(self, *options: str, **files: str) -> str:
        """Runs the tests of some files; gives the output."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        for name, text in {"service": ACTIONS, **files}.items():
            (folder / f"{name}.py").write_text(text)
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rA", *options],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE,
        )
        return ran.stdout + ran.stderr

    def test_plain_and_async_tests(self) -> None:
        output = self.run_pytest(test_both=BOTH)
        for name in ("plain", "asyncio", "closest_marker", "parameters[Ada]", "parameters[Bob]"):
            self.assertIn(f"PASSED test_both.py::test_{name}", output)
        self.assertIn("FAILED test_both.py::test_fails", output)
        self.assertIn("ERROR test_both.py::test_bug", output)
        self.assertIn("ZeroDivisionError: by nothing", output)
        self.assertIn("1 failed, 6 passed, 1 error", output)

    def test_without_another_plugin(self) -> None:
        output = self.run_pytest("-p", "no:asyncio", "-p", "no:anyio", test_both=BOTH)
        self.assertIn("1 failed, 6 passed, 1 error", output)

    def test_options_for_all_tests_count_from_the_folder_of_the_test(self) -> None:
        conftest = (
            "import pytest\n\n@pytest.fixture\ndef actionhero_options():\n"
            "    return {'config': 'config.py', 'actions': 'doings'}\n"
        )
        test = (
            "def test_it(actionhero_client):\n    assert actionhero_client.run('mine')['mine']\n"
            "    assert actionhero_client.received[0]['welcome'] == 'hi'\n"
        )
        config = '{"general": {"welcomeMessage": "hi"}}'
        mine = (
            "from actionhero_tcp import action\n\n@action\n"
            "def mine(api, connection):\n    return {'mine': True}\n"
        )
        folder = Path(self.mktemp()).absolute()
        (folder / "tests" / "doings").mkdir(parents=True)
        for name, text in (
            ("conftest.py", conftest),
            ("test_it.py", test),
            ("config.py", config),
            ("doings/mine.py", mine),
        ):
            (folder / "tests" / name).write_text(text)
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE,
        )
        self.assertIn("1 passed", ran.stdout, ran.stdout + ran.stderr)

    def test_tests_that_another_plugin_runs(self) -> None:
        test = (
            "import pytest\nfrom service import slow\n"
            "from actionhero_tcp.testing import FakeServer\n\n"
            "@pytest.mark.asyncio\nasync def test_theirs():\n"
            "    async with FakeServer(actions=[slow]) as server:\n"
            "        assert (await server.run('slow', name='Ada'))['greeting']\n\n"
            "@pytest.mark.asyncio\nasync def test_both(actionhero_client):\n    pass\n"
        )
        output = self.run_pytest(test_theirs=test)
        self.assertIn("PASSED test_theirs.py::test_theirs", output)
        self.assertIn("ERROR test_theirs.py::test_both", output)
        self.assertIn("use async with FakeServer", output)

    def test_pytest_starts_without_twisted(self) -> None:
        test = (
            "import sys\n\ndef test_it(actionhero_options):\n"
            "    assert 'twisted' not in sys.modules\n"
        )
        output = self.run_pytest(test_it=test)
        self.assertIn("1 passed", output)
