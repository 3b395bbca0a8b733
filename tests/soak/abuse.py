#!/usr/bin/env python3
"""What strangers may do to a running host, all of it at loopback's speed, and what it costs:

    idle        10,000 connections that say nothing, over all protocols: the memory of each
    slowloris   on every protocol, in every state an octet now and then
    logins      a flood of wrong passwords: mail arrives meanwhile as if there were none
    dictionary  100,000 guessed recipients at a domain that refuses them: what a refusal costs

MAILHANDLER_IDLE, MAILHANDLER_GUESSES: smaller numbers. In each case people go on sending (world.py).
"""

import base64
import contextlib
import os
import resource
import socket
import ssl
import statistics
import sys
import tempfile
import threading
import time

import world
from world import host

IDLE = int(os.environ.get("MAILHANDLER_IDLE", "10000"))
GUESSES = int(os.environ.get("MAILHANDLER_GUESSES", "100000"))
GREETINGS = {"smtp": b"220", "pop3": b"+OK", "imap": b"* OK"}
wrong = []


def expect(condition, complaint):
    if not condition:
        wrong.append(complaint)
        print("WRONG:", complaint)


def spoken(server, protocols):
    """Those of `protocols` that are served here; the others are named."""
    found = []
    for protocol in protocols:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", server.ports[protocol]), 5) as line:
            line.settimeout(5)
            if line.recv(100).startswith(GREETINGS[protocol]):
                found.append(protocol)
    for protocol in set(protocols) - set(found):
        print(f"SKIPPED, NOT TESTED: {protocol} is not served", file=sys.stderr)
    return found


def mail_flows(server, count=100):
    """Messages one after another, each on its own connection; (median, worst) seconds."""
    times = []
    for number in range(count):
        began = time.monotonic()
        with host.Client(server.ports["smtp"]) as client:
            reply = client.message(world.text(f"a{number}", 500), f"x{number}@example.com")
        expect(reply.startswith("250"), f"mail was answered {reply}")
        times.append(time.monotonic() - began)
    return statistics.median(times), max(times)


def say(what, server, flows, usual, more=""):
    print(f"{what}: a message in {flows[0] * 1000:.1f} ms, at worst {flows[1] * 1000:.0f} ms "
          f"({usual[0] * 1000:.1f} when nothing else goes on){more}; {server.memory() / 1e6:.1f} MB")


def idle(server, protocols, usual):
    before, lines = server.memory(), []
    try:
        for number in range(IDLE):
            line = socket.create_connection(("127.0.0.1", server.ports[protocols[number % len(protocols)]]), 30)
            lines.append(line)
        greeted = 0
        for number, line in enumerate(lines):
            line.settimeout(30)
            greeted += line.recv(100).startswith(GREETINGS[protocols[number % len(protocols)]])
        expect(greeted == IDLE, f"only {greeted} of {IDLE} connections were greeted")
        each = (server.memory() - before) / IDLE
        cpu = server.cpu()
        time.sleep(2)
        cpu = (server.cpu() - cpu) / 2
        expect(cpu < 0.02, f"{IDLE} idle connections use {cpu:.1%} of a core")
        expect(each < 16_000, f"an idle connection costs {each:.0f} octets")
        flows = mail_flows(server)
        expect(flows[0] < max(0.25, 5 * usual[0]), "idle connections make mail slow")
        say(f"{IDLE} idle connections", server, flows, usual,
            f", {each / 1024:.1f} KiB each, {cpu:.1%} of a core")
    finally:
        for line in lines:
            line.close()
    expect(host.until(lambda: server.descriptors() < 100, 30), "descriptors are not given back")


# What a crawler says in full before it slows down: every state a peer can be made to wait in.
STATES = {
    "smtp": [b"", b"EHLO c\r\n", b"EHLO c\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<s@example.com>\r\nDATA\r\n",
             b"EHLO c\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<s@example.com>\r\nBDAT 100000\r\n",
             b"EHLO c\r\nSTARTTLS\r\n"],
    "pop3": [b"", b"USER reader@example.com\r\n", b"AUTH PLAIN\r\n", b"STLS\r\n"],
    "imap": [b"", b"a LOGIN {100}\r\n", b"a AUTHENTICATE PLAIN\r\n", b"a STARTTLS\r\n"],
}


