"""What Tab offers, in each shell that is installed: the scripts in completions/ ask the program."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

TREE = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("MAILHANDLER", TREE / "build" / "mailhandler")).resolve()


class Completion(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory(prefix="completion.")
        self.addCleanup(place.cleanup)
        self.root = pathlib.Path(place.name)
        self.environment = {**os.environ, "MAILHANDLER_ROOT": str(self.root), "HOME": str(self.root),
                            "PATH": f"{BINARY.parent}:{os.environ['PATH']}"}

    def run_in(self, *command):
        done = subprocess.run(command, capture_output=True, text=True, env=self.environment, timeout=30)
        self.assertEqual(done.stderr, "")
        return done.stdout

    def asked(self, *words):
        """The program's own answer: candidates without their explanations."""
        return [line.split("\t")[0] for line in self.run_in(str(BINARY), "__complete", *words).splitlines()]

    def in_bash(self, line):
        """What bash would put on the line, the word split as readline splits it."""
        word = line.split(" ")[-1]
        for at, c in enumerate(word):
            if c in "=:@":
                word_cut = word[at:] if c == "@" else word[at + 1:]
        cut = word_cut if any(c in "=:@" for c in word) else word
        script = f"""
            source {TREE}/completions/mailhandler.bash
            COMP_LINE=$1 COMP_POINT=${{#1}} COMP_WORDS=(x "$2") COMP_CWORD=1
            _mailhandler
            printf '%s\\n' "${{COMPREPLY[@]}}"
        """
        pieces = [piece for piece in self.run_in("bash", "-c", script, "bash", line, cut).split("\n") if piece]
        before = word[:len(word) - len(cut)]
        return [before + piece for piece in pieces]

    def in_fish(self, line):
        script = f"source {TREE}/completions/mailhandler.fish; complete -C '{line}'"
        return [offer.split("\t")[0] for offer in self.run_in("fish", "-c", script).splitlines()]

    def test_commands(self):
        names = self.run_in(str(BINARY), "help", "--list").split()
        self.assertGreater(len(names), 1)
        self.assertEqual(self.asked(""), names)
        self.assertEqual(self.asked("help"), ["help"])
        self.assertEqual(self.asked("--json", "help"), ["help"])
        self.assertEqual(self.asked("--root", "/r", "help"), ["help"])
        self.assertEqual(self.asked("no-such-command", "help"), [])

    def test_options_and_arguments_of_every_command(self):
        for name in self.run_in(str(BINARY), "help", "--list").split():
            offered = self.asked(name, "--")
            text = self.run_in(str(BINARY), "help", name)
            self.assertIn("--json", offered)
            for option in offered:
                self.assertIn(option, text)
            self.assertNotIn("--json", self.asked(name, "--json", "--"))

    def test_values_of_the_root(self):
        self.run_in("cp", "-r", f"{TREE}/tests/golden/roots/example/.", str(self.root))
        self.assertEqual(self.asked("set-default", "example.c"), ["example.com"])
        self.assertEqual(self.asked("set-default", "example.com", ""), ["reject", "deliver", "forward"])
        self.assertEqual(self.asked("remove-alias", ""), ["info@example.com", "sales@example.com"])
        self.assertEqual(self.asked("remove-bouncer", "j"), ["john@example.com"])
        self.assertEqual(self.asked("remove-mailbox", "anne@example.c"), ["anne@example.com"])
        self.assertEqual(self.asked("remove-mailbox", "anne@example.com", "--then", "b"), ["bouncer"])
        self.assertEqual(self.asked("remove-mailbox", "x", "--then", "alias:ad"), ["alias:admin@example.com"])
        self.assertEqual(self.asked("add-mailbox", "new@example.o"), ["new@example.org"])
        self.assertEqual(self.asked("add-mailbox", "--password-file", ""), [":files"])
        self.assertEqual(self.in_bash("mailhandler remove-mailbox anne@example.c"), ["anne@example.com"])
        self.assertEqual(self.in_bash("mailhandler remove-mailbox x --then alias:adm"), ["alias:admin@example.com"])
        (self.root / "domains" / "example.com.toml").write_text("broken")
        self.assertEqual(self.asked("explain", "anne"), ["anne@example.org"])

    def test_what_is_held(self):
        self.run_in("cp", "-r", f"{TREE}/tests/golden/roots/office/.", str(self.root))
        self.assertEqual(self.asked("held", "re"), ["release", "remove"])
        self.assertEqual(self.asked("held", "show", "1795411214"), ["1795411214.M1P1Q1.office"])
        self.assertEqual(len(self.asked("held", "release", "1795411214.M1P1Q1.office", "")), 4)

    def test_files_are_left_to_the_shell(self):
        self.assertEqual(self.asked("--root", ""), [":directories"])

    def test_bash(self):
        self.assertEqual(self.in_bash("mailhandler help"), ["help"])
        self.assertEqual(self.in_bash("mailhandler help ver"), ["version"])
        self.assertEqual(self.in_bash("mailhandler help --li"), ["--list"])

    @unittest.skipUnless(shutil.which("fish"), "fish is not installed")
    def test_fish(self):
        self.assertEqual(self.in_fish("mailhandler help"), ["help"])
        self.assertEqual(self.in_fish("mailhandler help ver"), ["version"])

    @unittest.skipUnless(shutil.which("zsh"), "zsh is not installed")
    def test_zsh_reads_its_script(self):
        self.run_in("zsh", "-n", str(TREE / "completions" / "_mailhandler"))


if __name__ == "__main__":
    unittest.main()
