"""Mail coming in, end to end: from the first connect to the last file in the catch-all's new/."""

import json
import subprocess
import time

from common import BUILD, binary, count_files, root
import cell
import mtas
import peers

# measure: sessions at a time, octets of a message, messages in one measurement
LOADS = {
    "smtp-in 4 KiB, 1 session": (1, 4096, 600),
    "smtp-in 4 KiB, 20 sessions": (20, 4096, 2000),
    "smtp-in 4 KiB, 100 sessions": (100, 4096, 2000),
    "smtp-in 64 KiB, 20 sessions": (20, 65536, 600),
}
MEASURES = list(LOADS)
FIGURES = [
    ("rate", "messages/s", 1, True),
    ("cpu", "CPU µs/message", 1, False),
    ("whole_p50", "p50 ms", 1000, False),
    ("whole_p99", "p99 ms", 1000, False),
]
SERVERS = "bare,bare-durable,postfix,mailhandler"
fetch = mtas.fetch
recipients = 0  # different ones that the load goes round in; 0: every one is new


class Server:
    """A running server, the port it takes mail on and the directory where the mail appears."""

    def __init__(self, name, started, port, new=None):
        self.name, self.cell, self.port, self.new = name, started, port, new

    def stop(self):
        self.cell.stop()

    def settled_cpu(self):
        """CPU once the server has nothing left to do (Postfix removes queue files afterwards)."""
        before = self.cell.cpu()
        for _ in range(60):
            time.sleep(0.05)
            now = self.cell.cpu()
            if now - before < 0.0005:
                return now
            before = now
        return before


def start_bare(place):
    started = cell.Cell("bare", ["/srv/bench/bare_smtp", "2600"], binds={BUILD: "/srv/bench"})
    peers.wait_for_port(2600, started)
    return Server("bare", started, 2600)


def start_bare_durable(place):
    for directory in ("tmp", "new"):
        (place / directory).mkdir(parents=True)
    started = cell.Cell("bare-durable", ["/srv/bench/bare_smtp", "2601", "/srv/mail"],
                        binds={BUILD: "/srv/bench", place: "/srv/mail"})
    peers.wait_for_port(2601, started)
    return Server("bare-durable", started, 2601, place / "new")


def start_postfix(place):
    started = mtas.postfix_catch_all("postfix", place, 2602)
    return Server("postfix", started, 2602, place / "mail/catchall/new")


def start_exim(place):
    started = mtas.exim_catch_all("exim", place, 2603)
    return Server("exim", started, 2603, place / "mail/catchall/new")


def start_opensmtpd(place):
    started = mtas.opensmtpd_catch_all("opensmtpd", place, 2604)
    return Server("opensmtpd", started, 2604, place / "mail/catchall/new")


def start_mailhandler(place):
    made = root(place, {"smtp": 2525}, {"example.com": '[default]\naction = "deliver"\n'})
    started = peers.mailhandler("mailhandler", binary(), made, 2525)
    return Server("mailhandler", started, 2525, made / "mail/example.com/@default/new")


STARTERS = {"bare": start_bare, "bare-durable": start_bare_durable, "postfix": start_postfix,
            "exim": start_exim, "opensmtpd": start_opensmtpd, "mailhandler": start_mailhandler}


def load(server, tag, *more):
    """One run of the load; what it printed, or None and why it does not count."""
    done = subprocess.run([str(BUILD / "smtp_load"), "--port", str(server.port), "--tag", tag, *map(str, more)],
                          capture_output=True, text=True)
    if done.returncode != 0:
        return None, (done.stderr.strip() or "incomplete") + " " + done.stdout.strip()
    return json.loads(done.stdout), ""


def start_each(starters, names, place):
    """What the starters give, each with a directory of its own."""
    started = []
    for name in names:
        (place / name).mkdir(parents=True)
        started.append(starters[name](place / name))
    return started


def start(names, place):
    servers = start_each(STARTERS, names, place)
    for server in servers:
        warm_up(server)
    return servers


def warm_up(server):
    for i in range(2):  # the first one makes the directories that later ones are watched in
        result, why = load(server, f"warm{i}", "--sessions", 1 + 4 * i, "--messages", 20 + 180 * i)
        if result is None:
            raise SystemExit(f"{server.name} does not take mail: {why}\n{server.cell.tail()}")
    time.sleep(1)
    if server.new and count_files(server.new) != 220:
        raise SystemExit(f"{server.name}: {count_files(server.new)} files in {server.new}, not 220")


def measure(server, what, tag, scale):
    return measure_load(server, LOADS[what], tag, scale)


def measure_load(server, load_of, tag, scale):
    sessions, size, messages = load_of
    messages = max(sessions, int(messages * scale))
    files, cpu = count_files(server.new), server.settled_cpu()
    watch = ["--watch", server.new] if server.new else []
    result, why = load(server, tag, "--sessions", sessions, "--size", size, "--messages", messages, "--names", recipients,
                       *watch)
    if result is None:
        return None, why
    result["cpu"] = (server.settled_cpu() - cpu) / messages * 1e6
    appeared = count_files(server.new) - files
    if server.new and appeared != messages:
        return None, f"{messages} messages sent and acknowledged, {appeared} files appeared"
    return result, ""
