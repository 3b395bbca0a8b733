"""The program and the naive reference agree on every address of many random configurations.

MAILHANDLER_ROUTE_CASES: how many addresses (default 10,000; 500 a configuration).
MAILHANDLER_ROUTE_SEED: where the random numbers begin.
"""

import datetime
import json
import os
import random
import subprocess
import sys
import tempfile

import generate
import reference

PROGRAM = os.environ.get("MAILHANDLER", "build/mailhandler")
CASES = int(os.environ.get("MAILHANDLER_ROUTE_CASES", "10000"))
SEED = int(os.environ.get("MAILHANDLER_ROUTE_SEED", "1"))
EACH = 500


def destinations(said):
    return [("mailbox", to["mailbox"]) if "mailbox" in to else
            ("forward", "{}@{}".format(*reference.parse(to["forward"])))
            for to in said.get("destinations") or []]


def result_of(said):
    if said["outcome"] == "deliver":
        return ("deliver", destinations(said))
    if said["outcome"] == "refuse":
        return ("refuse", said["code"], said["enhanced"])
    return ("defer",)


def disagreement(site, address, said):
    """What is different, or None."""
    want, got = site.resolve(address), result_of(said)
    if want != got:
        return f"should be {want}, is {got}"
    if not said["steps"]:
        return "no step says why"
    key, name = reference.parse(address)
    if name is None or "postmaster" in site.candidates(key):
        return None
    matches = site.matches(address)
    if not matches:
        return None
    taken = [(step["rule"], step["line"]) for step in said["steps"] if not step["shadowed"]]
    if matches[0] not in taken:
        return f"should be decided by {matches[0]}, was by {taken}"
    shadowed = [(step["rule"], step["line"]) for step in said["steps"]
                if step["shadowed"] and step["rule"] != "subdomains"]
    if shadowed != matches[1:]:
        return f"should shadow {matches[1:]}, says {shadowed}"
    return None


def explain(root, addresses):
    run = subprocess.run([PROGRAM, "--root", root, "--json", "explain", "-"], text=True,
                         input="\n".join(addresses) + "\n", capture_output=True)
    said = [json.loads(line) for line in run.stdout.splitlines()]
    if len(said) != len(addresses):
        sys.exit(f"{len(said)} answers for {len(addresses)} addresses, status {run.returncode}\n"
                 f"{run.stderr[:2000]}")
    return said


def one_configuration(seed, tally):
    rng = random.Random(seed)
    today = datetime.date.today()
    with tempfile.TemporaryDirectory() as root:
        site = generate.configuration(rng, root, today)
        addresses = [generate.address(rng, site) for _ in range(EACH)]
        said = explain(root, addresses)
        if datetime.date.today() != today:  # midnight passed: the bouncers' dates are off by one
            return one_configuration(seed, tally)
        for address, answer in zip(addresses, said):
            tally[site.resolve(address)[0]] = tally.get(site.resolve(address)[0], 0) + 1
            wrong = disagreement(site, address, answer)
            if wrong:
                sys.exit(f"seed {seed}: {address}: {wrong}\n"
                         f"{json.dumps(answer, ensure_ascii=False, indent=1)}\n{generate.files_of(root)}")


def main():
    count = max(1, CASES // EACH)
    took, tally = generate.each_seed(one_configuration, range(SEED, SEED + count), kinds=3)
    print(f"{count * EACH} addresses of {count} configurations agree in {took:.1f} s: {tally}")


if __name__ == "__main__":
    main()
