"""The quick start of README.md, typed as it stands, in a fresh directory and on free ports.

Only `make` is left out (the binary is here already), the two ports are replaced by free ones in the
commands and in the file that `init` made, and after `serve &` the script waits for the server, as a
person would. Of the other commands the README shows, each is one the program has.
"""

import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import unittest

TREE = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("MAILHANDLER", TREE / "build" / "mailhandler")).resolve()
README = (TREE / "README.md").read_text()


def section(title):
    return README.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def typed(text):
    return "".join(re.findall(r"```sh\n(.*?)```", text, re.S)).splitlines()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def script():
    smtp, pop3 = free_port(), free_port()
    lines = []
    for line in typed(section("Quick start")):
        if line == "make":
            continue
        lines.append(line.replace("2525", str(smtp)).replace("2110", str(pop3)))
        if " init " in line:
            lines.append(f"sed -i 's/^smtp .*/smtp = [\"127.0.0.1:{smtp}\"]/;"
                         f" s/^pop3 .*/pop3 = [\"127.0.0.1:{pop3}\"]/' mail/mailhandler.toml")
        if line == "mailhandler serve &":
            lines.append(f"for i in {{1..100}}; do (: </dev/tcp/127.0.0.1/{pop3}) 2>/dev/null && break;"
                         " sleep 0.1; done")
    return "\n".join(lines)


class Readme(unittest.TestCase):
    def test_the_quick_start_works_as_typed(self):
        with tempfile.TemporaryDirectory(prefix="readme.") as place:
            pathlib.Path(place, "build").symlink_to(BINARY.parent)
            environment = {k: v for k, v in os.environ.items() if k != "MAILHANDLER_ROOT"}
            shell = subprocess.Popen(["bash"], cwd=place, env=environment, text=True,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=subprocess.STDOUT, start_new_session=True)
            try:
                said, _ = shell.communicate(script(), timeout=60)
            except subprocess.TimeoutExpired:
                said = "it did not come to an end"
            finally:
                try:  # a server that a failure left behind
                    os.killpg(shell.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        self.assertEqual(shell.returncode, 0, said)
        # The file, and the message by POP3.
        self.assertEqual(said.count("X-Rcpt-To: anybody@example.com"), 2, said)
        self.assertEqual(said.count("It works."), 2, said)
        self.assertIn("default-deliver", said)
        self.assertNotIn("not served by this version", said)
        self.assertNotIn("command not found", said)

    def test_every_command_shown_is_there(self):
        listed = subprocess.run([BINARY, "help", "--list"], capture_output=True, text=True,
                                check=True).stdout.split()
        shown = {line.split()[1] for line in typed(README) if line.startswith("mailhandler ")}
        self.assertEqual(shown - set(listed), set())
        table = section("Commands")
        named = set(re.findall(r"`([a-z-]+)", " ".join(re.findall(r"^\| (`.*?) \|", table, re.M))))
        missing = set(listed) - named
        self.assertEqual(missing, set(), "not in README's table")

    def test_every_make_target_shown_is_there(self):
        makefile = (TREE / "Makefile").read_text()
        for target in re.findall(r"^\| `make (\w+)`", README, re.M):
            self.assertRegex(makefile, rf"(?m)^{target}:")


if __name__ == "__main__":
    unittest.main()
