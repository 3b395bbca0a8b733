"""The law of the house, as data: which room may include which.

A room may include itself and any room on a lower floor, except where `never` forbids it.
Third-party headers that live in one room only are listed with their room.
"""

FLOORS = [
    ["base"],
    ["disk"],
    ["mail"],
    ["wire", "route", "watch"],
    ["smtp", "pop3", "imap", "config", "store"],
    ["agent", "net"],
    ["run"],
    ["cmd"],
]

PROTOCOLS = ["smtp", "pop3", "imap"]

# room → rooms it must never see although they are below it (or beside it)
NEVER = {
    **{p: [o for o in PROTOCOLS if o != p] + ["route", "config", "store", "net", "disk", "agent"]
       for p in PROTOCOLS},
    "route": PROTOCOLS + ["disk", "config"],
    "watch": PROTOCOLS + ["disk", "config"],
    "agent": ["net"],
    "net": ["route", "mail", "agent", "store", "config"] + PROTOCOLS,
    "cmd": ["net"] + PROTOCOLS,
}

# header prefix → the only rooms that may include it
ONLY = {
    "CLI/": ["cmd"],
    "toml++/": ["config"],
    "boost/filesystem": ["disk"],
    "boost/asio": ["net", "run"],
    "openssl/": ["net"],
    "ares.h": ["net"],
    "spf2/": ["net"],
}

# headers nobody may use in a header file (they are slow to compile)
NOT_IN_HEADERS = ["nlohmann/", "CLI/", "toml++/", "spf2/"]
