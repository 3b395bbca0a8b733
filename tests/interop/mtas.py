"""Mail transfer agents as peers: Postfix, Exim and OpenSMTPD, as catch-all hosts or as relays.

As peers.py: each function returns a listening Cell. A catch-all puts every address of its domain
into place/mail/catchall/, a maildir; a relay hands everything on and changes as little as it can.
"""

import os
import pathlib

import cell
import peers
import unpack

PACKAGES = {"postfix": ["postfix"], "exim": ["exim4-daemon-light"], "opensmtpd": ["opensmtpd"]}


def fetch(names):
    """Downloads and unpacks those of `names` that are here, while there still is a network."""
    for name in PACKAGES.keys() & set(names):
        unpack.prefix(name, PACKAGES[name])


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


def postfix(name, place, port, main, master="", log=False, address="127.0.0.1", binds=None):
    """Postfix on `port` of `address`; `place` gets spool/ and mail/ (seen inside as /srv/mail), `main` is added
    to POSTFIX_MAIN, `master` to its services. log: place/log/postfix.log; else it logs nowhere,
    which costs it nothing."""
    tree = unpack.prefix("postfix", PACKAGES["postfix"])
    place = pathlib.Path(place)
    for directory in ("spool", "mail", "lib", "log"):
        (place / directory).mkdir(parents=True, exist_ok=True)
    os.chown(place / "mail", 991, 991)
    os.chown(place / "lib", 990, 990)
    settings = dict(POSTFIX_MAIN, **main)
    if log:
        settings["maillog_file"] = "/var/log/postfix.log"
    text = "".join(f"{key} = {value}\n" for key, value in settings.items())
    services = POSTFIX_MASTER.format(smtp=f"{address}:{port} inet n - n - - smtpd") + master
    started = cell.Cell(
        name, ["/usr/sbin/postfix", "start-fg"], trees=[tree], users=POSTFIX_USERS,
        groups=POSTFIX_GROUPS, log=place / "log" / "start.log",
        files={"/etc/postfix/main.cf": text, "/etc/postfix/master.cf": services},
        binds={place / "spool": "/var/spool/postfix", place / "mail": "/srv/mail",
               place / "lib": "/var/lib/postfix", place / "log": "/var/log", **(binds or {})},
        # Not the machine's log socket either.
        setup="rm -f /etc/resolv.conf; : > /etc/resolv.conf; "
              "chgrp postdrop /usr/sbin/postdrop /usr/sbin/postqueue 2>/dev/null || true")
    peers.wait_for_port(port, started, address=address)
    return started


def postfix_catch_all(name, place, port, domain="example.com", log=False):
    """Postfix as a catch-all host: every address of the domain into place/mail/catchall/."""
    return postfix(name, place, port, {
        "virtual_mailbox_domains": domain, "virtual_mailbox_base": "/srv/mail",
        "virtual_mailbox_maps": "static:catchall/", "virtual_uid_maps": "static:991",
        "virtual_gid_maps": "static:991"}, log=log)


def postfix_of_one(name, place, port, domain, person):
    """Postfix as the host of a domain with one address; every other one is refused."""
    return postfix(name, place, port, {
        "virtual_mailbox_domains": domain, "virtual_mailbox_base": "/srv/mail",
        "virtual_mailbox_maps": f"inline:{{{person}@{domain}={person}/}}", "virtual_uid_maps": "static:991",
        "virtual_gid_maps": "static:991"})


def postfix_relay(name, place, port, routes, extra=None):
    """routes: {domain: port}. Logs to place/log/postfix.log."""
    transports = ", ".join(f"{domain}=smtp:[127.0.0.1]:{to}" for domain, to in routes.items())
    return postfix(name, place, port, {
        "transport_maps": f"inline:{{{transports}}}", "smtp_tls_security_level": "may",
        "local_header_rewrite_clients": "", "message_drop_headers": "", "smtp_line_length_limit": "0",
        "header_size_limit": "10000000", **(extra or {})}, log=True)


EXIM = """\
primary_hostname = exim.example
spool_directory = /var/spool/exim4
log_file_path = /var/log/exim-%slog
daemon_smtp_ports = {port}
local_interfaces = {address}
disable_ipv6 = true
exim_user = Debian-exim
exim_group = Debian-exim
acl_smtp_rcpt = everybody
host_lookup =
rfc1413_query_timeout = 0s
qualify_domain = exim.example
message_size_limit = 0
header_maxsize = 10M
smtputf8_advertise_hosts = *
{main}
keep_environment =
smtp_accept_max = 0
smtp_accept_queue_per_connection = 0
begin acl
everybody:
{acl}  accept
begin routers
on:
  driver = {router}
  transport = on
begin transports
on:
  driver = {transport}
begin retry
* * F,1m,1s
"""


