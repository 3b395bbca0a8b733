"""A line that counts: what goes over it between a client and a port of this machine."""

import socket
import threading


class Relay:
    """Carries connections to a port, and counts."""

    def __init__(self, port, to):
        self.to, self.octets, self.turns = to, 0, 0
        self.look = lambda octets: None  # at what the client says, before the server hears it
        self.listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.to))
            talk = {"last": None}
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for here, there in ((client, server), (server, client)):
                threading.Thread(target=self.carry, args=(here, there, here is client, talk),
                                 daemon=True).start()

    def carry(self, here, there, ours, talk):
        try:
            while octets := here.recv(65536):
                self.octets += len(octets)
                self.turns += ours and talk["last"] is not True
                talk["last"] = ours
                if ours:
                    self.look(octets)
                there.sendall(octets)
        except OSError:
            pass
        for end in (here, there):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self.listener.close()
