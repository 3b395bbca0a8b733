"""What Postfix and Exim receive when mailhandler forwards to them, and what becomes of what they refuse,
put off, or have and do not say so.
"""

import re
import sys
import time

sys.path.append("/usr/lib/python3/dist-packages")  # where Debian's dkim is, for any python3


def forwards(scene):
    scene.send("both@fwd.example", "both")
    for server, extra in (("postfix", b"(using TLSv1.3"), ("exim", b"with esmtps")):
        got = scene.arrived(server, "both")
        scene.check(f"{server} takes a forward", len(got) == 1)
        if not got:
            continue
        scene.check(f"{server} was spoken to in TLS", extra in got[0])
        scene.check(f"{server} sees an SRS sender", b"Return-path: <SRS0=" in got[0].replace(b"-Path", b"-path"))
        scene.check(f"{server} got the body as it was", got[0].replace(b"\r\n", b"\n").endswith(b"\n\nbody\n.dot\n"))
    log = (scene.place / "exim/log/exim-mainlog").read_text()
    scene.check("Exim was sent chunks", re.search(r" P=esmtps .*\bK\b", log) is not None)
    log = (scene.place / "postfix/log/postfix.log").read_text()
    scene.check("Postfix was sent chunks", re.search(r"bdat=\d+|BDAT", log) is not None or "commands=" in log)


def many(scene):
    for number in range(100):
        scene.send("pf@fwd.example" if number % 2 else "ex@fwd.example", f"many {number}")
    sizes = [len(scene.arrived(s, f"many {n}")) for n in range(100) for s in ["postfix" if n % 2 else "exim"]]
    scene.check("a hundred messages arrive once each", sizes == [1] * 100)


def refusals(scene):
    for server, alias in (("postfix", "some"), ("exim", "esome")):
        scene.send(f"{alias}@fwd.example", f"some {server}")
        got = scene.arrived(server, f"some {server}", 2)
        scene.check(f"{server} refuses one of three, and the others get it", len(got) == 2)
        told = [m for m in scene.origin.messages if f"some {server}".encode() in m.content]
        until = time.monotonic() + 10
        while not told and time.monotonic() < until:
            time.sleep(0.1)
            told = [m for m in scene.origin.messages if f"some {server}".encode() in m.content]
        scene.check(f"its sender, whom SPF knows, is told of {server}'s refusal",
                    len(told) == 1 and told[0].sender == "" and told[0].recipients == ["a@origin.example"])
        scene.check("and not where it went", told != [] and b"never@" not in told[0].content)
    scene.check("the queue is empty again", scene.queue_is_empty())


def grey(scene):
    for server, alias in (("postfix", "grey"), ("exim", "egrey")):
        if server == "exim":
            (scene.place / "exim/mail/grey").touch()
        scene.send(f"{alias}@fwd.example", f"grey {server}")
        until = time.monotonic() + 10
        listed = ""
        while "4" not in listed and time.monotonic() < until:
            listed = next(iter(re.findall(r"\b4[25][0-9] [0-9a-z].*", scene.command("queue", "list")[1])), "")
            time.sleep(0.1)
        scene.check(f"{server}'s 450 is shown by queue list", listed.startswith("45"))
        if server == "exim":
            (scene.place / "exim/mail/grey").unlink()
        scene.command("queue", "retry", "--all")
        scene.check(f"{server} takes it the second time", len(scene.arrived(server, f"grey {server}")) == 1)
    scene.check("the queue is empty again", scene.queue_is_empty())


def cut(scene):
    scene.send("cut@fwd.example", "cut")
    first = scene.arrived("postfix", "cut")
    scene.check("a line cut before the reply: Postfix has the message", len(first) == 1 and scene.cutter.cuts == 1)
    time.sleep(0.5)
    scene.check("and it is still owed", len(list((scene.root / "queue").glob("*.msg"))) == 1)
    scene.command("queue", "retry", "--all")
    scene.check("so it comes once more, and no more", len(scene.arrived("postfix", "cut", 2)) == 2)
    scene.check("the queue is empty again", scene.queue_is_empty())
    scene.check("twice in all", len(scene.arrived("postfix", "cut")) == 2)


def dkim(scene):
    import dkim
    octets = (b"From: a@origin.example\r\nTo: list@fwd.example\r\nSubject: signed %s\r\n"
              b"Date: Mon, 23 Nov 2026 08:00:00 +0000\r\nMessage-ID: <1@origin.example>\r\n\r\nText.\r\n.dot\r\n")
    key = (scene.tls / "key.pem").read_bytes()

    def ask(name, timeout=5):
        text = scene.dns.zone.get(name.decode().rstrip("."), [])
        return next((r[1].encode() for r in text if r[0] == "TXT"), b"")

    for server, alias in (("postfix", "signed"), ("exim", "esigned")):
        message = octets.replace(b"%s", server.encode())
        for canon in ((b"simple", b"simple"), (b"relaxed", b"relaxed")):
            subject = f"signed {server} {canon[0].decode()}"
            one = message.replace(b"signed " + server.encode(), subject.encode())
            signature = dkim.sign(one, b"sel", b"origin.example", key, canonicalize=canon)
            scene.send(f"{alias}@fwd.example", "", octets=signature + one)
            got = scene.arrived(server, subject)
            verified = got and dkim.verify(got[0].replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"), dnsfunc=ask)
            scene.check(f"a forwarded message's DKIM ({canon[0].decode()}) verifies at {server}", bool(verified))
            broken = got and dkim.verify(got[0].replace(b"Text.", b"Test."), dnsfunc=ask)
            scene.check("… and would not, were a letter of it changed", got and not broken)


def srs(scene):
    scene.send("gone@fwd.example", "comes back")
    until = time.monotonic() + 30
    told = []
    while not told and time.monotonic() < until:
        told = [m for m in scene.origin.messages if b"comes back" in m.content]
        time.sleep(0.1)
    scene.check("Postfix's bounce comes back to the first sender",
                bool(told) and told[0].sender == "" and told[0].recipients == ["a@origin.example"]
                and b"postfix.example" in told[0].content)
