"""Hosts that are hostile cost the office their own account's turn, and nothing else: the others are
collected in the same run, memory stays flat, nothing of theirs is taken for mail, and no secret
leaves in clear.
"""

import pathlib
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from pop3d import Pop3d  # noqa: E402
from terminal import BINARY  # noqa: E402
from toy_server import Cut  # noqa: E402

PATIENCE = 60  # seconds
FLAT = 160 << 10  # KiB of memory, whatever comes


def mail(count, name):
    return [(f"{name}-{n}", b"X-Rcpt-To: anne@example.com\r\nReceived: by h; x\r\n\r\n" + f"{name} {n}.\r\n".encode())
            for n in range(count)]


def forever(octets, start=b""):
    """Says `start`, and then the same again and again for as long as anybody listens."""
    def say(session, line):
        try:
            session.wfile.write(start)
            while not session.owner.enough.is_set():
                session.wfile.write(octets)
        except OSError:
            pass
        raise Cut
    return say


def silent(session, line):
    session.owner.enough.wait(PATIENCE)
    raise Cut


def drip(session, line):
    """An octet now and then."""
    session.wfile.write(b"+OK ")
    while not session.owner.enough.wait(0.2):
        session.wfile.write(b"x")
        session.wfile.flush()
    raise Cut


def injected(session, line):
    """Answers of somebody in the line, before there is any TLS."""
    return b"+OK\r\nSTLS\r\n.\r\n+OK begin\r\n+OK logged in\r\n+OK\r\n1 forged\r\n.\r\n"


# What is said to which command, and whether the account's own mail may come in spite of it.
HOSTILE = {
    "a line without end": ({"UIDL": forever(b"x" * 65536, b"+OK\r\n1 ")}, False),
    "a listing without end": ({"UIDL": forever(b"".join(b"%d u%d\r\n" % (n, n) for n in range(1, 5000)),
                                              b"+OK\r\n")}, False),
    "a greeting without end": ({"greeting": forever(b"x" * 65536, b"+OK ")}, False),
    "capabilities without end": ({"CAPA": forever(b"X\r\n" * 1000, b"+OK\r\n")}, False),
    "answers nobody asked for": ({"LIST": lambda *_: b"+OK\r\n1 5\r\n.\r\n+OK\r\nSubject: forged\r\n\r\n.\r\n"},
                                 False),
    "rubbish instead of a message": ({"RETR": lambda *_: b"\0\xff\x80 what?\r\n" * 50}, False),
    "a message of one dot": ({"RETR": lambda *_: b"+OK\r\n.\r\n"}, True),
    "sizes of two to the sixty-fourth": ({"LIST": lambda *_: b"+OK\r\n1 18446744073709551616\r\n.\r\n"}, True),
}


class Office:
    def __init__(self, place):
        self.root = pathlib.Path(place)
        for directory in ("domains", "fetch"):
            (self.root / directory).mkdir()
        self.write("mailhandler.toml", 'hostname = "office.example.com"\n')
        self.write("domains/example.com.toml", "[mailbox.anne]\n")
        self.write("secret", "secret\n")

    def write(self, name, text):
        (self.root / name).write_text(text)
        (self.root / name).chmod(0o600)

    def account(self, name, port, more='tls = "none"\n', host="127.0.0.1"):
        self.write(f"fetch/{name}.toml",
                   f'server = "pop3://{host}:{port}"\nlogin = "{name}"\npassword_file = "secret"\n'
                   f'domain = "example.com"\nunknown = "hold"\nmissing = "hold"\n' + more)

    def start(self):
        return subprocess.Popen([BINARY, "--root", str(self.root), "fetch"],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def texts(self):
        return [path.read_bytes() for path in (self.root / "mail").rglob("new/*")]

    def arrived(self, name):
        return sum(f"\r\n{name} ".encode() in text for text in self.texts())


def until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def peak(process):
    """KiB, while it runs."""
    try:
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0)


