"""Mail collected by IMAP from a Dovecot, stored durably: by mailhandler and getmail6, which sort it to fifty
people and delete it there; by mbsync, which does neither (so it has less to do). And what goes over the
line for ordinary mail, with fetchmail, which knows no compression: the octets, not the time.

A run begins with a new mailbox of hard links to the same files. It counts only when every message lies
where it is to lie, and the server holds none (all of them, after mbsync). Time and memory are GNU time's.
"""

import subprocess

from common import PEOPLE, count_files, fill
import collecting
from collectors import USER
import corpus
from mailboxes import link_tree
import peers
from relay import Relay
import unpack

NEAR = "fetch by IMAP, 10,000 × 4 KiB"
WIRE = "octets on the wire by IMAP, ordinary mail"
MEASURES = [NEAR, WIRE]
WHO = {NEAR: {"mbsync", "getmail6", "mailhandler"}, WIRE: {"fetchmail", "mailhandler"}}
FIGURES = [("rate", "messages/s", 1, True), ("cpu", "CPU µs/message", 1, False), ("memory", "peak MB", 1, False),
           ("wire", "octets on the wire", 1, False), ("part", "of the mail's size", 1, False)]
SERVERS = "mbsync,getmail6,fetchmail,mailhandler"
IMAP, POP3, COUNTED, LMTP = 2843, 2810, 2844, 2824
ORDINARY = 2000

MBSYNC = """\
IMAPStore host
Host 127.0.0.1
Port {port}
User {login}
Pass secret
SSLType None
AuthMechs LOGIN
PipelineDepth 50

MaildirStore here
Path /out/box/
Inbox /out/box/INBOX

Channel all
Far :host:
Near :here:
Patterns INBOX
Sync Pull
Create Near
SyncState *
"""
GETMAIL = collecting.GETMAIL.replace("MultidropPOP3Retriever", "MultidropIMAPRetriever")
FETCHMAIL = collecting.FETCHMAIL.replace("protocol pop3", "protocol imap").replace(" uidl ", " ")
OFFICE = collecting.OFFICE.replace("pop3://", "imap://")
PACKAGES = {"mbsync": ["isync"], "getmail6": ["getmail6"], "fetchmail": ["fetchmail"]}


class World:
    def __init__(self, place, names):
        self.place, self.ordinary = place, 0
        (place / "source" / "mail").mkdir(parents=True)
        self.cells = [peers.dovecot("dovecot", place / "source", IMAP, POP3, collecting.PASSWORD,
                                    "mail_max_userip_connections = 0\n"
                                    "protocol imap {\n mail_plugins = imap_zlib\n}")]
        if "fetchmail" in names:
            self.cells.append(collecting.lmtp(place / "lmtp"))

    def stop(self):
        for each in self.cells:
            each.stop()
        self.cells = []


def fetch(names):
    peers.fetch_dovecot()
    for name in PACKAGES.keys() & set(names):
        unpack.prefix(PACKAGES[name][0], PACKAGES[name])
    if "fetchmail" in names:
        unpack.prefix("dovecot-lmtp", ["dovecot-core", "dovecot-lmtpd"])


def start(names, place, scale=1.0):
    place.mkdir(parents=True, exist_ok=True)
    fill(place / "near", max(20, int(10_000 * scale)), 4096)
    world = World(place, names)
    if corpus.place():
        world.ordinary = fill_ordinary(place / "ordinary", max(20, int(ORDINARY * scale)))
    else:
        corpus.absent(WIRE)
    subprocess.run(["chown", "-R", "991:991", str(place / "near"), str(place / "ordinary")], check=False)
    return [collecting.Collector(name, place / name, world) for name in names]


def fill_ordinary(new, count):
    """Real mail, addressed to fifty people in turn; its octets."""
    new.mkdir()
    octets = 0
    messages = [m for _, m in corpus.sample(corpus.realistic(), count) if not corpus.has_bare_cr(m)]
    for number, message in enumerate(messages):
        to = f"{PEOPLE[number % len(PEOPLE)]}@example.com"
        message = (f"Return-Path: <s{number}@sender.example>\r\nX-Rcpt-To: {to}\r\n"
                   "Received: by mx.provider.example; today\r\n").encode() + message
        (new / f"{1795411214 + number}.M0P1Q{number}.mx1,S={len(message)},W={len(message)}").write_bytes(message)
        octets += len(message)
    return octets


def prepare(name, here, port, login):
    """Its configuration below `here`; (trees, command, binds)."""
    if name == "mailhandler":
        trees, command, binds = collecting.prepare(name, here, port, login)
        (here / "root/fetch/host.toml").write_text(OFFICE.format(port=port, login=login))
        return trees, command, binds
    (here / "box").mkdir()
    text, command = {"mbsync": (MBSYNC, "mbsync -c /out/rc -q all"),
                     "getmail6": (GETMAIL, collecting.CONFIGURED["getmail6"][1]),
                     "fetchmail": (FETCHMAIL, collecting.CONFIGURED["fetchmail"][1])}[name]
    (here / "rc").write_text(text.replace("{port}", str(port)).replace("{login}", login))
    (here / "rc").chmod(0o600)
    for person in PEOPLE if name == "getmail6" else []:
        for part in ("new", "cur", "tmp"):
            (here / "box" / person / part).mkdir(parents=True)
    return [unpack.prefix(PACKAGES[name][0], PACKAGES[name])], command, {}


def measure(server, what, tag, scale):
    world = server.world
    if server.name not in WHO[what] or (what == WIRE and not world.ordinary):
        return None, ""
    server.runs += 1
    login = f"{server.name}{server.runs}"
    here, source = server.place / str(server.runs), world.place / "source/mail" / login
    here.mkdir(parents=True)
    link_tree(world.place / ("near" if what == NEAR else "ordinary"), source)
    subprocess.run(["chown", "991:991", str(source), *map(str, source.iterdir())], check=True)
    count = count_files(source / "new")
    trees, command, binds = prepare(server.name, here, COUNTED if what == WIRE else IMAP, login)
    subprocess.run(["chown", "-R", f"{USER}:{USER}", str(here)], check=True)
    before = collecting.stored(server.name, here, world)
    with Relay(COUNTED, IMAP) as relay:
        status, took, cpu, memory, said = collecting.timed(server.name, here, trees, command, binds)
    have = collecting.stored(server.name, here, world) - before
    left = count_files(source / "new") + count_files(source / "cur")
    if status or have != count or left != (count if server.name == "mbsync" else 0):
        return None, f"status {status}, {have} of {count} messages stored, {left} left: {said[-300:]}"
    if what == WIRE:
        return {"wire": relay.octets, "part": relay.octets / world.ordinary}, ""
    return {"rate": count / max(took, 0.01), "cpu": cpu / count * 1e6, "memory": memory}, ""
