"""Dovecot's LMTP server keeps mailboxes of the host, and takes what fetch has sorted."""

import subprocess
import time

from queue_scene import BINARY, LMTP, PASSWORD, POP3


def in_dovecot(scene, user, subject, count=1):
    until = time.monotonic() + 20
    while True:
        found = [m for path in (scene.place / "dovecot/mail" / user).rglob("new/*")
                 if f"Subject: {subject}\n".encode() in (m := path.read_bytes()).replace(b"\r\n", b"\n")]
        if len(found) >= count or time.monotonic() > until:
            return found
        time.sleep(0.1)


def mailbox_at_dovecot(scene):
    scene.send("anne@box.example", "kept by dovecot")
    got = in_dovecot(scene, "anne@box.example", "kept by dovecot")
    scene.check("Dovecot takes a mailbox's mail", len(got) == 1)
    lines = got[0].decode().splitlines() if got else []
    scene.check("its sender and recipient are the first ones",
                "Return-Path: <a@origin.example>" in lines and "X-Rcpt-To: anne@box.example" in lines
                and sum(line.startswith("Return-Path") for line in lines) == 1)
    scene.send("nobody@box.example", "dovecot knows nobody")
    until = time.monotonic() + 10
    while not (told := [m for m in scene.origin.messages if b"knows nobody" in m.content]) and time.monotonic() < until:
        time.sleep(0.1)
    scene.check("what Dovecot refuses is bounced to a sender whom SPF knows",
                [(m.sender, m.recipients) for m in told] == [("", ["a@origin.example"])])


def fetch_into_dovecot(scene):
    office = scene.place / "office"
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
        scene.send("anne@office.example" if number % 2 else "bob@office.example", f"sorted {number}")
    scene.send("stranger@office.example", "a stranger")
    done = subprocess.run([BINARY, "--root", str(office), "fetch"], capture_output=True, text=True, timeout=120)
    scene.check("fetch says that mail is held", done.returncode == 1)
    got = [len(in_dovecot(scene, f"{'anne' if n % 2 else 'bob'}@office.example", f"sorted {n}")) for n in range(20)]
    scene.check("Dovecot has each sorted message once", got == [1] * 20)
    held = [p.read_bytes() for p in (office / "held").rglob("*") if p.is_file()]
    scene.check("whom Dovecot does not know is held, with its words",
                len(held) == 1 and b"stranger@office.example" in held[0] and b"550 5.1.1" in held[0])
    done = subprocess.run([BINARY, "--root", str(office), "fetch"], capture_output=True, text=True, timeout=120)
    scene.check("and nothing is left on the host", done.returncode == 0 and not list(
        (scene.root / "mail/office.example/@default").rglob("new/*")))
