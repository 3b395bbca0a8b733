#!/usr/bin/env python3
"""Stock clients collect a catch-all from mailhandler; so does everybody's from a Dovecot beside it.

The mail corpus arrives by SMTP under fifty names and is collected by curl (over STLS), fetchmail and
getmail6 (multidrop), mpop and fdm, each of which sees the whole mailbox: every copy must be there
once, with exactly the right person, and below the stamp octet for octet what was sent, but for
what collectors.CHANGES says. Then a Dovecot serves the same maildir: same UIDLs, same sizes; and what
a Dovecot recorded is what `[pop3] uidl = "dovecot"` shows. When all is well, faults are planted.
"""

import collections
import imaplib
import pathlib
import poplib
import re
import shutil
import smtplib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import collectors  # noqa: E402
import corpus  # noqa: E402
import journey  # noqa: E402
import peers  # noqa: E402
import run_smtp_in  # noqa: E402
import stamped  # noqa: E402

poplib._MAXLINE = imaplib._MAXLINE = 1 << 30
HOSTNAME, LOGIN, PASSWORD = "mail.example.com", "example.com", "secret"
SMTP, POP3, DOVECOT_POP3, DOVECOT_IMAP = 2525, 2110, 2610, 2643
PEOPLE = [f"person{n:02}" for n in range(50)]
SERVER = f"""\
hostname = "{HOSTNAME}"
[listen]
smtp = ["127.0.0.1:{SMTP}"]
pop3 = ["127.0.0.1:{POP3}"]
[tls]
certificate = "tls/cert.pem"
key = "tls/key.pem"
[guard]
enabled = false      # fifty names from one client are what it is there to stop
"""


def make_root(binary, root):
    subprocess.run([binary, "--root", str(root), "init", "--hostname", HOSTNAME], check=True,
                   capture_output=True)
    (root / "mailhandler.toml").write_text(SERVER)
    for command in (["add-domain", LOGIN], ["set-default", LOGIN, "deliver", "--password-stdin"]):
        subprocess.run([binary, "--root", str(root), *command], check=True, capture_output=True,
                       input=PASSWORD + "\n", text=True)


def fill(messages):
    """Sends each message to one person, every seventh to three; returns what is to come back, as
    (name, sender, person, octets below the stamp)."""
    expected = []
    client = smtplib.SMTP("127.0.0.1", SMTP, "client.example")
    for number, (name, octets) in enumerate(messages):
        people = [PEOPLE[(number + k) % len(PEOPLE)] for k in range(3 if number % 7 == 0 else 1)]
        sender = f"m{number}@client.example"
        client.sendmail(sender, [f"{p}@example.com" for p in people], octets,
                        mail_options=["BODY=8BITMIME"])
        expected += [(name, sender, person, stamped.expected(octets)) for person in people]
    client.quit()
    return expected


def stamped_for(octets):
    """The person that the topmost X-Rcpt-To names."""
    found = re.search(rb"^X-Rcpt-To: (.*?)@example\.com\r?\n", octets, re.M)
    return found[1].decode() if found else "nobody"


def stamp_fault(stamp, sender, person):
    """What is wrong with a stamp, white space apart; a client may have taken Return-Path off."""
    address = re.escape(f"{person}@example.com")
    right = (f"(Return-Path:<{re.escape(sender)}>)?X-Rcpt-To:{address}X-POP3-Rcpt:{address}"
             f"Delivered-To:{address}Received:from.*by{re.escape(HOSTNAME)}.*")
    if re.fullmatch(right.encode(), collectors.squeezed(stamp)):
        return None
    return f"another stamp than ours: {stamp.decode(errors='replace')!r}"


