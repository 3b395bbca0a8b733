#!/usr/bin/env python3
"""Stock clients send real mail into mailhandler's catch-all; what lies there is what they sent.

smtplib (DATA, and BDAT by hand), swaks, and as relays Postfix (PIPELINING, 8BITMIME, SMTPUTF8,
STARTTLS) and Exim (CHUNKING) send the mail corpus, each message with a sender of its own. A relay
sends each message to a sink as well, which shows what the relay made of it. When all is well, faults are planted in what
was stored and must be seen. `--reference` runs it all against the sink standing in for mailhandler.
"""

import contextlib
import pathlib
import re
import smtplib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import corpus  # noqa: E402
import journey  # noqa: E402
import mtas  # noqa: E402
import peers  # noqa: E402
import sink  # noqa: E402
import stamped  # noqa: E402

HOSTNAME = "mail.example.com"
PORT, RELAY_PORT, SINK_PORT = 2525, 2530, 2531
ROUTES = {"example.com": PORT, "sink.example": SINK_PORT}
# A few names only: a client that names ever new ones looks like somebody guessing.
NAMES = ["zoe", "yuri", "xenia", "walter", "vera"]
SERVER = f"""\
hostname = "{HOSTNAME}"
postmaster = "admin@example.com"

[listen]
smtp = ["127.0.0.1:{PORT}"]

[tls]
certificate = "tls/cert.pem"
key = "tls/key.pem"
"""
DOMAIN = '[default]\naction = "deliver"\n'
GENERATED = [
    ("generated stamps", b"X-RCPT-to: forged@example.com\r\n\tfolded\r\nReturn-path : <f@x.example>\r\n"
     b"Subject: a\r\nx-pop3-rcpt:\r\n b\r\nDelivered-To: other@example.com\r\n\r\nX-Rcpt-To: stays\r\n"),
    ("generated white space first", b" \r\nX-Rcpt-To: forged@example.com\r\nSubject: a\r\n\r\nx\r\n"),
    ("generated dots", b"Subject: dots\r\n\r\n.\r\n..\r\n.x\r\n...\r\n"),
    ("generated no body", b"Subject: nothing\r\n\r\n"),
    ("generated no header", b"\r\nonly a body\r\n"),
    ("generated NUL and 8 bit", b"Subject: \xff\r\n\r\n\x00a\x00\r\n\xfe\r\n" + b"x" * 5000 + b"\r\n"),
]

# Its header is broken off by a line "__". Exim 4.96 inserts an empty line, says BDAT 439, and 440 octets follow: by its own
# count the message ends in a bare CR, and is refused.
MISCOUNTED = ["ruby-mail--example13.eml"]


