#!/usr/bin/env python3
"""The office collects by POP3 from three hosts: mailhandler, a Dovecot over the same mail, and a
Postfix catch-all behind a Dovecot.

The mail corpus arrives at each host by SMTP under fifty names; poplib reads what the host then
holds. After `mailhandler fetch` each of these messages must lie with exactly the right people, once,
its header block naming nobody else above the host's Received, and from that Received on octet for
octet what the host holds; what is addressed to nobody is held. With `keep = "forever"` a second run
brings nothing. When all is well, faults are planted in what was stored.
"""

import collections
import os
import pathlib
import re
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import corpus  # noqa: E402
import journey  # noqa: E402
import mtas  # noqa: E402
import peers  # noqa: E402
import run_collect  # noqa: E402
import run_smtp_in  # noqa: E402
import stamped  # noqa: E402
from run_collect import DOVECOT_IMAP, DOVECOT_POP3, LOGIN, PASSWORD, PEOPLE, POP3, SMTP  # noqa: E402

KNOWN, ALIASES, NOBODY = PEOPLE[:40], PEOPLE[40:45], PEOPLE[45:]
BEHIND_ALIAS = PEOPLE[:2]
OFFICE = 'hostname = "office.example.com"\n'
DOMAIN = "".join(['[default]\naction = "reject"\n', *(f"[mailbox.{p}]\n" for p in KNOWN), "[alias]\n",
                  *(f'{p} = ["{BEHIND_ALIAS[0]}", "{BEHIND_ALIAS[1]}"]\n' for p in ALIASES)])
ACCOUNT = """\
server = "pop3://127.0.0.1:{port}"
login = "{login}"
password_file = "password"
tls = "none"
domain = "example.com"
unknown = "hold"
keep = "{keep}"
"""
RECIPIENT = re.compile(rb"^(?:X-Rcpt-To|X-Original-To): (.*?)@example\.com\r$", re.M)
NAMES = (rb"(?im)^(?:X-Rcpt-To|X-POP3-Rcpt|X-Original-To|X-Envelope-To|Envelope-To|Delivered-To)"
         rb":[ \t]*(.*?)\r?$")


def destinations(person):
    """Whose maildirs a message to this person ends in; nobody's: it is held."""
    return [person] if person in KNOWN else BEHIND_ALIAS if person in ALIASES else []


def split(octets):
    """(the block above the topmost Received, the rest from there on)."""
    found = re.search(rb"^Received:", octets, re.M)
    return (octets[:found.start()], octets[found.start():]) if found else (octets, b"")


class Message:
    """One message as the host holds it."""

    def __init__(self, octets):
        block, self.rest = split(octets)
        person, sender = RECIPIENT.search(block), re.search(rb"^Return-Path: <(.*?)>", block, re.M)
        self.person = person[1].decode() if person else "nobody named"
        self.sender = sender[1].decode() if sender else "no Return-Path"


def make_office(root, port, login, keep):
    for directory in ("domains", "fetch"):
        (root / directory).mkdir(parents=True)
    (root / "mailhandler.toml").write_text(OFFICE)
    secrets = {"domains/example.com.toml": DOMAIN, "password": PASSWORD + "\n",
               "fetch/host.toml": ACCOUNT.format(port=port, login=login, keep=keep)}
    for name, text in secrets.items():
        (root / name).write_text(text)
        (root / name).chmod(0o600)


def fetch(binary, root, status):
    began = time.monotonic()
    done = subprocess.run([binary, "--root", str(root), "fetch"], cwd=root, text=True, timeout=600,
                          capture_output=True, env={**os.environ, "NO_COLOR": "1"})
    said = done.stdout + done.stderr
    faults = [] if done.returncode == status else [f"fetch ended with {done.returncode}: {said[-800:]}"]
    return faults, time.monotonic() - began


def stored(root):
    """(person, octets) of every file in the office's maildirs, by sender and person."""
    found = collections.defaultdict(list)
    for path in sorted((root / "mail").glob("*/*/new/*")):
        octets = path.read_bytes()
        sender = re.search(rb"^Return-Path: <(.*?)>", split(octets)[0], re.M)
        found[sender[1].decode() if sender else "no Return-Path", path.parts[-3]].append(octets)
    return found


def judge(root, held):
    """The faults of an office that is to have collected all of `held`, the host's messages."""
    have, faults, due = stored(root), [], collections.Counter()
    for message in held:
        for person in destinations(message.person):
            due[message.sender, person, message.person] += 1
            copies = [octets for octets in have[message.sender, person]
                      if f"{message.person}@example.com".encode() in split(octets)[0]
                      or f"{person}@example.com".encode() in split(octets)[0]]
            if not any(octets.endswith(message.rest) for octets in copies):
                difference = stamped.first_difference(split(copies[0])[1], message.rest) if copies else "lost"
                faults.append(f"{message.sender} to {message.person} for {person}: {difference}")
            for octets in copies:
                faults += strangers(octets, person)
    wanted = collections.Counter()
    for (sender, person, _), count in due.items():
        wanted[sender, person] += count
    for key in wanted.keys() | have.keys():
        if len(have[key]) != wanted[key]:
            faults.append(f"{key[0]} for {key[1]}: {len(have[key])} copies, not {wanted[key]}")
    return faults


