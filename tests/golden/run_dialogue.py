"""What is asked on a terminal: set-default's dialogue, and passwords without an echo."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from terminal import BINARY, Terminal  # noqa: E402


class Dialogue(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory(prefix="dialogue.")
        self.addCleanup(place.cleanup)
        self.root = pathlib.Path(place.name) / "root"
        self.run_it("init", "--hostname", "mail.example.com")
        self.run_it("add-domain", "example.com")
        self.run_it("add-domain", "example.org")

    def run_it(self, *words, **more):
        return subprocess.run([BINARY, "--root", str(self.root), *words], capture_output=True, text=True,
                              check=True, stdin=subprocess.DEVNULL, **more).stdout

    def file(self, domain="example.com"):
        return (self.root / "domains" / f"{domain}.toml").read_text()

    def test_forward_by_picking(self):
        terminal = Terminal(self.root, "set-default")
        terminal.expect("Which one")
        terminal.type("7\n")
        terminal.expect("Which one")
        terminal.type("2\n")
        terminal.expect("What shall it be? ")
        terminal.type("bounce\n")
        terminal.expect("What shall it be? ")
        terminal.type("3\n")
        terminal.expect("which address? ")
        terminal.type("nonsense\n")
        terminal.expect("which address? ")
        terminal.type("office@elsewhere.example\n")
        terminal.expect("forward")
        self.assertEqual(terminal.status(), 0)
        self.assertIn('forward = ["office@elsewhere.example"]', self.file("example.org"))
        self.assertIn('action = "forward"', self.file("example.org"))

    def test_deliver_asks_for_the_password_without_echo(self):
        terminal = Terminal(self.root, "set-default", "example.com")
        terminal.expect("What shall it be? ")
        terminal.type("2\n")
        terminal.expect("password of example.com: ")
        terminal.type("a secret\n")
        terminal.expect("again: ")
        terminal.type("a secret\n")
        self.assertEqual(terminal.status(), 0)
        self.assertNotIn("a secret", terminal.seen)
        self.assertIn('password = "$y$', self.file())
        # The same once more changes nothing: it is the password.
        before = self.file()
        secret = self.root / "secret"
        secret.write_text("a secret\n")
        self.run_it("set-default", "example.com", "deliver", "--password-file", str(secret))
        self.assertEqual(self.file(), before)

    def test_an_empty_line_changes_nothing(self):
        before = self.file()
        terminal = Terminal(self.root, "set-default", "example.com")
        terminal.expect("What shall it be? ")
        terminal.type("\n")
        self.assertEqual(terminal.status(), 1)
        self.assertEqual(self.file(), before)

    def test_passwords_that_differ_and_an_interrupt_change_nothing(self):
        self.run_it("add-mailbox", "anne@example.com")
        before = self.file()
        terminal = Terminal(self.root, "passwd", "anne@example.com")
        terminal.expect("password of anne@example.com: ")
        terminal.type("one\n")
        terminal.expect("again: ")
        terminal.type("two\n")
        self.assertEqual(terminal.status(), 1)
        terminal = Terminal(self.root, "passwd", "anne@example.com")
        terminal.expect("password of anne@example.com: ")
        terminal.type("on\x03")
        self.assertEqual(terminal.status(), 1)
        self.assertEqual(self.file(), before)

    def test_passwd_changes_one_line(self):
        self.run_it("add-mailbox", "anne@example.com")
        before = self.file()
        terminal = Terminal(self.root, "passwd", "anne@example.com")
        for question in ("password of anne@example.com: ", "again: "):
            terminal.expect(question)
            terminal.type("secret\n")
        self.assertEqual(terminal.status(), 0)
        after = self.file()
        self.assertEqual([line for line in after.splitlines() if "password = \"$y$" not in line],
                         before.splitlines())

    def test_statistics_are_a_picture_on_a_terminal(self):
        journal = self.root / "journal" / "mx1"
        journal.mkdir(parents=True)
        (journal / "2026-11-23.jsonl").write_text(
            '{"time":"2026-11-23T05:20:14.123Z","what":"accepted","peer":"192.0.2.1",'
            '"recipient":"anne@example.com","rule":"mailbox","domain":"example.com","size":2048}\n')
        terminal = Terminal(self.root, "stats")
        self.assertEqual(terminal.status(), 0)
        self.assertIn("█", terminal.seen)
        self.assertNotIn("█", self.run_it("stats"))


if __name__ == "__main__":
    unittest.main()
