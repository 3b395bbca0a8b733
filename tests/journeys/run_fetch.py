"""fetch against a POP3 server that misbehaves or is cut off: after a clean run every message is there
once for each of its recipients, whatever happened before.
"""

import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]
from collecting import CONFIGURATION, DONE, HELD, LATER, Office, held_up, message, numbered, wanted  # noqa: E402
from pop3d import Pop3d  # noqa: E402
from toy_server import Cut  # noqa: E402


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


if __name__ == "__main__":
    unittest.main()
