"""Clients that collect a whole POP3 mailbox and leave it on the server, each with its own
configuration; and what each one changes in a message by its own design.

collect(name, place, port, password) → the copies it made, as Copy(sender, person, octets): `person`
is the mailbox that the client's own sorting put it into, or, where it sorts nothing, None. CHANGES
says what a client may do to a message; everything else is a fault of ours or of the client's, and a
test has to say which.
"""

import dataclasses
import email
import os
import pathlib
import re
import subprocess
import time

import peers
import sink
import unpack

LOGIN = "example.com"
USER = 989  # of whom collects: getmail refuses to work as root
USERS = [f"collector:x:{USER}:{USER}::/out:/bin/sh"]
COLLECTORS = ["curl", "fetchmail", "getmail6", "mpop", "fdm"]


@dataclasses.dataclass(frozen=True)
class Copy:
    sender: str  # of Return-Path, or of the envelope it was handed on with
    person: str  # the local part; None: the client sorts nothing
    octets: bytes


def fetch():
    """Downloads and unpacks what is needed, while there still is a network."""
    for package in COLLECTORS[1:]:
        unpack.prefix(package, [package])


def lf(octets):
    return octets.replace(b"\r\n", b"\n")


def squeezed(octets):
    return re.sub(rb"\s+", b"", octets)


def as_fetchmail(octets):
    """RFC 5322 has no space before a colon; a message ends its header."""
    if octets.startswith(b"\r\n"):  # there is no header
        return octets
    end = octets.find(b"\r\n\r\n")
    if end < 0:
        return octets + b"\r\n"
    header = re.sub(rb"(?m)^(From|To|Cc|Reply-To)[ \t]+:.*\r\n", b"", octets[:end] + b"\r\n")
    return re.sub(rb"(?mi)^Status:[ \t]*\r\n", b"", header) + octets[end + 2:]


def as_fdm(octets):
    return re.sub(rb"\0[^\n]*", b"", lf(octets))


def as_getmail(octets):
    return re.sub(rb"(?m)^From[ \t]+:.*\r\n", b"", octets)


def broken(octets):
    """A line that is longer than fetchmail's buffer: it writes octets of its own into it."""
    return re.search(rb"[^\n]{8192}", octets) is not None


def repaired(octets):
    """Whether Python's email package, and so getmail, repairs the MIME of this message."""
    again = email.message_from_bytes(lf(octets)).as_bytes()
    return squeezed(again) != squeezed(octets)


# client → what it changes in a message, and the same done to an expected one
CHANGES = {
    "curl": ("nothing", lambda octets: octets),
    "fetchmail": ("drops address headers with a space before their colon, and a Status that is empty; "
                  "ends a header that has no end; breaks lines of more than 8 KiB", as_fetchmail),
    "getmail6": ("Python's email parser folds headers anew and writes LF: compared without white "
                 "space; drops a From with a space before its colon; writes broken MIME anew, and "
                 "then only the stamp is compared", as_getmail),
    "mpop": ("line ends become LF", lf),
    "fdm": ("line ends become LF; a line is cut at its first NUL", as_fdm),
}
VIEWS = {"getmail6": squeezed}  # how both sides are looked at
REPAIRED = {"getmail6": repaired, "fetchmail": broken}  # messages whose content the client makes anew


def sender_of(octets):
    found = re.match(rb"Return-Path: <(.*?)>", octets)
    return found[1].decode() if found else "no Return-Path"


def from_directory(directory, person):
    return [Copy(sender_of(octets), person, octets)
            for part in ("new", "cur") if (directory / part).is_dir()
            for octets in map(pathlib.Path.read_bytes, (directory / part).iterdir())]


def from_maildirs(out):
    """out/<person>/, a maildir each."""
    return [copy for box in sorted(out.iterdir()) for copy in from_directory(box, box.name)]


def must(client, status, said):
    if status:
        raise RuntimeError(f"{client} ended with {status}:\n{said[-1500:]}")


def as_user(package, place, *command, before=()):
    """Runs a client in a cell, not as root (but for `before`, which runs it); `place` is its /out."""
    subprocess.run(["chown", "-R", f"{USER}:{USER}", str(place)], check=True)
    must(package, *peers.client(
        package, [*before, "setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", *command],
        binds={place: "/out"}, users=USERS))


def curl(place, port, password, count, certificate, *_):
    """One connection, its message numbers by curl's own ranges; secured by STLS."""
    done = subprocess.run(
        ["curl", "-sS", "--ssl-reqd", "--cacert", str(certificate), "--resolve",
         f"mail.example.com:{port}:127.0.0.1", "-u", f"{LOGIN}:{password}", "-o", str(place / "#1"),
         f"pop3://mail.example.com:{port}/[1-{count}]"], capture_output=True, text=True)
    must("curl", done.returncode, done.stderr)
    messages = [path.read_bytes() for path in place.iterdir()]
    return [Copy(sender_of(octets), None, octets) for octets in messages]


