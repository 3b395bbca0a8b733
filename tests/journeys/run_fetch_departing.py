"""What fetch puts into the queue: each bounce and each forward once, whenever it is killed, and as
files of whom the directories belong to.

MAILHANDLER_KILLS: how many SIGKILLs (30).
"""

import os
import pathlib
import random
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]
import queue_files  # noqa: E402
from collecting import DONE, HELD, KILLS, Office, message, numbered  # noqa: E402
from pop3d import Pop3d  # noqa: E402


def leaving(count, first=0):
    """Messages to somebody who left and to an alias elsewhere: each is to bounce and to go on."""
    return [(f"out-{n}", f"Return-Path: <s{n}@x.example>\r\nAuthentication-Results: h; spf=pass "
                         f"smtp.mailfrom=x.example\r\n".encode() +
             message(f"t{n}.", "gone@example.com", "out@example.com").partition(b"\r\n")[2])
            for n in range(first, first + count)]


def left(office):
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


class Departing(unittest.TestCase):
    @unittest.skipIf(os.geteuid() != 0, "SKIPPED: only root can leave files to somebody else")
    def test_what_root_collects_belongs_to_whom_the_directories_belong_to(self):
        with Pop3d(numbered(3) + leaving(2)) as server, Office(server.port) as office:
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
                    server.messages += leaving(6, first=count)
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
            self.assertEqual(left(office), {f"{n}.": [1, 1] for n in range(count)})
            # A copy that is lost, or one too many, is seen.
            envelope = next((office.root / "queue").glob("*.msg"))
            envelope.rename(envelope.with_suffix(".gone"))
            self.assertNotEqual(left(office), {f"{n}.": [1, 1] for n in range(count)})


if __name__ == "__main__":
    unittest.main()
