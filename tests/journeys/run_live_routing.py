"""A running server answers every RCPT as the plain reference of routing says.

MAILHANDLER_LIVE_CASES: how many addresses (default 4,000; 200 a configuration).
MAILHANDLER_ROUTE_SEED: where the random numbers begin.
"""

import datetime
import os
import pathlib
import random
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "support"), str(HERE.parent / "route")]
import generate  # noqa: E402
import host  # noqa: E402

CASES = int(os.environ.get("MAILHANDLER_LIVE_CASES", "4000"))
SEED = int(os.environ.get("MAILHANDLER_ROUTE_SEED", "1"))
EACH, BATCH = 200, 50


def expected(site, address):
    """What RCPT is to be answered, as code and enhanced code."""
    result = site.resolve(address)
    if result[0] == "refuse":
        return f"{result[1]} {result[2]}"
    if result[0] == "defer":
        return "451 4"
    return "250 2.1.5"


def replies(port, addresses):
    """The reply to each RCPT, pipelined; a MAIL for each batch."""
    said = []
    with host.Client(port) as client:
        for begin in range(0, len(addresses), BATCH):
            batch = addresses[begin:begin + BATCH]
            lines = ["MAIL FROM:<a@client.example> SMTPUTF8", *(f"RCPT TO:<{a}>" for a in batch), "RSET"]
            got = client.ask(*lines)
            assert got[0].startswith("250"), got[0]
            said += [host.code_of(reply) for reply in got[1:-1]]
    return said


def disagreement(site, addresses, said):
    """The first reply that is not what the reference says, or None."""
    for address, got in zip(addresses, said):
        want = expected(site, address)
        if not got.startswith(want):
            return f"{address}: should be {want}, is {got}"
    return None


def one_configuration(seed, tally):
    rng, today = random.Random(seed), datetime.date.today()
    with tempfile.TemporaryDirectory() as place:
        site = generate.configuration(rng, place, today)
        addresses = [generate.address(rng, site) for _ in range(EACH)]
        port = host.free_port()
        with open(pathlib.Path(place, "mailhandler.toml"), "a") as file:
            file.write(f'[listen]\nsmtp = ["127.0.0.1:{port}"]\n')
        server = host.Host(place=place, domains={}, listen=(), start=False, write=False)
        with server:
            server.start()
            said = replies(port, addresses)
        if datetime.date.today() != today:  # midnight passed: the bouncers' days are off by one
            return one_configuration(seed, tally)
        for address in addresses:
            want = expected(site, address)
            tally[want] = tally.get(want, 0) + 1
        wrong = disagreement(site, addresses, said)
        if wrong:
            sys.exit(f"seed {seed}: {wrong}\n{generate.files_of(place)}")
        lie = said[:-1] + ["250 2.1.5" if said[-1][0] != "2" else "550 5.1.1"]
        assert disagreement(site, addresses, lie), "the comparison does not see a wrong reply"


def main():
    count = max(1, CASES // EACH)
    took, tally = generate.each_seed(one_configuration, range(SEED, SEED + count), kinds=4)
    print(f"{count * EACH} RCPTs to {count} configurations are answered as the reference says, in {took:.1f} s: {tally}")


if __name__ == "__main__":
    main()
