"""Mail collected by POP3 from a Dovecot, stored durably (as each program does it by default) and
deleted there: by mailhandler and fdm, sorted to fifty people; by fetchmail, sorted to a Dovecot's LMTP; by
getmail6, sorted; by mpop, which does not sort. On loopback, and over a line with a round trip of 20 ms.

A run begins with a new maildrop of hard links to the same files. It counts only when every message
lies there and the server holds none. Time and memory are GNU time's, of the program in its cell.
"""

import subprocess
import sys

from common import HERE, PASSWORD, PEOPLE, binary, count_files, fill, root
import cell
import collectors
from collectors import USER, USERS
from mailboxes import link_tree
import peers
import unpack

NEAR = "fetch by POP3, 10,000 × 4 KiB"
FAR = "fetch by POP3, 1,000 × 4 KiB, 20 ms round trip"
LARGE = "fetch by POP3, one message of 200 MB"
LOADS = {NEAR: (10_000, 4096), FAR: (1_000, 4096), LARGE: (1, 200_000_000)}
WHO = {NEAR: {"fdm", "fetchmail", "mpop", "mailhandler"}, FAR: {"fetchmail", "getmail6", "mpop", "mailhandler"},
       LARGE: {"mpop", "mailhandler"}}
MEASURES = list(LOADS)
FIGURES = [("rate", "messages/s", 1, True), ("cpu", "CPU µs/message", 1, False), ("memory", "peak MB", 1, False)]
SERVERS = "fdm,fetchmail,getmail6,mpop,mailhandler"
POP3, DELAYED, IMAP, LMTP = 2810, 2811, 2843, 2824

FETCHMAIL = """\
set no bouncemail
poll 127.0.0.1 protocol pop3 port {port} uidl envelope "X-Rcpt-To" no dns localdomains example.com
  user "{login}" password "secret" to * here
  sslproto '' fetchall no keep no rewrite lmtp smtphost 127.0.0.1/%d smtpaddress example.com
""" % LMTP
MPOP = collectors.MPOP.format(port="{port}", login="{login}", password=PASSWORD, keep="off", new="on")
FDM = """\
set no-received
set maximum-size 1G
account "host" pop3 server "127.0.0.1" port {port} user "{login}" pass "secret"
action "person" maildir "/out/box/%1"
match "^X-Rcpt-To: ([^@\\n]*)@example.com" in headers action "person"
"""
GETMAIL = ("[retriever]\ntype = MultidropPOP3Retriever\nserver = 127.0.0.1\nport = {port}\nusername = {login}\n"
           "password = secret\nenvelope_recipient = x-rcpt-to:1\n"
           "[options]\nread_all = true\ndelete = true\ndelivered_to = false\nreceived = false\nverbose = 0\n"
           "[destination]\ntype = MultiSorter\ndefault = [person00]\nlocals = (\n"
           + "".join(f'  ("{p}@example\\\\.com", "[{p}]"),\n' for p in PEOPLE) + "  )\n"
           + "".join(f"[{p}]\ntype = Maildir\npath = /out/box/{p}/\n" for p in PEOPLE))
CONFIGURED = {"fetchmail": (FETCHMAIL, "fetchmail -f /out/rc --nodetach --silent"),
              "mpop": (MPOP, "mpop -C /out/rc -q"),
              "fdm": (FDM, "fdm -f /out/rc fetch"),
              "getmail6": (GETMAIL, "getmail --getmaildir=/out --rcfile=rc")}
OFFICE = """\
server = "pop3://127.0.0.1:{port}"
login = "{login}"
password_file = "password"
tls = "none"
domain = "example.com"
"""


class Collector:
    """A program that collects; the servers are one for all."""

    def __init__(self, name, place, world):
        self.name, self.place, self.world, self.runs = name, place, world, 0

    def stop(self):
        self.world.stop()


class World:
    def __init__(self, place, names):
        self.place = place
        (place / "source" / "mail").mkdir(parents=True)
        self.cells = [peers.dovecot("dovecot", place / "source", IMAP, POP3, PASSWORD,
                                    "mail_max_userip_connections = 0")]
        if "fetchmail" in names:
            self.cells.append(lmtp(place / "lmtp"))
        self.proxy = subprocess.Popen([sys.executable, str(HERE / "delay_proxy.py"), str(DELAYED), str(POP3), "20"])

    def stop(self):
        for each in self.cells:
            each.stop()
        self.cells = []
        self.proxy.kill()
        self.proxy.wait()


def lmtp(place):
    """A Dovecot that takes mail for anybody by LMTP."""
    tree = unpack.prefix("dovecot-lmtp", ["dovecot-core", "dovecot-lmtpd"])
    for directory in ("mail", "log"):
        (place / directory).mkdir(parents=True)
    subprocess.run(["chown", "991:991", str(place / "mail")], check=True)
    config = ("protocols = lmtp\nlisten = 127.0.0.1\nbase_dir = /run/dovecot\nlog_path = /var/log/dovecot.log\nssl = no\n"
              "mail_location = maildir:/srv/mail/%n\nmail_uid = vmail\nmail_gid = vmail\nfirst_valid_uid = 100\n"
              "passdb {\n driver = static\n args = password=secret\n}\n"
              "userdb {\n driver = static\n args = uid=vmail gid=vmail home=/srv/mail/%n allow_all_users=yes\n}\n"
              f"service lmtp {{\n inet_listener lmtp {{\n  port = {LMTP}\n }}\n}}\n")
    started = cell.Cell("lmtp", ["/usr/sbin/dovecot", "-F", "-c", "/etc/dovecot/cell.conf"], trees=[tree],
                        users=peers.DOVECOT_USERS, groups=["dovecot:x:993:", "dovenull:x:994:", "vmail:x:991:"],
                        files={"/etc/dovecot/cell.conf": config}, log=place / "log/start.log",
                        binds={place / "mail": "/srv/mail", place / "log": "/var/log"}, setup="mkdir -p /run/dovecot")
    peers.wait_for_port(LMTP, started)
    return started


