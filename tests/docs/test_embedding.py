"""docs/embedding.md: its programs run, and print what the page says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests import support
from tests.docs.test_actions import examples
from tests.docs.test_asyncio import transcript
from tests.support.programs import Program

PAGE = support.ROOT / "docs" / "embedding.md"

_PRINTS = re.compile(r"```python\n# (\S+)\n(?:(?!```).)*```\n\n```output\n(.*?)```", re.DOTALL)

WEB = """
import asyncio, json, sys
from actionhero_tcp.client.aio import Client

async def get(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /clients HTTP/1.0\\r\\n\\r\\n")
    answer = await reader.read()
    writer.close()
    return json.loads(answer.partition(b"\\r\\n\\r\\n")[2])
"""

AIOHTTP = (
    WEB
    + """
import with_aiohttp
from aiohttp import web

async def main():
    runner = web.AppRunner(with_aiohttp.app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    async with Client("127.0.0.1", with_aiohttp.server.port):
        print(await get(runner.addresses[0][1]))
    await runner.cleanup()
    print(with_aiohttp.server)

asyncio.run(main())
"""
)

STARLETTE = (
    WEB
    + """
import uvicorn, with_starlette

async def main():
    config = uvicorn.Config(with_starlette.app, host="127.0.0.1", port=0, log_config=None)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    async with Client("127.0.0.1", with_starlette.server.port):
        print(await get(port))
    server.should_exit = True
    await serving
    print(with_starlette.server)

asyncio.run(main())
"""
)


class PageTests(SynchronousTestCase):
    """The programs of the page."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        for name, text in examples(PAGE).items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def run_program(self, *arguments: str) -> str:
        """Runs a program in the folder, which must go well; gives its output."""
        ran = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=2 * support.PATIENCE,
        )
        self.assertEqual(0, ran.returncode, ran.stdout + ran.stderr)
        return ran.stdout

    def test_they_print_what_the_page_says(self) -> None:
        found = _PRINTS.findall(PAGE.read_text("utf-8"))
        self.assertEqual({"beside.py", "on_twisted.py"}, {name for name, _ in found})
        for name, output in found:
            self.assertEqual(output, self.run_program(name), name)

    def test_beside_aiohttp(self) -> None:
        self.assertEqual("{'clients': 1}\n<Server not started>\n", self.run_program("-c", AIOHTTP))

    def test_beside_starlette(self) -> None:
        self.assertEqual(
            "{'clients': 1}\n<Server not started>\n", self.run_program("-c", STARLETTE)
        )

    def test_the_programs_have_strict_types(self) -> None:
        names = sorted(path.name for path in self.folder.glob("*.py"))
        self.assertIn("with_starlette.py", names)
        self.run_program("-m", "mypy", "--strict", "--no-incremental", *names)

    def test_the_first_example(self) -> None:
        text = (self.folder / "serve.py").read_text("utf-8")
        config = {"tcpServer": {"port": 0, "bindIP": "127.0.0.1"}}
        text = text.replace("actions=[greet]", f"actions=[greet], config={config}")
        (self.folder / "serve.py").write_text(text, encoding="utf-8")
        program = Program(self, self.folder / "serve.py")
        client = program.connect()
        for line, expected in transcript(PAGE):
            self.assertEqual(expected, client.ask(line))
        self.assertEqual(0, program.stop())
