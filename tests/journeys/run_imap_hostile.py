"""Hostile IMAP clients, played against a running server: before and after a login.

ATTACKS is one table: what is said, as pieces (a number: that many times the piece before it), the
beginnings of the lines that answer it, and whether the server then closes. Each is played three times;
the server's memory must stay flat, nothing that was sent becomes a path, and a good client is served
afterwards, on the same connection where it is left open.
"""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import host  # noqa: E402

HASH = "$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1"  # of "secret"
DOMAINS = {"example.com": f'[mailbox.anne]\npassword = "{HASH}"\n'}
LOGIN = b"in LOGIN anne@example.com secret\r\n"
FLAT = 7e6  # octets that any of it may cost the server for a moment
LONG = "* BYE The command is too long"
LARGE = "* BYE [TOOBIG] The literal is too large"
NO_NAME = "a NO [CANNOT] "


class Attack:
    def __init__(self, title, pieces, replies, ends=False, logged_in=False):
        self.title, self.pieces, self.replies, self.ends = title, pieces, replies, ends
        self.logged_in = logged_in

    def octets(self):
        for at, piece in enumerate(self.pieces):
            if isinstance(piece, int):
                for _ in range(piece - 1):
                    yield self.pieces[at - 1]
            else:
                yield piece


def literal(size):
    return b"a LOGIN {%s}\r\n" % size


def named(name, reply=NO_NAME):
    """A folder that must not come to be."""
    return Attack(f"CREATE {name!r}", [b"a CREATE {%d+}\r\n" % len(name) + name + b"\r\n"], [reply],
                  logged_in=True)


MEGABYTE = 1 << 20
ATTACKS = [
    Attack("a literal of 4 GiB", [literal(b"4294967296")], ["a BAD [TOOBIG]"]),
    Attack("a literal of 2^64", [literal(b"18446744073709551616")], ["a BAD [TOOBIG]"]),
    Attack("4 GiB that do not wait", [literal(b"4294967296+"), b"x" * MEGABYTE, 8], [LARGE], ends=True),
    Attack("a literal that does not wait, as it ends", [literal(b"1000000+"), b"x" * 1000000], [LARGE], ends=True),
    Attack("a message before a login", [b"a APPEND INBOX {5000000+}\r\n", b"(" * MEGABYTE, 5], [LARGE], ends=True),
    Attack("many literals in one command", [b"a LOGIN ", b"{100+}\r\n" + b"x" * 100 + b" ", 20000], [LARGE], ends=True),
    Attack("a flood of parentheses", [b"a ", b"(" * MEGABYTE, 8], [LONG], ends=True),
    Attack("parentheses in a line", [b"a " + b"(" * 8000 + b"\r\n"], ["a BAD "]),
    Attack("a line without end", [b"x" * MEGABYTE, 8], [LONG], ends=True),
    Attack("NUL without end", [b"\0" * MEGABYTE, 8], [LONG], ends=True),
    Attack("a quote without end", [b'a LOGIN "', b"\\\"" * (MEGABYTE // 2), 8], [LONG], ends=True),
    Attack("errors without end", [b"a " + b"(" * 6000 + b"\r\n", 2000], None, ends=True),
    Attack("no base64", [b"a AUTHENTICATE PLAIN AG!\r\n"], ["a BAD Not a message of PLAIN"]),
    Attack("base64 of nothing", [b"a AUTHENTICATE PLAIN\r\n", b"====\r\n"], ["+ ", "a BAD "]),
    Attack("base64 without end", [b"a AUTHENTICATE PLAIN\r\n", b"A" * MEGABYTE, 8], None, ends=True),
    Attack("a NUL too many", [b"a AUTHENTICATE PLAIN AGEAYgBj\r\n"], ["a BAD Not a message of PLAIN"]),
    Attack("a search of parentheses", [b"a SELECT INBOX\r\nb SEARCH " + b"(" * 3000 + b"ALL" + b")" * 3000 + b"\r\n"],
           None, logged_in=True),
    Attack("a search without end", [b"a SEARCH ", b"NOT " * (MEGABYTE // 4), 8], [LONG], ends=True, logged_in=True),
    Attack("a message of 4 GiB", [b"a APPEND INBOX {4294967296}\r\n"], ["a NO [TOOBIG]"], logged_in=True),
    Attack("a message of 4 GiB that does not wait", [b"a APPEND INBOX {4294967296+}\r\n", b"x" * MEGABYTE, 8],
           [LARGE], ends=True, logged_in=True),
    Attack("a message for nowhere", [b"a APPEND nowhere {8388608+}\r\n", b"x" * MEGABYTE, 8, b"\r\n"],
           ["a NO [TRYCREATE]"], logged_in=True),
    *map(named, (b"..", b"../evil", b"a/../../evil", b"/etc/evil", b".evil", b"a..evil", b"~evil", b"&bad-", b"&",
                 b"&AAA-", b"&AGE-", b"&2AA-", b"evil\x01", b"\xff\xfe", b"e" * 2000)),
    named(b"evil\0", "a BAD "),
    Attack("RENAME out of the tree", [b'a RENAME INBOX "../../evil"\r\n'], ["a NO [CANNOT]"], logged_in=True),
    Attack("SUBSCRIBE to a line of its own", [b"a SUBSCRIBE {9+}\r\nevil\r\nfoo\r\n"], [NO_NAME], logged_in=True),
]


class ImapHostile(unittest.TestCase):
    def connect(self, server, logged_in=False):
        client = host.Client(server.ports["imap"], hello=None)
        self.addCleanup(client.close)
        if logged_in:
            client.send(LOGIN)
            self.assertTrue(self.line(client).startswith("in OK"))
        return client

    def line(self, client):
        try:
            return client.stream.readline().decode(errors="replace").rstrip("\r\n")
        except OSError:  # it closed while there was more to come
            return ""

    def served(self, client):
        """A good client's commands."""
        client.send(b"ok NOOP\r\n")
        while not (line := self.line(client)).startswith("ok "):
            self.assertTrue(line, "the line was closed")
        self.assertTrue(line.startswith("ok OK"), line)

    def play(self, server, attack):
        client = self.connect(server, attack.logged_in)
        try:
            for piece in attack.octets():
                client.send(piece)
        except OSError:
            self.assertTrue(attack.ends, f"{attack.title}: the server closed")
        for reply in attack.replies or ():
            line = self.line(client)
            # A close with octets unread may overtake what was said before it.
            self.assertTrue(line.startswith(reply) or (attack.ends and line == ""), f"{attack.title}: {line}")
        if attack.ends:
            while self.line(client):
                pass
        else:
            self.served(client)
        client.close()

    def test_hostile_clients_cost_nothing_and_nobody(self):
        measured = not host.sanitized()
        with host.Host(DOMAINS, listen=("imap",)) as server:
            for attack in ATTACKS:
                with self.subTest(attack.title):
                    self.play(server, attack)
                    server.forget_peak()
                    before = server.memory()
                    for _ in range(2):
                        self.play(server, attack)
                    grown = server.memory("VmHWM") - before
                    if measured:
                        self.assertLess(grown, FLAT, f"{attack.title} took {grown / 1e6:.1f} MB")
                    self.assertTrue(server.alive())
            self.served(self.connect(server, logged_in=True))
            evil = [str(path) for path in server.path.rglob("*") if "evil" in path.name or path.name.startswith(".e")]
            self.assertEqual(evil, [])
            self.assertNotIn("foo", "".join(p.read_text() for p in server.path.rglob("subscriptions")))


if __name__ == "__main__":
    unittest.main()
