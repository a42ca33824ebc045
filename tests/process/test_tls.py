"""The installed daemon over TLS: who may come in, and that all is as it is over TCP."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from OpenSSL import SSL, crypto
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol, wrapClientTLS
from twisted.internet.error import ConnectionClosed
from twisted.internet.ssl import Certificate, optionsForClientTLS
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from tests.support import PATIENCE, Daemon, wait_for
from tests.support.integration import (
    GOODBYE,
    MEGABYTE,
    MEMORY_SLACK,
    WELCOME,
    DaemonTestCase,
    OwnDaemonTestCase,
    Talker,
    connect,
    make_pair,
    memory,
    play_documented_session,
    prepared_daemon,
    request,
    secure,
    trusting_context,
    wait_until_stalled,
)

LARGE = random.Random(2).randbytes(8 * MEGABYTE)
SPARSE_BYTES = 64 * MEGABYTE

NO_PARAMS = b'{"context":"response","params":{},"messageCount":%d}'

ALLOW_CLIENT_RENEGOTIATION = 1 << 8
"""OpenSSL's SSL_OP_ALLOW_CLIENT_RENEGOTIATION."""

ACTIONS = """
import os
from twisted.internet.task import deferLater
from actionhero_tcp import action


@action
async def untilFile(api, connection, *, path: str):
    while not os.path.exists(path):
        await deferLater(api.reactor, 0.01)
    return {"seen": path}
"""


class SecureTestCase(DaemonTestCase):
    """Tests of a daemon that speaks TLS."""

    pair = "ec"
    options: tuple[str, ...] = ("--announce-limit=0",)

    def join(self, receive_buffer: int = 0) -> Talker:
        client = self.enter(secure(self.daemon, receive_buffer))
        self.assertEqual(client.line(), WELCOME)
        return client


