"""An office that collects, messages for it, and what has to lie there afterwards: what the journeys of
fetch share.
"""

import json
import os
import pathlib
import random
import subprocess
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
BINARY = os.environ.get("MAILHANDLER", str(HERE.parents[1] / "build" / "mailhandler"))
KILLS = int(os.environ.get("MAILHANDLER_KILLS", "30"))
DONE, HELD, LATER, CONFIGURATION = 0, 1, 75, 78


def message(token, *recipients, body=""):
    return (f"Return-Path: <s@sender.example>\r\nX-Rcpt-To: {', '.join(recipients)}\r\n"
            f"Received: by host.example; today\r\nSubject: {token}\r\n\r\nToken: {token}\r\n{body}").encode()


def numbered(count, first=0):
    """(uidl, content) of messages for anne, for bob, and for both in turn."""
    to = (["anne@example.com"], ["bob@example.com"], ["anne@example.com", "bob@example.com"])
    return [(f"uid-{n}", message(f"t{n}.", *to[n % 3])) for n in range(first, first + count)]


def wanted(count):
    copies = {}
    for n in range(count):
        for name in (["anne"], ["bob"], ["anne", "bob"])[n % 3]:
            copies[name, f"t{n}."] = 1
    return copies


class Office:
    started_by = []  # a program that runs the program

    def __init__(self, port, settings="", tls='tls = "none"\n', url=None):
        self.place = tempfile.TemporaryDirectory(prefix="fetch.")
        self.root = pathlib.Path(self.place.name)
        (self.root / "domains").mkdir()
        (self.root / "fetch").mkdir()
        (self.root / "mailhandler.toml").write_text('hostname = "office.example.com"\n')
        (self.root / "domains/example.com.toml").write_text("[mailbox.anne]\n[mailbox.bob]\n")
        (self.root / "secret").write_text("secret\n")
        for path in ("domains/example.com.toml", "secret"):
            (self.root / path).chmod(0o600)
        self.configure(url or f"pop3://127.0.0.1:{port}", tls + settings)

    def configure(self, url, settings):
        file = self.root / "fetch/office.toml"
        file.write_text(f'server = "{url}"\nlogin = "example.com"\npassword_file = "secret"\n'
                        f'domain = "example.com"\nunknown = "hold"\n' + settings)
        file.chmod(0o600)

    def start(self, *arguments):
        return subprocess.Popen([*self.started_by, BINARY, "--root", str(self.root), "--json", "fetch", *arguments],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def fetch(self, *arguments):
        process = self.start(*arguments)
        out, err = process.communicate(timeout=60)
        self.harvest = json.loads(out.splitlines()[-1]) if out.strip() else None
        self.talk = err
        return process.returncode

    def files(self):
        return sorted(path for path in (self.root / "mail").rglob("*")
                      if path.is_file() and path.parent.name == "new")

    def copies(self):
        """(mailbox, token) → how often."""
        found = {}
        for path in self.files():
            token = path.read_bytes().partition(b"Token: ")[2].partition(b"\r\n")[0].decode()
            key = path.parent.parent.name, token
            found[key] = found.get(key, 0) + 1
        return found

    def held(self):
        return [path for path in (self.root / "held").glob("*")] if (self.root / "held").exists() else []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.place.cleanup()


def held_up(server):
    """Has the first RETR 1 wait: (set once it does, what lets it go on)."""
    waits, go_on = threading.Event(), threading.Event()

    def slow(session, line):
        if not waits.is_set():
            waits.set()
            go_on.wait(20)

    server.hooks["RETR 1"] = slow
    return waits, go_on


def killed(case, server, office, add):
    """Collects while it is killed KILLS times, at any instant; add(count, first) puts messages there. Then each of them is
    there once for each of its recipients, and the server has none."""
    dice = random.Random(int(os.environ.get("MAILHANDLER_SEED", "0")) or None)
    count, ended = 30, 0
    add(count, 0)
    begin = time.monotonic()
    office.fetch()
    usual = time.monotonic() - begin
    for _ in range(KILLS):
        add(10, count)
        count += 10
        process = office.start()
        time.sleep(dice.uniform(0, usual))
        ended += process.poll() is not None
        process.kill()
        process.communicate()
    case.assertEqual(office.fetch(), DONE, office.talk)
    case.assertEqual(office.copies(), wanted(count))
    case.assertEqual(server.messages, [])
    case.assertLess(ended, KILLS, "none was killed in its course")


def wait_for(case, condition, seconds=20):
    for _ in range(seconds * 50):
        if condition():
            return
        time.sleep(0.02)
    case.fail("it did not come about")
