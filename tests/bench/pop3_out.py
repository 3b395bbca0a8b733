"""Mail going out by POP3: a login and STAT on large maildrops, and a download with 64 RETRs in flight.

Dovecot and mailhandler serve the same files (hard links: the names carry the sizes, for both), with
the same cheap password hash. Cold: the server was started a moment ago and what it had written beside
the mail is gone; the files themselves are in the machine's cache for both. Warm: asked again and again.
"""

import json
import subprocess

from common import BUILD, HASH, PASSWORD, binary, count_files, fill, link_tree, root
import peers
import unpack

LOGIN = {10_000: "ten.example", 100_000: "hundred.example"}
STATS = [(size, heat) for size in LOGIN for heat in ("cold", "warm")]
NAMES = {f"POP3 login + STAT, {size:,} messages, {heat}": (size, heat) for size, heat in STATS}
DOWNLOAD = "POP3 download, 10,000 × 4 KiB, 64 RETR in flight"
MEASURES = [*NAMES, DOWNLOAD]
FIGURES = [("whole_p50", "p50 ms", 1000, False), ("rate", "messages/s", 1, True), ("cpu", "CPU µs/message", 1, False)]
SERVERS = "dovecot,mailhandler"
sizes = {}  # how many messages a maildrop really has, by --scale


class Server:
    def __init__(self, name, place, port, boxes, begin):
        self.name, self.place, self.port, self.boxes, self.begin = name, place, port, boxes, begin
        self.cell = begin()

    def stop(self):
        self.cell.stop()

    def chill(self, meanwhile=lambda: None):
        self.cell.stop()
        meanwhile()
        for box in self.boxes:
            for path in [*box.glob("dovecot*"), *box.glob("maildirfolder"), *box.glob("mailhandler*")]:
                path.unlink()
        self.cell = self.begin()


def start_dovecot(place):
    boxes = [place / "mail" / login for login in LOGIN.values()]
    for size, box in zip(LOGIN, boxes):
        link_tree(place.parent / f"mail{size}", box)
    subprocess.run(["chown", "-R", "991:991", str(place / "mail")], check=True)
    return Server("dovecot", place, 2710, boxes, lambda: peers.dovecot(
        "dovecot", place, 2743, 2710, "{MD5-CRYPT}" + HASH, "login_trusted_networks = 127.0.0.0/8\n"
        "mail_max_userip_connections = 0"))


def start_mailhandler(place):
    made = root(place, {"pop3": 2711}, {
        login: f'[default]\naction = "deliver"\npassword = "{HASH}"\n' for login in LOGIN.values()})
    boxes = [made / "mail" / login / "@default" for login in LOGIN.values()]
    for size, box in zip(LOGIN, boxes):
        link_tree(place.parent / f"mail{size}", box)
    return Server("mailhandler", place, 2711, boxes,
                  lambda: peers.mailhandler("mailhandler", binary(), made, 2711))


def fetch(names):
    if "dovecot" in names:
        unpack.prefix("dovecot", ["dovecot-core", "dovecot-imapd", "dovecot-pop3d"])


def start(names, place, scale=1.0):
    place.mkdir(parents=True, exist_ok=True)
    for size in LOGIN:
        sizes[size] = max(10, int(size * scale))
        fill(place / f"mail{size}", sizes[size], 4096 if size == 10_000 else 600)
    return [{"dovecot": start_dovecot, "mailhandler": start_mailhandler}[name](place / name) for name in names]


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
