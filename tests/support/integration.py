"""What the tests of a real `twistd` process share: a client on a blocking socket, daemons."""

from __future__ import annotations

import atexit
import contextlib
import datetime
import json
import os
import select
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from twisted.trial.unittest import SynchronousTestCase

from tests.support import PATIENCE, TWISTD, Daemon, daemon, wait_for

WELCOME = (
    b'{"welcome":"Hello! Welcome to the actionHero api",'
    b'"room":"defaultRoom","context":"api","messageCount":0}'
)
GOODBYE = b'{"status":"Server going down NOW","context":"api"}'

MEGABYTE = 1024 * 1024

MEMORY_SLACK = 8 * MEGABYTE
"""As much may a process grow that has to send far more than this."""


class Talker:
    """A client on a blocking socket, plain or TLS, which reads line by line.

    Args:
        stream: The connected socket.
    """

    def __init__(self, stream: socket.socket) -> None:
        self.stream = stream
        self._buffer = b""

    def send(self, data: bytes) -> None:
        """Sends bytes as they are."""
        self.stream.sendall(data)

    def pipeline(self, data: bytes, count: int) -> list[dict[str, Any]]:
        """Sends bytes while it reads so many lines, since the server may not take all at once."""
        # In one thread: Python's TLS sockets can't be used by two at a time.
        self.stream.setblocking(False)
        while self._buffer.count(b"\n") < count or data:
            blocked = True
            try:
                data = data[self.stream.send(data[:16384]) :] if data else data
                blocked = not data
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                pass
            try:
                self._fill()
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                if blocked:
                    writers = [self.stream] if data else []
                    ready = select.select([self.stream], writers, [], PATIENCE)
                    assert any(ready), "the server neither reads nor writes"
        self.stream.settimeout(PATIENCE)
        return self.messages(count)

    def _fill(self) -> None:
        chunk = self.stream.recv(MEGABYTE)
        if not chunk:
            raise AssertionError(f"the connection ended after {self._buffer[-200:]!r}")
        self._buffer += chunk

    def line(self) -> bytes:
        """The next line, without its end."""
        while b"\r\n" not in self._buffer:
            self._fill()
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    def message(self) -> dict[str, Any]:
        """The next line, parsed."""
        return json.loads(self.line())

    def messages(self, count: int) -> list[dict[str, Any]]:
        """The next lines, parsed."""
        # No line holds a raw newline.
        parts, have = [self._buffer], self._buffer.count(b"\n")
        while have < count:
            parts.append(self.stream.recv(MEGABYTE))
            assert parts[-1], f"the connection ended after {have} of {count} lines"
            have += parts[-1].count(b"\n")
        *lines, self._buffer = b"".join(parts).split(b"\r\n", count)
        return [json.loads(line) for line in lines]

    def read(self, count: int) -> bytes:
        """So many bytes, as they come."""
        parts, have = [self._buffer], len(self._buffer)
        while have < count:
            chunk = self.stream.recv(min(MEGABYTE, count - have))
            assert chunk, f"the connection ended after {have} of {count} bytes"
            parts.append(chunk)
            have += len(chunk)
        data = b"".join(parts)
        self._buffer = data[count:]
        return data[:count]

    def skip(self, count: int) -> None:
        """Reads so many bytes and forgets them."""
        while count > 0:
            count -= len(self.read(min(count, MEGABYTE)))

    def rest(self) -> bytes:
        """All up to the end of the connection, which must come without a reset."""
        parts, self._buffer = [self._buffer], b""
        while chunk := self.stream.recv(MEGABYTE):
            parts.append(chunk)
        return b"".join(parts)

    def rest_messages(self) -> list[dict[str, Any]]:
        """All lines up to the end of the connection, parsed."""
        *lines, last = self.rest().split(b"\r\n")
        assert last == b"", last
        return [json.loads(line) for line in lines]

    def ask(self, line: str) -> dict[str, Any]:
        """Sends a line, and gives the next one that comes."""
        self.send(line.encode() + b"\r\n")
        return self.message()

    def ask_json(self, action: str, **params: Any) -> dict[str, Any]:
        """Asks for an action in JSON, and gives the next line that comes."""
        return self.ask(request(action, **params))

    def id(self) -> str:
        """Its id."""
        return self.ask("detailsView")["details"]["public"]["id"]

    def finish(self) -> None:
        """Sends a FIN; what the server sends can still be read."""
        self.stream.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Hangs up."""
        self.stream.close()

    def reset(self) -> None:
        """Hangs up with a RST, as a client that crashed."""
        self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.stream.close()

    def is_dropped(self) -> bool:
        """Reads on until the server hangs up, with or without a reset."""
        with contextlib.suppress(ConnectionResetError):
            self.rest()
        return True


def request(action: str, **params: Any) -> str:
    """A request in JSON."""
    return json.dumps({"action": action, "params": params}, ensure_ascii=False)


def connect(running: Daemon, receive_buffer: int = 0, port: int = 0) -> socket.socket:
    """A connection to a daemon.

    Args:
        running: The daemon.
        receive_buffer: Bytes that the kernel keeps for us at most, for clients that do not
            read; 0 for its own choice.
        port: Another port of the daemon; 0 for the one that it serves clients on.
    """
    stream = socket.socket()
    stream.settimeout(PATIENCE)
    if receive_buffer:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    stream.connect(("127.0.0.1", port or running.port))
    return stream


def memory(running: Daemon) -> int:
    """The bytes of memory that a daemon has resident."""
    pages = int(Path(f"/proc/{running.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def open_files(running: Daemon) -> list[str]:
    """What a daemon has open."""
    folder = f"/proc/{running.process.pid}/fd"
    found = []
    for name in os.listdir(folder):
        try:
            found.append(os.readlink(f"{folder}/{name}"))
        except FileNotFoundError:
            continue
    return found


def without_requests(log: str) -> str:
    """A log without the lines of the request log."""
    return "\n".join(line for line in log.split("\n") if " client=" not in line)


def wait_until_stalled(observer: Talker) -> int:
    """Waits until the daemon serves nobody but the observer; gives its number of requests.

    A client with lines left is served in every pass of the reactor, unless it is stalled.
    """

    def served() -> int:
        message = observer.ask_json("status")
        while "stats" not in message:
            message = observer.message()
        return message["stats"]["socketServer"]["numberOfGlobalSocketRequests"]

    def stalled() -> int:
        counts = [served() for _ in range(10)]
        return counts[-1] if counts[-1] - counts[0] == len(counts) - 1 else 0

    return wait_for(stalled, "a client that is read from no more")


def write_files(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Writes files, by their paths in a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


@contextmanager
def prepared_daemon(
    files: Mapping[str, str | bytes],
    *options: str,
    pair: str = "",
    launcher: Sequence[str] = (),
) -> Iterator[Daemon]:
    """A daemon in a folder of its own that holds these files.

    Args:
        files: Its files.
        options: Its options.
        pair: For TLS: ``ec`` or ``rsa``, the kind of its key.
        launcher: See `daemon`.
    """
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder), files)
        if pair:
            make_pair(Path(folder) / "certs", pair)
            options = (*options, "--secure")
        with daemon(*options, folder=folder, launcher=launcher) as running:
            assert running.process.poll() is None, running.log
            yield running


REACTOR = os.environ.get("TEST_REACTOR", "")
"""The reactor that twistd uses in tests which name none; empty for its default."""


def _told(reactor: str) -> list[str]:
    """What tells twistd which reactor to use."""
    return [f"--reactor={reactor}"] if reactor else []


class DaemonTestCase(SynchronousTestCase):
    """Tests that share one daemon; each leaves a log with no traceback in it.

    Trial knows no setUpClass: the daemon is started by the first test of a class that
    needs it, and lives until another class starts its own.

    Attributes:
        options: The daemon's options.
        files: What its working folder holds.
        pair: The kind of its key, for TLS.
        reactor: The reactor that twistd is told to use; empty for its default.
        traceback_expected: Whether the test makes the server log a traceback.
    """

    options: tuple[str, ...] = ()
    files: Mapping[str, str | bytes] = {}
    pair = ""
    reactor = REACTOR
    traceback_expected = False

    def setUp(self) -> None:
        self.daemon = _shared.get(type(self))
        self.log_start = len(self.daemon.log)

    def tearDown(self) -> None:
        new = without_requests(self.daemon.log[self.log_start :])
        self.assertIsNone(self.daemon.process.poll(), new)
        if not self.traceback_expected:
            self.assertNotIn("Traceback", new)
            self.assertNotIn("Unhandled", new)

    def join(self, receive_buffer: int = 0) -> Talker:
        """A new client that has been welcomed."""
        client = self.enter(connect(self.daemon, receive_buffer))
        self.assertEqual(client.line(), WELCOME)
        return client

    def enter(self, stream: socket.socket) -> Talker:
        """A client on a socket that is closed when the test is over."""
        self.addCleanup(stream.close)
        return Talker(stream)


class OwnDaemonTestCase(SynchronousTestCase):
    """Tests each of which starts, and mostly stops, a daemon of its own.

    Attributes:
        reactor: The reactor that twistd is told to use; empty for its default.
    """

    reactor = REACTOR

    def start(
        self,
        *options: str,
        files: Mapping[str, str | bytes] | None = None,
        pair: str = "",
        launcher: Sequence[str] = (),
    ) -> Daemon:
        """A daemon that lives as long as the test; see `prepared_daemon`."""
        stack = ExitStack()
        self.addCleanup(stack.close)
        return stack.enter_context(
            prepared_daemon(
                files or {}, *_told(self.reactor), *options, pair=pair, launcher=launcher
            )
        )

    def join(self, running: Daemon, receive_buffer: int = 0) -> Talker:
        """A new client that has been welcomed."""
        stream = connect(running, receive_buffer)
        self.addCleanup(stream.close)
        client = Talker(stream)
        self.assertEqual(client.line(), WELCOME)
        return client

    def folder(self, files: Mapping[str, str | bytes] | None = None) -> Path:
        """A folder that lives as long as the test."""
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        write_files(Path(temporary.name), files or {})
        return Path(temporary.name)

    def assert_ended_well(self, running: Daemon, number: int = signal.SIGTERM) -> None:
        """The daemon has been sent a signal: it ends in order, with no traceback.

        Once all is done twistd ends by the signal that it was sent, as its makers
        want it; whoever sent that signal takes it for a clean exit.
        """
        self.assertEqual(running.process.wait(PATIENCE), -number)
        log = without_requests(running.log)
        self.assertNotIn("Traceback", log)
        self.assertNotIn("Unhandled", log)
        self.assertIn("has stopped", log)

    def stop(self, running: Daemon) -> None:
        """Stops the daemon by SIGTERM, which is to go well."""
        running.process.send_signal(signal.SIGTERM)
        self.assert_ended_well(running)

    def refusal(self, folder: Path, *options: str, daemonize: bool = False) -> str:
        """What a daemon that must not start says on standard error: one line.

        In the background twistd itself says more: that there is a log to look into.
        """
        how = ["--nodaemon", "--pidfile="]
        if daemonize:
            how = ["--pidfile=twistd.pid", "--logfile=twistd.log"]
        address = ["--bind-ip=127.0.0.1"]
        if not any(option.startswith("--port") for option in options):
            address.append("--port=0")
        ended = subprocess.run(
            [str(TWISTD), *how, "actionhero", *address, *options],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        output = ended.stdout + ended.stderr
        self.assertEqual(ended.returncode, 1, output)
        self.assertNotIn("Traceback", output)
        self.assertNotIn("has started", output)
        if not daemonize:
            self.assertEqual(len(ended.stderr.splitlines()), 1, ended.stderr)
        return ended.stderr


class _Shared:
    """The daemon of the class whose tests run at the moment."""

    def __init__(self) -> None:
        self._owner: type | None = None
        self._stack = ExitStack()
        self._daemon: Daemon | None = None
        atexit.register(self.stop)

    def get(self, owner: type[DaemonTestCase]) -> Daemon:
        if self._owner is not owner or self._daemon is None or self._daemon.process.poll():
            self.stop()
            self._daemon = self._stack.enter_context(
                prepared_daemon(owner.files, *_told(owner.reactor), *owner.options, pair=owner.pair)
            )
            self._owner = owner
        return self._daemon

    def stop(self) -> None:
        self._owner = None
        if self._daemon is not None and self._daemon.process.poll() is None:
            # By a signal that it handles, so that its coverage is not lost.
            self._daemon.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._daemon.process.wait(PATIENCE)
        self._daemon = None
        self._stack.close()


_shared = _Shared()


def make_pair(folder: Path, kind: str = "ec") -> tuple[Path, Path]:
    """A self-signed key and certificate for localhost; of tools/certs.py, or with an RSA key."""
    from tools import certs

    key_file, cert_file = certs.make(folder)
    if kind == "rsa":
        _make_rsa_pair(key_file, cert_file)
    return key_file, cert_file


def _make_rsa_pair(key_file: Path, cert_file: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def trusting_context(running: Daemon) -> ssl.SSLContext:
    """A client's TLS context that trusts the daemon's certificate, and nothing else."""
    return ssl.create_default_context(cafile=str(running.folder / "certs" / "server-cert.pem"))


def secure(running: Daemon, receive_buffer: int = 0) -> ssl.SSLSocket:
    """A connection that has verified the daemon's certificate."""
    stream = connect(running, receive_buffer)
    try:
        return trusting_context(running).wrap_socket(stream, server_hostname="localhost")
    except BaseException:
        stream.close()
        raise