class SessionTests(SecureTestCase):
    """All that goes over TCP goes over TLS."""

    files = {"public/large.bin": LARGE, "public/empty": b"", "public/small.txt": b"small\r\n"}

    def test_plays_the_documented_session(self) -> None:
        play_documented_session(self, self.join())

    def test_answers_20_000_pipelined_lines_in_order(self) -> None:
        client = self.join()
        lines = b"paramsView\r\ndetailsView\nrandomNumber\nnope\n" * 5000
        answers = client.pipeline(lines, 20_000)
        self.assertEqual([m["messageCount"] for m in answers], list(range(1, 20_001)))

    def test_slow_then_fast_answers_fast_first(self) -> None:
        client = self.join()
        client.send(request("sleepTest", sleepDuration=50).encode() + b"\nrandomNumber\n")
        self.assertEqual([m["messageCount"] for m in client.messages(2)], [2, 1])

    def test_files_are_raw(self) -> None:
        client = self.join()
        for name in ("empty", "small.txt", "large.bin"):
            client.send(request("file", fileName=name).encode() + b"\n")
        client.send(b"paramsView\n")
        self.assertEqual(client.read(7), b"small\r\n")
        self.assertTrue(client.read(len(LARGE)) == LARGE, "the content differs")
        self.assertEqual(client.line(), NO_PARAMS % 4)

    def test_quit_ends_in_a_close_notify(self) -> None:
        client = self.join()
        client.send(b"quit\n")
        # Without the close_notify Python raises: it might have been cut short.
        self.assertEqual(
            client.rest(), b'{"status":"Bye!","context":"response","messageCount":1}\r\n'
        )

    def test_a_client_that_goes_leaves_its_room(self) -> None:
        stays = self.join()
        for leave in (Talker.close, Talker.reset, lambda client: client.send(b"quit\n")):
            goes = self.join()
            own_id = goes.id()
            leave(goes)
            wait_for(
                lambda own_id=own_id: own_id not in stays.ask("roomView")["roomStatus"]["members"],
                "the client to leave",
            )

    def test_two_clients_talk(self) -> None:
        one, two = self.join(), self.join()
        self.assertEqual(one.ask("say ☃")["status"], "OK")
        heard = two.message()
        self.assertEqual((heard["message"], heard["from"]), ("☃", one.id()))

    def test_a_slow_reader_loses_nothing(self) -> None:
        observer, client = self.join(), self.join(receive_buffer=4096)
        client.ask("paramAdd key=" + "v" * 10_000)
        before = memory(self.daemon)
        client.send(b"paramsView\n" * 3000)
        wait_until_stalled(observer)
        self.assertLess(memory(self.daemon) - before, MEMORY_SLACK)
        answers = client.messages(3000)
        self.assertEqual([m["messageCount"] for m in answers], list(range(2, 3002)))

    def test_a_slowly_read_file_costs_no_memory(self) -> None:
        with open(self.daemon.folder / "public" / "sparse", "wb") as stream:
            stream.truncate(SPARSE_BYTES)
        self.join().ask("paramsView")
        before = memory(self.daemon)
        client = self.join(receive_buffer=4096)
        client.send(request("file", fileName="sparse").encode() + b"\nparamsView\n")
        most = 0
        for _ in range(SPARSE_BYTES // MEGABYTE):
            self.assertTrue(client.read(MEGABYTE) == bytes(MEGABYTE), "the content differs")
            most = max(most, memory(self.daemon))
        self.assertEqual(client.line(), NO_PARAMS % 2)
        self.assertLess(most - before, MEMORY_SLACK)


class CloseNotifyTests(SecureTestCase):
    """A client that says at once that it will send no more."""

    files = {"public/small.txt": b"small\r\n"}

    def answers_after_goodbye(self, requests: bytes) -> bytes:
        """All that comes to a client whose requests and close_notify come in one go."""
        stream = connect(self.daemon)
        self.addCleanup(stream.close)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = trusting_context(self.daemon).wrap_bio(
            incoming, outgoing, server_hostname="localhost"
        )

        def exchange(step: Callable[[], Any]) -> Any:
            while True:
                try:
                    result = step()
                    stream.sendall(outgoing.read())
                    return result
                except ssl.SSLWantReadError:
                    stream.sendall(outgoing.read())
                    incoming.write(stream.recv(65536))

        exchange(session.do_handshake)
        welcome = b""
        while not welcome.endswith(b"\r\n"):
            welcome += exchange(lambda: session.read(65536))
        session.write(requests)
        with contextlib.suppress(ssl.SSLWantReadError):
            session.unwrap()
        answers = b""
        with contextlib.suppress(ssl.SSLZeroReturnError):
            while data := exchange(lambda: session.read(65536)):
                answers += data
        return answers

    def test_gets_its_answers(self) -> None:
        answers = self.answers_after_goodbye(b"paramsView\nparamAdd a=b\nparamsView\n")
        self.assertEqual(
            [json.loads(line)["messageCount"] for line in answers.splitlines()], [1, 2, 3]
        )

    def test_gets_a_few_hundred_answers(self) -> None:
        answers = self.answers_after_goodbye(b"paramsView\n" * 250)
        self.assertEqual(
            [json.loads(line)["messageCount"] for line in answers.splitlines()],
            list(range(1, 251)),
        )

    def test_the_server_serves_on(self) -> None:
        self.answers_after_goodbye(b"sleepTest\n")
        self.assertEqual(self.join().ask("paramsView")["messageCount"], 1)


class HandshakeTests(SecureTestCase):
    """What does not get through its handshake does not hold up anybody."""

    options = ("--announce-limit=0", "--tls-handshake-timeout=2")

    def test_plain_text_is_closed_and_others_are_served(self) -> None:
        client = self.join()
        stranger = self.enter(connect(self.daemon))
        stranger.send(b"detailsView\r\n")
        self.assertNotIn(b"welcome", stranger.rest())
        self.assertEqual(client.ask("paramsView")["messageCount"], 1)

    def test_what_a_client_offers_by_alpn_is_ignored(self) -> None:
        for offer in (["irc"], ["h2", "http/1.1"]):
            context = trusting_context(self.daemon)
            context.set_alpn_protocols(offer)
            stream = context.wrap_socket(connect(self.daemon), server_hostname="localhost")
            client = self.enter(stream)
            self.assertIsNone(stream.selected_alpn_protocol())
            self.assertEqual(WELCOME, client.line())
            self.assertEqual("Bye!", client.ask("quit")["status"])

    def test_garbage_is_closed(self) -> None:
        stranger = self.enter(connect(self.daemon))
        stranger.send(bytes(range(256)) * 64)
        self.assertTrue(stranger.is_dropped())
        self.assertEqual(self.join().ask("paramsView")["messageCount"], 1)

    def test_a_silent_client_is_closed(self) -> None:
        client = self.join()
        silent = self.enter(connect(self.daemon))
        self.assertTrue(silent.is_dropped())
        # The handshake's time limit ends nobody who is through with it.
        self.assertEqual(client.ask("paramsView")["messageCount"], 1)

    def test_a_handshake_that_stalls_half_way_is_closed(self) -> None:
        outgoing = ssl.MemoryBIO()
        session = trusting_context(self.daemon).wrap_bio(
            ssl.MemoryBIO(), outgoing, server_hostname="localhost"
        )
        self.assertRaises(ssl.SSLWantReadError, session.do_handshake)
        hello = outgoing.read()
        for part in (hello, hello[:100]):
            stalled = self.enter(connect(self.daemon))
            stalled.send(part)
            self.assertTrue(stalled.is_dropped())
        self.assertEqual(self.join().ask("paramsView")["messageCount"], 1)

    def test_only_the_welcomed_count_as_clients(self) -> None:
        client = self.join()
        silent = self.enter(connect(self.daemon))
        self.assertEqual(client.ask("roomView")["roomStatus"]["membersCount"], 1)
        self.assertTrue(silent.is_dropped())

    def test_a_certificate_that_is_not_trusted_is_refused_by_the_client(self) -> None:
        # To read all authorities takes its time, which is not to count as the handshake's.
        context = ssl.create_default_context()
        stream = connect(self.daemon)
        self.addCleanup(stream.close)
        with self.assertRaises(ssl.SSLCertVerificationError):
            context.wrap_socket(stream, server_hostname="localhost")
        self.assertEqual(self.join().ask("paramsView")["messageCount"], 1)


def permissive_client(minimum: ssl.TLSVersion, maximum: ssl.TLSVersion, ciphers: str) -> Any:
    """A client's context that takes any certificate, and old versions and suites."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = minimum, maximum
    context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    context.options &= ~ssl.OP_NO_COMPRESSION
    return context


def permissive_server(folder: Path) -> ssl.SSLContext:
    """A server's context that takes old versions and suites, to show that clients offer them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server-cert.pem", folder / "server-key.pem")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext) -> ssl.SSLObject:
    """A handshake in memory; gives the client's side."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(down, up)
    theirs = server.wrap_bio(up, down, server_side=True)
    for _ in range(5):
        for side in (ours, theirs):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
    return ours


def send_pending(session: SSL.Connection, stream: socket.socket) -> bool:
    """Sends what a TLS session without a socket has to send; says whether that was anything."""
    try:
        stream.sendall(session.bio_read(MEGABYTE))
    except SSL.WantReadError:
        return False
    return True


class SuiteTests(SecureTestCase):
    """TLS 1.2 and 1.3, with forward secrecy and AEAD only; the key is RSA's."""

    pair = "rsa"

    def suite(self, context: ssl.SSLContext) -> tuple[str, str]:
        """The version and suite that the daemon agrees on, after an exchange."""
        stream = connect(self.daemon)
        self.addCleanup(stream.close)
        secured = context.wrap_socket(stream)
        client = self.enter(secured)
        self.assertEqual(client.line(), WELCOME)
        self.assertIsNone(secured.compression())
        name, _, _ = secured.cipher()
        return secured.version(), name

    def check_refused(self, context: ssl.SSLContext) -> None:
        # Another server takes it: it is the daemon that refuses.
        folder = self.daemon.folder / "certs"
        self.assertIsNotNone(shake_hands(context, permissive_server(folder)).version())
        stream = connect(self.daemon)
        self.addCleanup(stream.close)
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            context.wrap_socket(stream)

    def test_tls_1_3(self) -> None:
        version = ssl.TLSVersion.TLSv1_3
        self.assertEqual(self.suite(permissive_client(version, version, "ALL"))[0], "TLSv1.3")

    def test_tls_1_2_with_each_good_suite(self) -> None:
        version = ssl.TLSVersion.TLSv1_2
        for name in (
            "ECDHE-RSA-AES128-GCM-SHA256",
            "ECDHE-RSA-AES256-GCM-SHA384",
            "ECDHE-RSA-CHACHA20-POLY1305",
        ):
            found = self.suite(permissive_client(version, version, name))
            self.assertEqual(found, ("TLSv1.2", name))

    def test_older_versions_are_refused(self) -> None:
        for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            self.check_refused(permissive_client(version, version, "ALL"))

    def test_cbc_is_refused(self) -> None:
        version = ssl.TLSVersion.TLSv1_2
        for name in (
            "ECDHE-RSA-AES128-SHA",
            "ECDHE-RSA-AES256-SHA384",
            "ECDHE-RSA-AES128-SHA256",
            "AES128-SHA",
            "AES256-SHA256",
        ):
            self.check_refused(permissive_client(version, version, name))

    def test_what_has_no_forward_secrecy_is_refused(self) -> None:
        version = ssl.TLSVersion.TLSv1_2
        for name in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "AES128-CCM"):
            self.check_refused(permissive_client(version, version, name))

    def renegotiate(self, stream: socket.socket) -> None:
        """Has a client ask for a renegotiation, and read on until it is done.

        Raises:
            SSL.Error: The server does not want to.
        """
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_max_proto_version(SSL.TLS1_2_VERSION)
        client = SSL.Connection(context, None)
        client.set_connect_state()

        def run(step: Callable[[], object]) -> None:
            while True:
                try:
                    step()
                    send_pending(client, stream)
                    return
                except SSL.WantReadError:
                    if send_pending(client, stream):
                        continue
                    client.bio_write(stream.recv(65536) or b"closed")

        run(client.do_handshake)
        run(lambda: client.recv(65536))
        before = client.get_finished()
        client.renegotiate()
        run(client.do_handshake)
        while client.renegotiate_pending():
            run(client.do_handshake)
        self.assertNotEqual(client.get_finished(), before)

    def serve_willingly(self, stream: socket.socket) -> None:
        """A server that does renegotiate."""
        folder = self.daemon.folder / "certs"
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.use_privatekey_file(str(folder / "server-key.pem"))
        context.use_certificate_file(str(folder / "server-cert.pem"))
        context.set_options(ALLOW_CLIENT_RENEGOTIATION)
        server = SSL.Connection(context, None)
        server.set_accept_state()
        welcomed = False
        while data := stream.recv(65536):
            server.bio_write(data)
            try:
                if not welcomed:
                    server.do_handshake()
                    server.send(WELCOME)
                    welcomed = True
                server.recv(65536)
            except SSL.WantReadError:
                pass
            send_pending(server, stream)

    def test_renegotiation_is_refused(self) -> None:
        # Another server does it: it is the daemon that refuses.
        ours, theirs = socket.socketpair()
        server = threading.Thread(target=self.serve_willingly, args=(theirs,), daemon=True)
        server.start()
        ours.settimeout(PATIENCE)
        self.renegotiate(ours)
        ours.close()
        server.join(PATIENCE)
        theirs.close()

        stream = connect(self.daemon)
        self.addCleanup(stream.close)
        with self.assertRaises(SSL.Error) as caught:
            self.renegotiate(stream)
        self.assertIn("no renegotiation", str(caught.exception))


