"""A real daemon and its signals: reloads, and stops that are cut short."""

from __future__ import annotations

import datetime
import json
import os
import signal
import socket
import ssl
import subprocess
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support import PATIENCE, TWISTD, Daemon, wait_for
from tests.support.integration import (
    GOODBYE,
    WELCOME,
    OwnDaemonTestCase,
    Talker,
    make_pair,
    request,
)

SLOW = """
import threading
from actionhero_tcp import action

@action(blocking=True)
def stuck(api, connection):
    threading.Event().wait()
"""

WHO = """
from actionhero_tcp import action

@action
def who(api, connection):
    return dict(connection.attributes)
"""

RELOADED = "reloaded the certificates"


class ReloadTests(OwnDaemonTestCase):
    """SIGHUP."""

    def reload(self, running: Daemon, expected: str = RELOADED) -> None:
        """Has the daemon reload, and waits until it has said so."""
        before = running.log.count(expected)
        running.process.send_signal(signal.SIGHUP)
        wait_for(lambda: running.log.count(expected) > before, expected)

    def serial_number(self, running: Daemon) -> int:
        """The serial number of the certificate that a new client is shown."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with running.connect() as stream, context.wrap_socket(stream) as secure:
            shown = secure.getpeercert(binary_form=True)
        assert shown is not None
        return x509.load_der_x509_certificate(shown).serial_number

    def test_new_connections_get_the_new_certificate_and_old_ones_stay(self) -> None:
        running = self.start(pair="ec")
        context = ssl.create_default_context(cafile=str(running.folder / "certs/server-cert.pem"))
        client = Talker(context.wrap_socket(running.connect(), server_hostname="localhost"))
        self.assertEqual(client.line(), WELCOME)
        client.ask("roomChange alone")
        first = self.serial_number(running)
        make_pair(running.folder / "new")
        for name in ("server-key.pem", "server-cert.pem"):
            os.replace(running.folder / "new" / name, running.folder / "certs" / name)
        self.reload(running)
        self.assertNotEqual(first, self.serial_number(running))
        self.assertEqual("OK", client.ask("detailsView")["status"])
        client.close()
        self.stop(running)

    def test_a_bad_certificate_changes_nothing_and_says_so(self) -> None:
        running = self.start(pair="ec")
        first = self.serial_number(running)
        (running.folder / "certs/server-cert.pem").write_text("no certificate")
        self.reload(running, "the reload has changed nothing")
        running.wait_for_log("server-cert.pem: this is no certificate in PEM format")
        self.assertEqual(first, self.serial_number(running))
        self.stop(running)

    def test_the_parts_of_the_config_file_that_can_change(self) -> None:
        folder = self.folder({"config.json": '{"limits": {"maxRoomNameLength": 10}}'})
        running = self.start(f"--config={folder}/config.json", "--max-params=2")
        client = self.join(running)
        self.assertEqual("OK", client.ask("roomChange abcdefgh")["status"])
        text = '{"limits": {"maxRoomNameLength": 4, "maxParams": 9}, "tcpServer": {"port": 6000}}'
        (folder / "config.json").write_text(text)
        self.reload(running)
        self.assertIn("at most 4 characters", client.ask("roomChange abcde")["error"])
        running.wait_for_log("changed: limits.maxRoomNameLength")
        # The command line wins over the file, as at the start.
        self.assertNotIn("limits.maxParams", running.log)
        self.assertNotIn("need a restart", running.log)
        (folder / "config.json").write_text('{"limits": {"maxRoomNameLength": "x"}}')
        self.reload(running, "the reload has changed nothing")
        running.wait_for_log("limits.maxRoomNameLength must be a whole number")
        self.assertIn("at most 4 characters", client.ask("roomChange abcde")["error"])
        self.stop(running)

    def test_a_hundred_under_load_lose_no_connection_and_no_answer(self) -> None:
        running = self.start(pair="ec")
        context = ssl.create_default_context(cafile=str(running.folder / "certs/server-cert.pem"))
        clients = []
        for _ in range(5):
            stream = context.wrap_socket(running.connect(), server_hostname="localhost")
            self.addCleanup(stream.close)
            clients.append(Talker(stream))
        for client in clients:
            self.assertEqual(client.line(), WELCOME)
            client.send(b"roomChange alone\n")
        answers = 0
        for number in range(100):
            running.process.send_signal(signal.SIGHUP)
            for client in clients:
                client.send(b"randomNumber\n" * 20)
            if number % 10 == 0:
                self.serial_number(running)
        for client in clients:
            while answers < 2001:
                message = client.message()
                if message["context"] == "response":
                    answers += 1
                    self.assertEqual(answers, message["messageCount"])
            answers = 0
        self.assertEqual("OK", clients[0].ask("detailsView")["status"])
        for client in clients:
            client.close()
        self.stop(running)


class StopTests(OwnDaemonTestCase):
    """More than one SIGTERM."""

    def busy(self, *options: str) -> tuple[Daemon, Talker]:
        """A daemon, and a client whose action runs for a minute."""
        running = self.start("--drain-timeout=60", "--action-timeout=100", *options)
        client = self.join(running)
        client.send(request("sleepTest", sleepDuration=60_000).encode() + b"\n")
        client.send(b"detailsView\n")
        self.assertEqual(2, client.message()["messageCount"])
        return running, client

    def test_a_second_one_cuts_short(self) -> None:
        running, client = self.busy()
        running.process.send_signal(signal.SIGTERM)
        self.assertEqual(GOODBYE, client.line())
        running.wait_for_log("is stopping")
        # Not so soon after the first that it is taken for the same.
        self.assertRaises(subprocess.TimeoutExpired, running.process.wait, 0.5)
        running.process.send_signal(signal.SIGTERM)
        self.assertEqual(-signal.SIGTERM, running.process.wait(PATIENCE))
        self.assertIn("is told to stop again", running.log)
        self.assertNotIn("Traceback", running.log)

    def test_thirty_two_at_once_are_one(self) -> None:
        running = self.start()
        client = self.join(running)
        client.send(request("sleepTest", sleepDuration=1000).encode() + b"\n")
        client.send(b"detailsView\n")
        self.assertEqual(2, client.message()["messageCount"])
        for _ in range(32):
            running.process.send_signal(signal.SIGTERM)
        self.assertEqual(GOODBYE, client.line())
        self.assertEqual(1, client.message()["messageCount"])
        self.assertEqual([], client.rest_messages())
        client.close()
        self.assert_ended_well(running)
        self.assertNotIn("told to stop again", running.log)

    def test_a_blocking_action_that_never_returns_does_not_keep_the_process(self) -> None:
        running = self.start(
            "--drain-timeout=0.2", "--close-timeout=0.5", files={"actions/slow.py": SLOW}
        )
        client = self.join(running)
        client.send(b"stuck\ndetailsView\n")
        self.assertEqual(2, client.message()["messageCount"])
        running.process.send_signal(signal.SIGTERM)
        self.assertEqual(-signal.SIGTERM, running.process.wait(PATIENCE))
        self.assertIn("1 blocking actions still run", running.log)


class ClientCertificateTests(OwnDaemonTestCase):
    """`tcpServer.caFile`."""

    def authority(self) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        """An authority that signs the certificates of clients."""
        key = ec.generate_private_key(ec.SECP256R1())
        return key, self.sign("ca", key, key, "ca", authority=True)

    def sign(
        self,
        name: str,
        key: ec.EllipticCurvePrivateKey,
        signer: ec.EllipticCurvePrivateKey,
        issuer: str,
        authority: bool = False,
    ) -> x509.Certificate:
        """A certificate."""
        now = datetime.datetime.now(datetime.UTC)
        subject, issued_by = (
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in (name, issuer)
        )
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issued_by)
            .public_key(key.public_key())
            .serial_number(255)
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .sign(signer, hashes.SHA256())
        )

    def write(self, path: Path, certificate: x509.Certificate, key: object = None) -> Path:
        """Writes a certificate, and its key before it."""
        pem = b""
        if isinstance(key, ec.EllipticCurvePrivateKey):
            pem = key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        path.write_bytes(pem + certificate.public_bytes(serialization.Encoding.PEM))
        return path

    def setUp(self) -> None:
        folder = self.folder()
        key, authority = self.authority()
        self.ca_file = self.write(folder / "ca.pem", authority)
        ada = ec.generate_private_key(ec.SECP256R1())
        self.ada = self.write(folder / "ada.pem", self.sign("ada", ada, key, "ca"), ada)
        self.stranger = self.write(folder / "eve.pem", self.sign("eve", ada, ada, "eve"), ada)
        self.running = self.start(
            f"--ca-file={self.ca_file}", pair="ec", files={"actions/who.py": WHO}
        )

    def knock(self, certificate: Path | None) -> Talker:
        """A client that shows a certificate, or none."""
        trusted = str(self.running.folder / "certs/server-cert.pem")
        context = ssl.create_default_context(cafile=trusted)
        if certificate is not None:
            context.load_cert_chain(certificate)
        stream = context.wrap_socket(self.running.connect(), server_hostname="localhost")
        self.addCleanup(stream.close)
        return Talker(stream)

    def test_who_shows_one_is_known_to_actions(self) -> None:
        client = self.knock(self.ada)
        self.assertEqual(WELCOME, client.line())
        known = client.ask("who")["certificate"]
        self.assertEqual(
            {"commonName": "ada", "subject": "CN=ada", "names": ["ada"], "serialNumber": "ff"},
            {key: known[key] for key in ("commonName", "subject", "names", "serialNumber")},
        )
        self.assertRegex(known["fingerprint"], r"\A[0-9a-f]{64}\Z")
        client.close()
        self.stop(self.running)

    def test_who_shows_none_or_one_of_a_stranger_does_not_come_in(self) -> None:
        for certificate in (None, self.stranger):
            # Under TLS 1.3 the client's handshake is done before the server has looked.
            with self.assertRaises((ssl.SSLError, ConnectionError, AssertionError)):
                client = self.knock(certificate)
                self.assertNotEqual(WELCOME, client.line())
        for reason in ("no client certificate", "unknown client certificate"):
            self.running.wait_for_log(f'reason="{reason}"')
        self.stop(self.running)
        self.assertNotIn(" connect client=", self.running.log)


class CheckTests(OwnDaemonTestCase):
    """`--check-config`."""

    def check(self, *options: str) -> subprocess.CompletedProcess[str]:
        """What it says."""
        return subprocess.run(
            [str(TWISTD), "--pidfile=", "actionhero", "--check-config", *options],
            cwd=self.folder(),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    def test_the_configuration_in_force_is_printed(self) -> None:
        folder = self.folder({"config.json": '{"limits": {"maxParams": 3}}'})
        with socket.create_server(("127.0.0.1", 0)) as busy:
            port = busy.getsockname()[1]
            checked = self.check(f"--config={folder}/config.json", f"--port={port}")
        self.assertEqual((0, ""), (checked.returncode, checked.stderr))
        shown = json.loads(checked.stdout)
        self.assertEqual(3, shown["limits"]["maxParams"])
        self.assertEqual(port, shown["tcpServer"]["port"])
        self.assertEqual(100, shown["general"]["defaultLimit"])

    def test_what_it_prints_is_a_config_file(self) -> None:
        first = self.check("--max-params=3", "--listen=unix:/run/a.sock")
        folder = self.folder(
            {"config.json": first.stdout, "public/index.html": "", "actions/a.py": ""}
        )
        second = self.check(f"--config={folder}/config.json")
        self.assertEqual("", second.stderr)
        self.assertEqual(3, json.loads(second.stdout)["limits"]["maxParams"])

    def test_what_is_wrong_is_said_as_at_a_start(self) -> None:
        folder = self.folder({"config.json": '{"limits": {"maxParam": 3}}'})
        for options, error in (
            ((f"--config={folder}/config.json",), "did you mean maxParams?"),
            (("--secure",), "server-key.pem"),
            (("--actions=nowhere",), "nowhere: there is no such folder"),
            (("--max-connections=2000000000",), "limits.maxConnections is 2000000000"),
        ):
            checked = self.check(*options)
            self.assertEqual((1, ""), (checked.returncode, checked.stdout))
            self.assertIn(error, checked.stderr)
            self.assertEqual(1, len(checked.stderr.splitlines()))

    def test_it_may_be_asked_for_beside_a_server_that_runs(self) -> None:
        folder = self.folder({"twistd.pid": str(os.getpid())})
        command = [str(TWISTD), "actionhero", "--check-config"]
        checked = subprocess.run(command, cwd=folder, capture_output=True, timeout=PATIENCE)
        self.assertEqual((0, b""), (checked.returncode, checked.stderr))
        self.assertEqual(str(os.getpid()), (folder / "twistd.pid").read_text())

    def test_it_leaves_nothing_behind(self) -> None:
        folder = self.folder()
        checked = self.check(f"--request-log={folder}/requests.log")
        self.assertEqual(0, checked.returncode, checked.stderr)
        self.assertEqual([], list(folder.iterdir()))