class Letterbox(sink.Sink):
    """Takes what fetchmail hands on, whatever is in it, and remembers for whom."""

    def __init__(self, port):
        self.copies = []
        super().__init__(port)

    def keep(self, sender, recipients, octets):
        with self.lock:
            self.copies += [Copy(sender, r.partition("@")[0], octets) for r in recipients]


FETCHMAIL = """\
set invisible
set no bouncemail
poll 127.0.0.1 protocol pop3 port {port} envelope "X-Rcpt-To" no dns localdomains example.com
  bad-header accept
  user "example.com" password "{password}" to * here
  sslproto '' fetchall keep no rewrite smtphost 127.0.0.1/{sink} smtpaddress example.com
"""


def fetchmail(place, port, password, *_):
    letterbox = Letterbox(port + 1)
    try:
        rc = FETCHMAIL.format(port=port, password=password, sink=port + 1)
        (place / "rc").write_text(rc)
        (place / "rc").chmod(0o600)
        as_user("fetchmail", place, "env", "HOME=/out", "fetchmail", "-f", "/out/rc", "--nodetach")
        return letterbox.copies
    finally:
        letterbox.shutdown()
        letterbox.server_close()


# For each message getmail forks, and only then notes its handler of SIGCHLD and waits: of a child that has ended by then it
# never hears, and after `timeout` it gives up, "waiting child pid … timed out", with status 127. On a busy machine that
# is one message of a hundred. On one processor, and by SCHED_FIFO, the child does not begin before its parent waits.
GETMAIL = ["chrt", "--fifo", "1", "taskset", "--cpu-list", str(min(os.sched_getaffinity(0)))]


def getmail(place):
    """Runs what place/rc configures."""
    allowed = subprocess.run([*GETMAIL, "true"], capture_output=True).returncode == 0
    as_user("getmail6", place, "getmail", "--getmaildir=/out", "--rcfile=rc", before=GETMAIL if allowed else [])


def getmail6(place, port, password, _, certificate, people):
    for person in people:
        for part in ("new", "cur", "tmp"):
            (place / "out" / person / part).mkdir(parents=True)
    # The pattern is matched against the whole address that envelope_recipient yields.
    locals_ = "".join(f'  ("{person}@example\\.com", "[{person}]"),\n' for person in people)
    rc = (f"[retriever]\ntype = MultidropPOP3Retriever\nserver = 127.0.0.1\nport = {port}\n"
          f"username = {LOGIN}\npassword = {password}\nenvelope_recipient = x-rcpt-to:1\n"
          "[options]\nread_all = true\ndelete = false\ndelivered_to = false\nreceived = false\nverbose = 0\n"
          f"[destination]\ntype = MultiSorter\ndefault = [nobody]\nlocals = (\n{locals_}  )\n")
    for person in [*people, "nobody"]:
        rc += f"[{person}]\ntype = Maildir\npath = /out/out/{person}/\n"
    for part in ("new", "cur", "tmp"):
        (place / "out" / "nobody" / part).mkdir(parents=True)
    (place / "rc").write_text(rc)
    getmail(place)
    return from_maildirs(place / "out")


MPOP = """\
account default
host 127.0.0.1
port {port}
tls off
auth user
user {login}
passwordeval echo {password}
keep {keep}
only_new {new}
received_header off
uidls_file /out/uidls
delivery maildir /out/box
"""


def mpop(place, port, password, *_):
    for part in ("new", "cur", "tmp"):
        (place / "box" / part).mkdir(parents=True)
    (place / "rc").write_text(MPOP.format(port=port, login=LOGIN, password=password, keep="on", new="off"))
    (place / "rc").chmod(0o600)
    as_user("mpop", place, "mpop", "-C", "/out/rc", "-q")
    return from_directory(place / "box", None)


FDM = """\
set no-received
set maximum-size 128M
account "host" pop3 server "127.0.0.1" port {port} user "example.com" pass "{password}" keep
action "person" maildir "/out/box/%1"
action "rest" maildir "/out/rest"
match "^X-Rcpt-To: ([^@\\n]*)@example.com" in headers action "person"
match all action "rest"
"""


def fdm(place, port, password, *_):
    (place / "box").mkdir()
    (place / "rc").write_text(FDM.format(port=port, password=password))
    (place / "rc").chmod(0o600)
    as_user("fdm", place, "env", "HOME=/out", "fdm", "-f", "/out/rc", "fetch")
    # Where no empty line ends the header, fdm sees none.
    return from_maildirs(place / "box") + [
        copy for copy in from_directory(place / "rest", None) if b"\n\n" not in copy.octets]


def collect(name, place, *arguments):
    """(the copies, seconds)."""
    place.mkdir()
    began = time.monotonic()
    copies = globals()[name](place, *arguments)
    return copies, time.monotonic() - began
