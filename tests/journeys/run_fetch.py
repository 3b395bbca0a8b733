"""fetch against a POP3 server that misbehaves, is cut off, and while it is killed: after a clean run
every message is there once for each of its recipients, whatever happened before.

MAILHANDLER_KILLS: how many SIGKILLs (30).
"""

import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import unittest.mock

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
import queue_files  # noqa: E402
from pop3d import Pop3d, stuffed  # noqa: E402
from toy_server import Cut  # noqa: E402

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


class Fetch(unittest.TestCase):
    def test_each_recipient_gets_each_message_once_and_the_server_is_emptied(self):
        for pipelining in (True, False):
            with Pop3d(numbered(12), pipelining=pipelining) as server, Office(server.port) as office:
                self.assertEqual(office.fetch(), DONE, office.talk)
                self.assertEqual(office.copies(), wanted(12))
                self.assertEqual(server.messages, [])
                self.assertEqual(office.harvest["deleted"], 12)
                self.assertEqual(office.fetch(), DONE)
                self.assertEqual(office.harvest["fetched"], 0)

    def test_a_run_that_is_cut_after_any_reply_costs_nothing(self):
        with Pop3d() as server:
            for cut in range(1, 40):
                with Office(server.port) as office:
                    server.messages, server.cut_after = numbered(3), cut
                    status = office.fetch()
                    server.cut_after = None
                    if status == DONE:
                        break
                    self.assertEqual(status, LATER, office.talk)
                    self.assertEqual(office.fetch(), DONE, office.talk)
                    self.assertEqual(office.copies(), wanted(3), f"cut after {cut} replies")
                    self.assertEqual(server.messages, [])
            self.assertGreater(cut, 11)

    def test_sizes_that_lie_change_nothing(self):
        with Pop3d(numbered(6)) as server, Office(server.port, 'keep = "forever"\n') as office:
            server.announce = lambda content: 7
            self.assertEqual(office.fetch(), DONE, office.talk)
            server.announce = len
            self.assertEqual(office.fetch(), DONE, office.talk)
            self.assertEqual(office.copies(), wanted(6))
            self.assertEqual(len(server.messages), 6)

    def test_a_uidl_listed_twice_or_used_again_is_settled_by_content(self):
        a, b = message("a", "anne@example.com"), message("b", "anne@example.com")
        with Pop3d([("u", a), ("u", b), ("v", a), ("w", b), ("w", b)]) as server, Office(server.port) as office:
            self.assertEqual(office.fetch(), DONE, office.talk)
            self.assertEqual(office.copies(), {("anne", "a"): 2, ("anne", "b"): 2})
            server.messages = [("u", message("c", "anne@example.com"))]  # of the same size
            self.assertEqual(office.fetch(), DONE, office.talk)
            self.assertEqual(office.copies()["anne", "c"], 1)

    def test_the_answer_to_quit_is_lost_and_the_uidl_used_again(self):
        def lost(session, line):
            session.do_QUIT("")
            raise Cut

        with Pop3d([("u", message("a", "anne@example.com"))]) as server, Office(server.port) as office:
            server.hooks["QUIT"] = lost
            office.fetch()
            server.hooks.clear()
            self.assertEqual(server.messages, [])
            server.messages = [("u", message("b", "anne@example.com"))]
            self.assertEqual(office.fetch(), DONE, office.talk)
            self.assertEqual(office.copies(), {("anne", "a"): 1, ("anne", "b"): 1})

    def test_a_malformed_line_costs_its_own_message_only(self):
        with Pop3d(numbered(6)) as server, Office(server.port, 'keep = "forever"\n') as office:
            self.assertEqual(office.fetch(), DONE)
            server.messages += numbered(3, first=6)

            def malformed(session, line):
                lines = [f"{n} {uidl}\r\n" for n, (uidl, _) in enumerate(session.messages, 1)]
                lines[1], lines[7] = "2\r\n", "eight uid-7\r\n"
                return b"+OK\r\n" + "".join(lines).encode() + b".\r\n"

            server.hooks["UIDL"] = malformed
            self.assertEqual(office.fetch(), LATER)
            self.assertIn("uid-7", office.talk)
            server.hooks.clear()
            self.assertEqual(office.fetch(), DONE, office.talk)
            self.assertEqual(office.copies(), wanted(9))  # message 2 was not forgotten meanwhile

    def test_a_message_the_server_cannot_give_stays_and_the_others_come(self):
        with Pop3d(numbered(6)) as server, Office(server.port) as office:
            server.hooks["RETR 3"] = lambda *_: b"-ERR disk error\r\n"
            self.assertEqual(office.fetch(), LATER)
            self.assertIn("disk error", office.talk)
            self.assertEqual([uidl for uidl, _ in server.messages], ["uid-2"])
            server.hooks.clear()
            self.assertEqual(office.fetch(), DONE)
            self.assertEqual(office.copies(), wanted(6))

    def test_a_server_that_is_no_use_is_told_of(self):
        def endless(session, line):
            try:
                while True:
                    session.wfile.write(b"x" * 65536)
            except OSError:
                raise Cut

        hooks = {"UIDL": lambda *_: b"-ERR no such command\r\n", "LIST": endless,
                 "greeting": lambda *_: b"* OK this is IMAP\r\n",
                 "USER": lambda *_: b"-ERR [SYS/TEMP] later\r\n"}
        for verb, hook in hooks.items():
            with self.subTest(verb), Pop3d(numbered(3)) as server, Office(server.port) as office:
                server.hooks[verb] = hook
                self.assertIn(office.fetch(), (LATER, CONFIGURATION))
                self.assertTrue(office.talk)
                self.assertEqual(office.copies(), {})
                server.hooks.clear()
                self.assertEqual(office.fetch(), DONE)
                self.assertEqual(office.copies(), wanted(3))

    def test_a_wrong_password_is_a_fault_of_the_configuration(self):
        with Pop3d(numbered(1), password="another") as server, Office(server.port) as office:
            self.assertEqual(office.fetch(), CONFIGURATION)
            self.assertNotIn("secret", office.talk)

    def test_a_message_that_cannot_be_read_is_set_aside(self):
        monster = message("m", "anne@example.com")
        monster = monster.replace(b"Subject", b"X-Long: " + b"x\r\n " * 400_000 + b"\r\nSubject", 1)
        with Pop3d([("m", monster), *numbered(3)]) as server, Office(server.port) as office:
            self.assertEqual(office.fetch(), HELD, office.talk)
            self.assertEqual(len(office.held()), 1)
            self.assertIn(monster[-200:], office.held()[0].read_bytes())
            self.assertEqual({k: v for k, v in office.copies().items() if k[1] != "m"}, wanted(3))
            self.assertEqual(server.messages, [])

    def test_a_first_run_that_places_nothing_stops(self):
        strangers = [(f"u{n}", message(f"t{n}.", "someone@provider.example")) for n in range(40)]
        with Pop3d(strangers) as server, Office(server.port) as office:
            self.assertEqual(office.fetch(), CONFIGURATION)
            self.assertEqual(len(server.messages), 40)
            self.assertEqual(office.held(), [])
            self.assertIn("someone@provider.example", office.talk)
            self.assertTrue(office.harvest["stopped_by_brake"])

    def test_a_rehearsal_changes_nothing_anywhere(self):
        with Pop3d(numbered(6)) as server, Office(server.port) as office:
            before = sorted(office.root.rglob("*"))
            self.assertEqual(office.fetch("--dry-run"), DONE, office.talk)
            self.assertEqual(office.harvest["placed"], {"anne@example.com": 4, "bob@example.com": 4})
            self.assertEqual(sorted(office.root.rglob("*")), before)
            self.assertEqual((len(server.messages), server.retrieved), (6, 0))

    def test_one_account_is_collected_by_one_process(self):
        with Pop3d(numbered(3)) as server, Office(server.port) as office:
            waits, go_on = held_up(server)
            first = office.start()
            self.assertTrue(waits.wait(20))
            self.assertEqual(office.fetch(), LATER)
            self.assertIn("another process", office.talk)
            go_on.set()
            first.communicate(timeout=20)
            self.assertEqual(first.returncode, DONE)
            self.assertEqual(office.copies(), wanted(3))


