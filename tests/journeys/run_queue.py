"""The outbound queue of a running server: to a smarthost that misbehaves, to MX hosts found in the DNS,
and while it is killed. Nothing is lost; what comes twice was under way when somebody died.

MAILHANDLER_KILLS: how many SIGKILLs (20; 200 with 1,000 messages is the measure). MX hosts listen on port 25: all of it
runs in a network of its own, where nobody else does and where everybody may.
"""

import json
import os
import pathlib
import random
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
import host  # noqa: E402
import own_network  # noqa: E402
import queue_files  # noqa: E402
from dns_server import DnsServer  # noqa: E402
from smtp_sink import SmtpSink  # noqa: E402

KILLS = int(os.environ.get("MAILHANDLER_KILLS", "20"))
AT_ONCE = 8  # connections to a smarthost


class Queue(host.Host):
    """A server whose queue is written by the test, in the files' own format."""

    count = 0

    def __init__(self, outbound, **more):
        super().__init__(domains={}, listen=(), more="\n[outbound]\n" + outbound, start=False, **more)
        self.queue = self.path / "queue"
        self.queue.mkdir()

    def put(self, token, *recipients, arrived=None):
        Queue.count += 1
        key = f"{Queue.count:011d}.test"
        content = f"Subject: {token}\r\n\r\nA line.\r\n.. dots\r\n".encode()
        envelope = {"id": key, "kind": "forward", "sender": {"address": "sender@example.com"},
                    "original_sender": "sender@example.com", "authenticated": False,
                    "owed": [{"address": r} for r in recipients], "size": len(content),
                    "arrived": int((arrived or time.time()) * 1000), "attempts": 0}
        queue_files.put(self.queue, key, time.time() - 1, envelope, content)
        return key

    def waiting(self):
        return queue_files.waiting(self.queue)

    def retry_all(self):
        """What `queue retry --all` does."""
        for path in self.waiting():
            if int(path.name.split(",")[1]) > time.time():
                queue_files.retry(path, time.time() - 1)

    def empty(self, seconds=60):
        def gone():
            self.retry_all()
            return not self.waiting()
        return host.until(gone, seconds, 0.3)

    def held(self):
        # Not what is still being written: that has a hidden name, which glob("*") would find.
        files = (self.path / "held").glob("[0-9]*,S=*")
        return [json.loads(path.read_bytes().partition(b"\n")[0]) for path in files]

    def reply(self, key):
        """What the last attempt of the first recipient met."""
        for path in self.queue.glob(f"{key},*.msg"):
            try:
                return queue_files.envelope(path)["owed"][0].get("last_reply", "")
            except FileNotFoundError:
                pass
        return ""


def smarthost(sink):
    return f'smarthost = "smtp://127.0.0.1:{sink.port}"\ntls = "none"\n'


def certificate(place):
    pair = [f"{place}/cert.pem", f"{place}/key.pem"]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                    "/CN=sink.test", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "1", "-out", pair[0], "-keyout",
                    pair[1]], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    return context, pair[0]


