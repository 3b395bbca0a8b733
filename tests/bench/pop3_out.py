"""Mail going out by POP3: a login and STAT on large maildrops, and a download with 64 RETRs in flight.

Dovecot and mailhandler serve the same files (mailboxes.py). Cold: the server was started a moment ago and what it had written beside
the mail is gone; the files themselves are in the machine's cache for both. Warm: asked again and again.
"""

import json
import subprocess

from common import BUILD, PASSWORD
import mailboxes

LOGIN = {10_000: "ten.example", 100_000: "hundred.example"}
STATS = [(size, heat) for size in LOGIN for heat in ("cold", "warm")]
NAMES = {f"POP3 login + STAT, {size:,} messages, {heat}": (size, heat) for size, heat in STATS}
DOWNLOAD = "POP3 download, 10,000 × 4 KiB, 64 RETR in flight"
MEASURES = [*NAMES, DOWNLOAD]
FIGURES = [("whole_p50", "p50 ms", 1000, False), ("rate", "messages/s", 1, True), ("cpu", "CPU µs/message", 1, False)]
SERVERS = "dovecot,mailhandler"
STARTERS = {"dovecot": mailboxes.dovecot, "mailhandler": mailboxes.mailhandler}
sizes, fetch = {}, mailboxes.fetch  # how many messages a maildrop really has, by --scale


def start(names, place, scale=1.0):
    sizes.update(mailboxes.make(place, LOGIN, scale))
    return [STARTERS[name](place / name, LOGIN, "pop3") for name in names]


def run(server, login, *what):
    done = subprocess.run([str(BUILD / "pop3_load"), "--port", str(server.port), "--login", login, "--password",
                           PASSWORD, *what], capture_output=True, text=True)
    return (json.loads(done.stdout), "") if done.returncode == 0 else (None, done.stderr.strip())


def measure(server, what, tag, scale):
    size, heat = NAMES.get(what, (10_000, "download"))
    login = LOGIN[size]
    if heat == "cold":
        server.chill()
    else:
        run(server, login, "stat", "2")
    cpu = server.cell.cpu()
    result, why = run(server, login, *(["retr", "64"] if heat == "download" else ["stat", "1" if heat == "cold" else "20"]))
    if result is None:
        return None, why
    if result["messages"] != sizes[size]:
        return None, f"{result['messages']} messages, not {sizes[size]}"
    if heat == "download":
        result["cpu"] = (server.cell.cpu() - cpu) / sizes[size] * 1e6
    return result, ""
