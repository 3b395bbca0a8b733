#!/usr/bin/env python3
"""Stock IMAP clients use a mailbox of ours: curl, mbsync, mutt, getmail6, fetchmail, Python's imaplib.

The mail corpus is put into the mailbox by SMTP and by APPEND. Each client logs in, over STARTTLS or imaps,
and does what it is for; what it then has is compared octet for octet with what was sent, but for what
collectors.CHANGES says, and what it changed is looked up on disk and by a second session.
"""

import collections
import contextlib
import imaplib
import pathlib
import re
import smtplib
import ssl
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import collectors  # noqa: E402
import corpus  # noqa: E402
import imap_clients  # noqa: E402
import journey  # noqa: E402
import peers  # noqa: E402
import run_collect  # noqa: E402
import run_smtp_in  # noqa: E402
import stamped  # noqa: E402

imaplib._MAXLINE = 1 << 30
SMTP, IMAP, IMAPS = 2525, 2143, 2993
LOGIN, PASSWORD = run_collect.LOGIN, run_collect.PASSWORD
SERVER = f"""\
hostname = "mail.example.com"
[listen]
smtp = ["127.0.0.1:{SMTP}"]
imap = ["127.0.0.1:{IMAP}"]
imaps = ["127.0.0.1:{IMAPS}"]
[tls]
certificate = "tls/cert.pem"
key = "tls/key.pem"
[guard]
enabled = false
"""
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
    client.login(LOGIN, server.password)
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


# --- Python's imaplib ---------------------------------------------------------------------------


def imaplib_acts(server, _, messages):
    with session(server, "imaps") as client:
        check("IMAP4REV1" in client.capabilities, "imaplib: no IMAP4rev1")
        for name in ("Lists", "Lists.B&APw-cher", "&ZeVnLIqe-", "Old", "bulk"):
            ok(client.create(f'"{name}"'), "CREATE")
        ok(client.subscribe('"&ZeVnLIqe-"'))
        check({"INBOX", "Lists.B&APw-cher", "&ZeVnLIqe-"} <= folders(client), f"LIST: {folders(client)}")
        ok(client.rename('"Lists"', '"B&APw-cher"'), "RENAME")
        check({"B&APw-cher", "B&APw-cher.B&APw-cher"} <= folders(client) and "Lists" not in folders(client),
              f"RENAME: {folders(client)}")
        fit = [octets for _, octets in messages if b"\0" not in octets]
        for octets in fit:
            ok(client.append("bulk", r"(\Seen $Label1)", '"01-Jan-2026 10:00:00 +0100"', octets), "APPEND")
        ok(client.select("bulk"))
        have = bodies(client)
        check(list(have) == sorted(have), "UIDs are not in order")
        check(list(have.values()) == fit, "imaplib: APPEND and FETCH are not the same octets")
        uid = next(iter(have))
        check({r"\Seen", "$Label1"} <= flags(client, uid), f"flags of APPEND: {flags(client, uid)}")
        date = ok(client.uid("FETCH", str(uid), "(INTERNALDATE)"))[0]
        check(imaplib.Internaldate2tuple(date) == time.localtime(1767258000), f"INTERNALDATE {date}")
    imaplib_changes(server, have)
    return f"{len(have)} messages appended and read; flags, searches, COPY, MOVE, EXPUNGE, folders"


def imaplib_changes(server, have):
    uids = list(have)
    with session(server, folder="bulk") as client, session(server, "imaps", "bulk") as other:
        ok(client.uid("STORE", f"{uids[0]}:{uids[2]}", "+FLAGS", r"(\Flagged Important)"))
        ok(other.noop())
        check({r"\Flagged", "Important"} <= flags(other, uids[1]), "another session does not see a flag")
        found = ok(client.uid("SEARCH", "FLAGGED", "KEYWORD", "Important"))[0].split()
        check([int(u) for u in found] == uids[:3], f"SEARCH: {found}")
        ok(client.append("bulk", None, None, "Subject: Grüße aus Köln\r\n\r\nnadel\r\n".encode()))
        ok(client.noop())
        client.literal = "KÖLN".encode()
        found = ok(client.uid("SEARCH", "CHARSET", "UTF-8", "SUBJECT"))[0].split()
        check(len(found) == 1, f"SEARCH CHARSET UTF-8: {found}")
        ok(client.uid("COPY", str(uids[0]), '"&ZeVnLIqe-"'))
        ok(client.uid("MOVE", f"{uids[1]},{uids[2]}", "Old"))
        ok(client.uid("STORE", str(uids[0]), "+FLAGS", r"(\Deleted)"))
        ok(client.expunge())
        ok(other.noop())
        left = [int(u) for u in ok(other.uid("SEARCH", "ALL"))[0].split()]
        check(left[:-1] == uids[3:], "after MOVE and EXPUNGE another session sees something else")
    with session(server, folder="Old") as client:
        check(list(bodies(client).values()) == [have[uids[1]], have[uids[2]]], "MOVE is not the same octets")
        check({r"\Flagged", "Important", r"\Seen"} <= flags(client, 1), f"flags after MOVE {flags(client, 1)}")
    with session(server, folder="&ZeVnLIqe-") as client:
        check(list(bodies(client).values()) == [have[uids[0]]], "COPY is not the same octets")


