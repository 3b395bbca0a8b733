#!/usr/bin/env python3
"""The worked example: a host that takes everything for example.com, and an office of three people.

Two roots in a temporary directory, everything by the real commands as an operator types them, mail
by swaks and smtplib, all on loopback. John has left and is refused at the door. The office collects
by POP3, sorts, and holds what is addressed to nobody; then it stays connected by IMAP, and what
arrives at the host is with its person at once. Who wrote to nobody hears of it, if the host knew that
the sender was genuine; a second domain of the host forwards. At the end the people read their mail over the
office's POP3, and every number is compared with what was sent: one that is wrong is named, and the
status is 1. `make demo` runs it; `--keep` leaves the two roots to look at.
"""

import argparse
import collections
import json
import os
import pathlib
import poplib
import re
import shlex
import shutil
import smtplib
import socket
import subprocess
import sys
import tempfile
import textwrap
import time

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TREE / "tests/support"))
from dns_server import DnsServer  # noqa: E402
from smtp_sink import SmtpSink  # noqa: E402

BINARY = os.environ.get("MAILHANDLER", str(TREE / "build/mailhandler"))
PEOPLE = ["anne", "bob", "carol"]
COLOUR = sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def title(text):
    print(f"\n\033[1m{text}\033[0m" if COLOUR else f"\n== {text}", flush=True)


def show(text, limit=24):
    lines = text.rstrip("\n").splitlines()
    for line in lines[:limit]:
        print("    " + line)
    if len(lines) > limit:
        print(f"    … {len(lines) - limit} lines more")
    sys.stdout.flush()


def wrong(what, have, want):
    sys.exit(f"DEMO FAILED: {what}: {have!r}, where {want!r} was expected")


def expect(what, have, want):
    if have != want:
        wrong(what, have, want)
    print(f"    ok: {what}: {have}", flush=True)


def free_ports(count):
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