def fetch(names):
    peers.fetch_dovecot()
    for name in set(names) & CONFIGURED.keys():
        unpack.prefix(name, [name])
    if "fetchmail" in names:
        unpack.prefix("dovecot-lmtp", ["dovecot-core", "dovecot-lmtpd"])


def start(names, place, scale=1.0):
    place.mkdir(parents=True, exist_ok=True)
    for what, (count, size) in LOADS.items():
        template = place / f"template{MEASURES.index(what)}"
        fill(template, *scaled(what, scale))
        subprocess.run(["chown", "-R", "991:991", str(template)], check=True)
    world = World(place, names)
    return [Collector(name, place / name, world) for name in names]


def scaled(what, scale):
    count, size = LOADS[what]
    return (1, max(1_000_000, int(size * scale))) if count == 1 else (max(20, int(count * scale)), size)


def timed(name, here, trees, command, binds=None):
    """Runs a program in a cell to its end: (status, seconds, CPU seconds, peak MB, what it said)."""
    as_user = f"setpriv --reuid={USER} --regid={USER} --clear-groups env HOME=/out "
    log = here.with_name(here.name + ".log")
    with cell.Cell(name, ["/bin/sh", "-c", f"cd /out; {as_user} /usr/bin/time -o /out/time -f '%e %U %S %M' {command}"],
                   trees=trees, binds={here: "/out", **(binds or {})}, users=USERS, log=log) as running:
        status = running.process.wait(3600)
    words = (here / "time").read_text().splitlines()[-1].split() if (here / "time").exists() else []
    if len(words) != 4:
        return status, 0, 0, 0, log.read_text(errors="replace")
    return status, float(words[0]), float(words[1]) + float(words[2]), float(words[3]) / 1000, \
        log.read_text(errors="replace")


def prepare(name, here, port, login):
    """Its configuration below `here`; (trees, command, binds)."""
    if name == "mailhandler":
        made = root(here, {}, {"example.com": "".join(f"[mailbox.{p}]\n" for p in PEOPLE)})
        (made / "fetch").mkdir()
        (made / "fetch/host.toml").write_text(OFFICE.format(port=port, login=login))
        (made / "password").write_text(PASSWORD + "\n")
        for path in (made / "fetch/host.toml", made / "password"):
            path.chmod(0o600)
        return [], f"/srv/bin/{binary().name} --root /out/root fetch", {binary().parent: "/srv/bin"}
    text, command = CONFIGURED[name]
    (here / "rc").write_text(text.format(port=port, login=login) if name != "getmail6"
                             else text.replace("{port}", str(port)).replace("{login}", login))
    (here / "rc").chmod(0o600)
    for box in {"mpop": ["."], "getmail6": PEOPLE}.get(name, []):
        for part in ("new", "cur", "tmp"):
            (here / "box" / box / part).mkdir(parents=True)
    (here / "box").mkdir(exist_ok=True)
    return [unpack.prefix(name, [name])], command, {}


def stored(name, here, world):
    """How many messages lie where they are to lie."""
    if name == "mailhandler":
        boxes = (here / "root/mail/example.com").glob("*")
    elif name == "fetchmail":
        boxes = (world.place / "lmtp/mail").glob("*")
    else:
        boxes = [here / "box", *(here / "box").glob("*")]
    return sum(count_files(box / part) for box in boxes for part in ("new", "cur"))


def measure(server, what, tag, scale):
    if server.name not in WHO[what]:
        return None, ""
    server.runs += 1
    count, size = scaled(what, scale)
    login = f"{server.name}{server.runs}"
    here = server.place / str(server.runs)
    here.mkdir(parents=True)
    source = server.world.place / "source/mail" / login
    link_tree(server.world.place / f"template{MEASURES.index(what)}", source)
    subprocess.run(["chown", "991:991", str(source), *map(str, source.iterdir())], check=True)
    trees, command, binds = prepare(server.name, here, DELAYED if what == FAR else POP3, login)
    subprocess.run(["chown", "-R", f"{USER}:{USER}", str(here)], check=True)
    before = stored(server.name, here, server.world)
    status, took, cpu, memory, said = timed(server.name, here, trees, command, binds)
    have = stored(server.name, here, server.world) - before
    left = count_files(source / "new") + count_files(source / "cur")
    if status or have != count or left:
        return None, f"status {status}, {have} of {count} messages stored, {left} left: {said[-300:]}"
    return {"rate": count / max(took, 0.01), "cpu": cpu / count * 1e6, "memory": memory}, ""
