"""The frame of a journey with other people's programs: what it is asked, where it runs, what it says in the end.

    options = journey.arguments(__doc__, sample=200, keep=…).parse_args()
    sys.exit(journey.play(options, run, fetch, skipping="no client did anything"))

run(options, place, binary) → (what was done, the faults, a line each): in a network of its own, with a directory
that goes when it is over (`--keep` leaves it).
"""

import argparse
import os
import pathlib
import shutil
import tempfile

import cell
import corpus
import unpack

SHOWN = 60  # faults, at most


def arguments(manual, sample=None):
    """`manual`: the script's docstring. `sample`: how many ordinary messages it takes when nothing is said."""
    parser = argparse.ArgumentParser(description=manual.splitlines()[0])
    if sample is not None:
        parser.add_argument("--sample", type=int, default=sample, help="ordinary messages to use; 0: all 6,760")
    parser.add_argument("--keep", action="store_true", help="leave the directory")
    return parser


def binary():
    return pathlib.Path(os.environ.get("MAILHANDLER", unpack.TREE / "build/mailhandler"))


def play(options, run, fetch, skipping=None):
    """The exit status. fetch() gets what is needed while there still is a network; `skipping`, of a journey that needs
    the mail corpus: what is not tested without it."""
    if skipping and not corpus.place():
        corpus.absent(skipping)
        return 0
    if not os.environ.get("MAILHANDLER_OWN_NETWORK"):
        fetch()
    cell.own_network()
    place = pathlib.Path(tempfile.mkdtemp(prefix="interop-"))
    try:
        done, faults = run(options, place, binary())
    finally:
        print(f"left in {place}") if options.keep else shutil.rmtree(place)
    for fault in faults[:SHOWN]:
        print("FAULT " + fault[:1000])
    print(f"{done}, {len(faults)} faults")
    return 1 if faults else 0
