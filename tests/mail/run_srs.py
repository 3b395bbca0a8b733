"""SRS addresses, against pysrs: each side undoes and accepts what the other made, octet for octet.

Without python3-srs the test says so and is skipped (77).
"""
import os
import random
import re
import subprocess
import sys
import time

sys.path.append("/usr/lib/python3/dist-packages")  # where Debian's package is, for any python3
try:
    import SRS
    import SRS.Guarded
except ImportError:
    print("SKIPPED: python3-srs is not installed, so nothing was compared", file=sys.stderr)
    sys.exit(77)

TOOL = os.environ.get("MAIL_TOOL", "build/tests/mail_tool")
CASES = int(os.environ.get("CASES", "2000"))
SEED = int(os.environ.get("SEED", str(random.randrange(1 << 32))))
DAY = 86400


def theirs(secret, now):
    srs = SRS.Guarded.Guarded(secret=secret)
    srs.warn = lambda *words: None
    time.time = lambda: now  # the one clock it reads
    return srs


def undone(srs, address):
    try:
        return srs.reverse(address)
    except (AssertionError, ValueError):
        return None


def local(rng):
    letters = "abcXYZ019.+=-_/" if rng.random() < 0.7 else "abc="
    text = "".join(rng.choice(letters) for _ in range(rng.randint(1, 30)))
    text = re.sub(r"\.+", ".", text).strip(".")
    return text or "a"


def domain(rng):
    return rng.choice(["their.example", "a-b.example.org", "x.test", "first.example"])


def case(rng):
    now = rng.randrange(1_000_000_000, 2_400_000_000)
    secret = "".join(rng.choice("abc019!/ ") for _ in range(rng.randint(1, 80)))
    sender = local(rng) + "@" + domain(rng)
    for _ in range(rng.choice([0, 0, 1, 2])):  # rewritten before, by others
        sender = theirs("other" + str(rng.random()), now).forward(sender, "hop%d.example" % rng.randrange(3))
    return secret, sender, "ours.example", now


def ask(lines):
    done = subprocess.run([TOOL], input="".join("\t".join(map(str, l)) + "\n" for l in lines),
                          capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def smash(address):
    user, host = address.split("@")
    return user.lower() + "@" + host


def main():
    rng = random.Random(SEED)
    cases = [case(rng) for _ in range(CASES)]
    ours = ask([("forward", *c) for c in cases])
    asked, expected, wrong = [], [], []
    for (secret, sender, host, now), made in zip(cases, ours, strict=True):
        peer = theirs(secret, now)
        if (same := peer.forward(sender, host)) != made:
            wrong.append(f"forward {sender}: ours {made}, theirs {same}")
        later = now + rng.choice([0, 1, 20, 21, 22, 40, 1023]) * DAY
        address = rng.choice([made, made, smash(made), made.replace("=", "=x", 1), "x" + made,
                              made.replace("=", "=aaaa=", 1)])
        back = undone(theirs(secret, later), address)
        asked.append(("reverse", secret, address, later))
        expected.append(back)
    for line, theirs_says, we_say in zip(asked, expected, ask(asked), strict=True):
        # what pysrs gives back must be an address to be one of ours
        if (theirs_says or "no") != (we_say if theirs_says else we_say[:2]):
            wrong.append(f"reverse {line}: ours {we_say}, theirs {theirs_says}")
    for text in wrong[:10]:
        print(text, file=sys.stderr)
    found = sum(1 for e in expected if e)
    print(f"{CASES} senders, {found} of {len(expected)} addresses undone, {len(wrong)} differences "
          f"(SEED={SEED})")
    return 1 if wrong or not 0 < found < len(expected) else 0


if __name__ == "__main__":
    sys.exit(main())
