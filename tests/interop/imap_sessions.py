"""What the journey with IMAP clients sees of the server by itself, through Python's imaplib, and the
faults it found.
"""

import collections
import contextlib
import imaplib
import re
import ssl

import collectors
import stamped

imaplib._MAXLINE = 1 << 30
SMTP, IMAP, IMAPS = 2525, 2143, 2993  # where the server listens
FAULTS = []


def check(right, what):
    if not right:
        FAULTS.append(what)
    return right


def ok(answer, what="a command"):
    """The data of an imaplib answer that must be OK."""
    if answer[0] != "OK":
        raise RuntimeError(f"{what}: {answer}")
    return answer[1]


@contextlib.contextmanager
def session(server, tls="starttls", folder=None):
    context = ssl.create_default_context(cafile=str(server.certificate))
    context.check_hostname = False
    if tls == "imaps":
        client = imaplib.IMAP4_SSL("127.0.0.1", server.imaps, ssl_context=context, timeout=60)
    else:
        client = imaplib.IMAP4("127.0.0.1", server.imap, timeout=60)
        ok(client.starttls(context), "STARTTLS")
    client.login(collectors.LOGIN, server.password)
    if folder:
        ok(client.select(f'"{folder}"'), "SELECT")
    yield client
    client.logout()


def bodies(client, numbers="1:*"):
    """{UID: octets} of the folder that is open."""
    data = ok(client.uid("FETCH", numbers, "(BODY.PEEK[])"))
    return {int(re.search(rb"UID (\d+)", part[0] + b" ")[1]): part[1] for part in data if isinstance(part, tuple)}


def folders(client):
    return {line.rpartition(b' "." ')[2].strip(b'"').decode() for line in ok(client.list()) if line}


def flags(client, uid):
    line = ok(client.uid("FETCH", str(uid), "(FLAGS)"))[0]
    return set(re.search(rb"FLAGS \(([^)]*)\)", line)[1].decode().split())


def remote(server):
    """{folder: {UID: (octets, flags)}} of everything."""
    found = {}
    with session(server, "imaps") as client:
        for name in folders(client):
            ok(client.select(f'"{name}"', readonly=True))
            found[name] = {uid: (octets, frozenset(flags(client, uid) - {r"\Recent"}))
                           for uid, octets in (bodies(client) if ok(client.search(None, "ALL"))[0] else {}).items()}
    return found


def put(server, folder, messages):
    """A new folder with these messages in it, and nothing else."""
    with session(server, "imaps") as client:
        if folder in folders(client):
            ok(client.delete(folder), "DELETE")
        ok(client.create(folder), "CREATE")
        for octets in messages:
            ok(client.append(folder, None, None, octets), "APPEND")


def left(server, folder):
    with session(server) as client:
        return int(ok(client.select(folder, readonly=True))[0])


def same(who, have, want, view=lambda octets: octets):
    """Whether two heaps of messages are equal, looked at through `view`."""
    ours, theirs = collections.Counter(map(view, want)), collections.Counter(map(view, have))
    for octets in (ours - theirs):
        near = min(theirs - ours, key=lambda other: abs(len(other) - len(octets)), default=b"")
        check(False, f"{who}: not as it was sent: {stamped.first_difference(near, octets)}")
    counts = sum(theirs.values()), sum(ours.values())
    check(counts[0] == counts[1], f"{who}: {counts[0]} messages, {counts[1]} were sent")


def planted():
    """Faults made by hand, which same() must see, and what it must not complain about."""
    two = [b"a\r\n", b"b\r\n"]
    for wrong in ([b"a\r\n"], [*two, b"a\r\n"], [b"a\r\n", b"b\n"], [b"a\r\n", b"a\r\n"]):
        same("planted", wrong, two)
        if not FAULTS:
            raise AssertionError(f"{wrong} was taken for {two}")
        FAULTS.clear()
    same("planted", two[::-1], two)
