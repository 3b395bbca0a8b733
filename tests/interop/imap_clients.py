"""Other people's IMAP clients, each run to its end against a server on 127.0.0.1.

Every function takes a directory of its own and a Server and returns what its client then had, as octets
or as {folder: [octets]}. A client that ends with anything but success raises.
"""

import dataclasses
import pathlib
import shutil
import subprocess

import collectors
import peers
import unpack

LOGIN = collectors.LOGIN
PACKAGES = ["isync", "mutt", "getmail6", "fetchmail"]


@dataclasses.dataclass(frozen=True)
class Server:
    imap: int
    imaps: int
    password: str
    certificate: pathlib.Path


def fetch():
    """Downloads and unpacks what is needed, while there still is a network."""
    for package in PACKAGES:
        unpack.prefix(package, [package])


def maildir(place):
    for part in ("new", "cur", "tmp"):
        (place / part).mkdir(parents=True)


def contents(directory):
    """Octets of every message of a maildir, in the order of their names."""
    return [path.read_bytes() for part in ("new", "cur") for path in sorted((directory / part).iterdir())]


def curl(server, path, *options, tls="starttls", fails=False):
    """What curl prints for imap://…/path."""
    scheme, port = ("imaps", server.imaps) if tls == "imaps" else ("imap", server.imap)
    done = subprocess.run(
        ["curl", "-sS", "--ssl-reqd", "--cacert", str(server.certificate), "--max-time", "60", "--resolve",
         f"mail.example.com:{port}:127.0.0.1", "-u", f"{LOGIN}:{server.password}", *options,
         f"{scheme}://mail.example.com:{port}/{path}"], capture_output=True)
    if not fails:
        collectors.must("curl", done.returncode, done.stderr.decode())
    return done.stdout


MBSYNC = """\
IMAPStore host
Host mail.example.com
Port {port}
User example.com
Pass {password}
SSLType {tls}
AuthMechs {mechanism}
CertificateFile /tls/cert.pem
PipelineDepth {depth}

MaildirStore here
Path /out/box/
Inbox /out/box/INBOX
SubFolders Verbatim

Channel all
Far :host:
Near :here:
Patterns * INBOX
Create Both
Remove Both
Expunge Both
SyncState *
"""


def mbsync(place, server, tls="IMAPS", mechanism="PLAIN", depth=50):
    """One run of a two-way sync; what it said."""
    (place / "box").mkdir(parents=True, exist_ok=True)
    (place / "rc").write_text(MBSYNC.format(port=server.imaps if tls == "IMAPS" else server.imap,
                                            password=server.password, tls=tls, mechanism=mechanism, depth=depth))
    status, said = peers.client("isync", ["mbsync", "-c", "/out/rc", "-V", "all"],
                                binds={place: "/out", server.certificate.parent: "/tls"},
                                files={"/etc/hosts": "127.0.0.1 localhost mail.example.com\n"})
    collectors.must("mbsync", status, said)
    return said


MUTT = """\
set ssl_force_tls = yes
set ssl_starttls = yes
set certificate_file = /tls/cert.pem
set ssl_verify_host = no
set imap_user = "example.com"
set imap_pass = "{password}"
set imap_authenticators = "{mechanism}"
set folder = "imap://mail.example.com:{port}/"
set spoolfile = "imap://mail.example.com:{port}/INBOX"
set confirmappend = no
set confirmcreate = no
set delete = yes
set move = no
set quit = yes
set wait_key = no
set copy = no
set imap_idle = no
set imap_check_subscribed = no
set sendmail = /bin/true
set from = me@example.com
set use_domain = no
set beep = no
set sort = mailbox-order
push "{keys}"
"""


def mutt(place, server, keys, mechanism="plain"):
    """Opens the inbox at a terminal and presses `keys`; they must end in a quit."""
    place.mkdir(parents=True, exist_ok=True)
    (place / "rc").write_text(MUTT.format(port=server.imap, password=server.password, mechanism=mechanism,
                                          keys=keys))
    inside = "mutt -n -d 3 -F /out/rc"
    command = ["env", "HOME=/out", "TERM=vt100", "LANG=C.UTF-8", "timeout", "60", "script", "-qec", inside,
               "/out/screen"]
    status, said = peers.client("mutt", command, binds={place: "/out", server.certificate.parent: "/tls"},
                                files={"/etc/hosts": "127.0.0.1 localhost mail.example.com\n"})
    collectors.must("mutt", status, said)
    return said


def getmail6(place, server, keep=True, folder="INBOX"):
    maildir(place / "box")
    place.joinpath("rc").write_text(
        f"[retriever]\ntype = SimpleIMAPSSLRetriever\nserver = 127.0.0.1\nport = {server.imaps}\n"
        f"username = {LOGIN}\npassword = {server.password}\nmailboxes = (\"{folder}\",)\n"
        f"[options]\nread_all = true\ndelete = {str(not keep).lower()}\ndelivered_to = false\nreceived = false\n"
        "verbose = 1\n[destination]\ntype = Maildir\npath = /out/box/\n")
    collectors.getmail(place)
    return contents(place / "box")


FETCHMAIL = """\
set invisible
set no bouncemail
poll mail.example.com protocol imap port {port} no dns bad-header accept
  user "example.com" password "{password}" is "somebody" here
  folder "{folder}" sslproto 'auto' sslcertck sslcertfile /out/cert.pem fetchall {keep} no rewrite
  smtphost 127.0.0.1/{sink} smtpaddress example.com
"""


def fetchmail(place, server, keep=True, folder="INBOX"):
    place.mkdir(parents=True)
    sink = server.imap + 7
    letterbox = collectors.Letterbox(sink)
    try:
        (place / "rc").write_text(FETCHMAIL.format(port=server.imap, password=server.password, sink=sink,
                                                   keep="keep" if keep else "no keep", folder=folder))
        (place / "rc").chmod(0o600)
        shutil.copy(server.certificate, place / "cert.pem")
        subprocess.run(["chown", "-R", f"{collectors.USER}", str(place)], check=True)
        status, said = peers.client(
            "fetchmail", ["setpriv", f"--reuid={collectors.USER}", f"--regid={collectors.USER}", "--clear-groups",
                          "env", "HOME=/out", "fetchmail", "-f", "/out/rc", "--nodetach", "-v"],
            binds={place: "/out"}, users=collectors.USERS,
            files={"/etc/hosts": "127.0.0.1 localhost mail.example.com\n"})
        collectors.must("fetchmail", status, said)
        return [copy.octets for copy in letterbox.copies]
    finally:
        letterbox.shutdown()
        letterbox.server_close()