class Run:
    def __init__(self):
        self.sent, self.faults, self.number = [], [], 0

    def envelope(self):
        self.number += 1
        return f"m{self.number}@client.example", f"{NAMES[self.number % len(NAMES)]}@example.com"

    def accepted(self, name, sender, recipient, octets, protocol):
        self.sent.append(stamped.Sent(name, sender, recipient, octets, protocol))

    def by_smtplib(self, messages):
        client = smtplib.SMTP("127.0.0.1", PORT, "client.example")
        for name, octets in messages:
            sender, recipient = self.envelope()
            client.ehlo_or_helo_if_needed()
            try:
                client.sendmail(sender, [recipient], octets, mail_options=["BODY=8BITMIME"])
            except smtplib.SMTPResponseException as error:
                if not (corpus.has_bare_cr(octets) and error.smtp_code == 554):
                    self.faults.append(f"smtplib: {name}: {error}")
            else:
                if corpus.has_bare_cr(octets):
                    self.faults.append(f"smtplib: {name}: a bare CR was accepted")
                self.accepted("smtplib: " + name, sender, recipient, octets, "ESMTP")
        client.quit()

    def by_bdat(self, messages):
        """CHUNKING (RFC 3030), in chunks that end anywhere, between CR and LF too."""
        client = smtplib.SMTP("127.0.0.1", PORT, "client.example")
        client.ehlo()
        if not client.has_extn("chunking"):
            return self.faults.append("CHUNKING is not announced")
        for name, octets in messages:
            if corpus.has_bare_cr(octets):
                continue
            sender, recipient = self.envelope()
            client.mail(sender)
            client.rcpt(recipient)
            size = max(1, len(octets) // 7)
            parts = [octets[i:i + size] for i in range(0, len(octets), size)]
            for part in parts:
                client.send(b"BDAT %d\r\n" % len(part) + part)
                code, text = client.getreply()
            client.send(b"BDAT 0 LAST\r\n")
            code, text = client.getreply()
            if code == 250:
                self.accepted("BDAT: " + name, sender, recipient, octets, "ESMTP")
            else:
                self.faults.append(f"BDAT: {name}: {code} {text.decode(errors='replace')}")
        client.quit()

    def by_swaks(self, messages, tls):
        for name, octets in messages:
            sender, recipient = self.envelope()
            with tempfile.NamedTemporaryFile() as file:
                # --no-data-fixup: swaks sends the file as it is, so the dots are ours to stuff.
                stuffed = (b"\r\n" + octets).replace(b"\r\n.", b"\r\n..")[2:] + b"."
                file.write(stuffed)
                file.flush()
                done = subprocess.run(
                    ["swaks", "--server", "127.0.0.1", "--port", str(PORT), "--from", sender, "--to",
                     recipient, "--helo", "client.example", "--data", "@" + file.name, "--no-data-fixup",
                     *(["--tls"] if tls else [])], capture_output=True, text=True, errors="replace")
            if done.returncode == 0:
                self.accepted("swaks: " + name, sender, recipient, octets, "ESMTPS" if tls else "ESMTP")
            else:
                self.faults.append(f"swaks: {name}: {(done.stderr + done.stdout)[-400:]}")

    def by_postfix(self, messages, place, tls):
        self.by_relay("Postfix", messages, place, "ESMTPS" if tls else "ESMTP", mtas.postfix_relay(
            "postfix", place, RELAY_PORT, ROUTES, {"smtp_tls_security_level": "may" if tls else "none"}),
            ["postqueue", "-p"], "is empty", "log/postfix.log",
            r"status=(?!sent)|fatal:|error:|panic:")

    def by_exim(self, messages, place):
        messages = [m for m in messages if m[0] not in MISCOUNTED]
        self.by_relay("Exim", messages, place, "ESMTPS?", mtas.exim_relay("exim", place, RELAY_PORT, ROUTES),
                      ["/usr/sbin/exim4", "-bpc"], "0\n", "log/exim-mainlog", r" (\*\*|==) ")

    def by_relay(self, kind, messages, place, protocol, relay, queue, empty, log, trouble):
        """Through another server, which sends a copy to the sink too: what that one got is what
        ours was sent. `trouble` is what its log says of a message that was not taken at once."""
        reference = sink.Sink(SINK_PORT)
        try:
            given = self.hand_over(messages)
            for _ in range(600):
                if empty in relay.run(*queue):
                    break
                time.sleep(0.1)
        finally:
            relay.stop()
            reference.shutdown()
            reference.server_close()
        for line in (pathlib.Path(place) / log).read_text(errors="replace").splitlines():
            if re.search(trouble, line):
                self.faults.append(f"{kind}: {line}")
        for name, sender, recipient in given:
            if sender in reference.messages:
                utf8 = not recipient.isascii()  # UTF8SMTP, UTF8SMTPS: RFC 6531 section 4.3, without the E
                self.accepted(f"{kind}: {name}", sender, recipient, reference.messages[sender],
                              protocol.replace("ESMTP", "UTF8SMTP" if utf8 else "ESMTP"))
            else:
                self.faults.append(f"{kind}: {name}: did not reach the sink")

    def hand_over(self, messages):
        client = smtplib.SMTP("127.0.0.1", RELAY_PORT, "client.example")
        given = []
        for name, octets in messages:
            if corpus.has_bare_cr(octets):
                continue
            sender, recipient = self.envelope()
            client.ehlo_or_helo_if_needed()
            options = ["BODY=8BITMIME"]
            if name == "generated SMTPUTF8":
                options, recipient = ["SMTPUTF8", "BODY=8BITMIME"], "zoë@example.com"
            client.sendmail(sender, [recipient, "x@sink.example"], octets, mail_options=options)
            given.append((name, sender, recipient))
        client.quit()
        return given


def make_root(root):
    (root / "domains").mkdir(parents=True)
    (root / "tls").mkdir()
    (root / "mailhandler.toml").write_text(SERVER)
    (root / "domains/example.com.toml").write_text(DOMAIN)
    (root / "domains/example.com.toml").chmod(0o640)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-subj", f"/CN={HOSTNAME}", "-days", "30", "-keyout",
                    str(root / "tls/key.pem"), "-out", str(root / "tls/cert.pem")],
                   check=True, capture_output=True)
    (root / "tls/key.pem").chmod(0o600)


