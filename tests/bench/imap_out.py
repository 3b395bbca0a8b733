"""Mail going out by IMAP: login and SELECT, whole messages at once and one by one, ENVELOPE and
BODYSTRUCTURE, memory in IDLE.

Dovecot and mailhandler serve the same files (mailboxes.py). Cold: the
server was started a moment ago and what it had written beside the mail is gone; the messages lie in cur/,
or, just delivered, in new/, from where both servers move them. Warm: asked again.
`bare` is no server: what has to be done at all before the first SELECT is answered (bare_list.cpp).
One client, raw sockets, the same for both: it counts octets and answers, and parses nothing else.
"""

import os
import pathlib
import re
import socket
import subprocess
import time

from common import BUILD, PASSWORD
import mailboxes

LOGIN = {10_000: "ten.example", 100_000: "many.example", 100: "hundred.example"}
SELECT = {f"IMAP login + SELECT, {size:,} messages, {heat}": (size, heat)
          for size in (10_000, 100_000) for heat in ("just delivered", "cold", "warm")}
STRUCTURE = {f"IMAP ENVELOPE BODYSTRUCTURE of 10,000, {heat}": (10_000, heat) for heat in ("cold", "warm")}
BODIES = "IMAP BODY.PEEK[] of 10,000 × 4 KiB"
SINGLE = "IMAP BODY.PEEK[] of 10,000 × 4 KiB one by one, 64 in flight"
IDLE = "IMAP memory of an idle connection, on one mailbox of 100"
MEASURES = [*SELECT, BODIES, SINGLE, *STRUCTURE, IDLE]
FIGURES = [("ms", "ms", 1, False), ("rate", "messages/s", 1, True), ("cpu", "CPU µs/message", 1, False),
           ("kib", "KiB/connection", 1, False)]
SERVERS = "dovecot,bare,mailhandler"
IN_FLIGHT = 64
sizes, fetch = {}, mailboxes.fetch


class Bare:
    name = "bare"

    def __init__(self, place, *_):
        self.boxes = {size: place / login for size, login in LOGIN.items()}
        mailboxes.linked(place, LOGIN, self.boxes.values())

    def stop(self):
        pass

    def measure(self, size):
        os.sync()
        said = subprocess.run([str(BUILD / "bare_list"), str(self.boxes[size])], capture_output=True, text=True,
                              check=True).stdout.split()
        return ({"ms": float(said[0])}, "") if int(said[1]) == sizes[size] else (None, "other messages")


STARTERS = {"dovecot": mailboxes.dovecot, "bare": Bare, "mailhandler": mailboxes.mailhandler}


def start(names, place, scale=1.0):
    sizes.update(mailboxes.make(place, LOGIN, scale))
    return [STARTERS[name](place / name, LOGIN, "imap") for name in names]


class Client:
    def __init__(self, port, login):
        self.socket = socket.create_connection(("127.0.0.1", port), 120)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.recv(4096)
        self.buffer = bytearray(1 << 16)
        self.ask(f"LOGIN {login} {PASSWORD}")

    def ask(self, text):
        """Everything up to the tagged answer, which must be OK."""
        self.socket.sendall(f"a1 {text}\r\n".encode())
        have = 0
        while True:
            if have == len(self.buffer):
                self.buffer += bytes(len(self.buffer))
            with memoryview(self.buffer) as view:
                got = self.socket.recv_into(view[have:])
            if not got:
                raise EOFError(text)
            have += got
            if self.buffer[have - 2:have] == b"\r\n":
                last = self.buffer.rfind(b"\r\n", max(0, have - 2000), have - 2) + 2
                line = self.buffer[last if last > 1 else 0:have]
                if line.startswith(b"a1 "):
                    break
        if not line.startswith(b"a1 OK"):
            raise ValueError(bytes(line))
        return self.buffer[:have]

    def ask_each(self, count, item):
        """FETCHes of one message each, IN_FLIGHT of them unanswered at any time; octets that came."""
        asked = answered = octets = 0
        rest = b""
        while answered < count:
            more = range(asked, min(count, answered + IN_FLIGHT))
            if more:
                self.socket.sendall(b"".join(b"t%d FETCH %d %s\r\n" % (n + 1, n + 1, item) for n in more))
                asked = more.stop
            piece = self.socket.recv(1 << 18)
            if not piece:
                raise EOFError("FETCH")
            octets += len(piece)
            lines, end, tail = (rest + piece).rpartition(b"\r\n")
            answered += len(re.findall(rb"(?m)^t\d+ OK", lines))
            rest = end + tail if len(tail) < 100 else b""  # what is longer is no tagged answer
        return octets


def chill(server, heat):
    """As if the server had never seen the messages. The disk has nothing left to write then."""
    def prepare():
        for entry in [e for box in server.boxes for e in os.scandir(box / "cur")]:
            if heat == "just delivered":
                os.rename(entry.path, pathlib.Path(entry.path).parents[1] / "new" / entry.name.partition(":")[0])

    server.chill(prepare)
    os.sync()


def memory(server):
    """KiB, shared pages divided, of everything in the server's cell."""
    group, total = pathlib.Path(server.cell.group[0], "cgroup.procs"), 0
    for pid in group.read_text().split():
        try:
            rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += int(re.search(r"^Pss:\s+(\d+)", rollup, re.M)[1])
        except (OSError, TypeError):
            continue
    return total


def idle(server, count):
    before, clients = None, []
    for number in range(count + 1):
        client = Client(server.port, LOGIN[100])
        client.ask("SELECT INBOX")
        client.socket.sendall(b"a1 IDLE\r\n")
        client.socket.recv(4096)
        clients.append(client)
        before = memory(server) if number == 0 else before
    time.sleep(1)
    found = (memory(server) - before) / count
    for client in clients:
        client.socket.close()
    return {"kib": found}, ""


def fetched(client, what, count):
    """Asks for it; what is wrong with what came, or nothing."""
    if what == SINGLE:
        return "" if client.ask_each(count, b"BODY.PEEK[]") > 4096 * count else "too few octets came"
    client.buffer = bytearray(1 << 26)  # so that the client costs little
    item = "BODY.PEEK[]" if what == BODIES else "ENVELOPE BODYSTRUCTURE"
    answer = client.ask(f"UID FETCH 1:* ({item})")
    right = len(re.findall(rb"(?m)^\* \d+ FETCH ", answer)) == count
    return "" if right else "another number of messages was fetched"


def measure(server, what, tag, scale):
    size, heat = {**SELECT, **STRUCTURE}.get(what, (10_000, "warm"))
    if server.name == "bare":
        return server.measure(size) if what in SELECT and heat == "cold" else (None, "")
    if what == IDLE:
        return idle(server, max(20, int(1000 * scale)) if server.name == "mailhandler" else 60)
    if heat == "warm":
        Client(server.port, LOGIN[size]).ask("SELECT INBOX")
    else:
        chill(server, heat)
    cpu, began, count = server.cell.cpu(), time.monotonic(), sizes[size]
    client = Client(server.port, LOGIN[size])
    if b"* %d EXISTS" % count not in client.ask("SELECT INBOX"):
        return None, "SELECT shows another number of messages"
    if what not in SELECT:
        began = time.monotonic()
        if wrong := fetched(client, what, count):
            return None, wrong
    took = time.monotonic() - began
    return {"ms": took * 1000, "rate": count / took, "cpu": (server.cell.cpu() - cpu) / count * 1e6}, ""
