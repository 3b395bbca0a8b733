"""Other people's programs, each with its own configuration, directories and ports.

Every function starts one and returns its Cell (see cell.py), listening; stop() ends it. Ports are
on 127.0.0.1 of the caller's network namespace. Directories given stay after the cell has ended.
The mail transfer agents are in mtas.py.
"""

import os
import pathlib
import socket
import tempfile
import time

import cell
import unpack

def fetch_dovecot():
    """Downloads and unpacks it; its directory."""
    return unpack.prefix("dovecot", ["dovecot-core", "dovecot-imapd", "dovecot-pop3d"])


def wait_for_port(port, what, timeout=60, banner=True, address="127.0.0.1"):
    """Until something on the port speaks (or, without banner, listens)."""
    until = time.monotonic() + timeout
    while True:
        try:
            with socket.create_connection((address, port), 1) as s:
                s.settimeout(5)
                if not banner or s.recv(1):
                    return
        except OSError:
            pass
        if time.monotonic() > until or not what.alive():
            what.stop()
            raise RuntimeError(f"{what.name} does not listen on {port}:\n{what.tail()}")
        time.sleep(0.05)


DOVECOT_USERS = ["dovecot:x:993:993::/usr/lib/dovecot:/usr/sbin/nologin",
                 "dovenull:x:994:994::/nonexistent:/usr/sbin/nologin",
                 "vmail:x:991:991::/srv/mail:/usr/sbin/nologin"]

DOVECOT = """\
protocols = imap pop3
listen = 127.0.0.1
base_dir = /run/dovecot
log_path = /var/log/dovecot.log
ssl = no
disable_plaintext_auth = no
mail_location = maildir:/srv/mail/%u
mail_uid = vmail
mail_gid = vmail
first_valid_uid = 100
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid=vmail gid=vmail home=/srv/mail/%u
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3}
  }}
}}
{extra}
"""


DOVECOT_LMTP = """\
protocols = lmtp
listen = 127.0.0.1
base_dir = /run/dovecot
log_path = /var/log/dovecot.log
ssl = no
mail_location = maildir:~/Maildir
mail_uid = vmail
mail_gid = vmail
first_valid_uid = 100
postmaster_address = postmaster@example.com
userdb {{
  driver = passwd-file
  args = /etc/dovecot/users
}}
passdb {{
  driver = passwd-file
  args = /etc/dovecot/users
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {port}
  }}
}}
"""


def dovecot(name, place, imap, pop3, password="secret", extra=""):
    """Dovecot with IMAP and POP3 over the maildirs place/mail/<login>/; any login, one password."""
    tree = fetch_dovecot()
    place = pathlib.Path(place)
    for directory in ("mail", "log"):
        (place / directory).mkdir(parents=True, exist_ok=True)
    os.chown(place / "mail", 991, 991)
    config = DOVECOT.format(imap=imap, pop3=pop3, password=password, extra=extra)
    started = cell.Cell(
        name, ["/usr/sbin/dovecot", "-F", "-c", "/etc/dovecot/cell.conf"], trees=[tree],
        users=DOVECOT_USERS, groups=["dovecot:x:993:", "dovenull:x:994:", "vmail:x:991:"],
        files={"/etc/dovecot/cell.conf": config}, log=place / "log" / "start.log",
        binds={place / "mail": "/srv/mail", place / "log": "/var/log"}, setup="mkdir -p /run/dovecot")
    wait_for_port(pop3, started)
    wait_for_port(imap, started)
    return started


def dovecot_lmtp(name, place, port, users):
    """Dovecot's LMTP server on `port`: `users` are addresses, each with place/mail/<address>/Maildir."""
    tree = unpack.prefix("dovecot-lmtp", ["dovecot-core", "dovecot-lmtpd"])
    place = pathlib.Path(place)
    for directory in ("mail", "log"):
        (place / directory).mkdir(parents=True, exist_ok=True)
    os.chown(place / "mail", 991, 991)
    started = cell.Cell(
        name, ["/usr/sbin/dovecot", "-F", "-c", "/etc/dovecot/cell.conf"], trees=[tree],
        users=DOVECOT_USERS, groups=["dovecot:x:993:", "dovenull:x:994:", "vmail:x:991:"],
        files={"/etc/dovecot/cell.conf": DOVECOT_LMTP.format(port=port),
               "/etc/dovecot/users": "".join(f"{user}::991:991::/srv/mail/{user}::\n" for user in users)},
        log=place / "log" / "start.log",
        binds={place / "mail": "/srv/mail", place / "log": "/var/log"}, setup="mkdir -p /run/dovecot")
    wait_for_port(port, started)
    return started


def mailhandler(name, binary, root, port):
    """`mailhandler --root ROOT serve` in the same kind of cell as its peers."""
    log = pathlib.Path(root).parent / f"{name}.log"
    started = cell.Cell(name, ["/srv/bin/" + pathlib.Path(binary).name, "--root", "/srv/root", "serve"],
                        binds={root: "/srv/root", pathlib.Path(binary).parent: "/srv/bin"}, log=log)
    wait_for_port(port, started)
    return started


def client(package, command, binds=None, files=None, users=()):
    """Runs a Debian client (fetchmail, getmail6, mpop, fdm, msmtp, isync …) to its end in a cell;
    returns its exit status and all it said."""
    tree = unpack.prefix(package, [package])
    with tempfile.NamedTemporaryFile(suffix=f"-{package}.log") as log:
        with cell.Cell(package, command, trees=[tree], binds=binds, files=files, users=users,
                       log=log.name) as running:
            status = running.process.wait(1800)  # fetchmail needs ten minutes for the whole corpus
            return status, pathlib.Path(log.name).read_text(errors="replace")
