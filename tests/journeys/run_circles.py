"""What goes round ends, each with a number: forwards from host to host and back, aliases that lead to
each other, a target whose MX is ourselves, the bounce of a bounce, a null sender to a hundred unknown
recipients, and a dictionary of unknown recipients that the office collects.

MAILHANDLER_GUESSES: how many of those (2,000; 10,000 is the measure).
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
import host  # noqa: E402
import queue_files  # noqa: E402
from dns_server import DnsServer  # noqa: E402
from pop3d import Pop3d  # noqa: E402
from smtp_sink import SmtpSink  # noqa: E402

GUESSES = int(os.environ.get("MAILHANDLER_GUESSES", "2000"))
IN_ALL, TO_UNPROVEN, TO_ONE = 300, 60, 10  # bounces within an hour
TEXT = "Subject: round\r\n\r\nand round\r\n"


def held(root):
    """The notes of what is held."""
    return [json.loads(path.read_bytes().partition(b"\n")[0]) for path in (root / "held").glob("[0-9]*,S=*")]


def queued(root):
    """Who is owed something, and what it says: (recipient, content)."""
    found = []
    for path in queue_files.waiting(root / "queue"):
        for owed in queue_files.envelope(path)["owed"]:
            found.append((owed["address"], queue_files.octets(path)))
    return found


def events(root):
    """How often each thing happened, by the journal."""
    counts = {}
    for path in (root / "journal").rglob("*.jsonl"):
        for line in path.read_text().splitlines():
            what = json.loads(line)["what"]
            counts[what] = counts.get(what, 0) + 1
    return counts


def smarthost(port):
    return f'\n[outbound]\nsmarthost = "smtp://127.0.0.1:{port}"\ntls = "none"\n'


class Circles(unittest.TestCase):
    def settled(self, *servers):
        self.assertTrue(host.until(lambda: not any(queued(s.path) for s in servers), 30, 0.05),
                        "".join(line for s in servers for line in s.log))

    def accepted(self, server, count):
        self.assertTrue(host.until(lambda: events(server.path).get("accepted", 0) >= count, 10), server.log)
        return events(server.path)["accepted"]

    def test_two_hosts_that_forward_to_each_other_stop_after_one_round(self):
        other = host.free_port()
        first = host.Host(domains={"a.example": '[default]\naction = "forward"\nforward = ["x@b.example"]\n'},
                          more=smarthost(other), start=False)
        second = host.Host(domains={"b.example": '[default]\naction = "forward"\nforward = ["y@a.example"]\n'},
                           more=smarthost(first.ports["smtp"]), start=False)
        second.server({"smtp": other}, smarthost(first.ports["smtp"]))
        with first, second:
            first.start()
            second.start()
            with host.Client(first.ports["smtp"]) as client:
                self.assertTrue(client.message(TEXT, "y@a.example").startswith("250"))
            self.accepted(second, 1)
            self.settled(first, second)
            self.assertEqual((self.accepted(first, 1), self.accepted(second, 1)), (1, 1))
            # The last host that took it could not hand it on; nobody vouches for the sender.
            notes = held(first.path) + held(second.path)
            self.assertEqual([(note["reason"], note["recipient"]) for note in notes],
                             [("undeliverable", "x@b.example")])
            self.assertIn("554 5.4.6", notes[0]["text"])

    def test_addresses_that_forward_to_each_other_here_take_nothing(self):
        domains = {"a.example": '[alias]\nx = ["x@b.example"]\n',
                   "b.example": '[default]\naction = "forward"\nforward = ["x@a.example"]\n'}
        with SmtpSink() as sink, host.Host(domains=domains, more=smarthost(sink.port)) as server:
            with host.Client(server.ports["smtp"]) as client:
                replies = client.begin("x@a.example", "any@b.example")
            self.assertEqual([reply[:1] for reply in replies if reply[:1] not in "45"], [])
            self.assertEqual((queued(server.path), sink.connections), ([], 0))

    def test_a_target_whose_mx_is_ourselves_is_not_tried(self):
        zone = {"loop.test": [("MX", 10, "mail.example.com")]}
        domain = '[default]\naction = "forward"\nforward = ["x@loop.test"]\n'
        with DnsServer(zone) as dns, host.Host(domains={"a.example": domain},
                                               more=f'\n[outbound]\nresolver = "{dns.address}"\n') as server:
            with host.Client(server.ports["smtp"]) as client:
                self.assertTrue(client.message(TEXT, "x@a.example").startswith("250"))
            self.settled(server)
            self.assertEqual(len(held(server.path)), 1)
            self.assertIn("5.4.6", held(server.path)[0]["text"])
            self.assertEqual(self.accepted(server, 1), 1)

    def test_of_a_bounce_that_bounces_nobody_is_told(self):
        domain = '[mailbox.anne]\n[alias]\nout = ["far@there.example"]\n'
        with SmtpSink() as sink, host.Host(domains={"a.example": domain}, more=smarthost(sink.port)) as server:
            looped = "Delivered-To: out@a.example\r\n" + TEXT
            with host.Client(server.ports["smtp"]) as client:
                said = client.message(looped, "out@a.example", "anne@a.example", sender="never-me@x.example")
                self.assertTrue(said.startswith("250"), said)
            self.settled(server)
            self.assertTrue(server.said("(not bounced: "), server.log)
            self.assertEqual((sum(sink.taken.values()), sink.connections, held(server.path)), (0, 1, []))
            self.assertEqual(len(server.messages("a.example", "anne")), 1)

    def test_a_null_sender_to_a_hundred_unknown_recipients_sends_nothing(self):
        names = [f"nobody-{n}@a.example" for n in range(100)]
        with SmtpSink() as sink, host.Host(domains={"a.example": "[mailbox.anne]\n"},
                                           more=smarthost(sink.port)) as server:
            with host.Client(server.ports["smtp"]) as client:
                replies = client.begin(*names, sender="")
            self.assertEqual({reply[:9] for reply in replies}, {"550 5.1.1"})
            self.assertEqual((queued(server.path), sink.connections), ([], 0))
        with Office([("0", guess("", "anne@example.com")), ("1", guess("", *names))]) as office:
            office.fetch()
            self.assertEqual(queued(office.root), [])
            self.assertEqual({note["reason"] for note in held(office.root)}, {"foreign-domain"})
        ours = [name.replace("a.example", "example.com") for name in names]
        with Office([("0", guess("", "anne@example.com")), ("1", guess("", *ours))]) as office:
            office.fetch()
            self.assertEqual((queued(office.root), len(held(office.root))), ([], 100))
            self.assertIn("its sender is the null one", held(office.root)[0]["text"])


def guess(sender, *recipients, genuine=True):
    domain = sender.rpartition("@")[2] or "x.example"
    vouched = f"Authentication-Results: h; spf=pass smtp.mailfrom={domain}\r\n" if genuine else ""
    return (f"Return-Path: <{sender}>\r\n{vouched}X-Rcpt-To: {', '.join(recipients)}\r\n"
            f"Received: by host.example; today\r\nSubject: hello\r\n\r\ntext\r\n").encode()


class Office:
    """One that bounces, with its host."""

    def __init__(self, messages, unknown="bounce"):
        self.server = Pop3d(messages)
        self.place = tempfile.TemporaryDirectory(prefix="circles.")
        self.root = pathlib.Path(self.place.name)
        (self.root / "domains").mkdir()
        (self.root / "fetch").mkdir()
        files = {"mailhandler.toml": 'hostname = "office.example.com"\n',
                 "domains/example.com.toml": "[mailbox.anne]\n", "secret": "secret\n",
                 "fetch/office.toml": f'server = "pop3://127.0.0.1:{self.server.port}"\nlogin = "example.com"\n'
                                      f'password_file = "secret"\ndomain = "example.com"\ntls = "none"\n'
                                      f'unknown = "{unknown}"\n'}
        for name, text in files.items():
            (self.root / name).write_text(text)
            (self.root / name).chmod(0o600)

    def fetch(self):
        done = subprocess.run([host.BINARY, "--root", str(self.root), "--json", "fetch"], capture_output=True,
                              text=True, timeout=200)
        self.harvest, self.talk = json.loads(done.stdout.splitlines()[-1]), done.stderr
        return done.returncode

    def __enter__(self):
        self.server.__enter__()
        return self

    def __exit__(self, *_):
        self.server.__exit__()
        self.place.cleanup()


class Dictionary(unittest.TestCase):
    def collect(self, unknown, genuine, budget):
        """Half of it, and by another process the other half: they share the budget."""
        half = [guess("anne@x.example", "anne@example.com")]
        half += [guess(f"s{n}@d{n % 100}.example", f"guess-{n}@example.com", genuine=genuine)
                 for n in range(GUESSES // 2)]
        with Office([(f"a{n}", m) for n, m in enumerate(half)], unknown) as office:
            office.fetch()
            with office.server.lock:
                office.server.messages = [(f"b{n}", m + b"second\r\n") for n, m in enumerate(half[1:])]
            office.fetch()
            self.assertEqual(office.server.messages, [])
            return self.judge(office, budget, 2 * (len(half) - 1))

    def judge(self, office, budget, guesses):
        bounces = [text for _, text in queued(office.root)]
        notes = held(office.root)
        shown = json.loads(subprocess.run([host.BINARY, "--root", str(office.root), "--json", "held"],
                                          capture_output=True, text=True, timeout=60).stdout)
        told = sum(text.count(b"Final-Recipient:") for text in bounces)
        self.assertEqual(told + len(notes), guesses)
        self.assertEqual(len(shown), len(notes))
        self.assertTrue(all("not bounced: " in note["text"] for note in notes))
        self.assertLessEqual(len(bounces), budget)
        return len(bounces), len(notes)

    def test_no_more_bounces_leave_than_the_budget_allows_and_the_rest_is_held(self):
        bounces, rest = self.collect("bounce", True, IN_ALL)
        print(f"{GUESSES} guesses, genuine senders: {bounces} bounces, {rest} held", file=sys.stderr)
        self.assertEqual(bounces, IN_ALL)
        bounces, rest = self.collect("bounce-all", False, TO_UNPROVEN)
        print(f"{GUESSES} guesses, bounce-all: {bounces} bounces, {rest} held", file=sys.stderr)
        self.assertEqual(bounces, TO_UNPROVEN)
        self.assertEqual(self.collect("bounce", False, 0)[0], 0)

    def test_a_budget_that_is_not_kept_is_seen(self):
        with Office([("0", guess("s@x.example", "anne@example.com"))] +
                    [(str(n), guess(f"s{n}@x.example", f"g{n}@example.com")) for n in range(1, 6)]) as office:
            office.fetch()
            self.judge(office, 5, 5)
            with self.assertRaises(AssertionError):
                self.judge(office, 4, 5)
            next((office.root / "queue").glob("*.msg")).unlink()
            with self.assertRaises(AssertionError):
                self.judge(office, 5, 5)


if __name__ == "__main__":
    unittest.main()