def slowloris(server, protocols, usual, each=40):
    over, lines = threading.Event(), []
    for protocol in protocols:
        for state in STATES[protocol]:
            for _ in range(each):
                line = socket.create_connection(("127.0.0.1", server.ports[protocol]), 30)
                line.sendall(state)
                lines.append(line)

    def crawl():
        while not over.wait(1):
            for line in lines:
                with contextlib.suppress(OSError):
                    line.send(b"x")

    thread = threading.Thread(target=crawl)
    thread.start()
    time.sleep(2)
    cpu, began = server.cpu(), time.monotonic()
    flows = mail_flows(server)
    with host.Client(server.ports["smtp"]) as client:  # a new one is served in full, TLS and all
        with contextlib.suppress(ssl.SSLError):
            client.secure()
            expect(client.ask("EHLO c").startswith("250"), "no TLS beside the crawlers")
    over.set()
    thread.join()
    for line in lines:
        line.close()
    expect(flows[0] < max(0.25, 5 * usual[0]), "crawlers make mail slow")
    say(f"{len(lines)} crawlers on {', '.join(protocols)}", server, flows, usual,
        f", {(server.cpu() - cpu) / (time.monotonic() - began):.1%} of a core")


def logins(server, protocols, usual, clients=64):
    over, tried, lock = threading.Event(), [0], threading.Lock()
    guess = base64.b64encode(b"\0reader@example.com\0wrong").decode().encode()
    says = {"pop3": (b"AUTH PLAIN " + guess + b"\r\n",), "imap": (b"a LOGIN reader@example.com wrong\r\n",)}

    def knock(protocol):
        while not over.is_set():
            with contextlib.suppress(OSError), \
                    socket.create_connection(("127.0.0.1", server.ports[protocol]), 30) as line:
                stream = line.makefile("rb")
                stream.readline()
                while not over.is_set():
                    for words in says[protocol]:
                        line.sendall(words)
                    if not stream.readline():
                        break
                    with lock:
                        tried[0] += 1

    doors = [p for p in protocols if p in says]
    threads = [threading.Thread(target=knock, args=(doors[n % len(doors)],), daemon=True) for n in range(clients)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    flows = mail_flows(server)
    over.set()
    for thread in threads:
        thread.join(20)
    expect(tried[0] > 0, "nobody knocked")
    expect(flows[0] < max(0.25, 5 * usual[0]), "a login flood makes mail slow")
    say(f"{clients} guessing passwords, {tried[0]} refused", server, flows, usual)


def dictionary(server, usual):
    codes, cost, rate = host.dictionary(server, GUESSES)
    expect(codes == {"550 5.1.1"}, f"guesses were answered {codes}")
    expect(cost < 250, f"a refusal costs {cost:.0f} µs")
    say(f"{GUESSES} guesses refused, {cost:.1f} µs of CPU each, {rate:.0f} a second from one client", server,
        mail_flows(server), usual)


def main():
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    protocols = ["smtp", "pop3", "imap"]
    with tempfile.TemporaryDirectory(prefix="soak.") as place, world.World(place, listen=protocols) as w:
        server = w.host
        server.domain("closed.example", "[mailbox.anne]\n")
        server.certificate()
        with (server.path / "mailhandler.toml").open("a") as file:
            file.write(host.TLS)
        server.start()
        protocols = spoken(server, protocols)
        usual = mail_flows(server)
        idle(server, protocols, usual)
        slowloris(server, protocols, usual)
        logins(server, protocols, usual)
        dictionary(server, usual)
        expect(server.alive(), "it is dead")
        expect(host.until(lambda: server.descriptors() < 100, 30), "descriptors are not given back")
        expect(server.stop() == 0, "it does not end well")
    print(f"abuse: {len(wrong)} faults")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
