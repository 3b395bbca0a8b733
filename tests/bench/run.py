#!/usr/bin/env python3
"""make bench: mailhandler and its peers, one after another in interleaved rounds on one machine.

Every server runs in the same kind of cell (tests/interop/cell.py), all of them for the whole run;
each round gives each server each measure once, in an order that turns from round to round. A figure
is the median over the rounds, the raw figures stand beside it, and a measure in which a message was
refused, lost or doubled is an error, not a figure. See README.md for what is compared and how.
"""

import argparse
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
TREE = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "interop"))
import cell  # noqa: E402
import mtas  # noqa: E402
import peers  # noqa: E402
import unpack  # noqa: E402

BUILD = TREE / "build" / "bench"

# name, sessions at a time, octets of a message, messages in one measurement
MEASURES = [
    ("smtp-in 4 KiB, 1 session", 1, 4096, 600),
    ("smtp-in 4 KiB, 20 sessions", 20, 4096, 2000),
    ("smtp-in 4 KiB, 100 sessions", 100, 4096, 2000),
    ("smtp-in 64 KiB, 20 sessions", 20, 65536, 600),
]
# key, heading, unit divisor, True where more is better
FIGURES = [
    ("rate", "messages/s", 1, True),
    ("cpu", "CPU µs/message", 1, False),
    ("whole_p50", "p50 ms", 1000, False),
    ("whole_p99", "p99 ms", 1000, False),
]
MAILHANDLER_TOML = """\
hostname = "mail.example.com"
postmaster = "admin@example.com"

[listen]
smtp = ["127.0.0.1:2525"]
"""
DOMAIN_TOML = """\
[default]
action = "deliver"
"""


class Server:
    """A running server, the port it takes mail on and the directory where the mail appears."""

    def __init__(self, name, started, port, new=None):
        self.name, self.cell, self.port, self.new = name, started, port, new
        self.names = 0  # how many different recipients the load has; 0: every one is new

    def files(self):
        return sum(1 for _ in os.scandir(self.new)) if self.new and self.new.is_dir() else 0

    def settled_cpu(self):
        """CPU once the server has nothing left to do (Postfix removes queue files afterwards)."""
        before = self.cell.cpu()
        for _ in range(60):
            time.sleep(0.05)
            now = self.cell.cpu()
            if now - before < 0.0005:
                return now
            before = now
        return before


def start_bare(place):
    started = cell.Cell("bare", ["/srv/bench/bare_smtp", "2600"], binds={BUILD: "/srv/bench"})
    peers.wait_for_port(2600, started)
    return Server("bare", started, 2600)


def start_bare_durable(place):
    for directory in ("tmp", "new"):
        (place / directory).mkdir(parents=True)
    started = cell.Cell("bare-durable", ["/srv/bench/bare_smtp", "2601", "/srv/mail"],
                        binds={BUILD: "/srv/bench", place: "/srv/mail"})
    peers.wait_for_port(2601, started)
    return Server("bare-durable", started, 2601, place / "new")


def start_postfix(place):
    started = mtas.postfix_catch_all("postfix", place, 2602)
    return Server("postfix", started, 2602, place / "mail/catchall/new")


def start_exim(place):
    started = mtas.exim_catch_all("exim", place, 2603)
    return Server("exim", started, 2603, place / "mail/catchall/new")


def start_opensmtpd(place):
    started = mtas.opensmtpd_catch_all("opensmtpd", place, 2604)
    return Server("opensmtpd", started, 2604, place / "mail/catchall/new")


def start_mailhandler(place):
    root = place / "root"
    (root / "domains").mkdir(parents=True)
    (root / "mailhandler.toml").write_text(MAILHANDLER_TOML)
    (root / "domains/example.com.toml").write_text(DOMAIN_TOML)
    (root / "domains/example.com.toml").chmod(0o640)
    binary = os.environ.get("MAILHANDLER", TREE / "build/release/mailhandler")
    started = peers.mailhandler("mailhandler", binary, root, 2525)
    return Server("mailhandler", started, 2525, root / "mail/example.com/@default/new")


STARTERS = {"bare": start_bare, "bare-durable": start_bare_durable, "postfix": start_postfix,
            "exim": start_exim, "opensmtpd": start_opensmtpd, "mailhandler": start_mailhandler}


def build_tools():
    BUILD.mkdir(parents=True, exist_ok=True)
    for name in ("smtp_load", "bare_smtp"):
        source, binary = HERE / f"{name}.cpp", BUILD / name
        if not binary.exists() or binary.stat().st_mtime < source.stat().st_mtime:
            subprocess.run([os.environ.get("CXX", "g++"), "-std=c++20", "-O2", "-o", str(binary),
                            str(source)], check=True)


