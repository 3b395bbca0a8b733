"""What every measure of tests/bench has: figures, servers in cells, tools that are built here.

A family is a module with
    FIGURES     [(key, heading, divisor, True where more is better)]
    MEASURES    names, in the order they are taken
    start(names, place) → servers, each with .name, .stop() and what measure() needs
    measure(server, measure, tag, scale) → ({key: value}, "") or (None, why it does not count)
"""

import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
TREE = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "interop"))
BUILD = TREE / "build" / "bench"
PEOPLE = [f"person{n:02}" for n in range(50)]
PASSWORD = "secret"
HASH = "$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1"  # of it: the same cheap one for every server


def binary():
    return pathlib.Path(os.environ.get("MAILHANDLER", TREE / "build/release/mailhandler"))


def build_tools():
    BUILD.mkdir(parents=True, exist_ok=True)
    for name in ("smtp_load", "bare_smtp", "bare_list", "pop3_load"):
        source, program = HERE / f"{name}.cpp", BUILD / name
        if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
            subprocess.run([os.environ.get("CXX", "g++"), "-std=c++20", "-O2", "-o", str(program),
                            str(source)], check=True)


def root(place, listen, domains):
    """A root for mailhandler below place/root."""
    made = place / "root"
    (made / "domains").mkdir(parents=True)
    (made / "mailhandler.toml").write_text(
        'hostname = "mail.example.com"\npostmaster = "admin@example.com"\n\n[listen]\n'
        + "".join(f'{name} = ["127.0.0.1:{port}"]\n' for name, port in listen.items()))
    for name, text in domains.items():
        path = made / "domains" / f"{name}.toml"
        path.write_text(text)
        path.chmod(0o640)
    return made


def fill(new, count, size):
    """`count` messages of `size` octets into the directory `new`, to fifty people in turn, named as both
    mailhandler and Dovecot name them, with their sizes."""
    new.mkdir(parents=True)
    line = b"".join(b"%c" % (97 + n * 7 % 26) for n in range(74)) + b"\r\n"
    for number in range(count):
        to = b"%s@example.com" % PEOPLE[number % len(PEOPLE)].encode()
        head = (b"Return-Path: <s%d@sender.example>\r\nX-Rcpt-To: %s\r\nX-POP3-Rcpt: %s\r\nDelivered-To: %s\r\n"
                b"Received: from client.example by mail.example.com; Mon, 23 Nov 2026 05:20:14 +0000\r\n"
                b"From: <s%d@sender.example>\r\nTo: <%s>\r\nSubject: message %d\r\n"
                b"Message-ID: <%d@sender.example>\r\nDate: Mon, 23 Nov 2026 05:20:13 +0000\r\n\r\n"
                % (number, to, to, to, number, to, number, number))
        text = head + (line * (size // len(line) + 1))[:max(0, size - len(head) - 2)] + b"\r\n"
        (new / f"{1795411214 + number // 100}.M{number % 100:06}P1Q{number}.mx1,S={len(text)},W={len(text)}"
         ).write_bytes(text)


def count_files(directory):
    return sum(1 for _ in os.scandir(directory)) if directory and directory.is_dir() else 0
