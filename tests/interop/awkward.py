"""Peers that make trouble on purpose: one that puts off what it is sent, and a line that is cut at the
worst moment.
"""

import re
import socket
import socketserver
import threading


class Greylist(socketserver.ThreadingTCPServer):
    """A policy service for Postfix: grey@ is put off the first time."""
    allow_reuse_address, daemon_threads = True, True

    def __init__(self, port):
        self.seen = 0
        server = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                asked = {}
                for line in self.rfile:
                    key, _, value = line.decode().strip().partition("=")
                    if key:
                        asked[key] = value
                        continue
                    grey = asked.get("recipient", "").startswith("grey@")
                    server.seen += grey
                    answer = "defer_if_permit 4.2.0 greylisted" if grey and server.seen == 1 else "dunno"
                    self.wfile.write(f"action={answer}\n\n".encode())

        super().__init__(("127.0.0.1", port), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Cutter:
    """Stands before Postfix without TLS, and cuts the line of the first message between its final dot
    and the reply: Postfix has it, its sender does not know."""

    def __init__(self, address, to):
        self.cuts, self.to = 0, to
        self.listener = socket.create_server((address, 25))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            line, _ = self.listener.accept()
            threading.Thread(target=self._carry, args=(line,), daemon=True).start()

    def _carry(self, client):
        server = socket.create_connection((self.to, 25))
        state = {"content": False}

        def up():
            while octets := client.recv(65536):
                if re.search(rb"(^|\r\n)BDAT \d+ LAST\r\n", octets) or octets.endswith(b"\r\n.\r\n"):
                    state["content"] = True
                server.sendall(octets)

        threading.Thread(target=up, daemon=True).start()
        try:
            while octets := server.recv(65536):
                if state["content"] and not self.cuts and b"250 2.0.0" in octets:
                    self.cuts += 1
                    break
                client.sendall(octets.replace(b"250-STARTTLS\r\n", b""))
        except OSError:
            pass
        for line in (client, server):
            try:
                line.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
