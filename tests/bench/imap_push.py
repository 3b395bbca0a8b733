"""From the 250 of SMTP to the EXISTS in a client that idles, while 1,000 other clients idle too: on a
mailbox of their own, or on the same one. Only mailhandler: what it has to show is a bound, not a ratio.
"""

import selectors
import socket
import statistics
import time

from common import HASH, binary, root
import imap_out
import mailboxes
import peers

APART = "250 at SMTP → EXISTS, 1,000 others idle elsewhere"
TOGETHER = "250 at SMTP → EXISTS, 1,000 others idle on the same mailbox"
MEASURES = [APART, TOGETHER]
FIGURES = [("p50", "p50 ms", 1, False), ("p99", "p99 ms", 1, False), ("cpu", "CPU ms/message", 1, False)]
SERVERS = "mailhandler"
SMTP, IMAP, OTHERS, MESSAGES = 2725, 2744, 1000, 200
PAUSE = 0.05  # between two messages: each finds everybody at rest
DOMAINS = ("one.example", "other.example")


def fetch(names):
    pass  # no peer is needed


def start(names, place, scale=1.0):
    place.mkdir(parents=True, exist_ok=True)
    made = root(place, {"imap": IMAP, "smtp": SMTP}, {
        name: f'[default]\naction = "deliver"\npassword = "{HASH}"\n' for name in DOMAINS})
    return [mailboxes.Server("mailhandler", place, IMAP, [],
                             lambda: peers.mailhandler("mailhandler", binary(), made, IMAP))]


def idling(login):
    client = imap_out.Client(IMAP, login)
    client.ask("SELECT INBOX")
    client.socket.sendall(b"a1 IDLE\r\n")
    client.socket.recv(4096)
    return client.socket


class Post:
    """One SMTP session, one message after another."""

    def __init__(self, domain):
        self.socket = socket.create_connection(("127.0.0.1", SMTP), 60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.domain = domain
        self.socket.recv(4096)
        self.say("EHLO client.example")

    def say(self, text):
        self.socket.sendall(text.encode() + b"\r\n")
        reply = self.socket.recv(4096)
        if reply[:1] not in b"23":
            raise ValueError(reply)

    def prepare(self, number):
        """All but the last octets."""
        self.say("MAIL FROM:<s@sender.example>")
        self.say(f"RCPT TO:<person{number % 5}@{self.domain}>")
        self.say("DATA")
        self.socket.sendall(b"Subject: %d\r\n\r\n" % number + b"a line of text\r\n" * 200)


def moment(post, idler, everybody):
    """Milliseconds from the 250 to the EXISTS; less than nothing where that came first."""
    heard = {}
    with selectors.DefaultSelector() as waiting:
        for each in (post.socket, *everybody):
            waiting.register(each, selectors.EVENT_READ)
        post.socket.sendall(b".\r\n")
        until = time.monotonic() + 5
        while not {post.socket, idler} <= heard.keys() and time.monotonic() < until:
            for key, _ in waiting.select(1):
                octets = key.fileobj.recv(4096)
                sign = b"250 " if key.fileobj is post.socket else b" EXISTS"
                if sign in octets:
                    heard.setdefault(key.fileobj, time.monotonic())
    return (heard[idler] - heard[post.socket]) * 1000


def hush(sockets):
    """Reads what is left to be said to them."""
    time.sleep(PAUSE)
    for each in sockets:
        each.setblocking(False)
        try:
            while each.recv(65536):
                pass
        except BlockingIOError:
            pass
        each.setblocking(True)


def measure(server, what, tag, scale):
    domain, elsewhere = DOMAINS
    others = [idling(elsewhere if what == APART else domain) for _ in range(max(20, int(OTHERS * scale)))]
    idler, post = idling(domain), Post(domain)
    count, found = max(20, int(MESSAGES * scale)), []
    cpu = server.cell.cpu()
    try:
        for number in range(count):
            post.prepare(number)
            found.append(max(0.0, moment(post, idler, [idler])))
            hush([idler, *others])
    except (KeyError, ValueError) as why:
        return None, f"no 250 or no EXISTS: {why!r}"
    finally:
        used = server.cell.cpu() - cpu
        for each in (idler, post.socket, *others):
            each.close()
    return {"p50": statistics.median(found), "p99": sorted(found)[int(len(found) * 0.99)],
            "cpu": used / count * 1000}, ""
