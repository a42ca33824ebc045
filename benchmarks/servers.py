"""The servers that are measured, each pinned to the same core."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tools.system_packages import need, which

from .load import SERVER_CORE

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
PATIENCE = 20.0


class Server:
    """A running server.

    Attributes:
        port: Where it listens, on 127.0.0.1.
        pid: Its process.
    """

    def __init__(self, port: int, pid: int) -> None:
        self.port = port
        self.pid = pid

    def children(self) -> list[int]:
        """The processes that it has started."""
        text = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [int(pid) for pid in text.split()]


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def _process(
    port: int, command: list[str], folder: str, cores: str = SERVER_CORE
) -> Iterator[Server]:
    with open(f"{folder}/log-{port}.txt", "wb") as log:
        process = subprocess.Popen(
            ["taskset", "-c", cores, *command], cwd=folder, stdout=log, stderr=log
        )
    try:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > end:
                    text = Path(f"{folder}/log-{port}.txt").read_text()
                    raise SystemExit(f"{command} did not start: {text}") from None
                time.sleep(0.05)
        yield Server(port, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def certificate() -> tuple[str, str]:
    """A key and a certificate, made for this run."""
    folder = HERE / "build"
    folder.mkdir(exist_ok=True)
    key, cert = folder / "server-key.pem", folder / "server-cert.pem"
    if not cert.exists():
        script = HERE.parent / "tools" / "certs.py"
        subprocess.run([sys.executable, str(script), str(folder)], check=True, capture_output=True)
    return str(key), str(cert)


@contextmanager
def ours(
    *options: str,
    tls: bool = False,
    reactor: str = "epoll",
    cores: str = SERVER_CORE,
    port: int = 0,
) -> Iterator[Server]:
    """The installed ``twistd actionhero``, with default settings but for the request log.

    Where the options name endpoints to listen on, ``port`` is that of one of them.
    """
    port = port or free_port()
    command = [str(BIN / "twistd"), f"--reactor={reactor}"]
    command += ["--nodaemon", "--pidfile=", "actionhero"]
    command += [
        f"--port={port}",
        "--bind-ip=127.0.0.1",
        f"--actions={HERE / 'actions'}",
    ]
    if tls:
        key, cert = certificate()
        command += ["--secure", f"--key-file={key}", f"--cert-file={cert}"]
    with (
        TemporaryDirectory() as folder,
        _process(port, [*command, *options], folder, cores) as server,
    ):
        yield server


@contextmanager
def nodes(count: int, redis: Server, *options: str) -> Iterator[list[Server]]:
    """So many of ours as nodes of one cluster, which know of one another."""
    joined = (f"--redis=redis://127.0.0.1:{redis.port}", "--no-log-requests", *options)
    with ExitStack() as stack:
        each = [stack.enter_context(ours(*joined)) for _ in range(count)]
        for node in each:
            _wait_for_peers(node, count - 1)
        yield each


@contextmanager
def workers(count: int, redis: Server, *options: str, cores: str = SERVER_CORE) -> Iterator[Server]:
    """So many workers of ours, which know of one another."""
    joined = (f"--redis=redis://127.0.0.1:{redis.port}", f"--workers={count}")
    with ours(*joined, "--no-log-requests", *options, cores=cores) as server:
        _wait_for_peers(server, count - 1)
        yield server


def _wait_for_peers(server: Server, count: int) -> None:
    end = time.monotonic() + PATIENCE
    while len(status(server)["peers"]) < count:
        if time.monotonic() > end:
            raise SystemExit("the nodes do not find one another")
        time.sleep(0.1)


def status(server: Server) -> dict[str, Any]:
    """What the `status` action of one of ours tells."""
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as stream:
        lines = stream.makefile("rwb")
        lines.write(b"status\n")
        lines.flush()
        while True:
            # Before it comes the greeting, and who enters the room.
            message: dict[str, dict[str, Any]] = json.loads(lines.readline())
            if "stats" in message:
                return message["stats"]


@contextmanager
def floor(*, tls: bool = False, greet: bool = False) -> Iterator[Server]:
    """The bare `LineReceiver` of floor.py."""
    port = free_port()
    command = [
        sys.executable,
        str(HERE / "floor.py"),
        *(["--greet"] if greet else []),
        str(port),
    ]
    command += certificate() if tls else ()
    with TemporaryDirectory() as folder, _process(port, command, folder) as server:
        yield server


@contextmanager
def peer() -> Iterator[Server]:
    """The hand-written server of peers/lines.py."""
    port = free_port()
    command = [sys.executable, str(HERE / "peers" / "lines.py"), str(port)]
    with TemporaryDirectory() as folder, _process(port, command, folder) as server:
        yield server


@contextmanager
def nats_pair() -> Iterator[list[Server]]:
    """Two nats-servers that are one cluster."""
    need("nats-server")
    ports, routes = [free_port(), free_port()], [free_port(), free_port()]
    with ExitStack() as stack:
        pair = []
        for port, own, other in zip(ports, routes, reversed(routes), strict=True):
            command = [which("nats-server"), "-a", "127.0.0.1", "-p", str(port)]
            command += ["-cluster", f"nats://127.0.0.1:{own}", "--cluster_name", "benchmark"]
            command += ["-routes", f"nats://127.0.0.1:{other}"]
            folder = stack.enter_context(TemporaryDirectory())
            pair.append(stack.enter_context(_process(port, command, folder)))
        yield pair


@contextmanager
def redis() -> Iterator[Server]:
    """A Redis server that keeps nothing."""
    need("redis-server")
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    command += [
        "--appendonly",
        "no",
        "--protected-mode",
        "no",
        "--client-output-buffer-limit",
        "pubsub 0 0 0",
    ]
    with TemporaryDirectory() as folder, _process(port, command, folder) as server:
        yield server


@contextmanager
def nats() -> Iterator[Server]:
    """A NATS server with its defaults."""
    need("nats-server")
    port = free_port()
    command = [which("nats-server"), "-a", "127.0.0.1", "-p", str(port)]
    with TemporaryDirectory() as folder, _process(port, command, folder) as server:
        yield server
