#!/usr/bin/env python3
"""Stock IMAP clients use a mailbox of ours: curl, mbsync, mutt, getmail6, fetchmail, Python's imaplib.

The mail corpus is put into the mailbox by SMTP and by APPEND. Each client logs in, over STARTTLS or imaps,
and does what it is for; what it then has is compared octet for octet with what was sent, but for what
collectors.CHANGES says, and what it changed is looked up on disk and by a second session.
"""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import corpus  # noqa: E402
import imap_acts  # noqa: E402
import imap_by_hand  # noqa: E402
import imap_clients  # noqa: E402
import journey  # noqa: E402
import peers  # noqa: E402
import run_collect  # noqa: E402
import run_smtp_in  # noqa: E402
from imap_sessions import FAULTS, IMAP, IMAPS, SMTP, bodies, check, folders, ok, planted, session  # noqa: E402

PASSWORD = run_collect.PASSWORD
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


ACTS = {"imaplib": imap_by_hand.everything, "idle": imap_by_hand.idle, "curl": imap_acts.curl,
        "mbsync": imap_acts.mbsync, "mutt": imap_acts.mutt, "getmail6": imap_acts.getmail6,
        "fetchmail": imap_acts.fetchmail}


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