def idle(server, *_):
    """How long until a session in IDLE hears of mail that comes by SMTP."""
    with session(server, "imaps", "INBOX") as client:
        tag = client._new_tag()
        client.send(tag + b" IDLE\r\n")
        check(client.readline().startswith(b"+"), "IDLE: no continuation")
        began = time.monotonic()
        with smtplib.SMTP("127.0.0.1", SMTP, "client.example") as sender:
            sender.sendmail("idle@client.example", ["idle@example.com"], b"Subject: idle\r\n\r\nx\r\n")
        while not re.match(rb"\* \d+ EXISTS", line := client.readline()):
            check(line, "IDLE: the line was closed")
        took = time.monotonic() - began
        client.send(b"DONE\r\n")
        while not line.startswith(tag):
            line = client.readline()
    check(took < 2, f"IDLE: EXISTS came after {took:.1f} s")
    return f"EXISTS {took * 1000:.0f} ms after the first octet of SMTP"


# --- the others ---------------------------------------------------------------------------------


def curl_acts(server, place, _):
    listed = imap_clients.curl(server, "", tls="imaps").decode()
    check("B&APw-cher.B&APw-cher" in listed and "INBOX" in listed, f"curl lists {listed!r}")
    with session(server, folder="bulk") as client:
        want = bodies(client)
    for n, (uid, octets) in enumerate(want.items()):
        if n % 10 == 0:
            check(imap_clients.curl(server, f"bulk;UID={uid}", tls="imaps" if n % 20 else "starttls") == octets,
                  f"curl: UID {uid} is not what was sent")
    uid, octets = next(iter(want.items()))
    check(imap_clients.curl(server, f"bulk;UID={uid};SECTION=HEADER") == octets[:octets.find(b"\r\n\r\n") + 4],
          "curl: SECTION=HEADER")
    fresh = place / "curl.eml"
    fresh.write_bytes(b"Subject: by curl\r\n\r\n" + b"0123456789\r\n" * 5000)
    imap_clients.curl(server, "Old", "-T", str(fresh))
    found = imap_clients.curl(server, "Old?SUBJECT%20%22by%20curl%22").split()
    if check(len(found) == 3, f"curl: SEARCH {found}"):
        number = found[-1].decode()
        check(imap_clients.curl(server, f"Old;MAILINDEX={number}") == fresh.read_bytes(), "curl: APPEND")
        said = imap_clients.curl(server, "Old", "-X", f"STORE {number} +FLAGS.SILENT (\\Deleted)")
        said += imap_clients.curl(server, "Old", "-X", "EXPUNGE")
        check(b"EXPUNGE" in said, f"curl: EXPUNGE {said!r}")
        check(len(imap_clients.curl(server, "Old?ALL").split()) == 4, "curl: EXPUNGE did nothing")
    check(not imap_clients.curl(server, "nowhere;UID=1", fails=True), "curl: a folder that is not")
    return f"{len(range(0, len(want), 10))} of {len(want)} messages read, one appended, found and expunged"


def remote(server):
    """{folder: {UID: (octets, flags)}} of everything."""
    found = {}
    with session(server, "imaps") as client:
        for name in folders(client):
            ok(client.select(f'"{name}"', readonly=True))
            found[name] = {uid: (octets, frozenset(flags(client, uid) - {r"\Recent"}))
                           for uid, octets in (bodies(client) if ok(client.search(None, "ALL"))[0] else {}).items()}
    return found


def snapshot(box):
    return {str(path.relative_to(box)): path.read_bytes() for path in sorted(box.rglob("*")) if path.is_file()}


def without_tuid(octets):
    return collectors.lf(re.sub(rb"(?m)^X-TUID: .*\r?\n", b"", octets, count=1))


