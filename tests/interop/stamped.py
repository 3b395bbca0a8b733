"""What a catch-all must have stored, said a second time and apart from the server's own code.

expected(octets) is a message without the headers that a stamp replaces; judge() compares what lies
in a maildir with what was sent: every message once, its stamp right, below it octet for octet.
"""

import email.utils
import re

REPLACED = (b"return-path", b"x-rcpt-to", b"x-pop3-rcpt")
FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:")


def expected(octets):
    kept, rest, dropping = [], octets, False
    while rest and not rest.startswith(b"\r\n"):
        line, eol, rest = rest.partition(b"\r\n")
        if not line.startswith((b" ", b"\t")):
            field = FIELD.match(line)
            dropping = bool(field) and field[1].lower() in REPLACED
        if not dropping:
            kept.append(line + eol)
    return b"".join(kept) + rest


class Sent:
    """A message that was acknowledged: its envelope and what it was."""

    def __init__(self, name, sender, recipient, octets, protocol):
        self.name, self.sender, self.recipient = name, sender, recipient
        self.octets, self.protocol = octets, protocol


def stamp_faults(stamp, sent, hostname):
    """What is wrong with the octets above the message."""
    lines = re.sub(r"\r\n(?=[ \t])", "", stamp.decode("utf-8", "replace")).split("\r\n")
    wanted = [f"Return-Path: <{sent.sender}>", f"X-Rcpt-To: {sent.recipient}",
              f"X-POP3-Rcpt: {sent.recipient}", f"Delivered-To: {sent.recipient}"]
    faults = [f"{have!r} where {want!r} was expected" for have, want in zip(lines, wanted)
              if have not in (want, want.replace(": ", ": <") + ">")]
    if len(lines) != 6 or lines[5] != "":
        return faults + [f"not five headers: {[line.partition(':')[0] for line in lines]}"]
    received = re.sub(r"\s+", " ", lines[4])
    head, _, date = received.rpartition(";")
    for what, pattern in (("from", r"^Received: from \S+ "), ("by", rf" by {re.escape(hostname)}\b"),
                          ("with", rf" with ({sent.protocol})\b"), ("id", r" id \S+"),
                          ("for", rf" for <{re.escape(sent.recipient)}>")):
        if not re.search(pattern, head):
            faults.append(f"Received has no right `{what}`: {received}")
    try:
        email.utils.parsedate_to_datetime(date.strip())
    except (TypeError, ValueError):
        faults.append(f"Received has no right date: {received}")
    return faults


def first_difference(have, want):
    at = next((i for i, (a, b) in enumerate(zip(have, want)) if a != b), min(len(have), len(want)))
    return f"octet {at}: stored {have[at:at + 40]!r}, sent {want[at:at + 40]!r}"


def one_fault(stored, sent, hostname):
    want = expected(sent.octets)
    if stored.endswith(want):
        return stamp_faults(stored[:len(stored) - len(want)], sent, hostname)
    # The stamp ends with its Received: show where what follows departs from what was sent.
    stamp = re.match(rb"(?:.*\r\n)*?Received:.*\r\n(?:[ \t].*\r\n)*", stored)
    below = stored[stamp.end():] if stamp else stored
    return ["not what was sent, " + first_difference(below, want)]


def judge(new, sent, hostname):
    """The faults of directory `new` against the list of acknowledged messages, a line each. Each
    message has a sender of its own, by which its file is found."""
    stored, faults = {}, []
    for path in sorted(new.iterdir()):
        octets = path.read_bytes()
        match = re.match(rb"Return-Path: <(.*?)>\r\n", octets)
        sender = match[1].decode("utf-8", "replace") if match else f"no Return-Path in {path.name}"
        stored.setdefault(sender, []).append(octets)
    for message in sent:
        found = stored.pop(message.sender, [])
        if len(found) != 1:
            faults.append(f"{message.name}: {'lost' if not found else f'{len(found)} copies'}")
        for octets in found[:1]:
            faults += [f"{message.name}: {fault}" for fault in one_fault(octets, message, hostname)]
    return faults + [f"nobody's message was stored: {sender}" for sender in stored]