class Smarthost(unittest.TestCase):
    def test_each_recipient_gets_each_message_once_or_it_is_held(self):
        with SmtpSink() as sink, Queue(smarthost(sink)) as server:
            wanted = {}
            for n in range(12):
                names = [f"{kind}-{n}@d{n % 3}.test" for kind in ("ok", "later", "never")]
                if n % 4 == 0:
                    names.append(f"cut-{n}@e.test")
                server.put(f"t{n}", *names)
                wanted.update({(name, f"t{n}"): 1 for name in names if not name.startswith("never-")})
            server.start()
            self.assertTrue(server.empty(), "".join(server.log))
            self.assertEqual(dict(sink.taken), wanted)
            self.assertEqual(sorted(note["to"] for note in server.held()),
                             sorted(f"never-{n}@d{n % 3}.test" for n in range(12)))
            self.assertEqual({note["reason"] for note in server.held()}, {"undeliverable"})
            self.assertEqual(list(server.queue.glob("*.env")), [])
            self.assertEqual(server.stop(), 0)
            lines = "".join(p.read_text() for p in (server.path / "journal").rglob("*.jsonl"))
            events = [json.loads(line)["what"] for line in lines.splitlines()]
            self.assertEqual(events.count("sent"), len(wanted))
            self.assertEqual(events.count("failed"), 12)
            self.assertGreaterEqual(events.count("postponed"), 12)

    def test_messages_share_connections_and_never_open_too_many(self):
        with SmtpSink() as sink, Queue(smarthost(sink)) as server:
            for n in range(100):
                server.put(f"t{n}", f"ok-{n}@d.test")
            server.start()
            self.assertTrue(server.empty(), "".join(server.log))
            self.assertEqual(sum(sink.taken.values()), 100)
            self.assertLessEqual(sink.most_open, AT_ONCE)
            self.assertLess(sink.connections, 50)

    def test_a_message_that_comes_while_it_runs_leaves_within_a_second(self):
        with SmtpSink() as sink, Queue(smarthost(sink)) as server:
            server.start()
            server.put("now", "ok@d.test")
            self.assertTrue(host.until(lambda: sink.taken, 5))

    def test_a_host_that_is_down_is_not_called_for_each_message(self):
        with SmtpSink(greeting="421 not now") as sink, Queue(smarthost(sink)) as server:
            server.start()
            for n in range(60):
                server.put(f"t{n}", f"ok-{n}@d.test")
                time.sleep(0.05)
            self.assertTrue(host.until(lambda: sink.connections >= 2, 10))
            self.assertLess(sink.connections, 6)
            self.assertEqual(len(server.waiting()), 60)
            sink.greeting = "220 sink.test"
            server.retry_all()  # a person ends its rest
            self.assertTrue(server.empty(20))
            self.assertEqual(len(sink.taken), 60)

    def test_sigterm_lets_a_transaction_end(self):
        with SmtpSink() as sink, Queue(smarthost(sink)) as server:
            for n in range(30):
                server.put(f"t{n}", f"slow-{n}@d.test")
            server.start()
            self.assertTrue(host.until(lambda: sink.taken, 10))
            self.assertEqual(server.stop(20), 0)
            taken = {name for name, _ in sink.taken}
            self.assertGreater(len(server.waiting()), 0)
            self.assertEqual(len(taken) + len(server.waiting()), 30)
            server.start()
            self.assertTrue(server.empty())
            self.assertEqual(sorted(sink.taken.values()), [1] * 30)

    def test_a_smarthost_is_verified_and_logged_in_to(self):
        with tempfile.TemporaryDirectory() as place:
            context, trusted = certificate(place)
            login = 'login = "me"\npassword_command = "echo secret"\n'
            with SmtpSink(tls=context, login=("me", "secret")) as sink:
                url = f'smarthost = "smtp://127.0.0.1:{sink.port}"\n' + login
                with Queue(url) as server:  # a certificate that nobody vouches for
                    key = server.put("no", "ok@d.test")
                    server.start()
                    self.assertTrue(host.until(lambda: server.reply(key), 20))
                    self.assertIn("STARTTLS", server.reply(key))
                    self.assertEqual((sum(sink.taken.values()), sink.logins), (0, 0))
                with Queue(url, prefix=["env", f"SSL_CERT_FILE={trusted}"]) as server:
                    server.put("yes", "ok@d.test")
                    server.start()
                    self.assertTrue(server.empty(), "".join(server.log))
                    self.assertEqual(dict(sink.taken), {("ok@d.test", "yes"): 1})
                    self.assertEqual(sink.logins, 1)

    def test_nothing_is_lost_and_little_doubled_by_sigkill(self):
        rng = random.Random(25)
        with SmtpSink() as sink, Queue(smarthost(sink)) as server:
            wanted, refused, n = set(), set(), 0
            for _ in range(KILLS):
                for _ in range(5):
                    kind = rng.choice(["ok", "slow", "later", "cut", "never"])
                    names = [f"{kind}-{n}@d.test", f"ok-{n}@e.test"]
                    server.put(f"t{n}", *names)
                    wanted.update((name, f"t{n}") for name in names if not name.startswith("never-"))
                    refused.update(name for name in names if name.startswith("never-"))
                    n += 1
                server.start()
                time.sleep(rng.uniform(0, 0.4))
                server.retry_all()
                time.sleep(rng.uniform(0, 0.2))
                server.kill()
            server.start()
            self.assertTrue(server.empty(120), "".join(server.log))
            twice = self.judge(sink, wanted, KILLS)
            print(f"{KILLS} kills, {n} messages: {twice} recipients twice", file=sys.stderr)
            # Nobody vouches for the senders: what was refused is held, once.
            self.assertEqual(sorted(note["to"] for note in server.held()), sorted(refused))

    def judge(self, sink, wanted, kills):
        """None is lost; how many came twice: each kill finds at most AT_ONCE transactions under way, of two
        recipients each."""
        self.assertEqual(set(sink.taken), wanted)
        twice = sum(sink.taken.values()) - len(wanted)
        self.assertLessEqual(twice, 2 * AT_ONCE * kills)
        return twice

    def test_a_queue_that_loses_or_doubles_is_seen(self):
        for harm in ("lose", "double"):
            with SmtpSink() as sink, Queue(smarthost(sink)) as server:
                for n in range(5):
                    server.put(f"t{n}", f"ok-{n}@d.test")
                saved = {path.name: path.read_bytes() for path in server.queue.iterdir()}
                if harm == "lose":
                    server.waiting()[0].unlink()
                server.start()
                self.assertTrue(server.empty())
                if harm == "double":
                    for name in saved:
                        (server.queue / ("x" + name)).write_bytes(saved[name])
                        (server.queue / ("x" + name)).rename(server.queue / name)
                    self.assertTrue(host.until(lambda: sum(sink.taken.values()) == 10, 20))
                with self.assertRaises(AssertionError):
                    self.judge(sink, {(f"ok-{n}@d.test", f"t{n}") for n in range(5)}, 0)