class OpenSSLTests(SecureTestCase):
    """``openssl s_client``."""

    def run_openssl(self, *arguments: str, input: bytes) -> subprocess.CompletedProcess[bytes]:
        program = shutil.which("openssl")
        self.assertIsNotNone(program, "openssl is not installed: apt-get install openssl")
        assert program is not None
        cert = self.daemon.folder / "certs" / "server-cert.pem"
        return subprocess.run(
            [
                *(program, "s_client", "-connect", f"127.0.0.1:{self.daemon.port}"),
                *("-servername", "localhost", "-verify_hostname", "localhost"),
                *("-CAfile", str(cert), "-verify_return_error", *arguments),
            ],
            input=input,
            capture_output=True,
            timeout=PATIENCE,
        )

    def test_plays_a_session(self) -> None:
        for version in ("-tls1_2", "-tls1_3"):
            ended = self.run_openssl(
                "-quiet", version, input=b"paramAdd key=value\r\nparamsView\r\nquit\r\n"
            )
            self.assertEqual(ended.returncode, 0, ended.stderr)
            self.assertEqual(
                ended.stdout.split(b"\r\n"),
                [
                    WELCOME,
                    b'{"status":"OK","context":"response","messageCount":1}',
                    b'{"context":"response","params":{"key":"value"},"messageCount":2}',
                    b'{"status":"Bye!","context":"response","messageCount":3}',
                    b"",
                ],
            )

    def test_what_it_says_of_the_connection(self) -> None:
        text = self.run_openssl("-tls1_2", "-ign_eof", input=b"quit\r\n").stdout.decode()
        self.assertIn("Verification: OK", text)
        self.assertIn("Verified peername: localhost", text)
        self.assertIn("Compression: NONE", text)
        self.assertRegex(text, "Cipher is ECDHE-ECDSA-(AES...-GCM|CHACHA20)")
        self.assertIn("Secure Renegotiation IS supported", text)

    def test_an_old_version_is_refused(self) -> None:
        ended = self.run_openssl(
            "-quiet", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", input=b"quit\r\n"
        )
        self.assertNotEqual(ended.returncode, 0)
        self.assertNotIn(b"welcome", ended.stdout)
        self.assertIn(b"alert", ended.stderr)


