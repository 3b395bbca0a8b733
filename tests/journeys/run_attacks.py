"""Hostile input, played against a running server over a plain socket and over TLS.

ATTACKS is one table: the number of the threat, what is sent octet for octet, the replies that must
come back (each by its first words), and what must lie on disk afterwards. Rows begin behind EHLO, as
PREAMBLE says where they need a transaction; behind each row the same connection must still take a
good message, unless the row says it ends.

MAILHANDLER_GUESSES: how many names the dictionary run guesses (default 20,000).
"""

import os
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import host  # noqa: E402

GUESSES = int(os.environ.get("MAILHANDLER_GUESSES", "20000"))

DOMAINS = {
    "example.com": host.CATCH_ALL + "[mailbox.anne]\n[mailbox.\"jos\u00e9\"]\n[mailbox.evil]\n",
    "xn--bcher-kva.example": "[mailbox.anne]\n",
    "closed.example": "[mailbox.anne]\n",
}
TO_ANNE = b"MAIL FROM:<a@client.example>\r\nRCPT TO:<anne@example.com>\r\n"
ACCEPTED = ["250 2.1.0", "250 2.1.5"]
DATA, GO = TO_ANNE + b"DATA\r\n", ACCEPTED + ["354 "]
BARE_CR = "554 5.6.0 The message holds a bare CR; lines must end in CRLF"
BARE_LF = "500 5.5.2 A line must end in CRLF, this one had a bare LF"
TOO_LONG = "500 5.5.2 Line too long: at most 4096 octets"
SMUGGLED = b"MAIL FROM:<evil@client.example>\r\nRCPT TO:<evil@example.com>\r\nDATA\r\nevil\r\n"


class Attack:
    """One row. `kept`: what the maildirs hold afterwards, {mailbox: end of its one message}."""

    def __init__(self, number, title, sent, replies, kept=None, ends=False, plain_only=False):
        self.number, self.title, self.sent, self.replies = number, title, sent, replies
        self.kept, self.ends, self.plain_only = kept or {}, ends, plain_only


def smuggling(end, kept):
    """A second transaction behind what some take for the end of the first."""
    sent = DATA + b"Subject: s\r\n\r\none" + end + SMUGGLED + b".\r\n"
    if kept is None:
        return Attack(1, f"an end of data spelt {end!r}", sent, GO + [BARE_CR])
    return Attack(1, f"an end of data spelt {end!r}", sent, GO + ["250 2.0.0 Stored as "],
                  {"anne": b"\r\n\r\none" + kept + SMUGGLED})


def content(number, title, sent, kept=None):
    replies = GO + ["250 2.0.0 Stored as " if kept is not None else BARE_CR]
    return Attack(number, title, DATA + sent + b"\r\n.\r\n", replies,
                  {} if kept is None else {"anne": kept + b"\r\n"})


def chunk(octets, last=" LAST"):
    return b"BDAT %d%s\r\n" % (len(octets), last.encode()) + octets


def recipient(number, title, path, reply, kept=None):
    """RCPT TO this path, and mail for it where it was taken."""
    sent = b"MAIL FROM:<a@client.example> SMTPUTF8\r\nRCPT TO:<" + path + b">\r\n"
    if kept is None:
        return Attack(number, title, sent + b"RSET\r\n", ["250 2.1.0", reply, "250 2.0.0"])
    return Attack(number, title, sent + b"DATA\r\nSubject: s\r\n\r\nmail\r\n.\r\n",
                  ["250 2.1.0", reply, "354 ", "250 2.0.0"], {kept: b"\r\nmail\r\n"})


LINES = b"X-Line: 1\r\n" * 1_000_000
PARAMETERS = b"Content-Type: text/plain" + b"".join(b";\r\n p%d=v" % i for i in range(10_000))
NESTED = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"".join(
    b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (i, i + 1) for i in range(5_000))
TOO_LONG_HEADER = "554 5.6.0 The message's header is longer than 1048576 octets"

