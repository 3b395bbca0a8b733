#!/usr/bin/env python3
"""Mail that leaves, with other people's servers and clients at the other end.

Postfix and Exim receive what mailhandler forwards (TLS, PIPELINING, CHUNKING, partial refusals, 450
and then 250, a line that breaks between the message's end and its reply), found by the MX records of
a small DNS server; a DKIM signature survives the way, and a bounce of Postfix's finds its way back
through SRS. swaks and msmtp submit, with and without TLS. Dovecot's LMTP server keeps mailboxes of
the host, and takes what fetch has sorted.
"""

import argparse
import os
import pathlib
import re
import shutil
import smtplib
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]
sys.path.append("/usr/lib/python3/dist-packages")  # where Debian's dkim is, for any python3
import cell  # noqa: E402
import mtas  # noqa: E402
import peers  # noqa: E402
import unpack  # noqa: E402
from dns_server import DnsServer  # noqa: E402
from smtp_sink import SmtpSink  # noqa: E402

BINARY = os.environ.get("MAILHANDLER", "build/mailhandler")
SMTP, SUBMISSION, SUBMISSIONS, POP3, LMTP = 2525, 2587, 2465, 2110, 2424
POSTFIX, CUTTER, EXIM, ORIGIN, OUTSIDE = "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5", "192.0.2.1"
PASSWORD = "a secret of anne"
SERVER = """\
hostname = "mail.example.com"
postmaster = "admin@example.com"

[listen]
smtp = ["127.0.0.1:%d"]
submission = ["127.0.0.1:%d", "%s:%d"]
submissions = ["127.0.0.1:%d"]
pop3 = ["127.0.0.1:%d"]

[tls]
certificate = "tls/cert.pem"
key = "tls/key.pem"

[outbound]
resolver = "%s"
"""
DOMAINS = {
    "example.com": "[mailbox.anne]\n[mailbox.bob]\n",
    "box.example": "".join(f'[mailbox.{n}]\ndeliver = "lmtp://127.0.0.1:{LMTP}"\n' for n in ("anne", "nobody")),
    "office.example": '[default]\naction = "deliver"\n',
    "fwd.example": '[alias]\npf = ["in@pf.example"]\nex = ["in@ex.example"]\n'
                   'both = ["in@pf.example", "in@ex.example"]\n'
                   'some = ["one@pf.example", "never@pf.example", "two@pf.example"]\n'
                   'esome = ["one@ex.example", "never@ex.example", "two@ex.example"]\n'
                   'grey = ["grey@pf.example"]\negrey = ["grey@ex.example"]\ncut = ["in@cut.example"]\n'
                   'gone = ["gone@pf.example"]\nsigned = ["signed@pf.example"]\nesigned = ["signed@ex.example"]\n',
}