def strangers(octets, person):
    """Addresses above the host's Received that are not this person's."""
    allowed = {person, *(ALIASES if person in BEHIND_ALIAS else [])}
    return [f"a copy for {person} names {value!r}"
            for value in re.findall(NAMES, split(octets)[0])
            if value.decode(errors="replace").strip("<>").removesuffix("@example.com") not in allowed]


def planted(root, held):
    """Each fault made by hand in what was stored well must be seen."""
    files = sorted((root / "mail").glob("*/*/new/*"))
    path, octets = files[0], files[0].read_bytes()
    twin = path.with_name("twin")
    plants = {
        "lost": path.unlink,
        "2 copies": lambda: twin.write_bytes(octets),
        "octet": lambda: path.write_bytes(octets[:-3] + b"!\r\n"),
        "names": lambda: path.write_bytes(b"X-Rcpt-To: stranger@example.com\r\n" + octets),
    }
    missed = []
    for complaint, plant in plants.items():
        plant()
        if not any(complaint in fault for fault in judge(root, held)):
            missed.append(f"planted {complaint!r} was not seen")
        path.write_bytes(octets)
        twin.unlink(missing_ok=True)
    return missed


def collect(kind, binary, place, port, login, sent, keep):
    """Fetches from a host that listens, and compares; returns the faults."""
    held = [Message(octets) for octets in run_collect.bodies(port, login).values()]
    faults = []
    if collections.Counter((m.sender, m.person) for m in held) != sent:
        faults.append("the host does not hold what was sent: nothing else can be judged")
    root = place / "office"
    make_office(root, port, login, keep)
    to_nobody = sum(not destinations(message.person) for message in held)
    said, took = fetch(binary, root, 1 if to_nobody else 0)
    faults += said + judge(root, held)
    faults += fetch(binary, root, 0)[0] + judge(root, held)  # again: nothing twice
    total = subprocess.run([binary, "--root", str(root), "--json", "stats"], text=True,
                           capture_output=True).stdout
    if f'"held":{to_nobody},' not in total.replace(" ", "").partition('"days"')[0]:
        faults.append(f"{to_nobody} messages to nobody, but stats says {total[:200]}")
    left = len(run_collect.bodies(port, login))
    if left != (len(held) if keep == "forever" else 0):
        faults.append(f"{left} messages are left on the server, keep = {keep!r}")
    if not faults:
        faults = planted(root, held)
    print(f"{kind}: {len(held)} messages in {took:.1f} s, {to_nobody} to nobody, {len(faults)} faults",
          file=sys.stderr)
    return [f"{kind}: {fault}" for fault in faults]


def envelopes(expected):
    return collections.Counter((sender, person) for _, sender, person, _ in expected)


def from_mailhandler(binary, place, messages):
    """Our own host, and then a Dovecot over the same mail, as files with LF."""
    root = place / "root"
    run_collect.make_root(binary, root)
    with peers.mailhandler("mailhandler", binary, root, SMTP):
        sent = envelopes(run_collect.fill(messages))
        maildir = root / "mail" / LOGIN / "@default"
        box = place / "dovecot/mail" / LOGIN
        for part in ("new", "cur", "tmp"):
            (box / part).mkdir(parents=True)
        for number, path in enumerate(sorted((maildir / "new").iterdir())):
            (box / "new" / f"{1700000000 + number}.M1P1.other").write_bytes(
                path.read_bytes().replace(b"\r\n", b"\n"))
        faults = collect("mailhandler", binary, place / "a", POP3, LOGIN, sent, "0")
    subprocess.run(["chown", "-R", "991:991", str(box)], check=True)
    with peers.dovecot("dovecot", place / "dovecot", DOVECOT_IMAP, DOVECOT_POP3, PASSWORD):
        faults += collect("Dovecot", binary, place / "b", DOVECOT_POP3, LOGIN, sent, "forever")
    return faults


def from_postfix(binary, place, messages):
    with mtas.postfix_catch_all("postfix", place / "postfix", SMTP) as postfix:
        sent = envelopes(run_collect.fill(messages))
        for _ in range(600):
            if "is empty" in postfix.run("postqueue", "-p"):
                break
            time.sleep(0.1)
    with peers.dovecot("dovecot", place / "postfix", DOVECOT_IMAP, DOVECOT_POP3, PASSWORD):
        return collect("Postfix", binary, place / "c", DOVECOT_POP3, "catchall", sent, "0")


def run(options, place, binary):
    messages = corpus.mail(options.sample, run_smtp_in.GENERATED)
    faults = from_mailhandler(binary, place, messages) + from_postfix(binary, place, messages)
    return f"fetch: {len(messages)} messages from three hosts", faults


def download():
    mtas.fetch(["postfix"])
    peers.fetch_dovecot()


if __name__ == "__main__":
    sys.exit(journey.play(journey.arguments(__doc__, sample=300).parse_args(), run, download,
                          "the office fetched nothing"))
