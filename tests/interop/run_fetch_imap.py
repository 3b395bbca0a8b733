#!/usr/bin/env python3
"""The office collects by IMAP from our own host, and from a Dovecot: with IDLE, UIDPLUS and COMPRESS, and with
each of them hidden.

Stamped messages of the corpus lie in Dovecot's maildir; imaplib reads what it makes of them. After
`mailhandler fetch` each must lie with exactly the right people, once, octet for octet; a second run
brings nothing; after Dovecot has numbered the mailbox anew (its index files are gone) nothing comes
twice; what somebody else removes in mid-run comes whole or not at all. Then `fetch --watch` waits, and what is appended must be there soon. Between the two a relay
counts octets, and how often the line turns. Where all is well, faults are planted in what was stored.
"""

import collections
import imaplib
import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import corpus  # noqa: E402
import journey  # noqa: E402
import peers  # noqa: E402
from relay import Relay  # noqa: E402
import run_collect  # noqa: E402
import run_fetch  # noqa: E402
from run_collect import DOVECOT_IMAP, DOVECOT_POP3, LOGIN, PASSWORD, PEOPLE  # noqa: E402

RELAY, OUR_IMAP = 11943, 2643
BASIC = "IMAP4rev1 SASL-IR LITERAL+ ID ENABLE"
HOW = {
    "everything": "protocol imap {\n mail_plugins = imap_zlib\n}",
    "no COMPRESS": f"imap_capability = {BASIC} UIDPLUS IDLE",
    "no UIDPLUS": f"imap_capability = {BASIC} IDLE",
    "no IDLE": f"imap_capability = {BASIC} UIDPLUS",
}


def stamped(number, octets):
    person = PEOPLE[number % len(PEOPLE)]
    return (f"Return-Path: <s{number}@customer.example>\r\nX-Rcpt-To: {person}@example.com\r\n"
            f"Received: by mx.provider.example; today\r\n").encode() + octets


def connect(port):
    client = imaplib.IMAP4("127.0.0.1", port)
    client.login(LOGIN, PASSWORD)
    client.select()
    return client


def held_by(port):
    """Every message there, as another client reads it."""
    client = connect(port)
    answer = client.fetch("1:*", "(BODY.PEEK[])")[1] if int(client.select()[1][0]) else []
    client.logout()
    return [run_fetch.Message(part[1]) for part in answer if isinstance(part, tuple)]


def fill(box, messages):
    for part in ("new", "cur", "tmp"):
        (box / part).mkdir(parents=True)
    for number, octets in enumerate(messages):
        (box / "cur" / f"{1700000000 + number}.M1P1.other:2,").write_bytes(
            stamped(number, octets).replace(b"\r\n", b"\n"))
    subprocess.run(["chown", "-R", "991:991", str(box)], check=True)


def configure(root, **changes):
    text = run_fetch.ACCOUNT.format(port=RELAY, login=LOGIN, keep=changes.get("keep", "0"))
    text = text.replace("pop3://", "imap://") + 'every = "idle"\nrenew = "10s"\n'
    (root / "fetch/host.toml").write_text(text)


def changed(box):
    """Dovecot's own files go: the next login numbers the mailbox anew."""
    time.sleep(1.1)  # a UIDVALIDITY is a time in seconds
    for path in box.glob("dovecot*"):
        path.unlink()


def watch(binary, root, port, count):
    """Appends messages while the office waits; how long each took, and what was wrong."""
    process = subprocess.Popen([binary, "--root", str(root), "fetch", "--watch"], cwd=root,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    times, client = [], connect(port)
    try:
        time.sleep(2)
        for number in range(count):
            before = sum(1 for _ in (root / "mail").glob("*/*/new/*"))
            client.append("INBOX", None, None, stamped(900_000 + number * len(PEOPLE), b"Subject: x\r\n\r\nx\r\n"))
            began = time.monotonic()
            while sum(1 for _ in (root / "mail").glob("*/*/new/*")) == before:
                if time.monotonic() - began > 30:
                    return times, [f"message {number} did not come: {process.poll()}"]
                time.sleep(0.002)
            times.append(time.monotonic() - began)
    finally:
        client.logout()
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=30)[1]
    return times, [] if process.returncode == 0 else [f"fetch --watch ended with {process.returncode}: {said}"]


