"""A small POP3 server for tests that can misbehave in every way a real one does.

    server = Pop3d({"1": b"…"})            # uidl → content; a list of pairs may repeat a UIDL
    server.port, server.messages
    with server: …                          # each session sees the messages as they are then

Deletions take place at QUIT only (RFC 1939 section 6). `hooks` maps what is about to be answered to a
function(session, line) → bytes to send instead, or None for the usual: "UIDL", "LIST", "RETR 3", "QUIT",
"greeting" …; raising Cut drops the connection. `cut_after` drops it after so many replies.
"""

import socket
import socketserver
import ssl
import threading


class Cut(Exception):
    """Drops the connection."""


def stuffed(content):
    body = content.replace(b"\r\n.", b"\r\n..")
    if body.startswith(b"."):
        body = b"." + body
    if not body.endswith(b"\r\n"):
        body += b"\r\n"
    return body + b".\r\n"


class Session(socketserver.StreamRequestHandler):
    def handle(self):
        self.owner = self.server.owner
        self.user, self.replies, self.doomed, self.seen = None, 0, set(), []
        with self.owner.lock:
            self.owner.sessions += 1
            self.messages = list(self.owner.messages)
        try:
            self.say(self.hooked("greeting", "") or b"+OK ready\r\n")
            while self.command():
                pass
        except (Cut, OSError, ValueError):
            try:
                self.connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def finish(self):
        try:
            super().finish()
        except OSError:
            pass
        self.connection.close()  # the TLS socket took the first one's place

    def say(self, octets):
        self.wfile.write(octets)
        self.wfile.flush()
        self.replies += 1
        if self.owner.cut_after is not None and self.replies >= self.owner.cut_after:
            raise Cut

    def hooked(self, what, line):
        hook = self.owner.hooks.get(what)
        return hook(self, line) if hook else None

    def command(self):
        line = self.rfile.readline(10000).decode("latin-1").rstrip("\r\n")
        if not line:
            return False
        self.seen.append(line)
        verb, _, rest = line.partition(" ")
        verb = verb.upper()
        answer = self.hooked(f"{verb} {rest}", line) or self.hooked(verb, line)
        if answer is not None:
            self.say(answer)
            return True
        return getattr(self, "do_" + verb, self.unknown)(rest)

    def unknown(self, rest):
        self.say(b"-ERR what?\r\n")
        return True

    def do_CAPA(self, rest):
        lines = ["UIDL", "USER", "TOP"] + (["PIPELINING"] if self.owner.pipelining else [])
        if self.owner.context and not isinstance(self.connection, ssl.SSLSocket):
            lines.append("STLS")
        self.say(b"+OK\r\n" + "".join(line + "\r\n" for line in lines).encode() + b".\r\n")
        return True

    def do_STLS(self, rest):
        if not self.owner.context:
            return self.unknown(rest)
        self.say(b"+OK begin\r\n" + self.owner.behind_stls)
        self.connection = self.owner.context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")
        return True

    def do_USER(self, rest):
        self.user = rest
        self.say(b"+OK\r\n")
        return True

    def do_PASS(self, rest):
        self.say(b"+OK\r\n" if rest == self.owner.password else b"-ERR [AUTH] wrong\r\n")
        return True

    def do_UIDL(self, rest):
        lines = [f"{n} {uidl}\r\n" for n, (uidl, _) in enumerate(self.messages, 1)]
        self.say(b"+OK\r\n" + "".join(lines).encode() + b".\r\n")
        return True

    def do_LIST(self, rest):
        lines = [f"{n} {self.owner.announce(content)}\r\n" for n, (_, content) in enumerate(self.messages, 1)]
        self.say(b"+OK\r\n" + "".join(lines).encode() + b".\r\n")
        return True

    def do_RETR(self, rest):
        with self.owner.lock:
            self.owner.retrieved += 1
        self.say(b"+OK\r\n" + stuffed(self.messages[int(rest) - 1][1]))
        return True

    def do_TOP(self, rest):
        number, count = rest.split()
        head, _, body = self.messages[int(number) - 1][1].partition(b"\r\n\r\n")
        self.say(b"+OK\r\n" + stuffed(head + b"\r\n\r\n" + b"".join(body.splitlines(True)[:int(count)])))
        return True

    def do_DELE(self, rest):
        self.doomed.add(int(rest) - 1)
        self.say(b"+OK\r\n")
        return True

    def do_QUIT(self, rest):
        with self.owner.lock:
            gone = [self.messages[index] for index in self.doomed]
            for message in gone:
                if message in self.owner.messages:
                    self.owner.messages.remove(message)
        self.say(b"+OK bye\r\n")
        return False


class Pop3d:
    def __init__(self, messages=(), *, pipelining=True, password="secret", context=None, port=0):
        self.messages = list(messages.items() if isinstance(messages, dict) else messages)
        self.pipelining, self.password, self.context = pipelining, password, context
        self.hooks, self.cut_after, self.behind_stls = {}, None, b""
        self.announce = len
        self.sessions = self.retrieved = 0
        self.lock = threading.Lock()

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, request, client_address):
                pass

        self.server = Server(("127.0.0.1", port), Session)
        self.server.owner = self
        self.port = self.server.server_address[1]

    def __enter__(self):
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
