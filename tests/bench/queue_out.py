"""Mail that leaves: in by SMTP, through the queue on disk, and out to a sink that says yes, from the
first connect to the last message there. mailhandler forwards (SRS, trace lines), Postfix relays.

Each has a sink of its own, bare_smtp with a maildir in memory: its directory is what the load watches.
"""

import pathlib
import shutil
import tempfile

from common import BUILD, binary, root
import cell
import mtas
import peers
import smtp_in

LOADS = {"queue-out 4 KiB, 20 sessions": (20, 4096, 2000)}
MEASURES = list(LOADS)
FIGURES = [("rate", "messages/s out", 1, True), ("cpu", "CPU µs/message", 1, False)]
SERVERS = "postfix,mailhandler"


class Server(smtp_in.Server):
    def __init__(self, name, started, port, sink, memory):
        super().__init__(name, started, port, memory / "new")
        self.sink, self.memory = sink, memory

    def stop(self):
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


def start_mailhandler(place):
    sink, memory = start_sink(2643)
    made = root(place, {"smtp": 2644}, {"example.com": '[default]\naction = "forward"\nforward = ["x@far.example"]\n'})
    with open(made / "mailhandler.toml", "a") as file:
        file.write('\n[outbound]\nsmarthost = "smtp://127.0.0.1:2643"\ntls = "none"\n')
    return Server("mailhandler", peers.mailhandler("mailhandler", binary(), made, 2644), 2644, sink, memory)


def fetch(names):
    mtas.fetch(names)


def start(names, place):
    servers = []
    for name in names:
        (place / name).mkdir(parents=True)
        servers.append({"postfix": start_postfix, "mailhandler": start_mailhandler}[name](place / name))
    return servers


def measure(server, what, tag, scale):
    return smtp_in.measure_load(server, LOADS[what], tag, scale)