def send_all(options, place):
    run = Run()
    edge, ordinary = list(corpus.edge()), corpus.sample(corpus.realistic(), options.sample)
    began = time.monotonic()
    run.by_smtplib(GENERATED + edge + ordinary)
    if not options.reference:  # the stand-in knows neither
        run.by_bdat(GENERATED + edge)
    tls = not options.reference
    run.by_swaks([m for m in edge if len(m[1]) < 5000 and not corpus.has_bare_cr(m[1])][:5], tls)
    unicode = [("generated SMTPUTF8", "Subject: grüße\r\n\r\nx\r\n".encode())]
    relayed = unicode + edge + corpus.sample(ordinary, 100)
    run.by_postfix(relayed, place / "postfix", tls)
    run.by_exim(relayed, place / "exim")
    print(f"{len(run.sent)} messages accepted in {time.monotonic() - began:.1f} s", file=sys.stderr)
    return run


def self_test(new, sent):
    """Faults planted in what was stored well: each must be seen, and nothing else."""
    files = sorted(new.iterdir())
    octets = [f.read_bytes() for f in files]
    plants = [
        ("lost", lambda: files[0].unlink()),
        ("2 copies", lambda: (new / "twice").write_bytes(octets[0])),
        ("not what was sent", lambda: files[0].write_bytes(octets[0][:-3] + b"!\r\n")),
        ("not what was sent", lambda: files[0].write_bytes(octets[0] + b"\r\n")),
        ("X-Rcpt-To", lambda: files[0].write_bytes(octets[0].replace(b"X-Rcpt-To: ", b"X-Rcpt-To: q", 1))),
        ("not five headers", lambda: files[0].write_bytes(octets[0].replace(b"Received", b"A: b\r\nReceived", 1))),
        ("no right `by`", lambda: files[0].write_bytes(octets[0].replace(b"by mail", b"by other", 1))),
        ("nobody's", lambda: (new / "stranger").write_bytes(b"Return-Path: <q@example>\r\n\r\n")),
    ]
    missed = []
    for complaint, plant in plants:
        plant()
        found = stamped.judge(new, sent, HOSTNAME)
        if len(found) != 1 or complaint not in found[0]:
            missed.append(f"planted {complaint!r}, saw {found}")
        for extra in set(new.iterdir()) - set(files):
            extra.unlink()
        files[0].write_bytes(octets[0])
    return missed


def run(options, place, binary):
    if options.reference:
        new = place / "box/new"
        sink.Sink(PORT, HOSTNAME, place / "box")
        server = contextlib.nullcontext()
    else:
        make_root(place / "root")
        new = place / "root/mail/example.com/@default/new"
        server = peers.mailhandler("mailhandler", binary, place / "root", PORT)
    with server:
        sent = send_all(options, place)
    faults = sent.faults + stamped.judge(new, sent.sent, HOSTNAME)
    faults += [f"left in tmp/: {path.name}" for path in new.parent.glob("tmp/*")]
    return f"smtp-in: {len(sent.sent)} messages", faults or self_test(new, sent.sent)


def main():
    parser = journey.arguments(__doc__, sample=400)
    parser.add_argument("--reference", action="store_true", help="against the stand-in")
    return journey.play(parser.parse_args(), run, lambda: mtas.fetch(["postfix", "exim"]),
                        "stock clients sent nothing into the catch-all")


if __name__ == "__main__":
    sys.exit(main())
