"""What the toy servers have in common: a TCP server of threads, and a session that speaks in lines.

    class Session(toy_server.Session): greet(), command() → whether it goes on, send(octets)
    class Toy(toy_server.ToyServer): super().__init__(Session, port, context); with Toy() as server: server.port

`cut_after` drops a connection after so many things said; Cut, raised anywhere, drops it at once.
"""

import socket
import socketserver
import threading


class Cut(Exception):
    """Drops the connection."""


class Session(socketserver.StreamRequestHandler):
    def setup(self):
        super().setup()
        self.owner, self.sent = self.server.owner, 0

    def handle(self):
        with self.owner.lock:
            self.owner.sessions += 1
        try:
            self.greet()
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

    def send(self, octets):
        self.wfile.write(octets)
        self.wfile.flush()
        self.sent += 1
        if self.owner.cut_after is not None and self.sent >= self.owner.cut_after:
            raise Cut

    def read_line(self, most):
        return self.rfile.readline(most).decode("latin-1").rstrip("\r\n")

    def secure(self):
        """TLS from here on."""
        self.connection = self.owner.context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        pass


class ToyServer:
    def __init__(self, session, port, context):
        self.context, self.cut_after, self.sessions = context, None, 0
        self.lock = threading.Lock()
        self.server = Server(("127.0.0.1", port), session)
        self.server.owner = self
        self.port = self.server.server_address[1]

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
