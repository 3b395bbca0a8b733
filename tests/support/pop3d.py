"""A small POP3 server for tests that can misbehave in every way a real one does.

    server = Pop3d({"1": b"…"})            # uidl → content; a list of pairs may repeat a UIDL
    server.port, server.messages
    with server: …                          # each session sees the messages as they are then

Deletions take place at QUIT only (RFC 1939 section 6). `hooks` maps what is about to be answered to a
function(session, line) → bytes to send instead, or None for the usual: "UIDL", "LIST", "RETR 3", "QUIT",
"greeting" …; raising toy_server.Cut drops the connection. `cut_after` drops it after so many replies.
"""

import ssl

import toy_server


def stuffed(content):
    body = content.replace(b"\r\n.", b"\r\n..")
    if body.startswith(b"."):
        body = b"." + body
    if not body.endswith(b"\r\n"):
        body += b"\r\n"
    return body + b".\r\n"


class Session(toy_server.Session):
    def greet(self):
        self.user, self.doomed, self.seen = None, set(), []
        with self.owner.lock:
            self.messages = list(self.owner.messages)
        self.send(self.hooked("greeting", "") or b"+OK ready\r\n")

    def hooked(self, what, line):
        hook = self.owner.hooks.get(what)
        return hook(self, line) if hook else None

    def command(self):
        line = self.read_line(10_000)
        if not line:
            return False
        self.seen.append(line)
        verb, _, rest = line.partition(" ")
        verb = verb.upper()
        answer = self.hooked(f"{verb} {rest}", line) or self.hooked(verb, line)
        if answer is not None:
            self.send(answer)
            return True
        return getattr(self, "do_" + verb, self.unknown)(rest)

    def unknown(self, rest):
        self.send(b"-ERR what?\r\n")
        return True

    def do_CAPA(self, rest):
        lines = ["UIDL", "USER", "TOP"] + (["PIPELINING"] if self.owner.pipelining else [])
        if self.owner.context and not isinstance(self.connection, ssl.SSLSocket):
            lines.append("STLS")
        self.send(b"+OK\r\n" + "".join(line + "\r\n" for line in lines).encode() + b".\r\n")
        return True

    def do_STLS(self, rest):
        if not self.owner.context:
            return self.unknown(rest)
        self.send(b"+OK begin\r\n" + self.owner.behind_stls)
        self.secure()
        return True

    def do_USER(self, rest):
        self.user = rest
        self.send(b"+OK\r\n")
        return True

    def do_PASS(self, rest):
        self.send(b"+OK\r\n" if rest == self.owner.password else b"-ERR [AUTH] wrong\r\n")
        return True

    def do_UIDL(self, rest):
        lines = [f"{n} {uidl}\r\n" for n, (uidl, _) in enumerate(self.messages, 1)]
        self.send(b"+OK\r\n" + "".join(lines).encode() + b".\r\n")
        return True

    def do_LIST(self, rest):
        lines = [f"{n} {self.owner.announce(content)}\r\n" for n, (_, content) in enumerate(self.messages, 1)]
        self.send(b"+OK\r\n" + "".join(lines).encode() + b".\r\n")
        return True

    def do_RETR(self, rest):
        with self.owner.lock:
            self.owner.retrieved += 1
        self.send(b"+OK\r\n" + stuffed(self.messages[int(rest) - 1][1]))
        return True

    def do_TOP(self, rest):
        number, count = rest.split()
        head, _, body = self.messages[int(number) - 1][1].partition(b"\r\n\r\n")
        self.send(b"+OK\r\n" + stuffed(head + b"\r\n\r\n" + b"".join(body.splitlines(True)[:int(count)])))
        return True

    def do_DELE(self, rest):
        self.doomed.add(int(rest) - 1)
        self.send(b"+OK\r\n")
        return True

    def do_QUIT(self, rest):
        with self.owner.lock:
            gone = [self.messages[index] for index in self.doomed]
            for message in gone:
                if message in self.owner.messages:
                    self.owner.messages.remove(message)
        self.send(b"+OK bye\r\n")
        return False


class Pop3d(toy_server.ToyServer):
    def __init__(self, messages=(), *, pipelining=True, password="secret", context=None, port=0):
        super().__init__(Session, port, context)
        self.messages = list(messages.items() if isinstance(messages, dict) else messages)
        self.pipelining, self.password = pipelining, password
        self.hooks, self.behind_stls = {}, b""
        self.announce, self.retrieved = len, 0