def judge(client, copies, expected):
    """The faults of what one client collected, a line each."""
    change = collectors.CHANGES[client][1]
    view = collectors.VIEWS.get(client, lambda octets: octets)
    repaired = collectors.REPAIRED.get(client, lambda octets: False)
    wanted = {(sender, person): (name, None if repaired(octets) else view(change(octets)))
              for name, sender, person, octets in expected}
    faults, seen = [], collections.Counter()
    for copy in copies:
        person = stamped_for(copy.octets)
        if copy.person not in (None, person):
            faults.append(f"{copy.sender}: for {person}, given to {copy.person}")
        seen[copy.sender, person] += 1
        name, want = wanted.get((copy.sender, person), (None, b""))
        have = view(copy.octets)
        if name is None:
            faults.append(f"from {copy.sender} for {person}: nobody sent that")
        elif want is None or have.endswith(want):
            stamp = have if want is None else have[:len(have) - len(want)]
            fault = stamp_fault(stamp, copy.sender, person)
            faults += [f"{name}: {fault}"] if fault else []
        else:
            at = max(0, have.find(want[:30]))
            faults.append(f"{name}: not what was sent, {stamped.first_difference(have[at:], want)}")
    for key, (name, _) in wanted.items():
        if seen[key] != 1:
            faults.append(f"{name} for {key[1]}: {f'{seen[key]} copies' if seen[key] else 'lost'}")
    return [f"{client}: {fault}" for fault in faults]


def planted(client, copies, expected):
    """Faults made by hand: judge() must see each of them, and no more than that."""
    first, person = copies[0], copies[0].person
    address = b"X-Rcpt-To: " + b"person"
    plants = {
        "lost": copies[1:],
        "2 copies": [first, *copies],
        "not what was sent": [collectors.Copy(first.sender, person, first.octets[:-3] + b"!\r\n"),
                              *copies[1:]],
        "nobody sent that": [collectors.Copy("q@x.example", person, first.octets), *copies],
        "given to": [collectors.Copy(first.sender, "somebody", first.octets), *copies[1:]],
        "another stamp": [collectors.Copy(first.sender, person, b"Delivered-To: x\r\n" + first.octets),
                          *copies[1:]],
        "lost ": [collectors.Copy(first.sender, None, first.octets.replace(address, address + b"q", 1)),
                  *copies[1:]],
    }
    return [f"planted {what!r} was not seen" for what, wrong in plants.items()
            if not any(what.strip() in fault for fault in judge(client, wrong, expected))]


def pop3(port, login=LOGIN):
    """A session of POP3."""
    client = poplib.POP3("127.0.0.1", port, timeout=60)
    client.user(login)
    client.pass_(PASSWORD)
    return client


def listing(port):
    """{UIDL: octets} as a POP3 server tells it."""
    client = pop3(port)
    sizes = dict(line.split() for line in client.list()[1])
    uidls = [line.split() for line in client.uidl()[1]]
    client.quit()
    found = {uidl.decode(): int(sizes[number]) for number, uidl in uidls}
    if len(found) != len(sizes):
        raise RuntimeError(f"port {port}: {len(sizes)} messages, {len(found)} UIDLs")
    return found


def difference(what, theirs, ours):
    """The faults between two listings."""
    faults = [f"{what}: {uidl} is only Dovecot's" for uidl in sorted(theirs.keys() - ours.keys())]
    faults += [f"{what}: {uidl} is only ours" for uidl in sorted(ours.keys() - theirs.keys())]
    faults += [f"{what}: {uidl}: {theirs[uidl]} octets from Dovecot, {ours[uidl]} from us"
               for uidl in sorted(ours.keys() & theirs.keys()) if theirs[uidl] != ours[uidl]]
    return faults


def bodies(port, login=LOGIN):
    """{UIDL: octets} of everything a POP3 server holds."""
    client = pop3(port, login)
    found = {}
    for line in client.uidl()[1]:
        number, uidl = line.decode().split()
        found[uidl] = b"".join(part + b"\r\n" for part in client.retr(number)[1])
    client.quit()
    return found


