"""SPF at the door: what is written on a message, what is taken out of it, and who waits for the DNS."""

import pathlib
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
import host  # noqa: E402
from dns_server import DnsServer  # noqa: E402

ZONE = {
    "good.test": [("TXT", "v=spf1 ip4:127.0.0.1 -all")],
    "bad.test": [("TXT", "v=spf1 ip4:192.0.2.1 -all")],
    "soft.test": [("TXT", "v=spf1 include:bad.test ~all")],
    "neutral.test": [("TXT", "v=spf1 ?all")],
    "none.test": [("TXT", "hello")],
    "wrong.test": [("TXT", "v=spf1 nonsense:x -all")],
    "fails.test": "SERVFAIL",
    "silent.test": None,
    "mx.test": [("TXT", "v=spf1 mx -all"), ("MX", 10, "in.mx.test")],
    "in.mx.test": [("A", "127.0.0.1")],
}
RESULTS = {"good.test": "pass", "bad.test": "fail", "soft.test": "softfail", "neutral.test": "neutral",
           "none.test": "none", "absent.test": "none", "wrong.test": "permerror", "fails.test": "temperror",
           "mx.test": "pass"}
NAME = "Authentication-Results: mail.example.com; "


def header(octets):
    return octets.decode().split("\r\n\r\n")[0].split("\r\n")


class Spf(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dns = DnsServer(ZONE)
        cls.server = host.Host(more=f'\n[outbound]\nresolver = "{cls.dns.address}"\n')

    @classmethod
    def tearDownClass(cls):
        with cls.server as server:
            assert server.stop() == 0
        cls.dns.__exit__()

    def send(self, body="Subject: x\r\n\r\nbody\r\n", recipient="zoe@example.com", hello="EHLO client.test", **more):
        with host.Client(self.server.ports["smtp"], hello) as client:
            self.assertEqual(client.message(body, recipient, **more)[:3], "250")
        found = [m for m in self.server.messages() if f"X-Rcpt-To: {recipient}\r\n".encode() in m]
        return header(found[-1])

    def test_the_result_stands_between_delivered_to_and_received(self):
        for domain, result in RESULTS.items():
            lines = self.send(sender=f"bob@{domain}", recipient=f"{domain}@example.com")
            names = [line.split(":")[0] for line in lines if line[0] not in " \t"]
            self.assertEqual(names, ["Return-Path", "X-Rcpt-To", "X-POP3-Rcpt", "Delivered-To",
                                     "Authentication-Results", "Received", "Subject"])
            self.assertEqual(lines[4], f"{NAME}spf={result} smtp.mailfrom=bob@{domain}")

    def test_the_null_sender_is_judged_by_its_helo_name(self):
        lines = self.send(sender="", recipient="null@example.com", hello="EHLO good.test")
        self.assertIn(f"{NAME}spf=pass smtp.helo=good.test", lines)
        lines = self.send(sender="", recipient="null2@example.com", hello="EHLO [127.0.0.1]")
        self.assertIn(f'{NAME}spf=none smtp.helo="[127.0.0.1]"', lines)

    def test_each_message_of_a_connection_has_its_own_result(self):
        with host.Client(self.server.ports["smtp"]) as client:
            for domain in ("bad.test", "good.test", "bad.test"):
                self.assertEqual(client.message("S: x\r\n\r\n", f"{domain}.many@example.com",
                                                sender=f"m@{domain}")[:3], "250")
        for octets in self.server.messages():
            lines = header(octets)
            if ".many@" in lines[1]:
                domain = lines[1].split(" ")[1].split(".many")[0]
                self.assertEqual(lines[4], f"{NAME}spf={RESULTS[domain]} smtp.mailfrom=m@{domain}")

    def test_forged_results_in_our_name_are_taken_out(self):
        forged = ("Authentication-Results: MAIL.example.com;\r\n\tspf=pass smtp.mailfrom=bob@bad.test\r\n"
                  "authentication-results : (x) \"mail.example.com\" 1; dkim=pass header.d=bad.test\r\n")
        kept = "Authentication-Results: other.example; spf=pass"
        lines = self.send(f"{forged}{kept}\r\nSubject: x\r\n\r\n{forged}", sender="bob@bad.test",
                          recipient="forged@example.com")
        self.assertEqual(lines[4], f"{NAME}spf=fail smtp.mailfrom=bob@bad.test")
        self.assertEqual(lines[-2:], [kept, "Subject: x"])
        self.assertEqual(sum("mail.example.com;" in line.lower() for line in lines), 1)

    def test_a_dns_that_never_answers_delays_only_its_own_message(self):
        waiting = []
        for number in range(60):
            client = host.Client(self.server.ports["smtp"], timeout=60)
            client.ask("MAIL FROM:<bob@silent.test>", f"RCPT TO:<w{number % 3}@example.com>", "DATA")
            client.send("Subject: waiting\r\n\r\n.\r\n")
            waiting.append(client)
        began = time.monotonic()
        for _ in range(20):
            self.send(sender="bob@good.test", recipient="quick@example.com")
        self.assertLess(time.monotonic() - began, 5)
        for client in waiting[10:]:
            client.close()  # who leaves before the answer has sent the message all the same
        for client in waiting[:10]:
            self.assertEqual(client.reply()[:3], "250")
            client.close()
        self.assertLess(time.monotonic() - began, 25)
        arrived = host.until(lambda: len([m for m in self.server.messages() if b"Subject: waiting" in m]) == 60)
        self.assertTrue(arrived)
        self.assertTrue(all(b"spf=temperror" in m for m in self.server.messages() if b"Subject: waiting" in m))


class Without(unittest.TestCase):
    def test_peers_on_loopback_are_not_checked(self):
        with host.Host(listen=("smtp", "lmtp")) as server:
            for name, hello in (("smtp", "EHLO c"), ("lmtp", "LHLO c")):
                with host.Client(server.ports[name], hello) as client:
                    forged = "Authentication-Results: mail.example.com; spf=pass\r\n"
                    self.assertEqual(client.message(forged + "Subject: x\r\n\r\n", "a@example.com",
                                                    sender="bob@good.test")[:3], "250")
            for octets in server.messages():
                self.assertNotIn(b"Authentication-Results", octets)


if __name__ == "__main__":
    unittest.main()