class End:
    """A root, the commands run on it, and the server that serves it."""

    def __init__(self, place, name):
        self.name, self.root, self.server = name, place / name, None

    def run(self, *arguments, stdin=None, status=0, quiet=False, limit=24):
        """Runs a command on this root and shows both; returns its output."""
        typed = " ".join(map(shlex.quote, arguments))
        before = f"printf '%s\\n' {shlex.quote(stdin)} | " if stdin else ""
        print(f"\n{self.name}$ {before}mailhandler {typed}", flush=True)
        done = subprocess.run([BINARY, "--root", str(self.root), *arguments], text=True, timeout=60,
                              input=stdin + "\n" if stdin else "", capture_output=True,
                              env={**os.environ, "NO_COLOR": "1"})
        if not quiet or done.returncode != status:
            show(done.stdout + done.stderr, limit)
        if done.returncode != status:
            wrong(f"the status of `mailhandler {typed}`", done.returncode, status)
        return done.stdout

    def json(self, *arguments):
        done = subprocess.run([BINARY, "--root", str(self.root), "--json", *arguments],
                              capture_output=True, text=True, timeout=60)
        return json.loads(done.stdout)

    def edit(self, line):
        """Changes one `key = value` of mailhandler.toml, as with an editor; "#key" puts it out."""
        key = line.lstrip("#").split()[0]
        path = self.root / "mailhandler.toml"
        path.write_text(re.sub(rf"(?m)^(# )?{key} .*$", line, path.read_text(), count=1))
        print(f"{self.name}$ $EDITOR mailhandler.toml      # {line}", flush=True)

    def serve(self, port):
        print(f"\n{self.name}$ mailhandler serve &", flush=True)
        self.server = subprocess.Popen([BINARY, "--root", str(self.root), "serve"],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        until = time.monotonic() + 10
        while True:
            try:
                return socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                if self.server.poll() is not None or time.monotonic() > until:
                    self.stop()
                    wrong(f"the {self.name}'s server", self.server.stderr.read(), "a listener")
                time.sleep(0.02)

    def stop(self):
        if self.server and self.server.poll() is None:
            self.server.terminate()
            self.server.wait(20)


class Mail:
    """What is sent, and who is to have it in the end."""

    def __init__(self, port):
        self.port, self.number = port, 0
        self.due = {person: collections.Counter() for person in PEOPLE}
        self.held, self.recipients = [], 0

    def compose(self, recipients, headers):
        """Text with a Message-ID of its own; `due` counts it for those it will reach."""
        self.number += 1
        message_id = f"<demo-{self.number}@customer.example>"
        people = {name for r in recipients for name in {"info": ["anne", "bob"]}.get(r, [r])}
        for person in people & set(PEOPLE):
            self.due[person][message_id] += 1
        self.held += [message_id for name in people - {*PEOPLE, "john"}]
        self.recipients += len([r for r in recipients if r != "john"])
        return (f"Message-ID: {message_id}\nFrom: A Customer <a@customer.example>\n"
                f"Date: {time.strftime('%a, %d %b %Y %H:%M:%S +0000', time.gmtime())}\n{headers}\n\n"
                f"This is message {self.number}.\n")

    def swaks(self, what, recipients, headers, status=0):
        """One message by swaks, as somebody would try it; shows its end of the conversation."""
        to = ",".join(f"{name}@example.com" for name in recipients)
        text = self.compose(recipients, headers)
        command = ["swaks", "--server", f"127.0.0.1:{self.port}", "--from", "a@customer.example",
                   "--to", to, "--helo", "customer.example"]
        print(f"\n{what}\noutside$ {' '.join(command)} --data …", flush=True)
        done = subprocess.run([*command, "--data", text.replace("\n", "\\n")], capture_output=True,
                              text=True, timeout=30)
        show("\n".join(line for line in done.stdout.splitlines()
                       if re.match(r" -> (MAIL|RCPT)|<(-|\*\*) +(250 2\.[16]|[45])", line)))
        if done.returncode != status:
            wrong("swaks's status", done.returncode, status)
        return done.stdout

    def one(self, person):
        """A message to one person; returns when the host has said 250."""
        text = self.compose([person], f"To: {person}@example.com\nSubject: at once")
        with smtplib.SMTP("127.0.0.1", self.port, "customer.example", timeout=30) as client:
            client.sendmail("a@customer.example", [f"{person}@example.com"], text)
            return time.monotonic()

    def from_sam(self, recipient):
        """A message of somebody whose domain says by SPF where its mail comes from."""
        self.number += 1
        self.recipients += 1
        with smtplib.SMTP("127.0.0.1", self.port, "mail.honest.example", timeout=30) as client:
            client.sendmail("sam@honest.example", [recipient],
                            f"From: sam@honest.example\nTo: {recipient}\nSubject: to {recipient}\n\nhello\n")

    def many(self, count):
        """A working day: `count` messages over one connection, each tenth to all three."""
        client = smtplib.SMTP("127.0.0.1", self.port, "customer.example", timeout=30)
        for n in range(count):
            recipients = PEOPLE if n % 10 == 0 else [("anne", "bob", "carol", "info")[n % 4]]
            text = self.compose(recipients, f"To: {recipients[0]}@example.com\nSubject: order {n}")
            client.sendmail("a@customer.example", [f"{r}@example.com" for r in recipients], text)
        client.quit()


def read_mailbox(port, login, password):
    """Every message of a POP3 mailbox, as text."""
    client = poplib.POP3("127.0.0.1", port, timeout=30)
    client.user(login)
    client.pass_(password)
    messages = [b"\n".join(client.retr(n + 1)[1]).decode() for n in range(client.stat()[0])]
    client.quit()
    return messages


def leaves_by(end, world, names):
    """Everything that leaves goes to one server, which stands for all others; SPF is looked up here."""
    end.edit(f'smarthost = "smtp://127.0.0.1:{world.port}"\ntls = "none"\nresolver = "{names.address}"')


def set_up_host(host, smtp, pop3, imap, world, names):
    title("1. The host: it takes whatever comes for example.com")
    host.run("init", "--hostname", "mail.provider.example", quiet=True)
    for line in (f'smtp = ["127.0.0.1:{smtp}"]', f'pop3 = ["127.0.0.1:{pop3}"]',
                 f'imap = ["127.0.0.1:{imap}"]'):
        host.edit(line)
    leaves_by(host, world, names)
    host.run("add-domain", "example.com", quiet=True)
    host.run("set-default", "example.com", "deliver", "--password-stdin", stdin="provider-secret")
    host.run("add-bouncer", "john@example.com", "--text",
             "John has left; please write to info@example.com")
    host.run("explain", "john@example.com", status=1)
    host.run("explain", "anne@example.com")
    host.serve(smtp)


def set_up_office(office, host_pop3, pop3, world, names):
    title("2. The office: three people and an alias; who else is written to does not exist")
    office.run("init", "--hostname", "mail.office.example", quiet=True)
    for line in ("# smtp", f'pop3 = ["127.0.0.1:{pop3}"]', "# imap"):
        office.edit(line)
    leaves_by(office, world, names)
    office.run("add-domain", "example.com", quiet=True)
    for person in PEOPLE:
        office.run("add-mailbox", f"{person}@example.com", "--password-stdin",
                   stdin=f"{person}-secret", quiet=True)
    office.run("add-alias", "info@example.com", "anne", "bob", quiet=True)
    office.run("explain", "info@example.com")
    office.run("add-fetch", "provider", f"pop3://127.0.0.1:{host_pop3}", "example.com", "--tls",
               "none", "--password-stdin", stdin="provider-secret")


def send(mail):
    title("3. Mail arrives")
    mail.swaks("An ordinary message:", ["anne"], "To: anne@example.com\nSubject: hello")
    mail.swaks("A Bcc to two colleagues; the header names only Anne:", ["anne", "bob", "carol"],
               "To: anne@example.com\nSubject: between us")
    refused = mail.swaks("To John, who left:", ["john"], "To: john@example.com\nSubject: hi", 24)
    expect("what John's correspondent reads", "John has left" in refused, True)
    mail.swaks("To nobody: the host cannot know, the office does:", ["zaphod"],
               "To: zaphod@example.com\nSubject: anybody there?")
    mail.swaks("A forged envelope header, which is not believed:", ["anne"],
               "X-Rcpt-To: carol@example.com\nTo: carol@example.com\nSubject: a trick")
    began = time.monotonic()
    mail.many(300)
    print(f"\n300 more by smtplib over one connection: {time.monotonic() - began:.1f} s", flush=True)


def collect(host, office):
    title("4. The office collects: first a look, then in earnest")
    office.run("fetch", "--dry-run", "provider", limit=8)
    office.run("fetch", status=1)  # 1: mail was newly held
    print("\nAgain: there is nothing left, and nothing comes twice.")
    office.run("fetch")


def wait_for_mail(mail, office, imap):
    title("5. From now on it waits: what arrives at the host is at the office at once")
    office.run("add-fetch", "provider", f"imap://127.0.0.1:{imap}", "example.com", "--every", "idle")
    anne = office.root / "mail/example.com/anne/new"
    took = []
    for number in range(11):
        before = len(list(anne.iterdir()))
        accepted = mail.one("anne")
        while len(list(anne.iterdir())) == before:
            if time.monotonic() - accepted > 20:
                wrong("a message that was to be there at once", "not there", "there")
            time.sleep(0.001)
        # The first one finds the office still taking up its new file.
        if number:
            took.append(time.monotonic() - accepted)
    took.sort()
    print(f"\n    from the host's 250 to Anne's mailbox at the office: {took[len(took) // 2] * 1000:.0f} ms, "
          f"at most {took[-1] * 1000:.0f} ms, in {len(took)} messages")
    expect("each of them there in well under a second", took[-1] < 0.8, True)


def pass_on(mail, host, office, world):
    title("6. Mail that leaves: a domain that forwards, and a bounce to somebody genuine")
    host.run("add-domain", "partner.example", quiet=True)
    host.run("set-default", "partner.example", "forward", "desk@elsewhere.example")
    time.sleep(1)  # within which a running server takes its files up
    mail.from_sam("sales@partner.example")
    mail.from_sam("ford@example.com")
    until = time.monotonic() + 20
    while len(world.messages) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    expect("messages that left", len(world.messages), 2)
    forward, bounce = sorted(world.messages, key=lambda message: message.recipients[0])
    print(f"\n    forwarded for <{forward.sender}>, a name at our own domain, so that SPF passes there too")
    expect("who got the forward", forward.recipients, ["desk@elsewhere.example"])
    expect("whose it is, by SRS", re.sub(r"=[^=]*=[^=]*=", "=…=", forward.sender, count=1),
           "SRS0=…=honest.example=sam@partner.example")
    expect("who got the bounce", bounce.recipients, ["sam@honest.example"])
    expect("its sender, so that nobody answers it", bounce.sender, "")
    report = bounce.content.decode()
    show("\n".join(line for line in report.splitlines()
                   if re.match(r"(Final-Recipient|Action|Status|Diagnostic-Code):", line)))
    expect("whom it is about", re.findall(r"Final-Recipient: rfc822;(\S+)", report), ["ford@example.com"])
    host.run("queue")
    office.run("queue")


def judge_mailboxes(mail, pop3):
    title("7. Who received what, read over the office's POP3")
    for person in PEOPLE:
        messages = read_mailbox(pop3, f"{person}@example.com", f"{person}-secret")
        ids = collections.Counter(re.findall(r"(?m)^Message-ID: (\S+)", "\n".join(messages)))
        expect(f"messages for {person}", len(messages), sum(mail.due[person].values()))
        lost, strange = mail.due[person] - ids, ids - mail.due[person]
        if lost or strange:
            wrong(f"{person}'s messages", {"too many": dict(strange)}, {"missing": dict(lost)})
        # Above the host's Received stands who it was for: nobody else, whatever the sender wrote.
        named = {re.sub(r"^(info|anne|bob|carol)@.*", r"\1", value) for text in messages
                 for value in re.findall(r"(?mi)^(?:X-Rcpt-To|X-POP3-Rcpt|Delivered-To): (.*?)$",
                                         text.partition("\nReceived:")[0])}
        allowed = {person, "info"} if person != "carol" else {person}
        expect(f"… addresses that {person}'s copies name", sorted(named), sorted(allowed))


def judge_numbers(mail, host, office, host_pop3):
    title("8. What was held, and why")
    office.run("held")
    held = office.json("held")
    expect("messages held", [note["recipient"] for note in held], ["zaphod@example.com"])
    office.run("explain", "zaphod@example.com", status=1)

    title("9. The statistics of both ends")
    host.run("stats", limit=30)
    total = host.json("stats")["total"]
    expect("recipients the host accepted", total["accepted"], mail.recipients)
    expect("recipients the host refused", total["refused"], 1)
    expect("left at the host", len(read_mailbox(host_pop3, "example.com", "provider-secret")), 0)
    host.run("bouncers", "example.com")
    due = sum(sum(c.values()) for c in mail.due.values())
    for _ in range(30):  # a running server writes its journal once a second
        total = office.json("stats")["total"]
        if total["fetched"] == due:
            break
        time.sleep(0.1)
    office.run("stats", limit=30)
    expect("copies the office took", total["fetched"], due)
    expect("recipients the office held", total["held"], len(mail.held))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="leave the two roots")
    options = parser.parse_args()
    print(textwrap.fill(__doc__.partition("\n\n")[0]))
    began = time.monotonic()
    place = pathlib.Path(tempfile.mkdtemp(prefix="mailhandler-demo-"))
    smtp, host_pop3, host_imap, office_pop3 = free_ports(4)
    host, office = End(place, "host"), End(place, "office")
    world, names = SmtpSink(), DnsServer({"honest.example": [("TXT", "v=spf1 ip4:127.0.0.1 -all")]})
    try:
        set_up_host(host, smtp, host_pop3, host_imap, world, names)
        set_up_office(office, host_pop3, office_pop3, world, names)
        mail = Mail(smtp)
        send(mail)
        collect(host, office)
        office.serve(office_pop3)
        wait_for_mail(mail, office, host_imap)
        pass_on(mail, host, office, world)
        judge_mailboxes(mail, office_pop3)
        judge_numbers(mail, host, office, host_pop3)
    finally:
        host.stop()
        office.stop()
        if options.keep:
            print(f"\nThe two roots are in {place}")
        else:
            shutil.rmtree(place)
    title(f"{mail.number} messages, every number right, in {time.monotonic() - began:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
