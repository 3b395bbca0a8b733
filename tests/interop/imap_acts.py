"""What each stock IMAP client does, and what it then has to have: curl, mbsync, mutt, getmail6, fetchmail."""

import re

import collectors
import imap_clients
from imap_sessions import bodies, check, left, ok, put, remote, same, session


def curl(server, place, _):
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


def snapshot(box):
    return {str(path.relative_to(box)): path.read_bytes() for path in sorted(box.rglob("*")) if path.is_file()}


def without_tuid(octets):
    return collectors.lf(re.sub(rb"(?m)^X-TUID: .*\r?\n", b"", octets, count=1))


def taken(held):
    """What mbsync takes of a folder: it warns of a header that no empty line ends, and passes over it."""
    return [octets for octets, _ in held.values() if b"\r\n\r\n" in octets or octets.startswith(b"\r\n")]


def mbsync(server, place, _):
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


def mutt(server, place, _):
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


getmail6 = collected("getmail6", imap_clients.getmail6, getmail_view)
fetchmail = collected("fetchmail", imap_clients.fetchmail, fetchmail_view)