class LineClient(LineReceiver):
    """A Twisted client, which waits for one line at a time."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.waiting: Deferred[bytes] | None = None
        self.lost: Deferred[BaseException] = Deferred()

    def lineReceived(self, line: bytes) -> None:
        if self.waiting is not None:
            waiting, self.waiting = self.waiting, None
            waiting.callback(line)
        else:
            self.lines.append(line)

    def line(self) -> Deferred[bytes]:
        """The next line."""
        waiting: Deferred[bytes] = Deferred()
        if self.lines:
            waiting.callback(self.lines.pop(0))
        else:
            self.waiting = waiting
        return waiting.addTimeout(PATIENCE, reactor)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self.lost.callback(reason.value)
        if self.waiting is not None:
            self.waiting.errback(reason)


class TwistedClientTests(TestCase):
    """A Twisted client, which verifies the host's name through service-identity."""

    def setUp(self) -> None:
        context = prepared_daemon({}, pair="ec")
        self.daemon = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)

    def connect(self, name: str, trusted: Path | None = None) -> Deferred[LineClient]:
        trusted = trusted or self.daemon.folder / "certs" / "server-cert.pem"
        options = optionsForClientTLS(name, Certificate.loadPEM(trusted.read_bytes()))
        endpoint = HostnameEndpoint(reactor, "127.0.0.1", self.daemon.port)
        return connectProtocol(wrapClientTLS(options, endpoint), LineClient())

    async def check_accepted(self, name: str) -> None:
        client = await self.connect(name)
        self.assertEqual(await client.line(), WELCOME)
        client.sendLine(b"paramAdd key=value")
        client.sendLine(b"paramsView")
        client.sendLine(b"quit")
        self.assertEqual(json.loads(await client.line())["status"], "OK")
        self.assertEqual(json.loads(await client.line())["params"], {"key": "value"})
        self.assertEqual(json.loads(await client.line())["status"], "Bye!")
        self.assertIsInstance(await client.lost, ConnectionClosed)

    async def check_refused(self, name: str, why: str, trusted: Path | None = None) -> None:
        client = await self.connect(name, trusted)
        with self.assertRaises(Exception) as caught:
            await client.line()
        self.assertIn(why, repr(caught.exception))
        await client.lost

    def run_async(self, coroutine: Any) -> Deferred[None]:
        return Deferred.fromCoroutine(coroutine)

    def test_the_right_name(self) -> Deferred[None]:
        return self.run_async(self.check_accepted("localhost"))

    def test_the_right_address(self) -> Deferred[None]:
        return self.run_async(self.check_accepted("127.0.0.1"))

    def test_a_wrong_name(self) -> Deferred[None]:
        return self.run_async(self.check_refused("wrong.example", "DNSMismatch"))

    def test_another_certificate(self) -> Deferred[None]:
        _, other = make_pair(self.daemon.folder / "other")
        return self.run_async(self.check_refused("localhost", "verify failed", other))