def play_documented_session(test: SynchronousTestCase, client: Talker) -> None:
    """The session that actionHero's documentation prints, after its welcome, to the byte."""
    ok = '{"status":"OK","context":"response","messageCount":%d}'
    exchanges = [
        (
            "detailsView",
            r'\{"context":"response","status":"OK","details":\{"params":\{\},"public":'
            r'\{"id":"[0-9a-f]{32}","connectedAt":\d{13}\}\},"messageCount":1\}',
        ),
        (
            "randomNumber",
            r'\{"context":"response","randomNumber":0\.\d+(e-\d+)?,"messageCount":2\}',
        ),
        (
            "cacheTest",
            r'\{"context":"response","error":"key is a required parameter for this action",'
            r'"messageCount":3\}',
        ),
        ("paramAdd key=myKey", ok % 4),
        ("paramAdd value=myValue", ok % 5),
        (
            "paramsView",
            '{"context":"response","params":{"action":"cacheTest","limit":100,"offset":0,'
            '"key":"myKey","value":"myValue"},"messageCount":6}',
        ),
        (
            "cacheTest",
            '{"context":"response","cacheTestResults":{"key":"myKey","value":"myValue",'
            '"saveResp":"new record","loadResp":"myValue","deleteResp":true},"messageCount":7}',
        ),
        ("say hooray!", '{"context":"response","status":"OK","messageCount":8}'),
    ]
    for line, expected in exchanges:
        client.send(line.encode() + b"\n")
        answer = client.line().decode()
        if expected.startswith("\\"):
            test.assertRegex(answer, f"^{expected}$")
        else:
            test.assertEqual(answer, expected)
