#!/usr/bin/env python3
"""make bench: mailhandler and its peers, one after another in interleaved rounds on one machine.

Every server runs in the same kind of cell (tests/interop/cell.py), those of one family for all its
rounds; each round gives each server each measure once, in an order that turns from round to round. A
figure is the median over the rounds, the raw figures stand beside it, and a measure in which a message
was refused, lost or doubled is an error, not a figure. See README.md for what is compared and how.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time

from common import BUILD, TREE, build_tools
import cell
import collecting
import imap_collecting
import imap_out
import imap_push
import pop3_out
import queue_out
import refusals
import smtp_in

FAMILIES = {"smtp-in": smtp_in, "refusals": refusals, "pop3-out": pop3_out, "collecting": collecting,
            "imap-out": imap_out, "imap-push": imap_push, "imap-in": imap_collecting, "queue-out": queue_out}


def run_rounds(family, servers, measures, rounds, scale):
    """{measure: {server: [result…]}} and the list of what went wrong."""
    results = {name: {s.name: [] for s in servers} for name in measures}
    wrong = []
    for number in range(rounds):
        for place, name in enumerate(measures):
            turn = number % len(servers)
            for server in servers[turn:] + servers[:turn]:
                result, why = family.measure(server, name, f"r{number}m{place}", scale)
                if result is not None:
                    results[name][server.name].append(result)
                elif why:
                    wrong.append(f"{server.name}, {name}, round {number + 1}: {why}")
        print(f"round {number + 1} of {rounds} done", file=sys.stderr)
    return results, wrong


def digest(family, results):
    """Medians with raw figures, and mailhandler's ratio to each other server (above 1: better)."""
    out = {}
    for name, by_server in results.items():
        out[name] = {}
        for server, runs in by_server.items():
            keys = [key for key, *_ in family.FIGURES if runs and all(key in r for r in runs)]
            if keys:
                out[name][server] = {key: {"median": statistics.median(r[key] for r in runs),
                                           "raw": [r[key] for r in runs]} for key in keys}
        ours = out[name].get("mailhandler")
        for server, figures in out[name].items():
            if ours and server != "mailhandler":
                figures["mailhandler is better by"] = {
                    key: round(ours[key]["median"] / figures[key]["median"] if more
                               else figures[key]["median"] / max(ours[key]["median"], 1e-9), 2)
                    for key, _, _, more in family.FIGURES if key in figures and key in ours}
    return out


def number(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(family, figures):
    lines = []
    for name, by_server in figures.items():
        columns = [f for f in family.FIGURES if any(f[0] in values for values in by_server.values())]
        lines += ["", name, "  " + f"{'':14}" + "".join(f"{heading:>34}" for _, heading, *_ in columns)]
        for server, values in by_server.items():
            cells = []
            for key, _, divisor, _ in columns:
                if key not in values:
                    cells.append("")
                    continue
                raw = " ".join(number(v / divisor) for v in values[key]["raw"])
                cells.append(f"{number(values[key]['median'] / divisor)} ({raw})")
            lines.append("  " + f"{server:14}" + "".join(f"{c:>34}" for c in cells))
            ratio = values.get("mailhandler is better by")
            if ratio:
                lines.append("  " + f"{'  × better':14}" + "".join(f"{ratio.get(k, ''):>34}" for k, *_ in columns))
    return "\n".join(lines)


def about():
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if "model name" in line), "")
    commit = subprocess.run(["git", "-C", str(TREE), "describe", "--always", "--dirty"],
                            capture_output=True, text=True).stdout.strip()
    file_system = subprocess.run(["stat", "-f", "-c", "%T", str(BUILD)], capture_output=True, text=True)
    return {"commit": commit, "kernel": platform.release(), "cpu": cpu, "cores": os.cpu_count(),
            "load before": os.getloadavg()[0], "file system": file_system.stdout.strip(),
            "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--families", default=",".join(FAMILIES), help="of measures: " + ", ".join(FAMILIES))
    parser.add_argument("--servers", default="", help="these only (each family has its own)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1, help="of the number of messages")
    parser.add_argument("--only", default="", help="measures whose name contains this")
    parser.add_argument("--names", type=int, default=0, help="different recipients of mail coming in; 0: all are new")
    parser.add_argument("--keep", action="store_true", help="leave the mail in build/bench/data")
    return parser.parse_args()


def servers_of(family, options):
    names = family.SERVERS.split(",")
    known = getattr(family, "STARTERS", names)
    asked = [name for name in options.servers.split(",") if name in known]
    return asked if options.servers else names


def run_family(name, options):
    """(figures, wrong), printed."""
    family = FAMILIES[name]
    measures = [m for m in family.MEASURES if options.only in m]
    names = servers_of(family, options)
    if not measures or not names:
        return {}, []
    servers = []
    try:
        place = BUILD / "data" / name
        scaled = [options.scale] if "scale" in family.start.__code__.co_varnames[:3] else []
        servers = family.start(names, place, *scaled)
        results, wrong = run_rounds(family, servers, measures, options.rounds, options.scale)
    finally:
        for server in servers:
            server.stop()
    figures = digest(family, results)
    print(table(family, figures), flush=True)
    return figures, wrong


def main():
    options = arguments()
    smtp_in.recipients = options.names
    families = options.families.split(",")
    if not os.environ.get("MAILHANDLER_OWN_NETWORK"):
        build_tools()
        for name in families:
            FAMILIES[name].fetch(servers_of(FAMILIES[name], options))
    cell.own_network()
    data = BUILD / "data"
    if data.exists():
        raise SystemExit(f"{data} is there from an earlier run: remove it, and wait a minute (deletes "
                         "slow later creates down)")
    report, figures, wrong = about(), {}, []
    try:
        for name in families:
            found, complaints = run_family(name, options)
            figures.update(found)
            wrong += complaints
    finally:
        if not options.keep:
            shutil.rmtree(data, ignore_errors=True)
    report.update({"rounds": options.rounds, "scale": options.scale, "figures": figures, "wrong": wrong})
    (BUILD / "results.json").write_text(json.dumps(report, indent=1, ensure_ascii=False))
    print(f"\nmedian (each round); {BUILD.relative_to(TREE)}/results.json has all")
    for line in wrong:
        print("WRONG: " + line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
