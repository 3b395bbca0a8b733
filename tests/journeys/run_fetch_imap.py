"""fetch by IMAP against a server that misbehaves, is cut off, numbers its mailbox anew, and while it is
killed: after a clean run every message is there once for each of its recipients, whatever happened.

MAILHANDLER_KILLS: how many SIGKILLs (30).
"""

import pathlib
import signal
import subprocess
import sys
import threading
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "support"), str(HERE)]
import collecting  # noqa: E402
from collecting import BINARY, CONFIGURATION, DONE, LATER, wait_for, wanted  # noqa: E402
from imapd import Imapd  # noqa: E402
from pop3d import Pop3d  # noqa: E402
from toy_server import Cut  # noqa: E402

BARE = "IMAP4rev1 SASL-IR AUTH=PLAIN"


def contents(count, first=0):
    return [content for _, content in collecting.numbered(count, first)]


def filled(count, **how):
    server = Imapd(**how)
    server.append(*contents(count))
    return server


class Office(collecting.Office):
    def __init__(self, server, settings=""):
        super().__init__(server.port, settings, url=f"imap://127.0.0.1:{server.port}")


class Fetch(unittest.TestCase):
    def test_each_recipient_gets_each_message_once_and_the_server_is_emptied(self):
        for capabilities in ("IMAP4rev1 SASL-IR AUTH=PLAIN UIDPLUS", BARE):
            with filled(12, capabilities=capabilities) as server, Office(server) as office:
                self.assertEqual(office.fetch(), DONE, office.talk)
                self.assertEqual(office.copies(), wanted(12))
                self.assertEqual(server.messages, [])
                self.assertEqual(office.harvest["deleted"], 12)
                self.assertEqual(office.fetch(), DONE)
                self.assertEqual(office.harvest["fetched"], 0)

    def test_a_thousand_messages_cost_a_handful_of_commands(self):
        with filled(1000) as server, Office(server) as office:
            self.assertEqual(office.fetch(), DONE, office.talk)
            self.assertEqual(office.copies(), wanted(1000))
            self.assertLess(len(server.commands), 10)

    def test_a_run_that_is_cut_after_any_line_costs_nothing(self):
        with Imapd() as server:
            for cut in range(1, 40):
                with Office(server) as office:
                    server.messages = []
                    server.append(*contents(3))
                    server.cut_after = cut
                    status = office.fetch()
                    server.cut_after = None
                    self.assertEqual(office.fetch(), DONE, office.talk)
                    self.assertEqual(office.copies(), wanted(3), f"cut after {cut} lines")
                    self.assertEqual(server.messages, [])
                    if status == DONE:
                        break
            self.assertGreater(cut, 14)

    def test_a_mailbox_that_is_numbered_anew_brings_nothing_twice(self):
        with filled(9) as server, Office(server, 'keep = "forever"\n') as office:
            server.append(*contents(3))  # the same once more: each is a message of its own
            self.assertEqual(office.fetch(), DONE, office.talk)
            before = office.copies()
            server.renumber()
            server.append(*contents(3, first=9))
            self.assertEqual(office.fetch(), DONE, office.talk)
            self.assertEqual(office.harvest["again"], 12)
            self.assertEqual(office.harvest["fetched"], 3)
            self.assertEqual(office.copies(), {**before, **{k: 1 for k in wanted(12) if k not in before}})
            # … but one more of what was there twice is new.
            server.renumber()
            server.append(*contents(1))
            self.assertEqual(office.fetch(), DONE, office.talk)
            self.assertEqual((office.harvest["again"], office.harvest["fetched"]), (15, 1))

    def test_a_run_that_is_cut_while_all_is_numbered_anew_forgets_nothing(self):
        with filled(12) as server, Office(server, 'keep = "forever"\n') as office:
            self.assertEqual(office.fetch(), DONE, office.talk)
            server.renumber()
            server.cut_after = 22  # all are listed, some have come
            self.assertEqual(office.fetch(), LATER)
            server.cut_after = None
            self.assertEqual(office.fetch(), DONE, office.talk)
            self.assertEqual(office.copies(), wanted(12))

    def test_an_account_that_changes_from_pop3_to_imap_brings_nothing_twice(self):
        with Pop3d(collecting.numbered(6)) as old, filled(8) as server, \
                Office(server, 'keep = "forever"\n') as office:
            office.configure(f"pop3://127.0.0.1:{old.port}", 'tls = "none"\nkeep = "forever"\n')
            self.assertEqual(office.fetch(), DONE, office.talk)
            # The ledger is the account's, whichever port the tests had to take.
            ledger = office.root / "state/ledger"
            for path in ledger.glob("*.log"):
                path.rename(ledger / path.name.replace(str(old.port), str(server.port)))
            office.configure(f"imap://127.0.0.1:{server.port}", 'tls = "none"\nkeep = "forever"\n')
            self.assertEqual(office.fetch(), DONE, office.talk)
            self.assertEqual(office.copies(), wanted(8))
            self.assertEqual(office.harvest["again"], 6)

    def test_what_somebody_else_deletes_in_mid_run_is_no_trouble(self):
        with filled(6) as server, Office(server) as office:
            def gone(session, tag, rest):
                if "BODY" in rest:
                    with server.lock:
                        del server.messages[2]

            server.hooks["UID FETCH"] = gone
            self.assertEqual(office.fetch(), DONE, office.talk)
            self.assertEqual(office.copies(), {k: 1 for k in wanted(6) if k[1] != "t2."})

    def test_without_uidplus_what_others_have_marked_is_not_swept_along(self):
        with filled(6, capabilities=BARE) as server, Office(server) as office:
            server.marked = {99}  # what came after the listing, and somebody has marked
            self.assertEqual(office.fetch(), LATER)
            self.assertIn("others are marked", office.talk)
            self.assertEqual(len(server.messages), 6)
            self.assertEqual(office.copies(), wanted(6))
            server.marked = set()
            self.assertEqual(office.fetch(), DONE, office.talk)
            self.assertEqual(server.messages, [])
            self.assertEqual(office.copies(), wanted(6))

    def test_a_message_the_server_cannot_give_stays_and_the_others_come(self):
        with filled(6) as server, Office(server) as office:
            def broken(session, tag, rest):
                if "BODY" in rest and 3 in {uid for _, uid, _ in session.chosen(rest.partition(" ")[0])}:
                    return f"{tag} NO [SERVERBUG] disk error\r\n".encode()

            server.hooks["UID FETCH"] = broken
            self.assertEqual(office.fetch(), LATER)
            self.assertIn("disk error", office.talk)
            self.assertEqual([uid for uid, _ in server.messages], [3])
            server.hooks.clear()
            self.assertEqual(office.fetch(), DONE)
            self.assertEqual(office.copies(), wanted(6))

    def test_a_rehearsal_changes_nothing_anywhere(self):
        with filled(6) as server, Office(server) as office:
            before = sorted(office.root.rglob("*"))
            self.assertEqual(office.fetch("--dry-run"), DONE, office.talk)
            self.assertEqual(office.harvest["placed"], {"anne@example.com": 4, "bob@example.com": 4})
            self.assertEqual(sorted(office.root.rglob("*")), before)
            self.assertEqual(len(server.messages), 6)
            self.assertFalse([c for c in server.commands if c.startswith(("SELECT", "UID STORE"))])

    def test_a_wrong_password_is_a_fault_of_the_configuration(self):
        with filled(1, password="another") as server, Office(server) as office:
            self.assertEqual(office.fetch(), CONFIGURATION)
            self.assertNotIn("secret", office.talk)

    def test_a_token_that_is_refused_is_asked_for_once_more(self):
        with filled(3, password="fresh") as server, Office(server) as office:
            text = (office.root / "fetch/office.toml").read_text()
            command = 'token_command = "cat token; echo fresh > token"'
            (office.root / "fetch/office.toml").write_text(text.replace('password_file = "secret"', command))
            (office.root / "token").write_text("stale\n")
            self.assertEqual(office.fetch(), DONE, office.talk)
            self.assertEqual((office.copies(), server.sessions), (wanted(3), 2))
            (office.root / "token").write_text("stale\n")
            server.password = "other"
            self.assertEqual(office.fetch(), CONFIGURATION)
            self.assertEqual(server.sessions, 4)

    def test_a_server_that_is_no_use_is_told_of(self):
        def endless(session, tag, rest):
            while True:
                session.wfile.write(b"* 1 FETCH (UID 1 X " + b"(" * 65536)

        for verb, hook in {"UID FETCH": endless, "SELECT": lambda *_: b"* BYE gone\r\n"}.items():
            with self.subTest(verb), filled(3) as server, Office(server) as office:
                server.hooks[verb] = hook
                self.assertEqual(office.fetch(), LATER)
                self.assertTrue(office.talk)
                server.hooks.clear()
                self.assertEqual(office.fetch(), DONE)
                self.assertEqual(office.copies(), wanted(3))