def taken(held):
    """What mbsync takes of a folder: it warns of a header that no empty line ends, and passes over it."""
    return [octets for octets, _ in held.values() if b"\r\n\r\n" in octets or octets.startswith(b"\r\n")]


def mbsync_acts(server, place, _):
    place = place / "mbsync"
    imap_clients.mbsync(place, server)
    box, before = place / "box", remote(server)

    def local(name):  # mbsync decodes nothing: names stay in modified UTF-7
        directory = box / name.replace(".", "/")
        return [path for part in ("new", "cur") if (directory / part).is_dir()
                for path in (directory / part).iterdir()]

    for name, held in before.items():
        same(f"mbsync {name}", [p.read_bytes() for p in local(name)], taken(held), without_tuid)
    files = snapshot(box)
    imap_clients.mbsync(place, server, tls="STARTTLS", mechanism="LOGIN")
    check(files == snapshot(box), "mbsync: the second run changed something here")
    check(before == remote(server), "mbsync: the second run changed something at the host")
    # Changes on both sides cross.
    imap_clients.maildir(box / "Neu")
    (box / "Neu/cur/1.x.y:2,FS").write_bytes(b"Subject: from here\n\nx\n")
    (box / "INBOX/new/2.x.y").write_bytes(b"Subject: to the inbox\n\ny\n")
    gone, marked = sorted(local("Old"))[:2]
    gone.rename(str(gone).partition(":2,")[0] + ":2,ST")
    marked.rename(str(marked).partition(":2,")[0] + ":2,RS")
    with session(server, folder="bulk") as client:
        victims = list(before["bulk"])[:2]
        ok(client.uid("STORE", str(victims[0]), "+FLAGS", r"(\Deleted)"))
        ok(client.expunge())
        ok(client.uid("STORE", str(victims[1]), "+FLAGS", r"(\Answered)"))
        ok(client.append("bulk", None, None, b"Subject: from there\r\n\r\nz\r\n"))
    imap_clients.mbsync(place, server, tls="STARTTLS", depth=1)
    after = remote(server)
    check("Neu" in after and [f for _, f in after["Neu"].values()] == [{r"\Flagged", r"\Seen"}],
          f"mbsync: what began here is not there: {after.get('Neu')}")
    check(len(after["INBOX"]) == len(before["INBOX"]) + 1, "mbsync: nothing came into the inbox")
    check(len(after["Old"]) == len(before["Old"]) - 1, "mbsync: a deletion did not arrive")
    check(any(r"\Answered" in f for _, f in after["Old"].values()), "mbsync: a flag did not arrive")
    for name, held in after.items():
        same(f"mbsync {name}, crossed", [p.read_bytes() for p in local(name)], taken(held), without_tuid)
    files = snapshot(box)
    imap_clients.mbsync(place, server)
    check(files == snapshot(box) and after == remote(server), "mbsync: the last run changed something")
    return f"{sum(map(len, after.values()))} messages in {len(after)} folders, both ways, and came to rest"


def mutt_acts(server, place, _):
    before = remote(server)
    subjects = len(before["INBOX"])
    # Tag two by number's pattern, flag one, save the tagged to a new folder, sync, quit.
    imap_clients.mutt(place / "mutt", server,
                      "<first-entry><flag-message><tag-pattern>~m 1-2<enter>"
                      "<tag-prefix><save-message>=gespeichert<enter><sync-mailbox><quit>")
    after = remote(server)
    same("mutt saved", [o for o, _ in after.get("gespeichert", {}).values()],
         [o for o, _ in list(before["INBOX"].values())[:2]])
    check(len(after["INBOX"]) == subjects - 2, f"mutt: {len(after['INBOX'])} of {subjects} left in the inbox")
    check(sum(r"\Flagged" in f for _, f in after.get("gespeichert", {}).values()) == 1, "mutt: no flag")
    imap_clients.mutt(place / "mutt2", server,
                      "<change-folder>=B\u00fccher<enter><change-folder>=gespeichert<enter>"
                      "<last-entry><copy-message>=B\u00fccher<enter><delete-message><sync-mailbox><quit>",
                      mechanism="login")
    last = remote(server)
    same("mutt copied", [o for o, _ in last["B&APw-cher"].values()],
         [list(after.get("gespeichert", {0: (b"", 0)}).values())[-1][0]])
    check(len(last.get("gespeichert", {})) == 1, "mutt: deleted nothing")
    return "two messages flagged, saved, copied and deleted at a terminal"