ATTACKS = [
    smuggling(b"\n.\n", b"\r\n.\r\n"),
    smuggling(b"\r\n.\n", b"\r\n\r\n"),  # a line that begins with a dot loses it
    smuggling(b"\n.\r\n", b"\r\n.\r\n"),
    smuggling(b"\r.\r", None),
    smuggling(b"\r\n.\r\r\n", None),
    smuggling(b"\r\n.\0\r\n", b"\r\n\0\r\n"),

    content(2, "bare LF in header and body", b"Subject: s\nX-Two: 2\r\n\none\ntwo",
            b"Subject: s\r\nX-Two: 2\r\n\r\none\r\ntwo"),
    content(2, "bare CR in the header", b"Subject: s\rX-Rcpt-To: evil@example.com\r\n\r\ntext"),
    content(2, "bare CR in the body", b"Subject: s\r\n\r\none\rtwo"),
    content(2, "NUL in header and body", b"Subject: a\0b\r\n\r\n\0", b"Subject: a\0b\r\n\r\n\0"),
    Attack(2, "bare CR in BDAT", TO_ANNE + chunk(b"Subject: s\r\n\r\none\rtwo\r\n"), ACCEPTED + [BARE_CR]),
    Attack(2, "bare LF and a lone dot in BDAT", TO_ANNE + chunk(b"Subject: s\r\n\r\none\n.\ntwo\r\n.\r\n"),
           ACCEPTED + ["250 2.0.0"], {"anne": b"\r\none\r\n.\r\ntwo\r\n.\r\n"}),
    Attack(2, "NUL in a command", b"NOOP\0\r\n", ["500 5.5.2 A command cannot hold NUL or a bare CR"]),
    Attack(2, "bare CR in a command", b"NOOP\rNOOP\r\n", ["500 5.5.2 A command cannot hold NUL or a bare CR"]),
    Attack(2, "bare LF between commands", b"NOOP\n" + TO_ANNE, [BARE_LF, "250 2.1.5"][:1] + ["503 5.5.1"]),

    Attack(3, "commands behind DATA are content until it ends", DATA + b"\r\nRSET\r\nQUIT\r\n.\r\nNOOP\r\n",
           GO + ["250 2.0.0", "250 2.0.0 Still here"], {"anne": b"\r\nRSET\r\nQUIT\r\n"}),
    Attack(3, "commands behind AUTH, which is not offered", b"AUTH PLAIN\r\nNOOP\r\n",
           ["502 5.5.1", "250 2.0.0 Still here"]),

    Attack(4, "CRLF inside a recipient", b"MAIL FROM:<a@client.example>\r\n"
           b'RCPT TO:<"x\r\nX-Evil: 1"@example.com>\r\nRSET\r\n',
           ["250 2.1.0", "501 5.1.3", "500 5.5.2", "250 2.0.0"]),
    Attack(4, "bare CR inside a recipient", b"MAIL FROM:<a@client.example>\r\n"
           b'RCPT TO:<"x\rX-Evil: 1"@example.com>\r\nRSET\r\n',
           ["250 2.1.0", "500 5.5.2 A command cannot hold NUL or a bare CR", "250 2.0.0"]),
    Attack(4, "an escaped CR inside a sender", b'MAIL FROM:<"x\\\rX-Evil: 1"@client.example>\r\n',
           ["500 5.5.2 A command cannot hold NUL or a bare CR"]),
    Attack(4, "a name in EHLO that would be a header", b"EHLO a(b);for<evil@example.com>\r\n" + DATA +
           b"Subject: s\r\n\r\nmail\r\n.\r\n", ["250 "] + GO + ["250 2.0.0"], {"anne": b"\r\nmail\r\n"}),

    content(5, "forged stamps, folded and in every case",
            b"X-RCPT-TO: evil@example.com\r\nx-pop3-rcpt :\r\n\tevil@example.com,\r\n evil2@example.com\r\n"
            b"RETURN-path:\r\n <evil@example.com>\r\nSubject: s\r\nX-Rcpt-To\t: evil@example.com\r\n\r\nmail",
            b"; DATE\r\nSubject: s\r\n\r\nmail"),

    Attack(6, "a command line of 64 KB", b"NOOP " + b"x" * 65536 + b"\r\n", [TOO_LONG]),
    Attack(6, "a command line of 64 KB without an end", b"x" * 65536 + b"\r\n" + b"\r\n", [TOO_LONG, "500 5.5.2"]),
    Attack(6, "a header field of 10 MB", DATA + b"X-Long: " + b"x" * 10_000_000 + b"\r\n\r\nmail\r\n.\r\n",
           GO + [TOO_LONG_HEADER]),
    Attack(6, "a header of a million lines", DATA + LINES + b"\r\nmail\r\n.\r\n", GO + [TOO_LONG_HEADER]),
    content(6, "a header of 80,000 lines is taken", b"X-Line: 1\r\n" * 80_000 + b"\r\nmail",
            b"; DATE\r\n" + b"X-Line: 1\r\n" * 80_000 + b"\r\nmail"),

    content(7, "ten thousand MIME parameters", PARAMETERS + b"\r\n\r\nmail", b"; DATE\r\n" + PARAMETERS + b"\r\n\r\nmail"),
    content(7, "MIME nested five thousand deep", NESTED + b"\r\nmail", b"; DATE\r\n" + NESTED + b"\r\nmail"),

    Attack(9, "bad base64 behind AUTH", b"AUTH PLAIN ====\r\nAUTH LOGIN \xff\r\n", ["502 5.5.1", "502 5.5.1"]),

    recipient(10, "a path that climbs", b"../../../etc/passwd@example.com", "250 2.1.5", "@default"),
    recipient(10, "a slash", b"/@example.com", "250 2.1.5", "@default"),
    recipient(10, "a pipe", b"|id@example.com", "250 2.1.5", "@default"),
    recipient(10, "a quoted path", b'"../anne/new"@example.com', "250 2.1.5", "@default"),
    recipient(10, "a quoted @default", b'"@default"@example.com', "250 2.1.5", "@default"),
    recipient(10, "quoted spaces and quotes", b'" a \\" b "@example.com', "250 2.1.5", "@default"),
    recipient(10, "64 octets", b"x" * 64 + b"@example.com", "250 2.1.5", "@default"),
    recipient(10, "65 octets", b"x" * 65 + b"@example.com", "501 5.1.3"),
    recipient(10, "a domain that climbs", b"x@../example.com", "501 5.1.3"),
    recipient(10, "a domain with a slash", b"x@a/b", "501 5.1.3"),

    recipient(12, "malformed UTF-8", b"jos\xe9@example.com", "501 5.1.3"),
    recipient(12, "overlong UTF-8", b"\xc0\xaf@example.com", "501 5.1.3"),
    recipient(12, "a surrogate", b"\xed\xa0\x80@example.com", "501 5.1.3"),
    recipient(12, "NFC", "jos\u00e9@example.com".encode(), "250 2.1.5", "jos%C3%A9"),
    recipient(12, "NFD", "jose\u0301@example.com".encode(), "250 2.1.5", "jos%C3%A9"),
    recipient(12, "a U-label", "anne@b\u00fccher.example".encode(), "250 2.1.5", "anne"),
    recipient(12, "its A-label in capitals", b"anne@XN--BCHER-KVA.example", "250 2.1.5", "anne"),

    Attack(13, "SIZE beyond all limits", b"MAIL FROM:<a@client.example> SIZE=99999999999999999999\r\n",
           ["552 5.3.4"]),
    Attack(13, "SIZE that lies by being small", b"MAIL FROM:<a@client.example> SIZE=1\r\n"
           b"RCPT TO:<anne@example.com>\r\nDATA\r\n\r\n" + b"x" * 3_000_000 + b"\r\n.\r\n",
           GO + ["552 5.3.4"]),
    Attack(13, "BDAT 2^63 ends the connection", TO_ANNE + b"BDAT 9223372036854775808 LAST\r\nNOOP\r\n",
           ACCEPTED + ["552 5.3.4"], ends=True),
    Attack(13, "BDAT 2^64 + 1", TO_ANNE + b"BDAT 18446744073709551617 LAST\r\nNOOP\r\n",
           ACCEPTED + ["552 5.3.4"], ends=True),
    Attack(13, "BDAT without MAIL is read away", b"BDAT 8 LAST\r\nNOOP\r\nx\nNOOP\r\n",
           ["503 5.5.1", "250 2.0.0 Still here"]),
    Attack(13, "BDAT with a negative size", TO_ANNE + b"BDAT -1 LAST\r\nRSET\r\n",
           ACCEPTED + ["501 5.5.4"], ends=True),
]