class Stopped(unittest.TestCase):
    def test_killed_at_any_instant_it_neither_loses_nor_doubles_a_message(self):
        with Imapd() as server, Office(server) as office:
            def add(count, first):
                server.append(*contents(count, first))
                if first % 100 == 90:
                    server.renumber()

            collecting.killed(self, server, office, add)


class Waiting(unittest.TestCase):
    def watch(self, office):
        return office.start("--watch")

    def stop(self, process):
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
        self.assertEqual(process.returncode, DONE)

    def test_what_arrives_is_there_at_once_and_a_lost_line_is_dialled_again(self):
        with filled(3) as server, Office(server, 'every = "idle"\n') as office:
            process = self.watch(office)
            wait_for(self, lambda: office.copies() == wanted(3))
            for count in range(4, 10):
                server.append(*contents(1, first=count - 1))
                begin = time.monotonic()
                wait_for(self, lambda: office.copies() == wanted(count))
                self.assertLess(time.monotonic() - begin, 5)
            self.assertEqual(server.sessions, 1)
            wait_for(self, lambda: server.messages == [])

            def lost(session, tag, rest):
                raise Cut

            server.hooks["UID FETCH"] = lost
            server.append(*contents(1, first=9))
            wait_for(self, lambda: server.sessions > 1)
            server.hooks.clear()
            wait_for(self, lambda: office.copies() == wanted(10))
            self.stop(process)

    def test_another_process_may_collect_while_it_waits(self):
        with filled(3) as server, Office(server, 'every = "idle"\n') as office:
            process = self.watch(office)
            wait_for(self, lambda: office.copies() == wanted(3))
            wait_for(self, lambda: server.commands[-1].startswith("IDLE"))
            self.assertEqual(office.fetch(), DONE, office.talk)
            self.stop(process)

    def test_what_arrives_while_another_process_collects_comes_once(self):
        with filled(3) as server, Office(server, 'every = "idle"\n') as office:
            process = self.watch(office)
            wait_for(self, lambda: office.copies() == wanted(3) and server.commands[-1].startswith("IDLE"))
            inside, go_on = threading.Event(), threading.Event()

            def slow(session, tag, rest):
                if "BODY" in rest and not inside.is_set():
                    inside.set()
                    go_on.wait(20)

            with server.lock:  # what the other process finds, and who waits is not told of
                server.messages += [(100 + n, content) for n, content in enumerate(contents(2, first=3))]
                server.last = 101
                server.hooks["UID FETCH"] = slow
            other = office.start()
            self.assertTrue(inside.wait(20))
            server.append(*contents(2, first=5))
            time.sleep(0.5)
            go_on.set()
            other.communicate(timeout=20)
            wait_for(self, lambda: office.copies() == wanted(7))
            wait_for(self, lambda: server.messages == [])
            self.assertEqual(office.copies(), wanted(7))
            self.stop(process)

    def test_serve_waits_at_several_accounts_and_takes_up_changes(self):
        with filled(3) as one, filled(3) as two, Office(one, 'every = "idle"\n') as office:
            text = (office.root / "fetch/office.toml").read_text()
            other = office.root / "fetch/other.toml"
            other.write_text(text.replace(str(one.port), str(two.port)).replace("unknown", 'renew = "10s"\nunknown'))
            other.chmod(0o600)
            process = subprocess.Popen([BINARY, "--root", str(office.root), "serve"], stderr=subprocess.PIPE, text=True)
            try:
                twice = {key: 2 for key in wanted(3)}
                wait_for(self, lambda: office.copies() == twice)
                other.unlink()
                wait_for(self, lambda: two.commands[-1].startswith("LOGOUT"))
                domain = office.root / "domains/example.com.toml"
                domain.write_text("[mailbox.anne]\n[alias]\nbob = [\"anne\"]\n")
                time.sleep(1.5)
                one.append(*contents(2, first=4))  # for bob, and for both
                wait_for(self, lambda: ("anne", "t4.") in office.copies() and ("anne", "t5.") in office.copies())
                self.assertEqual(one.sessions, 1)
            finally:
                process.terminate()
                process.communicate(timeout=20)
            self.assertEqual(process.returncode, 0)


if __name__ == "__main__":
    unittest.main()
