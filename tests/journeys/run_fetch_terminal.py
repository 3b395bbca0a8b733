"""add-fetch and fetch as somebody sees them who sits before a terminal: what is asked, the
fingerprint that is to be trusted, and the progress of a run.
"""

import os
import pathlib
import re
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from pop3d import Pop3d  # noqa: E402
from terminal import BINARY, Terminal  # noqa: E402

PROGRESS = re.compile(r"\[[#.]{20}\] (\d+) of (\d+) messages, ([\d.]+ \w+) of ([\d.]+ \w+)"
                      r"(?:, ([\d.]+ \w+)/s, (\d+) s left)?")


def message(number, octets=0):
    return (f"{number}", b"X-Rcpt-To: anne@example.com\r\nReceived: by h; x\r\n\r\n" + b"x" * 70 * (octets // 70))


class Office(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory(prefix="fetch.")
        self.addCleanup(place.cleanup)
        self.root = pathlib.Path(place.name, "root")
        self.run_it("init", "--hostname", "localhost")
        file = self.root / "domains/example.com.toml"
        file.write_text("[mailbox.anne]\n")
        file.chmod(0o640)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.root / "tls/cert.pem", self.root / "tls/key.pem")

    def run_it(self, *words, **more):
        return subprocess.run([BINARY, "--root", str(self.root), *words], capture_output=True, text=True,
                              timeout=60, stdin=subprocess.DEVNULL, **more)

    def typed(self, *conversation, words=("add-fetch",)):
        """The program's status after each question was answered."""
        terminal = Terminal(self.root, *words)
        for question, answer in conversation:
            terminal.expect(question)
            terminal.type(answer + "\n")
        status = terminal.status()
        self.seen = terminal.seen
        return status

    def questions(self, server, password="secret"):
        return [("A name for this account: ", "office"), ("The server", f"pop3://localhost:{server.port}"),
                ("The login: ", "example.com"), ("How often", "5m"),
                ("password of example.com: ", password), ("again: ", password)]

    def written(self):
        return sorted(path.name for path in (self.root / "fetch").glob("*"))


class Adding(Office):
    def test_everything_is_asked_and_a_fingerprint_is_trusted(self):
        with Pop3d([message(1)], context=self.context) as server:
            status = self.typed(*self.questions(server), ("Trust it from now on? (yes/no) ", "yes"))
            self.assertEqual(status, 0, self.seen)
            text = (self.root / "fetch/office.toml").read_text()
            for line in ('login = "example.com"', 'every = "5m"', 'domain = "example.com"',
                         'ca_file = "fetch/office.pem"', 'password_file = "fetch/office.password"'):
                self.assertIn(line, text)
            self.assertIn("1 messages wait there", self.seen)
            self.assertNotIn("secret", self.seen)
            self.assertEqual((self.root / "fetch/office.password").read_text(), "secret\n")
            shown = re.search(r"fingerprint  (\S+)", self.seen)[1]
            named = subprocess.run(["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in",
                                    self.root / "tls/cert.pem"], capture_output=True, text=True).stdout
            self.assertIn(shown.upper(), named.upper())
            self.assertEqual(self.run_it("fetch").returncode, 0)
            self.assertEqual(server.messages, [])

    def test_a_fingerprint_that_is_not_trusted_changes_nothing(self):
        for answer in ("no", "y", ""):
            with self.subTest(answer), Pop3d([message(1)], context=self.context) as server:
                seen = []
                server.hooks["PASS"] = server.hooks["AUTH"] = lambda session, line: seen.append(line)
                status = self.typed(*self.questions(server), ("Trust it from now on? (yes/no) ", answer))
                self.assertEqual(status, 78, self.seen)
                self.assertEqual(self.written(), [])
                self.assertEqual(seen, [])

    def test_a_wrong_password_behind_a_trusted_fingerprint_changes_nothing(self):
        with Pop3d([message(1)], context=self.context) as server:
            status = self.typed(*self.questions(server, "wrong"), ("Trust it from now on? (yes/no) ", "yes"))
            self.assertEqual(status, 78, self.seen)
            self.assertEqual(self.written(), [])

    def test_what_is_known_is_not_asked(self):
        with Pop3d([message(1)]) as server:
            words = ("add-fetch", "office", f"pop3://localhost:{server.port}", "example.com", "--tls", "none")
            self.assertEqual(self.typed(("password of example.com: ", "secret"), ("again: ", "secret"),
                                        words=words), 0, self.seen)
            self.assertNotIn("How often", self.seen)

    def test_an_empty_answer_and_an_interrupt_change_nothing(self):
        self.assertEqual(self.typed(("A name for this account: ", "")), 1)
        self.assertEqual(self.typed(("A name for this account: ", "office"), ("The server", "")), 1)
        terminal = Terminal(self.root, "add-fetch", "office")
        terminal.expect("The server")
        terminal.type("\x03")
        self.assertNotEqual(terminal.status(), 0)
        self.assertEqual(self.written(), [])

    def test_without_a_terminal_nothing_is_asked(self):
        done = self.run_it("add-fetch")
        self.assertEqual(done.returncode, 2)
        self.assertEqual(self.written(), [])


class Progress(Office):
    def collect(self, server, words=("fetch",)):
        file = self.root / "fetch/office.toml"
        file.write_text(f'server = "pop3://127.0.0.1:{server.port}"\nlogin = "example.com"\n'
                        'password_file = "fetch/secret"\ntls = "none"\ndomain = "example.com"\n')
        (self.root / "fetch/secret").write_text("secret\n")
        for path in (file, self.root / "fetch/secret"):
            path.chmod(0o600)
        server.hooks["RETR"] = lambda *_: time.sleep(0.03)
        return Terminal(self.root, *words)

    def setUp(self):
        super().setUp()
        (self.root / "fetch").mkdir(exist_ok=True)
        self.mail = [message(number, 20_000) for number in range(60)]

    def test_messages_octets_rate_and_the_time_left_are_drawn_and_then_wiped_out(self):
        with Pop3d(self.mail) as server:
            terminal = self.collect(server)
            self.assertEqual(terminal.status(), 0, terminal.seen)
        drawn = PROGRESS.findall(terminal.seen)
        self.assertGreater(len(drawn), 3, terminal.seen)
        counts = [int(line[0]) for line in drawn]
        self.assertEqual(counts, sorted(counts))
        self.assertEqual({line[1] for line in drawn}, {"60"})
        self.assertEqual({line[3] for line in drawn}, {"1.1 MiB"})
        rated = [line for line in drawn if line[4]]
        self.assertGreater(len(rated), 2)
        self.assertLessEqual({line[5] for line in rated}, {str(seconds) for seconds in range(9)})
        self.assertGreaterEqual(int(rated[0][5]), int(rated[-1][5]))
        last = terminal.seen.rindex("\r\x1b[K")
        self.assertNotIn("[#", terminal.seen[last:])
        self.assertIn("office: 60 messages", terminal.seen[last:])

    def test_elsewhere_nothing_is_drawn(self):
        with Pop3d(self.mail) as server:
            terminal = self.collect(server, ("fetch", "--dry-run"))
            self.assertEqual(terminal.status(), 0, terminal.seen)
            self.assertFalse(PROGRESS.search(terminal.seen))
            server.hooks["RETR"] = lambda *_: time.sleep(0.03)
            done = self.run_it("fetch", env={**os.environ, "TERM": "xterm"})
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertNotIn("\x1b", done.stdout)


if __name__ == "__main__":
    unittest.main()