def dovecot_over(place, maildir, extra, uids):
    """A Dovecot that serves a copy of `maildir` to LOGIN: below place, with what it writes there.
    Without `uids` it knows nothing of the UIDLs that we gave."""
    box = place / "mail" / LOGIN
    box.parent.mkdir(parents=True)
    shutil.copytree(maildir, box)
    if not uids:
        (box / "dovecot-uidlist").unlink()
    subprocess.run(["chown", "-R", "991:991", str(box)], check=True)
    (box / "pop3.lock").unlink(missing_ok=True)
    return peers.dovecot("dovecot", place, DOVECOT_IMAP, DOVECOT_POP3, PASSWORD, extra)


def with_dovecot(binary, root, place, messages):
    """The faults of a mailbox that moves to a Dovecot and back."""
    maildir = root / "mail" / LOGIN / "@default"
    faults = []
    server = peers.mailhandler("mailhandler", binary, root, POP3)
    ours = listing(POP3)
    server.stop()

    def compare(what, extra, uidl, fetch=False):
        nonlocal faults
        with dovecot_over(place / what, maildir, extra, uids=not uidl):
            if fetch:  # what Dovecot stores itself has LF line ends and names of its own
                append(messages)
            theirs = listing(DOVECOT_POP3)
            read = bodies(DOVECOT_POP3) if fetch else {}
        if uidl:
            moved = place / what / "root"
            shutil.copytree(root, moved, ignore=shutil.ignore_patterns("mail"))
            (moved / "mail").mkdir()
            shutil.copytree(place / what / "mail" / LOGIN, moved / "mail" / LOGIN / "@default")
            with open(moved / "mailhandler.toml", "a") as file:
                file.write(f'[pop3]\nuidl = "{uidl}"\n')
            with peers.mailhandler("mailhandler", binary, moved, POP3):
                faults += difference(what, theirs, listing(POP3))
                if read and read != bodies(POP3):
                    faults.append(f"{what}: a message is not the same from both")
        else:  # our list of UIDs says what each is called
            faults += difference(what, theirs, ours)
        if len(theirs) < len(ours):
            faults.append(f"{what}: Dovecot shows {len(theirs)} messages of {len(ours)}")
        print(f"{what}: {len(theirs)} UIDLs compared", file=sys.stderr)

    compare("over our tree", "", None)
    compare("over our tree, by the file's name", "pop3_uidl_format = %f", None)
    compare("the default format", "", "dovecot", fetch=True)
    compare("saved UIDLs", "pop3_uidl_format = %v.%u\nprotocol pop3 {\n  pop3_save_uidl = yes\n}", "dovecot")
    return faults


def append(messages):
    client = imaplib.IMAP4("127.0.0.1", DOVECOT_IMAP)
    client.login(LOGIN, PASSWORD)
    for _, octets in messages[:40]:
        if b"\0" not in octets:  # RFC 3501: no NUL in a literal
            client.append("INBOX", None, None, octets)
    client.logout()


def run(options, place, binary):
    root = place / "root"
    make_root(binary, root)
    messages = corpus.mail(options.sample, run_smtp_in.GENERATED)
    wanted = options.only or [*collectors.COLLECTORS, "dovecot"]
    faults = []
    with peers.mailhandler("mailhandler", binary, root, SMTP):
        expected = fill(messages)
        print(f"{len(messages)} messages sent, {len(expected)} copies", file=sys.stderr)
        for client in [name for name in collectors.COLLECTORS if name in wanted]:
            copies, took = collectors.collect(client, place / client, POP3, PASSWORD, len(expected),
                                              root / "tls/cert.pem", PEOPLE)
            found = judge(client, copies, expected)
            faults += found or planted(client, copies, expected)
            print(f"{client}: {len(copies)} copies in {took:.1f} s, {len(found)} faults", file=sys.stderr)
    if "dovecot" in wanted:
        faults += with_dovecot(binary, root, place, messages)
    return f"collect: {len(expected)} copies", faults


def fetch():
    collectors.fetch()
    peers.fetch_dovecot()


def main():
    parser = journey.arguments(__doc__, sample=300)
    parser.add_argument("--only", nargs="+", choices=[*collectors.COLLECTORS, "dovecot"], help="these")
    return journey.play(parser.parse_args(), run, fetch, "no client collected anything")


if __name__ == "__main__":
    sys.exit(main())