def vanishing(relay, binary, root, held):
    """Somebody else removes messages between the listing and their FETCH: each comes whole, or not at all."""
    numbers = [800_000 + n * len(PEOPLE) for n in range(60)]
    messages = {number: stamped(number, b"Subject: x\r\n\r\n%d\r\n" % number) for number in numbers}
    client = connect(DOVECOT_IMAP)
    uids = [client.append("INBOX", None, None, octets)[1][0].split(b"]")[0].split()[-1].decode()
            for octets in messages.values()]
    removed = []

    def remove(octets):
        if removed or b"BODY.PEEK[]" not in octets:
            return
        removed.extend(numbers[::3])
        client.uid("STORE", ",".join(uids[::3]), "+FLAGS.SILENT", r"(\Deleted)")
        client.expunge()

    relay.look = remove
    faults = run_fetch.fetch(binary, root, 0)[0]
    relay.look = lambda octets: None
    client.logout()
    if not removed:
        faults.append("nothing was removed in mid-run")
    have = {sender for sender, _ in run_fetch.stored(root)}
    held = held + [run_fetch.Message(octets) for number, octets in messages.items()
                   if number not in removed or f"s{number}@customer.example" in have]
    return held, faults + run_fetch.judge(root, held)


def from_dovecot(how, extra, binary, place, messages):
    box = place / "dovecot/mail" / LOGIN
    fill(box, messages)
    with peers.dovecot("dovecot", place / "dovecot", DOVECOT_IMAP, DOVECOT_POP3, PASSWORD, extra):
        held = held_by(DOVECOT_IMAP)
        octets, faults = one(how, binary, place, DOVECOT_IMAP, held, lambda: changed(box))
    if len(held) != len(messages):
        faults.append(f"{how}: Dovecot gives {len(held)} of {len(messages)} messages")
    return octets, faults


def from_mailhandler(how, binary, place, messages):
    """What came by SMTP; POP3 says what it is."""
    root = place / "host"
    run_collect.make_root(binary, root)
    file = root / "mailhandler.toml"
    file.write_text(file.read_text().replace("[tls]", f'imap = ["127.0.0.1:{OUR_IMAP}"]\n[tls]'))
    with peers.mailhandler("mailhandler", binary, root, run_collect.SMTP):
        sent = run_collect.fill([(str(n), octets) for n, octets in enumerate(messages)])
        held = [run_fetch.Message(octets) for octets in run_collect.bodies(run_collect.POP3).values()]
        octets, faults = one(how, binary, place, OUR_IMAP, held, lambda: None)
    if len(held) != len(sent):
        faults.append(f"{how}: our host holds {len(held)} of {len(sent)} messages")
    return octets, faults


def one(how, binary, place, port, held, change):
    faults, root = [], place / "office"
    with Relay(RELAY, port) as relay:
        run_fetch.make_office(root, RELAY, LOGIN, "forever")
        configure(root, keep="forever")
        some_held = 1 if any(not run_fetch.destinations(m.person) for m in held) else 0
        said, took = run_fetch.fetch(binary, root, some_held)
        octets, turns = relay.octets, relay.turns
        faults += said + run_fetch.judge(root, held)
        change()
        faults += run_fetch.fetch(binary, root, 0)[0] + run_fetch.judge(root, held)
        if how == "no COMPRESS":  # the relay can read it
            held, said = vanishing(relay, binary, root, held)
            faults += said
        configure(root, keep="0")
        faults += run_fetch.fetch(binary, root, 0)[0] + run_fetch.judge(root, held)
        if left := len(held_by(port)):
            faults.append(f"{left} messages are left on the server")
        if not faults:
            faults = run_fetch.planted(root, held)
        times, said = watch(binary, root, port, 1 if how == "no IDLE" else 5)
        faults += said
    print(f"{how}: {len(held)} messages in {took:.2f} s, {octets:,} octets on the wire, {turns} turns; "
          f"arrivals after {', '.join(f'{t:.2f}' for t in times)} s; {len(faults)} faults", file=sys.stderr)
    return octets, [f"{how}: {fault}" for fault in faults]


def run(options, place, binary):
    messages = [octets for _, octets in corpus.mail(options.sample)]
    octets, faults = collections.Counter(), []
    for number, (how, extra) in enumerate(HOW.items()):
        (place / str(number)).mkdir()
        octets[how], said = from_dovecot(how, extra, binary, place / str(number), messages)
        faults += said
    (place / "ours").mkdir()
    octets["mailhandler"], said = from_mailhandler("mailhandler", binary, place / "ours", messages)
    faults += said
    if octets["everything"] * 3 > octets["no COMPRESS"] * 2:
        faults.append(f"COMPRESS saves too little: {octets['everything']} of {octets['no COMPRESS']} octets")
    return f"fetch by IMAP: {len(messages)} messages, {len(octets)} ways", faults


if __name__ == "__main__":
    sys.exit(journey.play(journey.arguments(__doc__, sample=300).parse_args(), run, peers.fetch_dovecot,
                          "the office fetched nothing by IMAP"))
