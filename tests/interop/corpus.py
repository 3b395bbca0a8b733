"""Real mail that nobody here wrote, as it goes over the wire.

It lies where MAILHANDLER_CORPUS says, else in ../shared/corpus beside the repository; where it is
absent, absent() says so loudly and the caller skips. It is to stay on loopback: replies and bounces
would reach real people (cell.own_network() sees to that), and none of it is copied into this tree.
"""

import io
import os
import pathlib
import re
import subprocess
import sys
import tarfile

TREE = pathlib.Path(__file__).resolve().parents[2]


def place():
    found = pathlib.Path(os.environ.get("MAILHANDLER_CORPUS") or TREE.parent / "shared" / "corpus")
    return found if (found / "edge").is_dir() else None


def absent(what):
    print(f"SKIPPED, NOT TESTED: no mail corpus at MAILHANDLER_CORPUS or ../shared/corpus; {what}",
          file=sys.stderr)


def wire_form(octets):
    """Without an mbox "From " line, every line ended by CRLF; a CR without LF stays what it is."""
    if octets.startswith(b"From "):
        octets = octets.partition(b"\n")[2]
    octets = re.sub(rb"\r?\n", b"\r\n", octets)
    return octets if octets.endswith(b"\r\n") else octets + b"\r\n"


def has_bare_cr(octets):
    return re.search(rb"\r(?!\n)", octets) is not None


def edge():
    """(name, octets in wire form) of every gnarly message."""
    for path in sorted((place() / "edge").glob("*.*")):
        if path.suffix != ".tsv":
            yield path.name, wire_form(path.read_bytes())


def realistic(sets=("spamassassin", "bounces", "lkml")):
    """(name, octets in wire form) of ordinary mail, set by set."""
    for name in sets:
        packed = place() / "realistic" / f"{name}.tar.zst"
        unpacked = subprocess.run(["zstd", "-dcq", str(packed)], capture_output=True, check=True).stdout
        with tarfile.open(fileobj=io.BytesIO(unpacked)) as archive:
            for member in archive:
                if member.isfile():
                    yield f"{name}/{member.name}", wire_form(archive.extractfile(member).read())


def mail(count, first=()):
    """(name, octets): `first`, the gnarly and about `count` of the ordinary ones, without those nobody takes: a bare CR."""
    every = [*first, *edge(), *sample(realistic(), count)]
    return [(name, octets) for name, octets in every if not has_bare_cr(octets)]


def sample(messages, count):
    """About `count` of them, evenly spread; all of them for 0."""
    messages = list(messages)
    return messages if not count else messages[::max(1, len(messages) // count)]