class Hostile(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory(prefix="hostile.")
        self.addCleanup(place.cleanup)
        self.office = Office(place.name)

    def server(self, messages, **more):
        server = Pop3d(messages, **more)
        server.enough = threading.Event()
        self.enterContext(server)
        self.addCleanup(server.enough.set)
        return server

    def ends(self, process):
        """Waits for the end; its highest memory."""
        highest = 0
        end = time.monotonic() + PATIENCE
        while process.poll() is None:
            self.assertLess(time.monotonic(), end, "it does not end")
            highest = max(highest, peak(process))
            time.sleep(0.02)
        self.out, self.talk = process.communicate()
        return highest

    def test_each_costs_its_own_account_only(self):
        accounts = {}
        for number, (what, (hooks, comes)) in enumerate(HOSTILE.items()):
            server = self.server(mail(1, f"bad{number}"))
            server.hooks.update(hooks)
            self.office.account(f"bad{number}", server.port)
            accounts[f"bad{number}"] = (what, comes)
        good = [self.server(mail(20, f"good{number}")) for number in range(3)]
        for number, server in enumerate(good):
            self.office.account(f"good{number}", server.port)
        process = self.office.start()
        highest = self.ends(process)
        self.assertNotEqual(process.returncode, 0)
        for number, server in enumerate(good):
            self.assertEqual(self.office.arrived(f"good{number}"), 20)
            self.assertEqual(server.messages, [])
            self.assertNotIn(f"good{number}:", self.talk)
        for name, (what, comes) in accounts.items():
            with self.subTest(what):
                self.assertIn(f"{name}:", self.talk if not comes else self.out)
        self.assertEqual(len(self.office.texts()), 60)
        self.assertFalse([text for text in self.office.texts() if b"forged" in text])
        self.assertLess(highest, FLAT if "sanitize" not in BINARY else 1 << 20)

    def test_those_that_say_nothing_do_not_hold_up_the_others(self):
        for number, hook in enumerate([silent, drip, forever(b"x" * 997 + b"\r\n", b"+OK\r\n")]):
            server = self.server(mail(1, "bad"))
            server.hooks["RETR" if number == 2 else "greeting"] = hook
            self.office.account(f"bad{number}", server.port)
        good = self.server(mail(20, "good"))
        self.office.account("good", good.port)
        process = self.office.start()
        try:
            self.assertTrue(until(lambda: self.office.arrived("good") == 20 and not good.messages))
            time.sleep(1)
            self.assertIsNone(process.poll())  # the others are still waited for
            self.assertLess(peak(process), FLAT if "sanitize" not in BINARY else 1 << 20)
        finally:
            process.terminate()
            time.sleep(0.3)
            process.terminate()  # now
            process.communicate(timeout=20)
        self.assertEqual(self.office.arrived("bad"), 0)

    def test_who_sits_in_the_line_gets_no_secret_and_gives_no_mail(self):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                        "-nodes", "-keyout", self.office.root / "key.pem", "-out", self.office.root / "cert.pem",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
                       check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.office.root / "cert.pem", self.office.root / "key.pem")
        trusted = 'ca_file = "cert.pem"\n'
        said = []

        def listening(session, line):
            said.append(line)

        attacks = {
            "stripped": {"CAPA": lambda *_: b"+OK\r\nUIDL\r\nUSER\r\n.\r\n"},
            "refused": {"STLS": lambda *_: b"-ERR not now\r\n"},
            "injected": {"CAPA": injected},
            "behind": {},
        }
        servers = {}
        for name, hooks in attacks.items():
            servers[name] = self.server(mail(2, name), context=context)
            servers[name].hooks.update(hooks)
            for verb in ("USER", "PASS", "AUTH"):
                servers[name].hooks[verb] = listening
            self.office.account(name, servers[name].port, trusted, host="localhost")
        servers["behind"].behind_stls = b"+OK\r\nPIPELINING\r\n.\r\n+OK\r\n"
        good = self.server(mail(5, "good"), context=context)
        self.office.account("good", good.port, trusted, host="localhost")
        process = self.office.start()
        self.ends(process)
        self.assertEqual(said, [], "a secret was said")
        self.assertEqual(self.office.arrived("good"), 5, self.talk)
        for name, server in servers.items():
            self.assertIn(f"{name}:", self.talk)
            self.assertEqual(len(server.messages), 2)
            self.assertEqual(self.office.arrived(name), 0)
        good.hooks["PASS"] = listening  # who has the certificate is told, and heard here
        self.ends(self.office.start())
        self.assertEqual(said, ["PASS secret"])

    def test_a_host_that_is_not_there_costs_nothing_else(self):
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            self.office.account("gone", closed.getsockname()[1])
        good = self.server(mail(5, "good"))
        self.office.account("good", good.port)
        self.ends(self.office.start())
        self.assertEqual(self.office.arrived("good"), 5, self.talk)
        self.assertIn("gone:", self.talk)


if __name__ == "__main__":
    unittest.main()
