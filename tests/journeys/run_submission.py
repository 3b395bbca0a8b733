"""Our own users send: in TLS or on loopback, in their own names, to local people and by the queue."""

import base64
import json
import pathlib
import smtplib
import ssl
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
import host  # noqa: E402
from smtp_sink import SmtpSink  # noqa: E402

PASSWORD = "a secret of anne"
DOMAIN = '[default]\naction = "reject"\nelsewhere = ["carol"]\n[mailbox.anne]\n[mailbox.bob]\n[alias]\ninfo = ["anne"]\n'


def untrusting():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class Submission(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sink = SmtpSink()
        cls.server = host.Host(domains={"example.com": DOMAIN}, listen=("submission", "submissions", "smtp"), tls=True,
                               more=f'\n[outbound]\nsmarthost = "smtp://127.0.0.1:{cls.sink.port}"\ntls = "none"\n'
                                    "\n[limits]\nrecipients_per_hour = 40\n", start=False)
        for name in ("anne", "bob"):
            done = subprocess.run([host.BINARY, "--root", str(cls.server.path), "passwd", f"{name}@example.com",
                                   "--password-stdin"], input=PASSWORD + "\n", text=True, capture_output=True)
            assert done.returncode == 0, done.stderr
        cls.server.start()

    @classmethod
    def tearDownClass(cls):
        with cls.server as server:
            assert server.stop() == 0

    def client(self, login="anne@example.com", tls=False):
        if tls:
            client = smtplib.SMTP_SSL("127.0.0.1", self.server.ports["submissions"], context=untrusting())
        else:
            client = smtplib.SMTP("127.0.0.1", self.server.ports["submission"])
            client.starttls(context=untrusting())
        self.addCleanup(client.close)
        if login:
            client.login(login, PASSWORD)
        return client

    def test_nothing_is_taken_without_a_login(self):
        for client in (self.client(login=None), self.client(login=None, tls=True)):
            client.ehlo()
            self.assertEqual(client.mail("anne@example.com")[0], 530)
            self.assertEqual(client.rcpt("bob@example.com")[0], 503)

    def test_a_wrong_password_is_refused(self):
        client = self.client(login=None)
        with self.assertRaises(smtplib.SMTPAuthenticationError) as no:
            client.login("anne@example.com", "wrong")
        self.assertEqual(no.exception.smtp_code, 535)

    def test_both_mechanisms_log_in(self):
        for mechanism in ("PLAIN", "LOGIN"):
            client = self.client(login=None)
            client.ehlo()
            client.user, client.password = "anne@example.com", PASSWORD
            auth = getattr(client, "auth_" + mechanism.lower())
            self.assertEqual(client.auth(mechanism, auth)[0], 235)

    def test_port_25_has_no_logins(self):
        with host.Client(self.server.ports["smtp"]) as client:
            login = base64.b64encode(b"\0anne@example.com\0" + PASSWORD.encode()).decode()
            self.assertEqual(client.ask("AUTH PLAIN " + login)[:3], "502")

    def test_to_local_people_and_elsewhere_in_one_message(self):
        for tls in (False, True):
            text = f"Subject: both {tls}\r\nBcc: dan@far.example\r\n\r\nbody\r\n"
            client = self.client(tls=tls)
            client.sendmail("info@example.com", ["bob@example.com", "dan@far.example", "carol@example.com"], text)
            client.quit()
            bobs = host.until(lambda: [m for m in self.server.messages("example.com", "bob")
                                       if f"both {tls}".encode() in m])
            self.assertEqual(len(bobs), 1)
            self.assertIn(b"with ESMTPSA", bobs[0])
            sent = host.until(lambda: [s for s in list(self.sink.messages) if f"both {tls}".encode() in s.content])
            self.assertEqual([(s.sender, sorted(s.recipients)) for s in sent],
                             [("info@example.com", ["carol@example.com", "dan@far.example"])])
            for octets in (bobs[0], sent[0].content):
                self.assertNotIn(b"Bcc", octets)
                self.assertEqual(octets.count(b"\r\nDate: "), 1)
                self.assertEqual(octets.count(b"\r\nMessage-ID: <"), 1)

    def test_nobody_writes_in_another_s_name(self):
        client = self.client()
        for sender in ("bob@example.com", "anne@far.example"):
            code, words = client.mail(sender)
            self.assertEqual((code, words[:5]), (553, b"5.7.1"))

    def test_the_journal_tells_of_it(self):
        self.client()
        told = host.until(lambda: [json.loads(line) for path in (self.server.path / "journal").rglob("*.jsonl")
                                   for line in path.read_text().splitlines() if '"login"' in line])
        self.assertTrue(any(e.get("rule") == "submission" for e in told), told)

    def test_who_writes_to_too_many_waits(self):
        client = self.client(login="bob@example.com")
        replies = []
        client.mail("bob@example.com")
        for number in range(45):
            replies.append(client.rcpt(f"n{number}@far.example")[0])
        self.assertEqual(replies, [250] * 40 + [450] * 5)


if __name__ == "__main__":
    unittest.main()
