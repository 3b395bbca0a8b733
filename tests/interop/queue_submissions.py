"""swaks and msmtp submit, with and without TLS, and as somebody who must not."""

import subprocess

import peers
from queue_scene import OUTSIDE, PASSWORD, SUBMISSION, SUBMISSIONS


def swaks(scene, what, want, *words, server="127.0.0.1", port=SUBMISSION):
    done = subprocess.run(["swaks", "--server", server, "--port", str(port), "--from", "anne@example.com",
                           "--to", "in@pf.example,bob@example.com", "--header", f"Subject: swaks {what}",
                           "--auth-user", "anne@example.com", "--auth-password", PASSWORD, *words],
                          capture_output=True, text=True, timeout=60)
    scene.check(f"swaks, {what}: {'goes' if want else 'is refused'}", (done.returncode == 0) == want)
    if want:
        scene.check(f"swaks, {what}: arrives", len(scene.arrived("postfix", f"swaks {what}")) == 1)
    return done.stdout


def submissions(scene):
    swaks(scene, "STARTTLS and PLAIN", True, "--tls", "--auth", "PLAIN")
    swaks(scene, "STARTTLS and LOGIN", True, "--tls", "--auth", "LOGIN")
    swaks(scene, "TLS first", True, "--tls-on-connect", "--auth", "PLAIN", port=SUBMISSIONS)
    swaks(scene, "in clear on loopback", True, "--auth", "PLAIN")
    said = swaks(scene, "in clear from elsewhere", False, "--auth", "PLAIN", server=OUTSIDE)
    scene.check("no password was asked for there", "AUTH PLAIN" not in said.replace("~> AUTH", ""))
    swaks(scene, "TLS from elsewhere", True, "--tls", "--auth", "PLAIN", server=OUTSIDE)
    swaks(scene, "a wrong password", False, "--tls", "--auth-password", "wrong")
    swaks(scene, "another's name", False, "--tls", "--from", "bob@example.com")
    msmtp(scene, "STARTTLS", SUBMISSION, "tls on\ntls_starttls on\ntls_certcheck off\n")
    msmtp(scene, "TLS first", SUBMISSIONS, "tls on\ntls_starttls off\ntls_certcheck off\n")
    msmtp(scene, "in clear on loopback", SUBMISSION, "tls off\nauth plain\n")
    bobs = [path.read_bytes() for path in (scene.root / "mail/example.com/bob").rglob("new/*")]
    scene.check("who is here got theirs too", len(bobs) == 8)
    scene.check("with Date and Message-ID, once each, and no Bcc",
                all(m.count(b"\r\nDate: ") == 1 and m.lower().count(b"\r\nmessage-id: ") == 1 and b"Bcc" not in m
                    for m in bobs))


def msmtp(scene, what, port, tls):
    place = scene.place / "msmtp"
    place.mkdir(exist_ok=True)
    (place / "rc").write_text(f"account default\nhost 127.0.0.1\nport {port}\nfrom anne@example.com\nauth on\n"
                              f"user anne@example.com\npassword {PASSWORD}\n{tls}")
    (place / "rc").chmod(0o600)
    (place / "message").write_text(f"Subject: msmtp {what}\nBcc: hidden@pf.example\n\nbody\n")
    status, said = peers.client("msmtp", ["sh", "-c", "msmtp -C /srv/m/rc in@pf.example bob@example.com < /srv/m/message"],
                                binds={place: "/srv/m"})
    scene.check(f"msmtp, {what}: goes", status == 0)
    if status:
        print(said)
    scene.check(f"msmtp, {what}: arrives", len(scene.arrived("postfix", f"msmtp {what}")) == 1)
