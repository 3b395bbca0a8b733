"""Reports to senders, as Python's email package reads them: three parts, the fields, the header."""
import email
import email.policy
import os
import subprocess
import unittest

TOOL = os.environ.get("MAIL_TOOL", "build/tests/mail_tool")
HEADER = (b"Received: from a\r\n\tby b; Mon, 23 Nov 2026 05:00:00 +0000\r\n"
          b"Message-ID: <1@their.example>\r\nSubject: The minutes\r\n\r\n")


def report(action="failed", to="anne@their.example", asked="carol@ours.example", target="",
           reply="550 5.1.1 No such person", header=HEADER):
    done = subprocess.run([TOOL, action, to, asked, target, reply], input=header + b"THE CONTENT\r\n",
                          capture_output=True, check=True)
    return done.stdout


def parts(octets):
    message = email.message_from_bytes(octets, policy=email.policy.SMTP.clone(utf8=True))
    return message, message.get_payload()


class Reports(unittest.TestCase):
    def check(self, octets, status="5.1.1", action="failed", kind="delivery-status"):
        message, (text, fields, header) = parts(octets)
        self.assertEqual(message.defects, [])
        self.assertEqual(message.get_content_type(), "multipart/report")
        self.assertEqual(message.get_param("report-type"), kind)
        self.assertEqual(message["Auto-Submitted"], "auto-replied")
        self.assertEqual(text.get_content_type(), "text/plain")
        self.assertEqual(fields.get_content_type(), "message/" + kind)
        self.assertNotIn(b"THE CONTENT", octets)
        if kind == "delivery-status":
            ours, theirs = fields.get_payload()
            self.assertEqual(ours["Reporting-MTA"], "dns; mail.ours.example")
            self.assertEqual(ours["Original-Envelope-Id"], "E=1")
            self.assertEqual((theirs["Action"], theirs["Status"]), (action, status))
        for line in octets.split(b"\r\n"):
            self.assertLessEqual(len(line), 998)
            self.assertNotIn(b"\n", line)
        return text.get_content(), fields, header

    def test_plain(self):
        text, fields, header = self.check(report())
        self.assertIn("carol@ours.example", text)
        self.assertIn("no such address", text)
        self.assertEqual(fields.get_payload()[1]["Final-Recipient"], "rfc822;carol@ours.example")
        self.assertEqual(header.get_content_type(), "text/rfc822-headers")
        self.assertEqual(header.get_payload(decode=True).rstrip(), HEADER.rstrip())

    def test_delayed(self):
        text, fields, _ = self.check(report("delayed", reply="450 4.2.0 Later"), "4.2.0", "delayed")
        self.assertIn("You need do nothing", text)
        self.assertTrue(fields.get_payload()[1]["Will-Retry-Until"])

    def test_any_octets_in_the_header(self):
        for hostile in (b"Subject: gr\xfc\xdf\xff\r\n\r\n", b"X: " + b"y" * 5000 + b"\r\n\r\n",
                        b"X: =3D trailing \t\r\nY: \r\n =20\r\n\r\n", b"\xff\r\n\r\n", b"\r\n",
                        b"X: \xc3\xbc\r\n\r\n", b"A: b\nC: d\n\n"):
            octets = report(header=hostile)
            _, _, header = self.check(octets)
            self.assertTrue(octets.isascii())
            wanted = b"" if hostile[:1] in b"\xff\r" else hostile.replace(b"\r\n", b"\n").rstrip(b"\n")
            found = header.get_payload(decode=True).replace(b"\r\n", b"\n").rstrip(b"\n")
            self.assertEqual(found, wanted)

    def test_a_hidden_target(self):
        octets = report(target="Bob@elsewhere.example",
                        reply="550 5.7.1 <bob@elsewhere.example> user bob at elsewhere.example said no")
        self.check(octets, "5.7.1")
        self.assertNotIn(b"elsewhere", octets.lower())
        self.assertNotIn(b"bob", octets.lower())

    def test_beyond_ascii(self):
        text, fields, _ = self.check(report(asked="jürgen@ours.example"))
        self.assertIn("jürgen@ours.example", text)
        self.assertEqual(fields.get_payload()[1]["Final-Recipient"], "utf-8;j\\x{FC}rgen@ours.example")
        octets = report(to="élise@their.example", asked="jürgen@ours.example",
                        header="Subject: grüße\r\n\r\n".encode())
        text, _, header = self.check(octets, kind="global-delivery-status")
        self.assertIn("jürgen@ours.example", text)
        self.assertIn("Final-Recipient: utf-8;jürgen@ours.example\r\n".encode(), octets)
        self.assertEqual(header.get_content_type(), "message/global-headers")


if __name__ == "__main__":
    unittest.main()
