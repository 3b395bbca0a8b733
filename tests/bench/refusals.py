"""Recipients that do not exist, refused at the door: five of them on each connection, 20 sessions.

The domain is the server's own, with one address in it. Five, because more are answered with delays
and disconnections by Postfix, and a dictionary attack takes care of that. OpenSMTPD listens with a backlog of 5 and leaves some of 20
sessions without an answer for ever: it has 4.
"""

from common import binary, root
import mtas
import peers
import smtp_in

EACH, SESSIONS, CONNECTIONS = 5, 20, 2000
FEWER = {"opensmtpd": 4}
MEASURES = ["refused recipients, 20 sessions"]
FIGURES = [("rate", "refusals/s", 1, True), ("cpu", "CPU µs/refusal", 1, False)]
SERVERS = "postfix,exim,opensmtpd,mailhandler"
DOMAIN = "closed.example"
fetch = mtas.fetch


def start_mailhandler(place):
    made = root(place, {"smtp": 2526}, {DOMAIN: "[mailbox.anne]\n"})
    return smtp_in.Server("mailhandler", peers.mailhandler("mailhandler", binary(), made, 2526), 2526)


def peer(name, start_of_one, port):
    return lambda place: smtp_in.Server(name, start_of_one(name, place, port, DOMAIN, "anne"), port)


STARTERS = {
    "postfix": peer("postfix", mtas.postfix_of_one, 2612),
    "exim": peer("exim", mtas.exim_of_one, 2613),
    "opensmtpd": peer("opensmtpd", mtas.opensmtpd_of_one, 2614),
    "mailhandler": start_mailhandler,
}


def start(names, place):
    servers = smtp_in.start_each(STARTERS, names, place)
    for server in servers:
        result, why = load(server, "warm", 20)
        if result is None:
            raise SystemExit(f"{server.name} does not refuse: {why}\n{server.cell.tail()}")
    return servers


def load(server, tag, connections):
    return smtp_in.load(server, tag, "--refused", "--sessions", FEWER.get(server.name, SESSIONS), "--messages", connections,
                        "--recipients", EACH, "--domain", DOMAIN)


def measure(server, what, tag, scale):
    connections = max(SESSIONS, int(CONNECTIONS * scale))
    cpu = server.settled_cpu()
    result, why = load(server, tag, connections)
    if result is None:
        return None, why
    result["cpu"] = (server.settled_cpu() - cpu) / (connections * EACH) * 1e6
    return result, ""
