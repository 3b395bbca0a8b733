"""Whom fetch would find in real mail, compared with a second opinion.

Every message of the corpus goes through `explain --message - --json`; whom() below is the contract's
words ("The trusted block is everything down to the topmost Received, …") written again, naively. Both
must choose the same header and name the same people. First without `trust`, then with the hosts trusted
that most messages passed last, so that the block reaches further down.
"""

import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "interop"))
import corpus  # noqa: E402

BINARY = pathlib.Path(os.environ.get("MAILHANDLER", HERE.parents[1] / "build" / "mailhandler")).resolve()
HEADERS = ["X-Rcpt-To", "X-POP3-Rcpt", "X-Original-To", "X-Envelope-To", "Envelope-To", "Delivered-To"]
TOPMOST = {"x-original-to", "delivered-to"}


def fields(octets):
    """(name, unfolded value) of the header."""
    head = re.split(r"(?:\A|\n)\n", octets.decode("latin-1").replace("\r\n", "\n"), maxsplit=1)[0]
    for line in re.sub(r"\n[ \t]+", " ", head).split("\n"):
        name, colon, value = line.partition(":")
        if colon and re.fullmatch(r"[!-9;-~]+[ \t]*", name):
            yield name.strip(), value.strip()


def plain(value):
    """Without comments."""
    while (shorter := re.sub(r"\([^()]*\)", " ", value)) != value:
        value = shorter
    return value


def written_by(value):
    found = re.search(r"(?:^|\s)by\s+([^\s;]+)", re.sub(r"^from\s+\S+", "", plain(value).strip()))
    return found[1].lower().rstrip(".") if found else ""


def whom(octets, trust=()):
    """(header that decides or None, keys of its addresses in order, number of unusable values)."""
    block = []
    for name, value in fields(octets):
        if name.lower() == "received" and (written_by(value) or "-") not in trust:
            break
        block.append((name, value))
    for header in HEADERS:
        values = [value for name, value in block if name.lower() == header.lower()]
        if header.lower() in TOPMOST:
            values = values[:1]
        people, junk = [], 0
        for one in ",".join(values).split(","):
            address = re.sub(r"^.*<(.*)>.*$", r"\1", plain(one)).strip().lower()
            if re.fullmatch(r"[^\s@<>()\"]+@[a-z0-9._-]+", address):
                people += [address] if address not in people else []
            elif address:
                junk += 1
        if people or junk:
            return header, people, junk
    return None, [], 0


def asked(root, names, fetch):
    """The program's answers, one for each message."""
    done = subprocess.run([BINARY, "--root", root, "explain", "--message", "-", "--fetch", fetch, "--json"],
                          input="\n".join(names), capture_output=True, text=True, timeout=200)
    if done.stderr or done.returncode not in (0, 1):
        sys.exit(f"explain --message: {done.returncode}: {done.stderr}")
    answers = (json.loads(line) for line in done.stdout.splitlines())
    for answer in answers:
        if "file" in answer:
            reading = next((each for each in answer["headers"] if each["name"] == answer["header"]), None)
            people = [address.lower() for address in reading["recipients"]] if reading else []
            yield answer["file"], (answer["header"], people, len(reading["unusable"]) if reading else 0)


def make_root(place, trust):
    (place / "domains").mkdir()
    (place / "fetch").mkdir()
    (place / "mailhandler.toml").write_text('hostname = "office.example.com"\n')
    (place / "domains" / "example.com.toml").write_text('[default]\naction = "deliver"\n')
    for name, hosts in (("top", []), ("deep", trust)):
        (place / "fetch" / f"{name}.toml").write_text(
            'server = "pop3://127.0.0.1"\nlogin = "nobody"\npassword_file = "p"\ntls = "none"\n'
            f'domain = "example.com"\ntrust = {json.dumps(hosts)}\n')


def main():
    if not corpus.place():
        return corpus.absent("envelope headers of real mail were not compared")
    with tempfile.TemporaryDirectory(prefix="corpus.") as directory:
        place = pathlib.Path(directory)
        messages, tops = {}, collections.Counter()
        for number, (name, octets) in enumerate(list(corpus.realistic()) + list(corpus.edge())):
            path = place / f"{number}.eml"
            path.write_bytes(octets)
            messages[str(path)] = (name, octets)
            tops[next((written_by(value) for header, value in fields(octets)
                       if header.lower() == "received"), "")] += 1
        trust = [host for host, _ in tops.most_common(12) if re.fullmatch(r"[a-z0-9.-]+", host)]
        make_root(place, trust)
        wrong, seen = 0, collections.Counter()
        for fetch, hosts in (("top", []), ("deep", trust)):
            answers = dict(asked(place, list(messages), fetch))
            if answers.keys() != messages.keys():
                sys.exit(f"{len(answers)} answers to {len(messages)} messages")
            for path, (name, octets) in messages.items():
                expected = whom(octets, hosts)
                seen[fetch, expected[0]] += 1
                if answers[path] != expected:
                    wrong += 1
                    if wrong <= 10:
                        print(f"{fetch} {name}:\n  expected {expected}\n  answered {answers[path]}")
        for (fetch, header), count in sorted(seen.items(), key=str):
            print(f"{fetch}: {count} messages decided by {header}")
        # A comparison in which nobody is ever found would compare nothing.
        if sum(count for (_, header), count in seen.items() if header) < 100:
            sys.exit("too few messages with an envelope header: the comparison is worth nothing")
        sys.exit(f"{wrong} differ" if wrong else 0)


if __name__ == "__main__":
    main()
