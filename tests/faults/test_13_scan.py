"""A scan of what the running server speaks of TLS."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from tests.faults.harness import FaultTestCase, reasons
from tests.support import PATIENCE
from tools import scanner

SCANS = (
    "sslv2",
    "sslv3",
    "tlsv1",
    "tlsv1_1",
    "tlsv1_2",
    "tlsv1_3",
    "compression",
    "early_data",
    "ems",
    "fallback",
    "heartbleed",
    "openssl_ccs",
    "reneg",
    "robot",
)

OLD = ("ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1")

SUITES_1_2 = ("AES_128_GCM_SHA256", "AES_256_GCM_SHA384", "CHACHA20_POLY1305_SHA256")
SUITES_1_3 = {f"TLS_{suite}" for suite in SUITES_1_2}

EXPECTED = {
    "tls_compression": {"supports_compression": False},
    "tls_1_3_early_data": {"supports_early_data": False},
    "tls_extended_master_secret": {"supports_ems_extension": True},
    "tls_fallback_scsv": {"supports_fallback_scsv": True},
    "heartbleed": {"is_vulnerable_to_heartbleed": False},
    "openssl_ccs_injection": {"is_vulnerable_to_ccs_injection": False},
    "robot": {"robot_result": "NOT_VULNERABLE_RSA_NOT_SUPPORTED"},
    "session_renegotiation": {
        "supports_secure_renegotiation": True,
        "is_vulnerable_to_client_renegotiation_dos": False,
        "client_renegotiations_success_count": 0,
    },
}
"""What each scan has to find; a renegotiation that is not allowed can be none that is insecure."""


class ScanTests(FaultTestCase):
    """sslyze has nothing to say against it, with an EC key."""

    number = 13
    pair = "ec"
    signature = "ECDSA"

    def scan(self) -> dict[str, Any]:
        """What sslyze finds, by the names of its scans."""
        program = scanner.need()
        found = self.folder() / "found.json"
        command = [str(program), *(f"--{scan}" for scan in SCANS), "--mozilla_config=disable"]
        done = subprocess.run(
            [*command, f"--json_out={found}", f"127.0.0.1:{self.running.port}"],
            capture_output=True,
            text=True,
            timeout=4 * PATIENCE,
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        (server,) = json.loads(found.read_text())["server_scan_results"]
        results = server["scan_result"]
        wanted = {*EXPECTED, *(f"{each}_cipher_suites" for each in (*OLD, "tls_1_2", "tls_1_3"))}
        for name in wanted:
            self.assertEqual(results[name]["status"], "COMPLETED", results[name])
        return {name: results[name]["result"] for name in wanted}

    def test_scan(self) -> None:
        self.begin("--no-log-requests")
        idle = self.state()
        found = self.scan()
        tried = 0
        for version in (*OLD, "tls_1_2", "tls_1_3"):
            suites = found[f"{version}_cipher_suites"]
            tried += len(suites["accepted_cipher_suites"]) + len(suites["rejected_cipher_suites"])
            self.assertEqual(suites["is_tls_version_supported"], version not in OLD)
            accepted = {each["cipher_suite"]["name"] for each in suites["accepted_cipher_suites"]}
            expected: set[str] = set()
            if version == "tls_1_2":
                expected = {f"TLS_ECDHE_{self.signature}_WITH_{suite}" for suite in SUITES_1_2}
            elif version == "tls_1_3":
                expected = SUITES_1_3
            self.assertEqual(accepted, expected)
            keys = {each["ephemeral_key"]["type_name"] for each in suites["accepted_cipher_suites"]}
            self.assertLessEqual(keys, {"ECDH"})
        self.assertEqual({name: found[name] for name in EXPECTED}, EXPECTED)
        self.assert_back(idle)
        self.note(
            f"sslyze scans the running server, with an {self.signature.removesuffix('DSA')} key: "
            f"{tried} offers of a cipher suite, from SSL 2 to TLS 1.3, and its other scans",
            f"only TLS 1.2 and 1.3 are spoken, only with ECDHE and AES-GCM or ChaCha20 "
            f"({len(SUITES_1_2)} suites each); no renegotiation, no compression, no early data; "
            f"nothing found of Heartbleed, CCS injection, ROBOT; {reasons(self.closed())}",
        )
        self.finish()


class RSAScanTests(ScanTests):
    """The same with an RSA key."""

    pair = "rsa"
    signature = "RSA"