# Played where the server can be hurt, or where time can be made to pass.
ELSEWHERE = {
    14: ("run_faults.py", "test_crawling_and_idle_peers_hold_nobody_up"),
    17: ("run_faults.py", "test_a_server_killed_at_any_instant"),
    18: ("../agent/reception_faults_test.cpp", "A power cut at any step"),
    19: ("run_faults.py", "test_a_full_disk_is_452"),
    20: ("../agent/reception_test.cpp", "A clock that is a day off"),
    21: ("run_reload.py", "test_the_server_file_is_taken_up_or_keeps_its_last_version"),
}
CONCERN = [1, 2, 3, 4, 5, 6, 7, 9, 10, 12, 13]
MORE = "\n[limits]\nmessage_size = \"2 MiB\"\n"
STAMPS = (b"return-path:", b"x-rcpt-to", b"x-pop3-rcpt", b"delivered-to:", b"received:")


def without_stamp(message):
    """Our own header lines cut off and the last one's date replaced: "; DATE" and what was sent."""
    lines, at = message.split(b"\r\n"), 0
    while at < len(lines) and (lines[at].lower().startswith(STAMPS) or lines[at][:1] in b"\t "):
        at += 1
        if lines[at - 1][:1] == b"\t" and b"; " in lines[at - 1]:
            break
    return b"; DATE\r\n" + b"\r\n".join(lines[at:])


