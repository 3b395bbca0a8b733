"""Debian packages unpacked side by side, never installed: Debian's mail servers exclude each other.

A package with everything it needs that this machine lacks goes to build/peers/<name>/ as a tree of
files. No maintainer script runs, so no service starts; cell.py lays the tree over the machine's own
root for the processes that need it. Needs the network once, afterwards nothing.
"""

import pathlib
import re
import shutil
import subprocess

TREE = pathlib.Path(__file__).resolve().parents[2]
PEERS = TREE / "build" / "peers"


class Unavailable(Exception):
    """A peer cannot be had on this machine, and why."""


def _run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise Unavailable(f"{' '.join(command)}: {done.stderr.strip()[-300:]}")
    return done.stdout


def _needed(packages):
    """What apt would install here: the packages themselves, installed or not, and what they lack."""
    plan = _run(["apt-get", "install", "--simulate", "--reinstall", "--no-install-recommends", *packages])
    return sorted(set(re.findall(r"^Inst (\S+)", plan, re.M)) | set(packages))


def _download(packages, debs):
    # apt drops to its own user for downloads and complains where that user cannot write.
    _run(["apt-get", "-o", "APT::Sandbox::User=root", "download", *_needed(packages)], cwd=debs)


def _merge_usr(tree):
    """/lib, /bin and /sbin are links into /usr on the machine: a directory laid over one of them
    would hide everything there."""
    for name in ("bin", "sbin", "lib", "lib64"):
        if (tree / name).is_dir() and not (tree / name).is_symlink():
            _run(["cp", "-a", f"{tree / name}/.", str(tree / "usr" / name)])
            shutil.rmtree(tree / name)


def prefix(name, packages):
    """The directory of `packages`, unpacked now or earlier."""
    tree = PEERS / name
    stamp = tree.with_suffix(".packages")
    if stamp.exists() and stamp.read_text().split() == packages:
        return tree
    debs = PEERS / "debs" / name
    debs.mkdir(parents=True, exist_ok=True)
    try:
        _download(packages, debs)
    except Unavailable:  # lists of packages that are missing or out of date
        _run(["apt-get", "update", "-qq"])
        _download(packages, debs)
    tree.mkdir(exist_ok=True)
    for deb in sorted(debs.glob("*.deb")):
        _run(["dpkg", "-x", str(deb), str(tree)])
    _merge_usr(tree)
    stamp.write_text("\n".join(packages))
    return tree