def exim(name, place, port, router, transport, address="127.0.0.1", main="tls_advertise_hosts =", acl="",
         binds=None):
    """Exim with one router and one transport; logs to place/log/exim-mainlog. `main` are settings of
    its own, `acl` what comes before `accept` at RCPT."""
    tree = unpack.prefix("exim", PACKAGES["exim"])
    place = pathlib.Path(place)
    for directory in ("spool", "log", "mail"):
        (place / directory).mkdir(parents=True, exist_ok=True)
        os.chown(place / directory, 995, 995)
    config = EXIM.format(port=port, address=address, main=main, acl=acl, router="\n  ".join(router), transport="\n  ".join(transport))
    started = cell.Cell(
        name, ["/usr/sbin/exim4", "-bdf", "-q10s"], trees=[tree], groups=["Debian-exim:x:995:"],
        users=["Debian-exim:x:995:995::/var/spool/exim4:/usr/sbin/nologin"],
        files={"/etc/exim4/exim4.conf": config}, log=place / "start.log",
        binds={place / "spool": "/var/spool/exim4", place / "log": "/var/log",
               place / "mail": "/srv/mail", **(binds or {})},
        setup="rm -f /etc/resolv.conf; : > /etc/resolv.conf")
    peers.wait_for_port(port, started, address=address)
    return started


def exim_catch_all(name, place, port, domain="example.com"):
    return exim(name, place, port, ["accept", f"domains = {domain}"], [
        "appendfile", "maildir_format", "directory = /srv/mail/catchall", "create_directory",
        "delivery_date_add", "envelope_to_add", "return_path_add", "user = Debian-exim"])


def exim_of_one(name, place, port, domain, person):
    return exim(name, place, port, ["accept", f"domains = {domain}", f"local_parts = {person}"], [
        "appendfile", "maildir_format", "directory = /srv/mail/catchall", "create_directory",
        "user = Debian-exim"], acl="  deny message = Unknown user\n       !verify = recipient\n")


def exim_relay(name, place, port, routes, chunking=True):
    """routes: {domain: port}. Sends by CHUNKING (BDAT) where the server announces it."""
    route_list = " ; ".join(f"{domain} 127.0.0.1::{to}" for domain, to in routes.items())
    return exim(name, place, port, ["manualroute", f"route_list = {route_list}", "self = send"], [
        "smtp", f"hosts_try_chunking = {'*' if chunking else ''}", "message_linelength_limit = 1000000",
        "tls_verify_hosts =", "tls_try_verify_hosts ="])


OPENSMTPD = """\
listen on 127.0.0.1 port {port} hostname opensmtpd.example
action "in" maildir "/srv/mail/catchall" virtual {{ "{who}" = vmail }}
match from any for domain "{domain}" action "in"
"""


def opensmtpd_of_one(name, place, port, domain, person):
    return opensmtpd_catch_all(name, place, port, domain, f"{person}@{domain}")


def opensmtpd_catch_all(name, place, port, domain="example.com", who="@"):
    tree = unpack.prefix("opensmtpd", PACKAGES["opensmtpd"])
    place = pathlib.Path(place)
    for directory in ("spool", "mail", "log"):
        (place / directory).mkdir(parents=True, exist_ok=True)
    os.chown(place / "mail", 991, 991)
    (place / "spool").chmod(0o711)
    started = cell.Cell(
        name, ["/usr/sbin/smtpd", "-F", "-f", "/etc/smtpd.conf"], trees=[tree],
        users=["opensmtpd:x:996:996::/var/lib/opensmtpd/empty:/usr/sbin/nologin",
               "opensmtpq:x:997:997::/var/lib/opensmtpd/empty:/usr/sbin/nologin",
               "vmail:x:991:991::/srv/mail:/usr/sbin/nologin"],
        groups=["opensmtpd:x:996:", "opensmtpq:x:997:", "vmail:x:991:"], log=place / "log/start.log",
        files={"/etc/smtpd.conf": OPENSMTPD.format(port=port, domain=domain, who=who)},
        binds={place / "spool": "/var/spool/smtpd", place / "mail": "/srv/mail"},
        setup="mkdir -p /var/lib/opensmtpd/empty; rm -f /etc/resolv.conf; : > /etc/resolv.conf")
    peers.wait_for_port(port, started)
    return started