class Table(unittest.TestCase):
    def test_every_threat_that_reaches_this_server_is_in_the_table(self):
        self.assertEqual(sorted({attack.number for attack in ATTACKS}), CONCERN)
        for file, name in ELSEWHERE.values():
            self.assertIn(name, (pathlib.Path(__file__).parent / file).read_text())


class Attacks(unittest.TestCase):
    def setUp(self):
        self.server = host.Host(DOMAINS, tls=True, more=MORE)
        self.addCleanup(self.server.__exit__)

    def connect(self, tls):
        client = host.Client(self.server.ports["smtp"], hello=None, timeout=30)
        self.addCleanup(client.close)
        if tls:
            client.ask("EHLO client.example")
            client.secure()
        client.ask("EHLO client.example")
        return client

    def stored(self):
        """{mailbox directory: [message…]} of what is there now, taken away."""
        found = {}
        for path in (self.server.path / "mail").rglob("*"):
            if path.is_file():
                self.assertEqual(path.parent.name, "new", path)
                found.setdefault(path.parent.parent.name, []).append(path.read_bytes())
                path.unlink()
        return found

    def play(self, attack, tls):
        client = self.connect(tls)
        client.send(attack.sent)
        for expected in attack.replies:
            reply = client.reply()
            self.assertTrue(reply.startswith(expected), f"{reply!r}, not {expected!r}")
        if attack.ends:
            self.assertEqual(client.reply(), "", "the connection should have ended")
        else:
            good = client.ask("RSET"), client.message("Subject: good\r\n\r\ngood\r\n", "good@example.com")
            self.assertTrue(good[1].startswith("250 2.0.0"), good)
        client.close()
        self.look_at(attack)

    def look_at(self, attack):
        stored = self.stored()
        if not attack.ends:
            default = stored["@default"]
            good = [message for message in default if b"\r\ngood\r\n" in message]
            self.assertEqual(len(good), 1)
            default.remove(good[0])
        stored = {name: messages for name, messages in stored.items() if messages}
        self.assertEqual({name: len(messages) for name, messages in stored.items()},
                         {name: 1 for name in attack.kept})
        for name, end in attack.kept.items():
            message = stored[name][0]
            self.assertTrue((without_stamp(message) if end.startswith(b"; DATE") else message).endswith(end),
                            message[-200:])
            header = message.split(b"\r\n\r\n")[0].lower()
            self.assertEqual(header.count(b"\r\nx-rcpt-to"), 1)
            self.assertEqual(header.count(b"return-path"), 1)
            self.assertNotIn(b"evil@example.com>\r\n", header)

    def test_each_row_is_answered_as_written_and_leaves_what_is_written(self):
        self.stored() if (self.server.path / "mail").exists() else None
        tops = {path.name for path in self.server.path.iterdir()}
        for tls in (False, True):
            for attack in ATTACKS:
                with self.subTest(f"{attack.number}: {attack.title}{', over TLS' if tls else ''}"):
                    self.play(attack, tls)
        self.assertTrue(self.server.alive())
        # No name that somebody sent became a path.
        made = {path.name for path in self.server.path.iterdir()} - tops
        self.assertLessEqual(made, {"mail", "journal", "state"})
        self.assertLessEqual({path.name for path in (self.server.path / "mail").glob("*/*")},
                             {"@default", "anne", "jos%C3%A9"})

    def test_what_is_pipelined_behind_starttls_is_thrown_away(self):
        client = host.Client(self.server.ports["smtp"])
        self.addCleanup(client.close)
        client.send(b"STARTTLS\r\nMAIL FROM:<evil@client.example>\r\nRCPT TO:<evil@example.com>\r\n")
        self.assertTrue(client.reply().startswith("220 2.0.0"))
        client.wrap()
        self.assertEqual(host.code_of(client.ask("RCPT TO:<x@example.com>")), "503 5.5.1")
        self.assertEqual(host.code_of(client.ask("MAIL FROM:<x@client.example>")), "503 5.5.1")  # no EHLO yet
        client.ask("EHLO client.example")
        self.assertTrue(client.message("Subject: s\r\n\r\nmail\r\n", "x@example.com").startswith("250"))

    def test_memory_stays_flat_under_what_is_large(self):
        if host.sanitized():
            print("SKIPPED, NOT TESTED: memory under a sanitizer says nothing", file=sys.stderr)
            self.skipTest("sanitized")
        large = [attack for attack in ATTACKS if len(attack.sent) > 60_000]
        self.assertGreaterEqual(len(large), 6)
        for attack in large:  # pools, caches and the allocator's arenas have their size afterwards
            self.play(attack, False)
        for attack in large:
            self.server.forget_peak()
            before = self.server.memory()
            for _ in range(3):
                self.play(attack, False)
            grown = self.server.memory("VmHWM") - before
            self.assertLess(grown, 7e6, f"{attack.title} took {grown / 1e6:.1f} MB")


class Dictionary(unittest.TestCase):
    def test_a_dictionary_run_is_refused_cheaply(self):
        with host.Host(DOMAINS) as server:
            codes, cost, rate = host.dictionary(server, GUESSES)
            self.assertEqual(codes, {"550 5.1.1"})
            print(f"{GUESSES} guesses refused, {cost:.1f} \u00b5s CPU each, {rate:.0f} a second", file=sys.stderr)
            if not host.sanitized():
                self.assertLess(cost, 250)
            time.sleep(0.5)
            self.assertEqual(server.messages(), [])
            lines = [line for path in (server.path / "journal").rglob("*.jsonl")
                     for line in path.read_text().splitlines() if "closed.example" in line]
            self.assertEqual(len(lines), GUESSES, "a refusal is missing in the journal")


if __name__ == "__main__":
    unittest.main()