class MxHosts(unittest.TestCase):
    def setUp(self):
        self.net = "127.25.0"

    def test_the_next_host_is_tried_and_tls_is_taken_where_it_works(self):
        with tempfile.TemporaryDirectory() as place:
            context, _ = certificate(place)
            sinks = {"second": SmtpSink(f"{self.net}.2", 25, greeting="554 5.3.2 not today"),
                     "third": SmtpSink(f"{self.net}.3", 25, tls=context),
                     "broken": SmtpSink(f"{self.net}.4", 25, tls=context, handshake=False),
                     "plain": SmtpSink(f"{self.net}.5", 25)}
            zone = {"d.test": [("MX", 10, "first.test"), ("MX", 20, "second.test"), ("MX", 30, "third.test")],
                    "first.test": [("A", f"{self.net}.1")],  # nobody listens
                    "second.test": [("A", f"{self.net}.2")],
                    "third.test": [("A", f"{self.net}.1"), ("A", f"{self.net}.3")],
                    "broken.test": [("A", f"{self.net}.4")],
                    "plain.test": [("MX", 10, "host.plain.test")], "host.plain.test": [("A", f"{self.net}.5")]}
            with DnsServer(zone) as dns, Queue(f'resolver = "{dns.address}"\n') as server:
                server.put("many", "ok@d.test", "ok@broken.test", "ok@plain.test", f"ok@[{self.net}.5]")
                server.start()
                self.assertTrue(server.empty(), "".join(server.log))
                self.assertEqual(dict(sinks["third"].taken), {("ok@d.test", "many"): 1})
                self.assertEqual(sinks["third"].secured, 1)
                self.assertEqual(dict(sinks["broken"].taken), {("ok@broken.test", "many"): 1})
                self.assertEqual(sorted(sinks["plain"].taken),
                                 [(f"ok@[{self.net}.5]", "many"), ("ok@plain.test", "many")])
            for sink in sinks.values():
                sink.listener.close()

    def test_what_the_dns_denies_is_given_up_and_what_it_cannot_say_waits(self):
        zone = {"null.test": [("MX", 0, "")], "broken.test": "SERVFAIL", "silent.test": None,
                "loop.test": [("MX", 10, "mail.example.com")], "bare.test": []}
        with DnsServer(zone) as dns, Queue(f'resolver = "{dns.address}"\n') as server:
            for name in ("missing", "null", "loop", "bare"):
                server.put(name, f"a@{name}.test")
            later = [server.put(name, f"a@{name}.test") for name in ("broken", "silent")]
            old = server.put("old", "a@broken.test", arrived=time.time() - 6 * 86400)
            server.start()
            self.assertTrue(host.until(lambda: len(server.held()) == 5 and all(map(server.reply, later)), 40),
                            "".join(server.log))
            texts = {note["to"].split(".")[0][2:]: note["text"] for note in server.held()}
            self.assertIn("5.1.2", texts["missing"])
            self.assertIn("5.1.10", texts["null"])
            self.assertIn("5.4.6", texts["loop"])
            self.assertIn("5.4.4", texts["bare"])
            self.assertIn("4.4.3", texts["broken"])  # the one whose time was over
            self.assertEqual(list(server.queue.glob(old + "*")), [])
            for key in later:
                self.assertIn("4.4.3", server.reply(key))


if __name__ == "__main__":
    own_network.enter()
    unittest.main()