class ChainAndStopTests(OwnDaemonTestCase):
    """A key pair in other places, and stopping."""

    def join_secure(self, running: Daemon, receive_buffer: int = 0) -> Talker:
        stream = secure(running, receive_buffer)
        self.addCleanup(stream.close)
        client = Talker(stream)
        self.assertEqual(client.line(), WELCOME)
        return client

    def test_says_goodbye_and_answers_what_runs(self) -> None:
        running = self.start(files={"actions/until.py": ACTIONS}, pair="ec")
        client = self.join_secure(running)
        client.send(request("untilFile", path="go").encode() + b"\nparamsView\n")
        self.assertEqual(client.line(), NO_PARAMS % 2)
        running.process.send_signal(signal.SIGTERM)
        self.assertEqual(client.line(), GOODBYE)
        (running.folder / "go").touch()
        self.assertEqual(client.message()["messageCount"], 1)
        self.assertEqual(client.rest(), b"")
        client.close()
        self.assert_ended_well(running)

    def test_megabytes_buffered_for_a_slow_reader_all_arrive(self) -> None:
        running = self.start("--announce-limit=0", pair="ec")
        observer = self.join_secure(running)
        client = self.join_secure(running, receive_buffer=4096)
        client.ask("paramAdd key=" + "v" * 10_000)
        client.send(b"paramsView\n" * 1000)
        wait_until_stalled(observer)
        observer.close()
        running.process.send_signal(signal.SIGTERM)
        messages = client.rest_messages()
        client.close()
        answers = [m["messageCount"] for m in messages if "messageCount" in m]
        self.assertEqual(answers, list(range(2, 1002)))
        self.assertIn(json.loads(GOODBYE), messages)
        self.assert_ended_well(running)

    def test_silent_clients_do_not_hold_it_up(self) -> None:
        running = self.start("--close-timeout=0.2", pair="ec")
        welcomed = self.join_secure(running)
        stalled = connect(running)
        self.addCleanup(stalled.close)
        # It has accepted the stalled one by the time that it welcomes another.
        self.join_secure(running)
        self.stop(running)
        lines = [json.loads(line) for line in welcomed.rest().splitlines()]
        self.assertIn(json.loads(GOODBYE), lines)

    def test_a_pair_in_other_places_by_config_file(self) -> None:
        folder = self.folder(
            {
                "etc/config.json": json.dumps(
                    {
                        "tcpServer": {
                            "secure": True,
                            "keyFile": "tls/server-key.pem",
                            "certFile": "tls/server-cert.pem",
                        }
                    }
                )
            }
        )
        key, cert = make_pair(folder / "etc" / "tls")
        files = {
            "etc/config.json": (folder / "etc/config.json").read_bytes(),
            "etc/tls/server-key.pem": key.read_bytes(),
            "etc/tls/server-cert.pem": cert.read_bytes(),
        }
        running = self.start("--config=etc/config.json", files=files)
        context = ssl.create_default_context(cafile=str(cert))
        stream = context.wrap_socket(connect(running), server_hostname="localhost")
        self.addCleanup(stream.close)
        self.assertEqual(Talker(stream).line(), WELCOME)
        running.wait_for_log("TLS")

    def test_a_plain_port_stays_plain(self) -> None:
        running = self.start()
        stream = connect(running)
        self.addCleanup(stream.close)
        with self.assertRaises((ssl.SSLError, socket.timeout)):
            ssl.create_default_context().wrap_socket(stream, server_hostname="localhost")

    def test_the_certificate_is_the_configured_one(self) -> None:
        running = self.start(pair="ec")
        stream = secure(running)
        self.addCleanup(stream.close)
        cert = crypto.load_certificate(
            crypto.FILETYPE_PEM, (running.folder / "certs" / "server-cert.pem").read_bytes()
        )
        self.assertEqual(
            stream.getpeercert(binary_form=True),
            crypto.dump_certificate(crypto.FILETYPE_ASN1, cert),
        )
