"""Mail that leaves: in by SMTP, through the queue on disk, and out to a sink that says yes, from the
first connect to the last message there. mailhandler forwards (SRS, trace lines), Postfix relays.

Each has a sink of its own, bare_smtp with a maildir in memory: its directory is what the load watches.

Then the same by a server that has 100,000 messages waiting for a thousand domains, and what memory it then
has: mailhandler alone. Postfix takes so many on in no useful time, and its queue manager never holds more than
qmgr_message_active_limit (20,000) of them: the rest is scanned on disk again and again.
"""

import pathlib
import shutil
import sys
import tempfile
import time

from common import BUILD, HERE, binary, root
import cell
import imap_out
import mtas
import peers
import smtp_in

sys.path.insert(0, str(HERE.parent / "support"))
import queue_files  # noqa: E402

LOADS = {"queue-out 4 KiB, 20 sessions": (20, 4096, 2000)}
WAITING = "queue-out beside 100,000 waiting"
MEASURES = [*LOADS, WAITING]
FIGURES = [("rate", "messages/s out", 1, True), ("cpu", "CPU µs/message", 1, False),
           ("mib", "MiB of memory", 1, False)]
SERVERS = "postfix,mailhandler"
fetch = mtas.fetch


class Server(smtp_in.Server):
    def __init__(self, name, started, port, sink, memory):
        super().__init__(name, started, port, memory / "new")
        self.sink, self.memory, self.crowded = sink, memory, None

    def stop(self):
        if self.crowded:
            self.crowded.stop()
        super().stop()
        self.sink.stop()
        shutil.rmtree(self.memory)


def start_sink(port):
    memory = pathlib.Path(tempfile.mkdtemp(prefix="sink-", dir="/dev/shm"))
    for directory in ("tmp", "new"):
        (memory / directory).mkdir()
    started = cell.Cell(f"sink{port}", ["/srv/bench/bare_smtp", str(port), "/srv/mail"],
                        binds={BUILD: "/srv/bench", memory: "/srv/mail"})
    peers.wait_for_port(port, started)
    return started, memory


def start_postfix(place):
    sink, memory = start_sink(2641)
    relay = mtas.postfix_relay("postfix", place, 2642, {"example.com": 2641}, {"smtp_tls_security_level": "none"})
    return Server("postfix", relay, 2642, sink, memory)


def start_mailhandler(place, port=2643, waiting=0):
    sink, memory = start_sink(port)
    made = root(place, {"smtp": port + 1},
                {"example.com": '[default]\naction = "forward"\nforward = ["x@far.example"]\n'})
    with open(made / "mailhandler.toml", "a") as file:
        file.write(f'\n[outbound]\nsmarthost = "smtp://127.0.0.1:{port}"\ntls = "none"\nretry_for = "90d"\n')
    if waiting:
        fill(made / "queue", waiting)
    started = peers.mailhandler(f"mailhandler{port}", binary(), made, port + 1)
    server = Server("mailhandler", started, port + 1, sink, memory)
    server.place = place
    return server


def fill(queue, count):
    """`count` messages of 4 KiB that are due in a month, a few for each of a thousand domains."""
    queue.mkdir()
    content = b"Subject: waiting\r\n\r\n" + (b"x" * 76 + b"\r\n") * 52
    now = time.time()
    for number in range(count):
        owed = [{"address": f"person{number}@domain{number % 1000}.example", "original": "office@example.com"}]
        queue_files.put(queue, f"{number:011d}.mx1", now + 30 * 86400 + number % 9999,
                        {"id": f"{number:011d}.mx1", "kind": "forward", "arrived": int(now * 1000), "size": len(content),
                         "sender": {"address": "srs0=abcd=xy=sender.example=someone@example.com"},
                         "original_sender": "someone@sender.example", "owed": owed}, content)


STARTERS = {"postfix": start_postfix, "mailhandler": start_mailhandler}


def measure_crowded(server, tag, scale):
    if not server.crowded:
        server.crowded = start_mailhandler(server.place / "crowded", 2645, max(1000, int(100000 * scale)))
    result, why = smtp_in.measure_load(server.crowded, LOADS[MEASURES[0]], tag, scale)
    if result is not None:
        result["mib"] = imap_out.memory(server.crowded) / 1024
    return result, why


def start(names, place):
    return smtp_in.start_each(STARTERS, names, place)


def measure(server, what, tag, scale):
    if what == WAITING:
        return measure_crowded(server, tag, scale) if server.name == "mailhandler" else (None, "")
    return smtp_in.measure_load(server, LOADS[what], tag, scale)
