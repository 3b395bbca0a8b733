#!/usr/bin/env python3
"""Mail that leaves, with other people's servers and clients at the other end.

Postfix and Exim receive what mailhandler forwards (TLS, PIPELINING, CHUNKING, partial refusals, 450
and then 250, a line that breaks between the message's end and its reply), found by the MX records of
a small DNS server; a DKIM signature survives the way, and a bounce of Postfix's finds its way back
through SRS. swaks and msmtp submit, with and without TLS. Dovecot's LMTP server keeps mailboxes of
the host, and takes what fetch has sorted.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]
import cell  # noqa: E402
import mtas  # noqa: E402
import queue_dovecot  # noqa: E402
import queue_forwards  # noqa: E402
import queue_scene  # noqa: E402
import queue_submissions  # noqa: E402
import unpack  # noqa: E402

PARTS = (queue_forwards.forwards, queue_forwards.many, queue_forwards.refusals, queue_forwards.grey,
         queue_forwards.cut, queue_forwards.dkim, queue_forwards.srs, queue_dovecot.mailbox_at_dovecot,
         queue_dovecot.fetch_into_dovecot, queue_submissions.submissions)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", help="these parts of it: forwards, many, refusals …")
    args, _ = parser.parse_known_args()  # INTEROP= is for all scripts
    unpack.prefix("msmtp", ["msmtp"])
    unpack.prefix("dovecot-lmtp", ["dovecot-core", "dovecot-lmtpd"])
    mtas.fetch(["postfix", "exim"])
    cell.own_network()
    subprocess.run(["ip", "address", "add", f"{queue_scene.OUTSIDE}/32", "dev", "lo"], check=True)
    with tempfile.TemporaryDirectory(prefix="queue-out-") as place:
        os.chmod(place, 0o755)
        scene = queue_scene.Scene(place, args.only)
        scene.run(PARTS)
    if scene.faults:
        sys.exit(f"run_queue_out: {len(scene.faults)} wrong: " + "; ".join(scene.faults))
    print("run_queue_out: all is well")


if __name__ == "__main__":
    main()
