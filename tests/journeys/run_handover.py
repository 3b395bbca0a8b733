"""Mailboxes of the host that another server keeps: [mailbox.anne] deliver = "lmtp://…"."""

import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
import host  # noqa: E402
import queue_files  # noqa: E402
from dns_server import DnsServer  # noqa: E402
from smtp_sink import SmtpSink  # noqa: E402

NAMES = ("anne", "later-bob", "never-carl", "full-dora", "bad-eve")


class Handover(unittest.TestCase):
    def setUp(self):
        self.lmtp = SmtpSink(lmtp=True)
        self.origin = SmtpSink()
        self.dns = DnsServer({"origin.test": [("TXT", "v=spf1 ip4:127.0.0.1 -all")]})
        for one in (self.lmtp, self.origin, self.dns):
            self.addCleanup(one.__exit__)

    def domain(self):
        boxes = "".join(f'[mailbox.{name}]\ndeliver = "lmtp://127.0.0.1:{self.lmtp.port}"\n' for name in NAMES)
        return boxes + "[mailbox.here]\n[alias]\nall = [" + ", ".join(f'"{n}"' for n in NAMES + ("here",)) + "]\n"

    def server(self):
        server = host.Host(domains={"example.com": self.domain()},
                           more=f'\n[outbound]\nsmarthost = "smtp://127.0.0.1:{self.origin.port}"\ntls = "none"\n'
                                f'resolver = "{self.dns.address}"\n')
        self.addCleanup(server.__exit__)
        return server

    def send(self, server, *recipients, subject, sender="a@origin.test"):
        with host.Client(server.ports["smtp"]) as client:
            self.assertEqual(client.message(f"Subject: {subject}\r\n\r\nbody\r\n", *recipients, sender=sender)[:3], "250")

    def taken(self, subject):
        return sorted(r for r, token in list(self.lmtp.taken.elements()) if token == subject)

    def retry(self, server):
        """What `queue retry --all` does."""
        for path in queue_files.waiting(server.path / "queue"):
            queue_files.retry(path)

    def test_it_takes_what_is_for_its_mailboxes_and_what_it_refuses_is_told(self):
        server = self.server()
        self.send(server, "all@example.com", subject="first")
        self.assertTrue(host.until(lambda: "anne@example.com" in self.taken("first")))
        self.assertTrue(host.until(lambda: len(self.origin.messages) == 2))
        for told in self.origin.messages:  # of never-carl and bad-eve
            self.assertEqual((told.sender, told.recipients), ("", ["a@origin.test"]))

        def arrives():
            self.retry(server)  # again: what is under way is given its next time when it ends
            return self.taken("first") == ["anne@example.com", "full-dora@example.com", "later-bob@example.com"]
        self.assertTrue(host.until(arrives, every=0.2))
        self.assertTrue(host.until(lambda: not queue_files.waiting(server.path / "queue")))
        self.assertEqual(len(server.messages("example.com", "here")), 1)
        for message in self.lmtp.messages:
            self.assertTrue(message.content.startswith(b"X-Rcpt-To: all@example.com\r\n"), message.content)
            self.assertEqual(message.sender, "a@origin.test")
            self.assertNotIn(b"Return-Path", message.content)
            self.assertIn(b"\r\nAuthentication-Results: mail.example.com; spf=pass", message.content)

    def test_a_server_that_is_down_gets_it_when_it_is_up_again(self):
        port = self.lmtp.port
        server = self.server()
        self.lmtp.stop()
        self.send(server, "anne@example.com", subject="patience")
        waiting = host.until(lambda: queue_files.waiting(server.path / "queue"))
        self.assertIn(f"lmtp%3A%2F%2F127.0.0.1%3A{port}.msg", waiting[0].name)
        self.lmtp = SmtpSink(port=port, lmtp=True)
        self.addCleanup(self.lmtp.__exit__)

        def arrives():
            self.retry(server)
            return self.taken("patience")
        self.assertEqual(host.until(arrives, every=0.2), ["anne@example.com"])

    def test_of_a_sender_who_may_be_forged_nobody_is_told_and_it_is_held(self):
        server = self.server()
        self.send(server, "bad-eve@example.com", subject="forged", sender="a@unknown.test")
        held = host.until(lambda: [p for p in (server.path / "held").rglob("*") if p.is_file()])
        self.assertTrue(held)
        self.assertEqual(self.origin.messages, [])


if __name__ == "__main__":
    unittest.main()
