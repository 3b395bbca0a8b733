#!/usr/bin/env python3
"""The power goes at random instants: all lies on an ext4 of its own (a file, mounted by loop), which is
shut down without its log (EXT4_IOC_SHUTDOWN: from then on every write, sync and rename fails with
EIO, and what was not synced is gone), mounted again, and started from. Between the shutdown and the
end of the process nothing may be acknowledged; afterwards what was is there (world.py). Root.

MAILHANDLER_CUTS: how many times (100). MAILHANDLER_SEED: of the dice.
"""

import fcntl
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import time

import world

CUTS = int(os.environ.get("MAILHANDLER_CUTS", "100"))
SEED = os.environ.get("MAILHANDLER_SEED", str(time.time_ns()))
SHUTDOWN, WITHOUT_LOG = 0x8004587D, 2  # linux: fs/ext4/ext4.h, EXT4_IOC_SHUTDOWN and its flags
SIZE = "2G"


class Disk:
    def __init__(self, place):
        self.image, self.path = pathlib.Path(place, "image"), pathlib.Path(place, "mnt")
        self.path.mkdir()
        for command in (["truncate", "-s", SIZE, self.image], ["mkfs.ext4", "-q", "-F", self.image]):
            subprocess.run(command, check=True)
        self.mount()

    def mount(self):
        done = subprocess.run(["mount", "-o", "loop", self.image, self.path], capture_output=True, text=True)
        if done.returncode:
            print(f"SKIPPED, NOT TESTED: mounting is not permitted here ({done.stderr.strip()})", file=sys.stderr)
            sys.exit(77)

    def unmount(self):
        for _ in range(100):
            if not subprocess.run(["umount", self.path], capture_output=True).returncode:
                return
            time.sleep(0.1)
        raise AssertionError("the disk is in use")

    def shut_down(self):
        number = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(number, SHUTDOWN, struct.pack("I", WITHOUT_LOG))
        finally:
            os.close(number)


def forgets(disk):
    """The saboteur: what was not synced is gone, or this test shows nothing."""
    path = disk.path / "unsynced"
    path.write_bytes(b"x" * 10_000)
    disk.shut_down()
    disk.unmount()
    disk.mount()
    return not path.exists() or path.stat().st_size < 10_000


def cut(disk, w, dice):
    """Returns what was acknowledged although nothing could be written."""
    time.sleep(dice.uniform(0.05, 0.6))
    disk.shut_down()
    time.sleep(0.02)  # a reply that was on its way
    with w.notes.lock:
        before = sum(w.notes.sent.values())
    time.sleep(dice.choice([0, 0, 0.3]))
    with w.notes.lock:
        late = sum(w.notes.sent.values()) - before
    for server in (w.host, w.office):
        server.kill()
    disk.unmount()
    disk.mount()
    for server in (w.host, w.office):
        server.start()
    return late


LIAR = """
int fsync(int number) { return (void)number, 0; }
int fdatasync(int number) { return (void)number, 0; }
int syncfs(int number) { return (void)number, 0; }
int sync_file_range(int number, long from, long count, unsigned how)
{ return (void)number, (void)from, (void)count, (void)how, 0; }
"""


def liar(place):
    """A library under which every sync says yes and does nothing."""
    source, library = pathlib.Path(place, "liar.c"), pathlib.Path(place, "liar.so")
    source.write_text(LIAR)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    return str(library)


def run(disk, name, cuts, dice, preload=None):
    """The world, and what is wrong with it after so many cuts."""
    wrong = []
    (disk.path / name).mkdir()
    with world.World(disk.path / name) as w:
        subprocess.run(["sync", "-f", disk.path], check=True)  # what was configured stays
        if preload:
            os.environ["LD_PRELOAD"] = preload
        try:
            w.host.start()
            w.office.start()
            w.begin()
            for count in range(cuts):
                late = cut(disk, w, dice)
                wrong += [f"cut {count}: {late} acknowledged on a dead disk"] if late else []
            w.settle(20 if preload else 120)
            wrong += w.judge()
        except AssertionError as error:
            wrong.append(str(error))
        finally:
            os.environ.pop("LD_PRELOAD", None)
    return w, wrong


def of_our_own():
    """A mount namespace: one that somebody else makes meanwhile would keep our disk, shut down as it is."""
    if os.geteuid() == 0 and "MAILHANDLER_OWN_MOUNTS" not in os.environ:
        os.environ["MAILHANDLER_OWN_MOUNTS"] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv])


def main():
    of_our_own()
    dice = random.Random(SEED)
    with tempfile.TemporaryDirectory(prefix="soak.") as place:
        disk = Disk(place)
        try:
            wrong = [] if forgets(disk) else ["this disk forgets nothing: nothing is shown"]
            if not run(disk, "lying", 4, dice, liar(place))[1]:
                wrong.append("with syncs that do nothing, nothing was missing: nothing is shown")
            w, found = run(disk, "world", CUTS, dice)
            wrong += found
        finally:
            disk.unmount()
    for fault in wrong[:40]:
        print("WRONG:", fault)
    print(f"the power went {CUTS} times (seed {SEED}): {w.summary()}; {len(wrong)} faults")
    return 1 if wrong or len(w.notes.sent) < CUTS else 0


if __name__ == "__main__":
    sys.exit(main())