def orderly(messages):
    """Those whose header getmail6 and fetchmail leave in order: what they make of the others is compared, by POP3, in
    run_collect.py."""
    header = re.compile(rb"(?:[!-9;-~]+:[^\r]*\r\n(?:[ \t][^\r]*\r\n)*)+\r\n")
    return [octets for _, octets in messages if b"\0" not in octets and header.match(octets)
            and not collectors.repaired(octets) and not collectors.broken(octets)]


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


def collected(name, collect, view):
    """A client that collects a folder twice: it leaves what is there, and then it takes it."""
    def acts(server, place, messages):
        plain = orderly(messages)
        put(server, "post", plain)
        for keep in (True, False):
            same(f"{name}, keep {keep}", collect(place / f"{name}-{keep}", server, keep, "post"), plain, view)
            check(left(server, "post") == (len(plain) if keep else 0), f"{name}: what is left is wrong, keep {keep}")
        return f"{len(plain)} messages collected and left, collected once more and deleted"
    return acts


def fetchmail_view(octets):
    """It takes Return-Path off, for it speaks SMTP."""
    header, end, body = collectors.as_fetchmail(octets).partition(b"\r\n\r\n")
    return re.sub(rb"(?mi)^Return-Path:.*\n([ \t].*\n)*", b"", header + b"\r\n") + end + body


def getmail_view(octets):
    """White space apart, as everywhere, and without the two headers that getmail6 writes by itself."""
    header, end, body = collectors.lf(collectors.as_getmail(octets)).partition(b"\n\n")
    own = rb"(?mi)^(Return-Path|X-getmail-retrieved-from-mailbox):.*\n?([ \t].*\n?)*"
    return collectors.squeezed(re.sub(own, b"", header) + end + body)


def furnish(server, messages):
    """What the clients after imaplib find: where that one left less, the rest is put there now."""
    wanted = {"B&APw-cher": [], "B&APw-cher.B&APw-cher": [], "&ZeVnLIqe-": [], "Old": messages[:2], "bulk": messages}
    with session(server, "imaps") as client:
        have = folders(client)
        for name, contents in wanted.items():
            if name not in have:
                ok(client.create(f'"{name}"'), "CREATE")
            if not int(ok(client.select(f'"{name}"'))[0]):
                for octets in contents:
                    ok(client.append(f'"{name}"', r"(\Seen)", None, octets), "APPEND")


ACTS = {"imaplib": imaplib_acts, "idle": idle, "curl": curl_acts, "mbsync": mbsync_acts, "mutt": mutt_acts,
        "getmail6": collected("getmail6", imap_clients.getmail6, getmail_view),
        "fetchmail": collected("fetchmail", imap_clients.fetchmail, fetchmail_view)}


def in_turn(name, server, place, messages):
    """One client's turn: whatever becomes of it, the next one has its own."""
    began, known, did = time.monotonic(), len(FAULTS), "did not end"
    try:
        if name != "imaplib":
            furnish(server, [octets for _, octets in messages if b"\0" not in octets])
        did = ACTS[name](server, place, messages)
    except Exception as error:  # a fault of the client's, of ours or of this script: each is told in the end
        check(False, f"{name}: {type(error).__name__}: {error}")
    print(f"{name}: {did}; {time.monotonic() - began:.1f} s, {len(FAULTS) - known} faults", file=sys.stderr)


def run(options, place, binary):
    root = place / "root"
    run_collect.make_root(binary, root)
    (root / "mailhandler.toml").write_text(SERVER)
    server = imap_clients.Server(IMAP, IMAPS, PASSWORD, root / "tls/cert.pem")
    messages = corpus.mail(options.sample, run_smtp_in.GENERATED)
    with peers.mailhandler("mailhandler", binary, root, SMTP):
        sent = run_collect.fill(messages[:100])
        with session(server, folder="INBOX") as client:
            have = list(bodies(client).values())
        check(len(have) == len(sent) and all(octets.endswith(want) for octets, (*_, want) in zip(have, sent)),
              "what came by SMTP is not what FETCH gives")
        for name in ACTS:
            if not options.only or name in options.only:
                in_turn(name, server, place, messages)
    return f"IMAP clients: {len(messages)} messages", FAULTS


def main():
    parser = journey.arguments(__doc__, sample=200)
    parser.add_argument("--only", nargs="+", choices=ACTS, help="these clients")
    planted()
    return journey.play(parser.parse_args(), run, imap_clients.fetch, "no IMAP client did anything")


if __name__ == "__main__":
    sys.exit(main())
