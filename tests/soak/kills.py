#!/usr/bin/env python3
"""kill -9 at random instants, of the host, of the office that collects from it, or of both, while mail
comes in, is read, deleted, forwarded and collected. Then: nothing acknowledged is lost, nothing is torn,
nothing is doubled, what was deleted stays deleted (world.py).

MAILHANDLER_KILLS: how many times (1000). MAILHANDLER_SEED: of the dice.
"""

import os
import random
import sys
import tempfile
import time

import world

KILLS = int(os.environ.get("MAILHANDLER_KILLS", "1000"))
SEED = os.environ.get("MAILHANDLER_SEED", str(time.time_ns()))


def kill(servers):
    for server in servers:
        server.kill()
    for server in servers:
        server.start()


def saboteurs(w):
    """What the judge must see, planted in what is there; a list of what it did not."""
    box = w.office.path / "mail/example.com/@default/new"
    path = sorted(box.iterdir())[0]
    octets, twin = path.read_bytes(), box / "1.twin"
    missed = []
    for complaint, plant in {"lost": path.unlink, "copies": lambda: twin.write_bytes(octets),
                             "torn": lambda: path.write_bytes(octets[:-9]),
                             "nobody sent": lambda: twin.write_bytes(octets.replace(b"X-Token: s", b"X-Token: q")
                                                                     .replace(b"END s", b"END q"))}.items():
        plant()
        if not any(complaint in fault for fault in w.judge()):
            missed.append(f"planted: {complaint}, and not seen")
        path.write_bytes(octets)
        twin.unlink(missing_ok=True)
    return missed


def main():
    dice = random.Random(SEED)
    with tempfile.TemporaryDirectory(prefix="soak.") as place, world.World(place) as w:
        w.host.start()
        w.office.start()
        w.begin()
        began = time.monotonic()
        for count in range(KILLS):
            time.sleep(dice.uniform(0, 0.4))
            kill(dice.choice([[w.host], [w.host], [w.office], [w.host, w.office]]))
            if count % 100 == 99:
                print(f"{count + 1} kills in {time.monotonic() - began:.0f} s: {w.summary()}", file=sys.stderr)
        w.settle(900)  # tens of thousands wait by then, for nobody lived long enough to collect them
        wrong = w.judge() or saboteurs(w)
        for fault in wrong[:40]:
            print("WRONG:", fault)
        print(f"{KILLS} kills (seed {SEED}): {w.summary()}; {len(wrong)} faults")
        return 1 if wrong or len(w.notes.sent) < KILLS else 0


if __name__ == "__main__":
    sys.exit(main())
