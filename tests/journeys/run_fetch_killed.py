"""fetch killed at any instant and at each call that touches the disk or the line: it neither loses nor
doubles a message, also while somebody else deletes some.

MAILHANDLER_KILLS: how many SIGKILLs (30).
"""

import os
import pathlib
import random
import sys
import threading
import time
import unittest
import unittest.mock

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]
from collecting import DONE, Office, held_up, killed, message, numbered, wanted  # noqa: E402
from pop3d import Pop3d, stuffed  # noqa: E402
from toy_server import Cut  # noqa: E402


class Stopped(unittest.TestCase):
    def test_killed_at_any_instant_it_neither_loses_nor_doubles_a_message(self):
        with Pop3d() as server, Office(server.port) as office:
            def add(count, first):
                with server.lock:
                    server.messages += numbered(count, first)

            killed(self, server, office, add)

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