class Greylist(socketserver.ThreadingTCPServer):
    """A policy service for Postfix: grey@ is put off the first time."""
    allow_reuse_address, daemon_threads = True, True

    def __init__(self, port):
        self.seen = 0
        server = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                asked = {}
                for line in self.rfile:
                    key, _, value = line.decode().strip().partition("=")
                    if key:
                        asked[key] = value
                        continue
                    grey = asked.get("recipient", "").startswith("grey@")
                    server.seen += grey
                    answer = "defer_if_permit 4.2.0 greylisted" if grey and server.seen == 1 else "dunno"
                    self.wfile.write(f"action={answer}\n\n".encode())

        super().__init__(("127.0.0.1", port), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Cutter:
    """Stands before Postfix without TLS, and cuts the line of the first message between its final dot
    and the reply: Postfix has it, its sender does not know."""

    def __init__(self, address, to):
        self.cuts, self.to = 0, to
        self.listener = socket.create_server((address, 25))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            line, _ = self.listener.accept()
            threading.Thread(target=self._carry, args=(line,), daemon=True).start()

    def _carry(self, client):
        server = socket.create_connection((self.to, 25))
        state = {"content": False}

        def up():
            while octets := client.recv(65536):
                if re.search(rb"(^|\r\n)BDAT \d+ LAST\r\n", octets) or octets.endswith(b"\r\n.\r\n"):
                    state["content"] = True
                server.sendall(octets)

        threading.Thread(target=up, daemon=True).start()
        try:
            while octets := server.recv(65536):
                if state["content"] and not self.cuts and b"250 2.0.0" in octets:
                    self.cuts += 1
                    break
                client.sendall(octets.replace(b"250-STARTTLS\r\n", b""))
        except OSError:
            pass
        for line in (client, server):
            try:
                line.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def zone(key):
    records = {f"{name}.example": [("MX", 10, f"mx.{name}.example")] for name in ("pf", "ex", "cut", "origin")}
    records.update({f"mx.{name}.example": [("A", address)] for name, address in
                    (("pf", POSTFIX), ("ex", EXIM), ("cut", CUTTER), ("origin", ORIGIN))})
    records["origin.example"].append(("TXT", "v=spf1 ip4:127.0.0.1 -all"))
    records["sel._domainkey.origin.example"] = [("TXT", f"v=DKIM1; k=rsa; p={key}")]
    return records


class Scene:
    def __init__(self, place, only):
        self.place, self.only, self.faults = pathlib.Path(place), only, []
        self.tls = self.place / "tls"
        self.tls.mkdir()
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=peer.example",
                        "-days", "2", "-keyout", "key.pem", "-out", "cert.pem"], cwd=self.tls, check=True,
                       capture_output=True)
        for path in self.tls.iterdir():
            path.chmod(0o644)
        public = subprocess.run(["openssl", "rsa", "-in", "key.pem", "-pubout"], cwd=self.tls, check=True,
                                capture_output=True, text=True).stdout
        self.dns = DnsServer(zone("".join(public.splitlines()[1:-1])))
        self.root = self.place / "root"
        self._write_root()

    def _write_root(self):
        (self.root / "domains").mkdir(parents=True)
        (self.root / "tls").mkdir()
        for name in ("key.pem", "cert.pem"):
            shutil.copy(self.tls / name, self.root / "tls" / name)
        (self.root / "tls/key.pem").chmod(0o600)
        (self.root / "mailhandler.toml").write_text(
            SERVER % (SMTP, SUBMISSION, OUTSIDE, SUBMISSION, SUBMISSIONS, POP3, self.dns.address))
        for name, text in DOMAINS.items():
            path = self.root / "domains" / f"{name}.toml"
            path.write_text(text)
            path.chmod(0o640)
        for login in ("anne@example.com", "office.example"):
            self.command("passwd", login, "--password-stdin", given=PASSWORD + "\n")

    def command(self, *words, given=""):
        done = subprocess.run([BINARY, "--root", str(self.root), *words], input=given, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def check(self, what, true):
        print(("  ok    " if true else "  WRONG ") + what, flush=True)
        if not true:
            self.faults.append(what)

    def send(self, recipient, subject, sender="a@origin.example", octets=None):
        client = smtplib.SMTP("127.0.0.1", SMTP, "mx.origin.example")
        octets = octets or f"Subject: {subject}\r\nFrom: a@origin.example\r\n\r\nbody\r\n.dot\r\n".encode()
        try:
            client.sendmail(sender, [recipient], octets)
        finally:
            client.quit()

    def arrived(self, server, subject, count=1, seconds=20):
        """The messages of this subject in a peer's maildir, waited for."""
        mail = self.place / server / "mail"
        until = time.monotonic() + seconds
        while True:
            found = [path.read_bytes() for path in mail.rglob("new/*")]
            found = [m for m in found if f"\nSubject: {subject}\r\n".encode() in m.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
                     or f"\nSubject: {subject}\n".encode() in m]
            if len(found) >= count or time.monotonic() > until:
                return found
            time.sleep(0.1)

    def queue_is_empty(self, seconds=20):
        until = time.monotonic() + seconds
        while list((self.root / "queue").glob("*.msg")) and time.monotonic() < until:
            time.sleep(0.1)
        return not list((self.root / "queue").glob("*.msg"))

    def held(self):
        return list((self.root / "held").rglob("*"))

    # --- what is tried --------------------------------------------------------------------

    def forwards(self):
        self.send("both@fwd.example", "both")
        for server, extra in (("postfix", b"(using TLSv1.3"), ("exim", b"with esmtps")):
            got = self.arrived(server, "both")
            self.check(f"{server} takes a forward", len(got) == 1)
            if not got:
                continue
            self.check(f"{server} was spoken to in TLS", extra in got[0])
            self.check(f"{server} sees an SRS sender", b"Return-path: <SRS0=" in got[0].replace(b"-Path", b"-path"))
            self.check(f"{server} got the body as it was", got[0].replace(b"\r\n", b"\n").endswith(b"\n\nbody\n.dot\n"))
        log = (self.place / "exim/log/exim-mainlog").read_text()
        self.check("Exim was sent chunks", re.search(r" P=esmtps .*\bK\b", log) is not None)
        log = (self.place / "postfix/log/postfix.log").read_text()
        self.check("Postfix was sent chunks", re.search(r"bdat=\d+|BDAT", log) is not None or "commands=" in log)

    def many(self):
        for number in range(100):
            self.send("pf@fwd.example" if number % 2 else "ex@fwd.example", f"many {number}")
        sizes = [len(self.arrived(s, f"many {n}")) for n in range(100) for s in ["postfix" if n % 2 else "exim"]]
        self.check("a hundred messages arrive once each", sizes == [1] * 100)

    def refusals(self):
        for server, alias in (("postfix", "some"), ("exim", "esome")):
            self.send(f"{alias}@fwd.example", f"some {server}")
            got = self.arrived(server, f"some {server}", 2)
            self.check(f"{server} refuses one of three, and the others get it", len(got) == 2)
            told = [m for m in self.origin.messages if f"some {server}".encode() in m.content]
            until = time.monotonic() + 10
            while not told and time.monotonic() < until:
                time.sleep(0.1)
                told = [m for m in self.origin.messages if f"some {server}".encode() in m.content]
            self.check(f"its sender, whom SPF knows, is told of {server}'s refusal",
                       len(told) == 1 and told[0].sender == "" and told[0].recipients == ["a@origin.example"])
            self.check("and not where it went", told != [] and b"never@" not in told[0].content)
        self.check("the queue is empty again", self.queue_is_empty())

    def grey(self):
        for server, alias in (("postfix", "grey"), ("exim", "egrey")):
            if server == "exim":
                (self.place / "exim/mail/grey").touch()
            self.send(f"{alias}@fwd.example", f"grey {server}")
            until = time.monotonic() + 10
            listed = ""
            while "4" not in listed and time.monotonic() < until:
                listed = next(iter(re.findall(r"\b4[25][0-9] [0-9a-z].*", self.command("queue", "list")[1])), "")
                time.sleep(0.1)
            self.check(f"{server}'s 450 is shown by queue list", listed.startswith("45"))
            if server == "exim":
                (self.place / "exim/mail/grey").unlink()
            self.command("queue", "retry", "--all")
            self.check(f"{server} takes it the second time", len(self.arrived(server, f"grey {server}")) == 1)
        self.check("the queue is empty again", self.queue_is_empty())

    def cut(self):
        self.send("cut@fwd.example", "cut")
        first = self.arrived("postfix", "cut")
        self.check("a line cut before the reply: Postfix has the message", len(first) == 1 and self.cutter.cuts == 1)
        time.sleep(0.5)
        self.check("and it is still owed", len(list((self.root / "queue").glob("*.msg"))) == 1)
        self.command("queue", "retry", "--all")
        self.check("so it comes once more, and no more", len(self.arrived("postfix", "cut", 2)) == 2)
        self.check("the queue is empty again", self.queue_is_empty())
        self.check("twice in all", len(self.arrived("postfix", "cut")) == 2)

    def dkim(self):
        import dkim
        octets = (b"From: a@origin.example\r\nTo: list@fwd.example\r\nSubject: signed %s\r\n"
                  b"Date: Mon, 23 Nov 2026 08:00:00 +0000\r\nMessage-ID: <1@origin.example>\r\n\r\nText.\r\n.dot\r\n")
        key = (self.tls / "key.pem").read_bytes()

        def ask(name, timeout=5):
            text = self.dns.zone.get(name.decode().rstrip("."), [])
            return next((r[1].encode() for r in text if r[0] == "TXT"), b"")

        for server, alias in (("postfix", "signed"), ("exim", "esigned")):
            message = octets.replace(b"%s", server.encode())
            for canon in ((b"simple", b"simple"), (b"relaxed", b"relaxed")):
                subject = f"signed {server} {canon[0].decode()}"
                one = message.replace(b"signed " + server.encode(), subject.encode())
                signature = dkim.sign(one, b"sel", b"origin.example", key, canonicalize=canon)
                self.send(f"{alias}@fwd.example", "", octets=signature + one)
                got = self.arrived(server, subject)
                verified = got and dkim.verify(got[0].replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"), dnsfunc=ask)
                self.check(f"a forwarded message's DKIM ({canon[0].decode()}) verifies at {server}", bool(verified))
                broken = got and dkim.verify(got[0].replace(b"Text.", b"Test."), dnsfunc=ask)
                self.check("… and would not, were a letter of it changed", got and not broken)

    def srs(self):
        self.send("gone@fwd.example", "comes back")
        until = time.monotonic() + 30
        told = []
        while not told and time.monotonic() < until:
            told = [m for m in self.origin.messages if b"comes back" in m.content]
            time.sleep(0.1)
        self.check("Postfix's bounce comes back to the first sender",
                   bool(told) and told[0].sender == "" and told[0].recipients == ["a@origin.example"]
                   and b"postfix.example" in told[0].content)

    # --- Dovecot ------------------------------------------------------------------------------

    def in_dovecot(self, user, subject, count=1):
        until = time.monotonic() + 20
        while True:
            found = [m for path in (self.place / "dovecot/mail" / user).rglob("new/*")
                     if f"Subject: {subject}\n".encode() in (m := path.read_bytes()).replace(b"\r\n", b"\n")]
            if len(found) >= count or time.monotonic() > until:
                return found
            time.sleep(0.1)

    def mailbox_at_dovecot(self):
        self.send("anne@box.example", "kept by dovecot")
        got = self.in_dovecot("anne@box.example", "kept by dovecot")
        self.check("Dovecot takes a mailbox's mail", len(got) == 1)
        lines = got[0].decode().splitlines() if got else []
        self.check("its sender and recipient are the first ones",
                   "Return-Path: <a@origin.example>" in lines and "X-Rcpt-To: anne@box.example" in lines
                   and sum(line.startswith("Return-Path") for line in lines) == 1)
        self.send("nobody@box.example", "dovecot knows nobody")
        until = time.monotonic() + 10
        while not (told := [m for m in self.origin.messages if b"knows nobody" in m.content]) and time.monotonic() < until:
            time.sleep(0.1)
        self.check("what Dovecot refuses is bounced to a sender whom SPF knows",
                   [(m.sender, m.recipients) for m in told] == [("", ["a@origin.example"])])

    def fetch_into_dovecot(self):
        office = self.place / "office"
        for name in ("domains", "fetch"):
            (office / name).mkdir(parents=True)
        (office / "mailhandler.toml").write_text('hostname = "office.example"\n')
        (office / "domains/office.example.toml").write_text("[mailbox.anne]\n[mailbox.bob]\n[mailbox.stranger]\n")
        (office / "secret").write_text(PASSWORD + "\n")
        (office / "fetch/host.toml").write_text(
            f'server = "pop3://127.0.0.1:{POP3}"\nlogin = "office.example"\npassword_file = "secret"\ntls = "none"\n'
            f'domain = "office.example"\ndeliver = "lmtp://127.0.0.1:{LMTP}"\nunknown = "hold"\n')
        for path in ("domains/office.example.toml", "fetch/host.toml", "secret"):
            (office / path).chmod(0o600)
        for number in range(20):
            self.send("anne@office.example" if number % 2 else "bob@office.example", f"sorted {number}")
        self.send("stranger@office.example", "a stranger")
        done = subprocess.run([BINARY, "--root", str(office), "fetch"], capture_output=True, text=True, timeout=120)
        self.check("fetch says that mail is held", done.returncode == 1)
        got = [len(self.in_dovecot(f"{'anne' if n % 2 else 'bob'}@office.example", f"sorted {n}")) for n in range(20)]
        self.check("Dovecot has each sorted message once", got == [1] * 20)
        held = [p.read_bytes() for p in (office / "held").rglob("*") if p.is_file()]
        self.check("whom Dovecot does not know is held, with its words",
                   len(held) == 1 and b"stranger@office.example" in held[0] and b"550 5.1.1" in held[0])
        done = subprocess.run([BINARY, "--root", str(office), "fetch"], capture_output=True, text=True, timeout=120)
        self.check("and nothing is left on the host", done.returncode == 0 and not list(
            (self.root / "mail/office.example/@default").rglob("new/*")))

    # --- submission -----------------------------------------------------------------------

    def swaks(self, what, want, *words, server="127.0.0.1", port=SUBMISSION):
        done = subprocess.run(["swaks", "--server", server, "--port", str(port), "--from", "anne@example.com",
                               "--to", "in@pf.example,bob@example.com", "--header", f"Subject: swaks {what}",
                               "--auth-user", "anne@example.com", "--auth-password", PASSWORD, *words],
                              capture_output=True, text=True, timeout=60)
        self.check(f"swaks, {what}: {'goes' if want else 'is refused'}", (done.returncode == 0) == want)
        if want:
            self.check(f"swaks, {what}: arrives", len(self.arrived("postfix", f"swaks {what}")) == 1)
        return done.stdout

    def submissions(self):
        self.swaks("STARTTLS and PLAIN", True, "--tls", "--auth", "PLAIN")
        self.swaks("STARTTLS and LOGIN", True, "--tls", "--auth", "LOGIN")
        self.swaks("TLS first", True, "--tls-on-connect", "--auth", "PLAIN", port=SUBMISSIONS)
        self.swaks("in clear on loopback", True, "--auth", "PLAIN")
        said = self.swaks("in clear from elsewhere", False, "--auth", "PLAIN", server=OUTSIDE)
        self.check("no password was asked for there", "AUTH PLAIN" not in said.replace("~> AUTH", ""))
        self.swaks("TLS from elsewhere", True, "--tls", "--auth", "PLAIN", server=OUTSIDE)
        self.swaks("a wrong password", False, "--tls", "--auth-password", "wrong")
        self.swaks("another's name", False, "--tls", "--from", "bob@example.com")
        self.msmtp("STARTTLS", SUBMISSION, "tls on\ntls_starttls on\ntls_certcheck off\n")
        self.msmtp("TLS first", SUBMISSIONS, "tls on\ntls_starttls off\ntls_certcheck off\n")
        self.msmtp("in clear on loopback", SUBMISSION, "tls off\nauth plain\n")
        bobs = [path.read_bytes() for path in (self.root / "mail/example.com/bob").rglob("new/*")]
        self.check("who is here got theirs too", len(bobs) == 8)
        self.check("with Date and Message-ID, once each, and no Bcc",
                   all(m.count(b"\r\nDate: ") == 1 and m.lower().count(b"\r\nmessage-id: ") == 1 and b"Bcc" not in m
                       for m in bobs))

    def msmtp(self, what, port, tls):
        place = self.place / "msmtp"
        place.mkdir(exist_ok=True)
        (place / "rc").write_text(f"account default\nhost 127.0.0.1\nport {port}\nfrom anne@example.com\nauth on\n"
                                  f"user anne@example.com\npassword {PASSWORD}\n{tls}")
        (place / "rc").chmod(0o600)
        (place / "message").write_text(f"Subject: msmtp {what}\nBcc: hidden@pf.example\n\nbody\n")
        status, said = peers.client("msmtp", ["sh", "-c", "msmtp -C /srv/m/rc in@pf.example bob@example.com < /srv/m/message"],
                                    binds={place: "/srv/m"})
        self.check(f"msmtp, {what}: goes", status == 0)
        if status:
            print(said)
        self.check(f"msmtp, {what}: arrives", len(self.arrived("postfix", f"msmtp {what}")) == 1)

    # --- all of it ------------------------------------------------------------------------

    def peers(self):
        certificates = {self.tls: "/srv/tls"}
        yield mtas.postfix(
            "postfix", self.place / "postfix", 25,
            {"virtual_mailbox_domains": "pf.example, cut.example", "virtual_mailbox_base": "/srv/mail",
             "virtual_mailbox_maps": "static:catchall/", "virtual_uid_maps": "static:991",
             "virtual_gid_maps": "static:991", "smtpd_tls_security_level": "may", "smtpd_tls_received_header": "yes",
             "smtpd_tls_cert_file": "/srv/tls/cert.pem", "smtpd_tls_key_file": "/srv/tls/key.pem",
             "smtpd_recipient_restrictions": "check_recipient_access inline:{{never@pf.example=REJECT nobody}}, "
                                             "check_policy_service inet:127.0.0.1:2541, permit_mynetworks, reject",
             "smtpd_reject_unlisted_recipient": "no",
             "transport_maps": f"inline:{{gone@pf.example=error:gone, fwd.example=smtp:[127.0.0.1]:{SMTP}}}"},
            log=True, address=POSTFIX, binds=certificates)
        yield mtas.exim(
            "exim", self.place / "exim", 25, ["accept", "domains = ex.example"],
            ["appendfile", "maildir_format", "directory = /srv/mail/catchall", "create_directory",
             "delivery_date_add", "envelope_to_add", "return_path_add", "user = Debian-exim"], address=EXIM,
            main="tls_certificate = /srv/tls/cert.pem\ntls_privatekey = /srv/tls/key.pem",
            acl="  deny local_parts = never\n       message = nobody\n"
                "  defer local_parts = grey\n        condition = ${if exists{/srv/mail/grey}{yes}{no}}\n"
                "        message = greylisted\n", binds=certificates)
        yield peers.dovecot_lmtp("dovecot", self.place / "dovecot", LMTP,
                                 ["anne@box.example", "anne@office.example", "bob@office.example"])
        yield peers.mailhandler("mailhandler", BINARY, self.root, SMTP)

    def run(self):
        Greylist(2541)
        self.origin = SmtpSink(ORIGIN, 25)
        started = []
        try:
            for one in self.peers():
                started.append(one)
            self.cutter = Cutter(CUTTER, POSTFIX)
            parts = (self.forwards, self.many, self.refusals, self.grey, self.cut, self.dkim, self.srs,
                         self.mailbox_at_dovecot, self.fetch_into_dovecot, self.submissions)
            for part in parts:
                if self.only and part.__name__ not in self.only:
                    continue
                print(part.__name__, flush=True)
                part()
            self.check("nothing is held", not [p for p in self.held() if p.is_file()])
        finally:
            for one in reversed(started):
                one.stop()
            if self.faults:
                for log in ("mailhandler.log", "postfix/log/postfix.log", "exim/log/exim-mainlog",
                            "dovecot/log/dovecot.log"):
                    if (self.place / log).exists():
                        print(log, (self.place / log).read_text(errors="replace")[-3000:], sep="\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", help="these parts of it: forwards, many, refusals …")
    args, _ = parser.parse_known_args()  # INTEROP= is for all scripts
    unpack.prefix("msmtp", ["msmtp"])
    unpack.prefix("dovecot-lmtp", ["dovecot-core", "dovecot-lmtpd"])
    mtas.fetch(["postfix", "exim"])
    cell.own_network()
    subprocess.run(["ip", "address", "add", f"{OUTSIDE}/32", "dev", "lo"], check=True)
    with tempfile.TemporaryDirectory(prefix="queue-out-") as place:
        os.chmod(place, 0o755)
        scene = Scene(place, args.only)
        scene.run()
    if scene.faults:
        sys.exit(f"run_queue_out: {len(scene.faults)} wrong: " + "; ".join(scene.faults))
    print("run_queue_out: all is well")


if __name__ == "__main__":
    main()
