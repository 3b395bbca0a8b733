"""Python's imaplib uses a mailbox of ours: every command a program would give, and IDLE."""

import imaplib
import re
import smtplib
import time

from imap_sessions import SMTP, bodies, check, flags, folders, ok, session


def everything(server, _, messages):
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
    changes(server, have)
    return f"{len(have)} messages appended and read; flags, searches, COPY, MOVE, EXPUNGE, folders"


def changes(server, have):
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
