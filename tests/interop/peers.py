"""Other people's programs, each with its own configuration, directories and ports.

Every function starts one and returns its Cell (see cell.py), listening; stop() ends it. Ports are
on 127.0.0.1 of the caller's network namespace. Directories given stay after the cell has ended.
"""

import os
import pathlib
import socket
import tempfile
import time

import cell
import unpack

POSTFIX_MASTER = """\
{smtp}
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
smtp      unix  - - n - - smtp
relay     unix  - - n - - smtp
showq     unix  n - n - - showq
error     unix  - - n - - error
retry     unix  - - n - - error
discard   unix  - - n - - discard
local     unix  - n n - - local
virtual   unix  - n n - - virtual
lmtp      unix  - - n - - lmtp
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""

# What every Postfix here has in common: no DNS, no limits on its clients, nothing local.
POSTFIX_MAIN = {
    "compatibility_level": "3.6", "queue_directory": "/var/spool/postfix",
    "myhostname": "postfix.example", "mydestination": "", "local_recipient_maps": "",
    "alias_maps": "", "alias_database": "", "inet_protocols": "ipv4",
    "mynetworks": "127.0.0.0/8", "smtpd_peername_lookup": "no", "disable_dns_lookups": "yes",
    "smtp_host_lookup": "native", "smtpd_recipient_restrictions": "permit_mynetworks, reject",
    "smtpd_client_connection_count_limit": "0", "smtpd_client_connection_rate_limit": "0",
    "in_flow_delay": "0", "default_process_limit": "200", "message_size_limit": "0",
    "mailbox_size_limit": "0", "virtual_mailbox_limit": "0", "biff": "no",
}

POSTFIX_USERS = ["postfix:x:990:990::/var/spool/postfix:/usr/sbin/nologin",
                 "vmail:x:991:991::/srv/mail:/usr/sbin/nologin"]
POSTFIX_GROUPS = ["postfix:x:990:", "postdrop:x:992:", "vmail:x:991:"]


def wait_for_port(port, what, timeout=20, banner=True):
    """Until something on the port speaks (or, without banner, listens)."""
    until = time.monotonic() + timeout
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as s:
                s.settimeout(5)
                if not banner or s.recv(1):
                    return
        except OSError:
            pass
        if time.monotonic() > until or not what.alive():
            what.stop()
            raise RuntimeError(f"{what.name} does not listen on {port}:\n{what.tail()}")
        time.sleep(0.05)


def postfix(name, place, port, main, master="", log=False):
    """Postfix on `port`; `place` gets spool/ and mail/ (seen inside as /srv/mail), `main` is added
    to POSTFIX_MAIN, `master` to its services. log: place/log/postfix.log; else it logs nowhere,
    which costs it nothing."""
    tree = unpack.prefix("postfix", ["postfix"])
    place = pathlib.Path(place)
    for directory in ("spool", "mail", "lib", "log"):
        (place / directory).mkdir(parents=True, exist_ok=True)
    os.chown(place / "mail", 991, 991)
    os.chown(place / "lib", 990, 990)
    settings = dict(POSTFIX_MAIN, **main)
    if log:
        settings["maillog_file"] = "/var/log/postfix.log"
    text = "".join(f"{key} = {value}\n" for key, value in settings.items())
    services = POSTFIX_MASTER.format(smtp=f"127.0.0.1:{port} inet n - n - - smtpd") + master
    started = cell.Cell(
        name, ["/usr/sbin/postfix", "start-fg"], trees=[tree], users=POSTFIX_USERS,
        groups=POSTFIX_GROUPS, log=place / "log" / "start.log",
        files={"/etc/postfix/main.cf": text, "/etc/postfix/master.cf": services},
        binds={place / "spool": "/var/spool/postfix", place / "mail": "/srv/mail",
               place / "lib": "/var/lib/postfix", place / "log": "/var/log"},
        # Not the machine's log socket either.
        setup="rm -f /etc/resolv.conf; : > /etc/resolv.conf; "
              "chgrp postdrop /usr/sbin/postdrop /usr/sbin/postqueue 2>/dev/null || true")
    wait_for_port(port, started)
    return started


def postfix_catch_all(name, place, port, domain="example.com", log=False):
    """Postfix as a catch-all host: every address of the domain into place/mail/catchall/."""
    return postfix(name, place, port, {
        "virtual_mailbox_domains": domain, "virtual_mailbox_base": "/srv/mail",
        "virtual_mailbox_maps": "static:catchall/", "virtual_uid_maps": "static:991",
        "virtual_gid_maps": "static:991"}, log=log)


def postfix_relay(name, place, port, to_port, extra=None):
    """Postfix that hands everything on to 127.0.0.1:to_port and changes as little as it can; logs
    to place/log/postfix.log."""
    return postfix(name, place, port, {
        "relayhost": f"[127.0.0.1]:{to_port}", "smtp_tls_security_level": "may",
        "local_header_rewrite_clients": "", "message_drop_headers": "", "smtp_line_length_limit": "0",
        "header_size_limit": "10000000", **(extra or {})}, log=True)


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


def dovecot(name, place, imap, pop3, password="secret", extra=""):
    """Dovecot with IMAP and POP3 over the maildirs place/mail/<login>/; any login, one password."""
    tree = unpack.prefix("dovecot", ["dovecot-core", "dovecot-imapd", "dovecot-pop3d"])
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
            status = running.process.wait(300)
            return status, pathlib.Path(log.name).read_text(errors="replace")