def load(server, tag, sessions, size, messages, watch=True):
    """One run of the load; what it printed, or None and why it does not count."""
    command = [str(BUILD / "smtp_load"), "--port", str(server.port), "--sessions", str(sessions),
               "--size", str(size), "--messages", str(messages), "--tag", tag,
               "--names", str(server.names)]
    if watch and server.new:
        command += ["--watch", str(server.new)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        return None, (done.stderr.strip() or "incomplete") + " " + done.stdout.strip()
    return json.loads(done.stdout), ""


def warm_up(server):
    for i in range(2):  # the first one makes the directories that later ones are watched in
        result, why = load(server, f"warm{i}", 1 + 4 * i, 4096, 20 + 180 * i, watch=False)
        if result is None:
            raise SystemExit(f"{server.name} does not take mail: {why}\n{server.cell.tail()}")
    time.sleep(1)
    if server.new and server.files() != 220:
        raise SystemExit(f"{server.name}: {server.files()} files in {server.new}, not 220")


def measure(server, tag, sessions, size, messages):
    files, cpu = server.files(), server.settled_cpu()
    result, why = load(server, tag, sessions, size, messages)
    if result is None:
        return None, why
    result["cpu"] = (server.settled_cpu() - cpu) / messages * 1e6
    appeared = server.files() - files
    if server.new and appeared != messages:
        return None, f"{messages} messages sent and acknowledged, {appeared} files appeared"
    return result, ""


def run_rounds(servers, measures, rounds, scale):
    """{measure: {server: [result…]}} and the list of what went wrong."""
    results = {name: {s.name: [] for s in servers} for name, *_ in measures}
    wrong = []
    for number in range(rounds):
        for place, (name, sessions, size, messages) in enumerate(measures):
            turn = number % len(servers)
            for server in servers[turn:] + servers[:turn]:
                tag = f"r{number}m{place}"
                result, why = measure(server, tag, sessions, size, max(sessions, int(messages * scale)))
                if result is None:
                    wrong.append(f"{server.name}, {name}, round {number + 1}: {why}")
                else:
                    results[name][server.name].append(result)
        print(f"round {number + 1} of {rounds} done", file=sys.stderr)
    return results, wrong


def digest(results):
    """Medians with raw figures, and mailhandler's ratio to each other server (above 1: better)."""
    out = {}
    for name, by_server in results.items():
        out[name] = {}
        for server, runs in by_server.items():
            if runs:
                out[name][server] = {
                    key: {"median": statistics.median(r[key] for r in runs), "raw": [r[key] for r in runs]}
                    for key, *_ in FIGURES}
        ours = out[name].get("mailhandler")
        for server, figures in out[name].items():
            if ours and server != "mailhandler":
                figures["mailhandler is better by"] = {
                    key: round(ours[key]["median"] / figures[key]["median"] if more
                               else figures[key]["median"] / max(ours[key]["median"], 1e-9), 2)
                    for key, _, _, more in FIGURES}
    return out


def number(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(figures):
    lines = []
    for name, by_server in figures.items():
        lines += ["", name, "  " + f"{'':14}" + "".join(f"{heading:>34}" for _, heading, *_ in FIGURES)]
        for server, values in by_server.items():
            cells = []
            for key, _, divisor, _ in FIGURES:
                raw = " ".join(number(v / divisor) for v in values[key]["raw"])
                cells.append(f"{number(values[key]['median'] / divisor)} ({raw})")
            lines.append("  " + f"{server:14}" + "".join(f"{c:>34}" for c in cells))
            ratio = values.get("mailhandler is better by")
            if ratio:
                lines.append("  " + f"{'  × better':14}" + "".join(f"{ratio[k]:>34}" for k, *_ in FIGURES))
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
    parser.add_argument("--servers", default="bare,bare-durable,postfix,mailhandler")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1, help="of the number of messages")
    parser.add_argument("--only", default="", help="measures whose name contains this")
    parser.add_argument("--names", type=int, default=0, help="different recipients; 0: all are new")
    parser.add_argument("--keep", action="store_true", help="leave the mail in build/bench/data")
    return parser.parse_args()


def main():
    options = arguments()
    names = options.servers.split(",")
    measures = [m for m in MEASURES if options.only in m[0]]
    if not os.environ.get("MAILHANDLER_OWN_NETWORK"):
        build_tools()
        mtas.fetch(names)
    cell.own_network()
    data = BUILD / "data"
    if data.exists():
        raise SystemExit(f"{data} is there from an earlier run: remove it, and wait a minute (deletes "
                         "slow later creates down)")
    servers, report = [], about()
    try:
        for name in names:
            (data / name).mkdir(parents=True)
            servers.append(STARTERS[name](data / name))
            servers[-1].names = options.names
        for server in servers:
            warm_up(server)
        results, wrong = run_rounds(servers, measures, options.rounds, options.scale)
    finally:
        for server in servers:
            server.cell.stop()
        if not options.keep:
            shutil.rmtree(data, ignore_errors=True)
    figures = digest(results)
    report.update({"rounds": options.rounds, "scale": options.scale, "figures": figures, "wrong": wrong})
    (BUILD / "results.json").write_text(json.dumps(report, indent=1, ensure_ascii=False))
    print(table(figures))
    print(f"\nmedian (each round); {BUILD.relative_to(TREE)}/results.json has all")
    for line in wrong:
        print("WRONG: " + line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
