"""add-fetch, and fetch over TLS: who is trusted, who is not, and what never leaves in clear."""

import os
import pathlib
import re
import ssl
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from imapd import Imapd  # noqa: E402
from pop3d import Pop3d  # noqa: E402

BINARY = os.environ.get("MAILHANDLER", str(HERE.parents[1] / "build" / "mailhandler"))
MESSAGES = [("1", b"X-Rcpt-To: anne@example.com\r\nReceived: by h; x\r\n\r\nhello\r\n")]


class Secure(unittest.TestCase):
    def setUp(self):
        self.place = tempfile.TemporaryDirectory(prefix="fetch.")
        self.addCleanup(self.place.cleanup)
        self.root = pathlib.Path(self.place.name, "root")
        self.run_it("init", "--hostname", "localhost")
        (self.root / "domains/example.com.toml").write_text("[mailbox.anne]\n")
        (self.root / "domains/example.com.toml").chmod(0o640)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.root / "tls/cert.pem", self.root / "tls/key.pem")

    def run_it(self, *arguments, password=None):
        done = subprocess.run([BINARY, "--root", str(self.root), *arguments], text=True, timeout=60,
                              capture_output=True, input=password)
        self.talk = done.stderr
        self.out = done.stdout
        return done.returncode

    def add(self, server, *arguments, name="office", password="secret\n", scheme="pop3"):
        return self.run_it("add-fetch", name, f"{scheme}://localhost:{server.port}", "example.com",
                           "--password-stdin", *arguments, password=password)

    def test_a_certificate_is_trusted_by_its_fingerprint_and_only_then(self):
        with Pop3d(MESSAGES, context=self.context) as server:
            self.assertEqual(self.add(server), 78)
            fingerprint = re.search(r"fingerprint  (\S+)", self.talk)[1]
            self.assertEqual(self.add(server, "--trust-certificate", "AB:CD"), 78)
            self.assertFalse((self.root / "fetch/office.toml").exists())
            self.assertEqual(self.add(server, "--trust-certificate", fingerprint), 0, self.talk)
            self.assertEqual(oct((self.root / "fetch/office.toml").stat().st_mode & 0o777), "0o640")
            self.assertEqual(oct((self.root / "fetch/office.password").stat().st_mode & 0o777), "0o600")
            self.assertNotIn("secret", (self.root / "fetch/office.toml").read_text())
            self.assertEqual(self.run_it("fetch"), 0, self.talk)
            self.assertEqual(len(list((self.root / "mail/example.com/anne/new").iterdir())), 1)
            self.assertEqual(server.messages, [])

    def test_a_server_nobody_knows_is_told_no_password(self):
        with Pop3d(MESSAGES, context=self.context) as server:
            self.assertEqual(self.add(server, "--no-login"), 0, self.talk)
            seen = []
            server.hooks["PASS"] = lambda session, line: seen.append(line)
            self.assertEqual(self.run_it("fetch"), 78)
            self.assertIn("certificate", self.talk)
            self.assertEqual(seen, [])

    def test_octets_in_clear_behind_the_answer_to_stls_end_the_run(self):
        with Pop3d(MESSAGES, context=self.context) as server:
            server.behind_stls = b"+OK forged\r\n"
            self.add(server, "--no-login", "--ca-file", str(self.root / "tls/cert.pem"))
            self.assertEqual(self.run_it("fetch"), 75, self.talk)
            self.assertEqual(len(server.messages), 1)

    def test_without_tls_there_is_no_login(self):
        with Pop3d(MESSAGES) as server:
            self.add(server, "--no-login")
            self.assertEqual(self.run_it("fetch"), 78)
            self.assertIn("STLS", self.talk)

    def test_adding_checks_the_password_and_twice_is_once(self):
        with Pop3d(MESSAGES) as server:
            self.assertEqual(self.add(server, "--tls", "none", password="wrong\n"), 78)
            self.assertFalse((self.root / "fetch/office.toml").exists())
            self.assertEqual(self.add(server, "--tls", "none", "--dry-run"), 0)
            self.assertIn('+server = "pop3://localhost', self.out)
            self.assertFalse((self.root / "fetch/office.toml").exists())
            self.assertEqual(self.add(server, "--tls", "none", "--keep", "7d"), 0, self.talk)
            text = (self.root / "fetch/office.toml").read_text()
            self.assertIn('domain = "example.com"', text)
            (self.root / "fetch/office.toml").write_text(text + "# mine\n")
            again = ["add-fetch", "office", f"pop3://localhost:{server.port}", "example.com"]
            self.assertEqual(self.run_it(*again), 0, self.talk)
            self.assertEqual(self.out, "")
            self.assertEqual(self.run_it(*again, "--every", "5m"), 0, self.talk)
            self.assertIn('+every = "5m"', self.out)
            self.assertIn("# mine", (self.root / "fetch/office.toml").read_text())

    def test_check_tries_the_accounts(self):
        with Pop3d(MESSAGES, password="right") as server:
            self.add(server, "--tls", "none", "--no-login", password="right\n")
            self.assertEqual(self.run_it("check", "--remote"), 0, self.talk)
            self.assertIn("1 messages wait", self.talk)
            server.password = "changed"
            self.assertEqual(self.run_it("check", "--remote"), 78)
        self.assertEqual(self.run_it("check", "--remote"), 75)

    def test_the_same_by_imap(self):
        with Imapd([(5, MESSAGES[0][1])], context=self.context) as server:
            self.assertEqual(self.add(server, "--no-login", scheme="imap"), 0, self.talk)
            self.assertEqual(self.run_it("fetch"), 78)
            self.assertIn("certificate", self.talk)
            self.assertFalse([c for c in server.commands if c.startswith("AUTHENTICATE")])
            (self.root / "fetch/office.toml").unlink()
            self.assertEqual(self.add(server, scheme="imap"), 78)
            fingerprint = re.search(r"fingerprint  (\S+)", self.talk)[1]
            self.assertEqual(self.add(server, "--trust-certificate", fingerprint, scheme="imap"), 0, self.talk)
            server.behind_starttls = b"* OK forged\r\n"
            self.assertEqual(self.run_it("fetch"), 75, self.talk)
            self.assertEqual(len(server.messages), 1)
            server.behind_starttls = b""
            self.assertEqual(self.run_it("check", "--remote"), 0, self.talk)
            self.assertIn("1 messages wait", self.talk)
            self.assertEqual(self.run_it("fetch"), 0, self.talk)
            self.assertEqual(server.messages, [])
            server.context = None
            self.assertEqual(self.run_it("fetch"), 78)
            self.assertIn("STARTTLS", self.talk)


if __name__ == "__main__":
    unittest.main()
