"""What run_queue_out.py plays in: a host of ours with its domains, and around it a DNS server, Postfix,
Exim, Dovecot's LMTP server and the one to whom bounces come.
"""

import os
import pathlib
import shutil
import smtplib
import subprocess
import time

import mtas
import peers
from awkward import Cutter, Greylist
from dns_server import DnsServer
from smtp_sink import SmtpSink

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

    def run(self, parts):
        """Calls each part with this scene, in turn, while all the peers are there."""
        Greylist(2541)
        self.origin = SmtpSink(ORIGIN, 25)
        started = []
        try:
            for one in self.peers():
                started.append(one)
            self.cutter = Cutter(CUTTER, POSTFIX)
            for part in parts:
                if self.only and part.__name__ not in self.only:
                    continue
                print(part.__name__, flush=True)
                part(self)
            self.check("nothing is held", not [p for p in self.held() if p.is_file()])
        finally:
            for one in reversed(started):
                one.stop()
            if self.faults:
                for log in ("mailhandler.log", "postfix/log/postfix.log", "exim/log/exim-mainlog",
                            "dovecot/log/dovecot.log"):
                    if (self.place / log).exists():
                        print(log, (self.place / log).read_text(errors="replace")[-3000:], sep="\n")