class Stopped(unittest.TestCase):
    def test_killed_at_any_instant_it_neither_loses_nor_doubles_a_message(self):
        with Pop3d() as server, Office(server.port) as office:
            def add(count, first):
                with server.lock:
                    server.messages += numbered(count, first)

            killed(self, server, office, add)

    def leaving(self, count, first=0):
        """Messages to somebody who left and to an alias elsewhere: each is to bounce and to go on."""
        return [(f"out-{n}", f"Return-Path: <s{n}@x.example>\r\nAuthentication-Results: h; spf=pass "
                             f"smtp.mailfrom=x.example\r\n".encode() +
                 message(f"t{n}.", "gone@example.com", "out@example.com").partition(b"\r\n")[2])
                for n in range(first, first + count)]

    def left(self, office):
        """token → (how often it goes on, how often its sender is told, or not: it is held)."""
        found = {}

        def note(octets, place):
            token = octets.partition(b"Subject: t")[2].partition(b"\r\n")[0].decode()
            found.setdefault(token, [0, 0])[place] += 1

        for path in queue_files.waiting(office.root / "queue"):
            octets = queue_files.octets(path)
            note(octets.replace(b"Subject: Your", b""), b"\r\nToken: " not in octets)
        for path in office.held():
            note(path.read_bytes(), 1)
        return found

    @unittest.skipIf(os.geteuid() != 0, "SKIPPED: only root can leave files to somebody else")
    def test_what_root_collects_belongs_to_whom_the_directories_belong_to(self):
        with Pop3d(numbered(3) + self.leaving(2)) as server, Office(server.port) as office:
            (office.root / "domains/example.com.toml").write_text(
                '[mailbox.anne]\n[mailbox.bob]\n[bouncer.gone]\n[alias]\nout = ["friend@far.example"]\n')
            for path in [office.root, *office.root.rglob("*")]:
                os.chown(path, 12345, 23456)
            self.assertIn(office.fetch(), (DONE, HELD), office.talk)
            self.assertGreater(len(office.files()), 0)
            self.assertEqual(len(queue_files.waiting(office.root / "queue")), 4)
            self.assertIn("'serve' sends what is in the queue", office.talk)
            owners = {(path.lstat().st_uid, path.lstat().st_gid) for path in office.root.rglob("*")}
            self.assertEqual(owners, {(12345, 23456)})

    def test_killed_at_any_instant_each_bounce_and_each_forward_is_queued_once(self):
        with Pop3d() as server, Office(server.port) as office:
            (office.root / "domains/example.com.toml").write_text(
                '[mailbox.anne]\n[bouncer.gone]\n[alias]\nout = ["friend@far.example"]\n')
            count = 0
            begin = time.monotonic()
            for kill in range(KILLS + 1):
                with server.lock:
                    server.messages += self.leaving(6, first=count)
                count += 6
                process = office.start()
                if kill == 0:
                    process.communicate()
                    usual = time.monotonic() - begin
                else:
                    time.sleep(random.uniform(0, usual))
                    process.kill()
                    process.communicate()
            self.assertIn(office.fetch(), (DONE, HELD), office.talk)
            self.assertEqual(server.messages, [])
            self.assertEqual(self.left(office), {f"{n}.": [1, 1] for n in range(count)})
            # A copy that is lost, or one too many, is seen.
            envelope = next((office.root / "queue").glob("*.msg"))
            envelope.rename(envelope.with_suffix(".gone"))
            self.assertNotEqual(self.left(office), {f"{n}.": [1, 1] for n in range(count)})

    def test_a_user_who_deletes_meanwhile_loses_only_that(self):
        dice = random.Random()
        with Pop3d() as server, Office(server.port, 'keep = "forever"\n') as office:
            count = 0
            for _ in range(8):
                with server.lock:
                    server.messages += numbered(12, first=count)
                count += 12
                process = office.start()
                time.sleep(dice.uniform(0.02, 0.3))
                process.kill()
                process.communicate()
                with server.lock:
                    for gone in dice.sample(server.messages, 4):
                        server.messages.remove(gone)
            self.assertEqual(office.fetch(), DONE, office.talk)
            left = {content.partition(b"Token: ")[2].partition(b"\r\n")[0].decode() for _, content in server.messages}
            copies = office.copies()
            self.assertTrue(set(copies.values()) <= {1}, "doubled")
            for key in wanted(count):
                if key[1] in left:
                    self.assertEqual(copies.get(key), 1, key)

    def test_sigterm_makes_safe_what_has_come(self):
        started = threading.Event()

        def slow(session, line):
            started.set()
            time.sleep(0.5)

        with Pop3d(numbered(200), pipelining=False) as server, Office(server.port) as office:
            server.hooks["RETR 100"] = slow
            process = office.start()
            self.assertTrue(started.wait(20))
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=20)
            self.assertEqual(process.returncode, LATER)
            self.assertLess(len(server.messages), 150)
            server.hooks.clear()
            self.assertEqual(office.fetch(), DONE)
            self.assertEqual(office.copies(), wanted(200))

    def test_watch_collects_again_and_again_until_it_is_told_to_stop(self):
        with Pop3d(numbered(3)) as server, Office(server.port, 'every = "1s"\n') as office:
            process = office.start("--watch")
            self.wait_for(lambda: office.copies() == wanted(3))
            server.hooks["UIDL"] = lambda *_: b"-ERR [SYS/TEMP] later\r\n"
            self.wait_for(lambda: server.sessions >= 3)
            server.hooks.clear()
            with server.lock:
                server.messages += numbered(3, first=3)
            self.wait_for(lambda: office.copies() == wanted(6))
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=20)
            self.assertEqual(process.returncode, DONE)

    def test_serve_collects_by_its_schedule_and_takes_up_new_files(self):
        with Pop3d(numbered(3)) as server, Office(server.port, 'every = "1s"\n') as office:
            file = office.root / "fetch/office.toml"
            text = file.read_text()
            file.unlink()
            process = subprocess.Popen([BINARY, "--root", str(office.root), "serve"],
                                       stderr=subprocess.PIPE, text=True)
            try:
                time.sleep(0.5)
                file.write_text(text)
                self.wait_for(lambda: office.copies() == wanted(3))
                with server.lock:
                    server.messages += numbered(3, first=3)
                self.wait_for(lambda: office.copies() == wanted(6))
                file.write_text("this is no TOML")
                file.write_text(text.replace('"secret"', '"nothing"'))
                time.sleep(0.3)
                file.unlink()
                time.sleep(0.5)
                sessions = server.sessions
                time.sleep(1.5)
                self.assertEqual(server.sessions, sessions)
            finally:
                process.terminate()
                talk = process.communicate(timeout=20)[1]
            self.assertEqual(process.returncode, 0)
            self.assertIn("3 messages", talk)

    # Leaks cannot be looked for in a process that is traced.
    @unittest.mock.patch.dict(os.environ, {"ASAN_OPTIONS": "detect_leaks=0"})
    def test_killed_at_each_call_that_touches_the_disk_or_the_line(self):
        steps = 0
        for call in ("openat", "write", "writev", "fdatasync", "fsync", "rename", "renameat2", "sendmsg"):
            for number in range(1, 100):
                with Pop3d(numbered(3)) as server, Office(server.port) as office:
                    office.started_by = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}",
                                         "-e", f"inject={call}:signal=KILL:when={number}"]
                    status = office.fetch()
                    office.started_by = []
                    if status == DONE:
                        break
                    steps += 1
                    self.assertEqual(office.fetch(), DONE, office.talk)
                    self.assertEqual(office.copies(), wanted(3), f"killed at {call} number {number}")
                    self.assertEqual(server.messages, [])
        self.assertGreater(steps, 40)

    def wait_for(self, condition):
        for _ in range(300):
            if condition():
                return
            time.sleep(0.05)
        self.fail("it did not come about")


