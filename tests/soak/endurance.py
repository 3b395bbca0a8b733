#!/usr/bin/env python3
"""Mixed load for MAILHANDLER_SOAK_SECONDS (3600): memory and descriptors of host and office stay flat,
nothing is lost or doubled (world.py), mail does not become slow.

The first quarter is warming up. Afterwards the median of the last quarter must not be above that of the
second by more than a twentieth and a megabyte.
"""

import statistics
import sys
import tempfile
import time

import world


def flat(curve):
    """Whether a curve of (octets or numbers) stays level, behind its first quarter."""
    quarter = max(1, len(curve) // 4)
    before, after = (statistics.median(part) for part in (curve[quarter:2 * quarter], curve[-quarter:]))
    return after <= before * 1.05 + (1e6 if before > 1e6 else 2)


def picture(curve):
    marks = " ▁▂▃▄▅▆▇█"
    top = max(curve) or 1
    step = max(1, len(curve) // 60)
    return "".join(marks[round(8 * value / top)] for value in curve[::step])


def main():
    assert flat([5e6, 9e6, 9e6, 9e6] * 1) and flat([10, 40, 40, 41]) and not flat([1e7, 1e7, 1.2e7, 1.4e7])
    length = world.seconds(3600)
    curves = {}
    with tempfile.TemporaryDirectory(prefix="soak.") as place, world.World(place) as w:
        w.host.start()
        w.office.start()
        w.begin(senders=4, pause=0.1)
        began, cpu = time.monotonic(), w.host.cpu()
        while time.monotonic() < began + length:
            time.sleep(min(5.0, length / 40))
            for name, server in (("host", w.host), ("office", w.office)):
                curves.setdefault(f"memory of the {name}", []).append(server.memory())
                curves.setdefault(f"descriptors of the {name}", []).append(server.descriptors())
        cpu = w.host.cpu() - cpu
        w.rest()
        time.sleep(2)
        descriptors = w.host.descriptors()
        w.settle()
        wrong = w.judge()
    for name, curve in curves.items():
        unit = (1e6, "MB") if "memory" in name else (1, "")
        print(f"{name}: {picture(curve)} {curve[0] / unit[0]:.1f} … {curve[-1] / unit[0]:.1f}, "
              f"at most {max(curve) / unit[0]:.1f} {unit[1]}")
        wrong += [] if flat(curve) else [f"{name} grows"]
    wrong += [] if descriptors < 60 else [f"{descriptors} descriptors of the host are open when nobody is there"]
    times = sorted(w.notes.latencies)
    print(f"{length:.0f} s: {w.summary()}; a message in {times[len(times) // 2] * 1000:.1f} ms (median), "
          f"{times[len(times) * 99 // 100] * 1000:.0f} ms (99 of 100); the host used {cpu / length:.1%} of a core")
    for fault in wrong[:40]:
        print("WRONG:", fault)
    return 1 if wrong or w.notes.refused else 0


if __name__ == "__main__":
    sys.exit(main())