class Saboteurs(unittest.TestCase):
    """The checks above can fail: each sees it when what it relies on is taken away."""

    @staticmethod
    def forget(office):
        for path in (office.root / "state/ledger").glob("*.log"):
            path.unlink()

    def stored_but_not_deleted(self, server, office):
        """Killed when all is safe here, and all is still on the server."""
        here, go_on = threading.Event(), threading.Event()

        def quitting(session, line):
            here.set()
            go_on.wait(20)
            raise Cut

        server.hooks["QUIT"] = quitting
        process = office.start()
        self.assertTrue(here.wait(20))
        process.kill()
        process.communicate()
        go_on.set()
        server.hooks.clear()
        self.assertEqual(office.copies(), wanted(6))
        self.assertEqual(len(server.messages), 6)

    def test_with_its_ledger_it_doubles_nothing_and_without_it_everything(self):
        for ledger in (True, False):
            with Pop3d(numbered(6)) as server, Office(server.port) as office:
                self.stored_but_not_deleted(server, office)
                ledger or self.forget(office)
                self.assertEqual(office.fetch(), DONE)
                self.assertEqual(office.copies() == wanted(6), ledger)

    def test_a_user_deletes_meanwhile_and_the_ledger_is_gone(self):
        for ledger in (True, False):
            with Pop3d(numbered(6)) as server, Office(server.port) as office:
                self.stored_but_not_deleted(server, office)
                del server.messages[:3]
                ledger or self.forget(office)
                self.assertEqual(office.fetch(), DONE)
                self.assertEqual(set(office.copies().values()) == {1}, ledger)

    def test_a_server_that_deletes_what_was_only_read_loses_it(self):
        def hasty(session, line):
            with server.lock:
                number = int(line.split()[1])
                server.messages.remove(session.messages[number - 1])
            if number == 6:
                process.kill()

        with Pop3d(numbered(6), pipelining=False) as server, Office(server.port) as office:
            server.hooks["RETR"] = hasty
            process = office.start()
            process.communicate()
            server.hooks.clear()
            office.fetch()
            self.assertNotEqual(office.copies(), wanted(6))

    def test_a_lock_that_is_taken_away_lets_two_collect_the_same(self):
        with Pop3d(numbered(3)) as server, Office(server.port) as office:
            waits, go_on = held_up(server)
            first = office.start()
            self.assertTrue(waits.wait(20))
            for path in (office.root / "state/ledger").glob("*.lock"):
                path.unlink()
            office.fetch()
            go_on.set()
            first.communicate(timeout=20)
            self.assertNotEqual(office.copies(), wanted(3))

    def test_a_uidl_used_again_for_what_was_there_already_brings_nothing(self):
        a, b = message("a", "anne@example.com"), message("b", "anne@example.com")
        for given in (a, b):
            with Pop3d([("u", a)]) as server, Office(server.port) as office:
                self.assertEqual(office.fetch(), DONE)
                server.messages = [("u", b)]
                server.hooks["RETR"] = lambda *_: b"+OK\r\n" + stuffed(given)
                self.assertEqual(office.fetch(), DONE)
                self.assertEqual(office.copies() == {("anne", "a"): 1, ("anne", "b"): 1}, given is b)


if __name__ == "__main__":
    unittest.main()
