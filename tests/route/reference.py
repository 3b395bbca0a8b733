"""Where mail to an address goes, said once more as plainly as possible.

Written from the contract's words alone ("Order", "Postmaster", "Aliases"), with no thought for
speed, to be compared with what the program says. A result is one of
    ("deliver", [destination, …])   destination: ("mailbox", text) or ("forward", key)
    ("refuse", code, enhanced)
    ("defer",)
and, inside, ("loop",): this way only comes back to where it came from.
"""

import unicodedata

UNKNOWN = ("refuse", 550, "5.1.1")
RELAYING = ("refuse", 550, "5.7.1")
ELSEWHERE = ("refuse", 550, "5.1.6")


class Domain:
    def __init__(self, name):
        self.name = name  # A-labels
        self.unavailable = False
        self.action = "reject"
        self.forward = []
        self.subdomains = False
        self.elsewhere = set()
        self.mailboxes = set()
        self.aliases = {}
        self.bouncers = {}  # key → last day, or None
        self.lines = {}     # ("mailbox", key) … → line


def fold(text):
    """NFC and simple case folding: one character for one."""
    out = ""
    for c in unicodedata.normalize("NFC", text):
        folded = c.casefold()
        if len(folded) > 1:
            folded = c.lower() if len(c.lower()) == 1 else c
        out += folded
    return unicodedata.normalize("NFC", out)


def canonical_domain(name):
    name = unicodedata.normalize("NFC", name.rstrip(".")).lower()
    return ".".join(label if label.isascii() else label.encode("idna").decode()
                    for label in name.split("."))


def parse(address):
    """(key of the local part, canonical domain); the domain of a bare postmaster is None."""
    if address.lower() == "postmaster":
        return "postmaster", None
    local, domain = address.rsplit("@", 1)
    if local.startswith('"'):
        text, i = "", 1
        while local[i] != '"':
            i += local[i] == "\\"
            text += local[i]
            i += 1
        local = text
    return fold(local), canonical_domain(domain)


def parents(name):
    while "." in name:
        name = name.split(".", 1)[1]
        yield name


class Site:
    def __init__(self, domains, postmaster, hostname, today):
        self.domains = domains  # name → Domain
        self.postmaster = postmaster
        self.hostname = hostname
        self.today = today

    def speaks_for(self, name):
        """The domain's own file; else the nearest parent with subdomains = true. A parent that
        cannot be read might be it."""
        if name in self.domains:
            return self.domains[name]
        for parent in parents(name):
            domain = self.domains.get(parent)
            if domain and (domain.unavailable or domain.subdomains):
                return domain
        return None

    def home(self):
        """Where a bare postmaster belongs."""
        for name in [self.hostname, *parents(self.hostname)]:
            if name in self.domains:
                return self.domains[name]
        return self.domains[min(self.domains)] if self.domains else None

    def resolve(self, address):
        key, name = parse(address)
        if name is None:
            domain = self.home()
            result = self.of_postmaster(domain, ()) if not domain.unavailable else ("defer",)
        else:
            result = self.of(key, name, True, ())
        return ("defer",) if result == ("loop",) else result

    def of(self, key, name, catch_all, way):
        domain = self.speaks_for(name)
        if domain is None:
            return RELAYING
        if domain.unavailable:
            return ("defer",)
        for candidate in self.candidates(key):
            if candidate == "postmaster":
                return self.of_postmaster(domain, way)
            result = self.exact(domain, candidate, name, way)
            if result:
                return result
        return self.of_default(domain, way) if catch_all else UNKNOWN

    @staticmethod
    def candidates(key):
        """The exact address, then the same without its tag."""
        bare = key.split("+", 1)[0]
        return [key, bare] if "+" in key and bare else [key]

    def in_force(self, domain, key):
        if key not in domain.bouncers:
            return False
        until = domain.bouncers[key]
        return until is None or self.today <= until

    def exact(self, domain, key, name, way):
        if self.in_force(domain, key):
            return UNKNOWN
        if key in domain.mailboxes:
            return ("deliver", [("mailbox", f"{key}@{domain.name}")])
        if key in domain.aliases:
            return self.of_alias(domain, key, way)
        if key in domain.elsewhere:
            return ELSEWHERE
        return None

    def of_alias(self, domain, key, way):
        here = ("alias", domain.name, key)
        if here in way:
            return ("loop",)
        return self.of_all(domain, domain.aliases[key], False, (*way, here))

    def of_default(self, domain, way):
        if domain.action == "reject":
            return UNKNOWN
        if domain.action == "deliver":
            return self.kept(domain)
        here = ("default", domain.name)
        if here in way:
            return ("loop",)
        return self.of_all(domain, domain.forward, True, (*way, here))

    @staticmethod
    def kept(domain):
        return ("deliver", [("mailbox", f"@default of {domain.name}")])

    def of_all(self, domain, targets, catch_all, way):
        results = [self.of_target(domain, target, catch_all, way) for target in targets]
        if ("defer",) in results:
            return ("defer",)
        places = []
        for result in results:
            if result[0] == "deliver":
                places += [place for place in result[1] if place not in places]
        if places:
            return ("deliver", places)
        return ("loop",) if ("loop",) in results else UNKNOWN

    def of_target(self, domain, target, catch_all, way):
        if target == "@default":
            return self.of_default(domain, way)
        key, name = parse(target) if "@" in target else (fold(target), domain.name)
        return self.sent_on(key, name, self.of(key, name, catch_all, way))

    @staticmethod
    def sent_on(key, name, result):
        """What is not ours, or lives elsewhere, is sent there."""
        if result in (RELAYING, ELSEWHERE):
            return ("deliver", [("forward", f"{key}@{name}")])
        return result

    def of_postmaster(self, domain, way):
        """Never refused: its own definition; else a default of deliver or forward; else the
        site's postmaster; else kept. A bouncer for it counts for nothing."""
        if "postmaster" in domain.mailboxes:
            return ("deliver", [("mailbox", f"postmaster@{domain.name}")])
        tries = []
        if "postmaster" in domain.aliases:
            tries.append(lambda: self.of_alias(domain, "postmaster", way))
        if domain.action != "reject":
            tries.append(lambda: self.of_default(domain, way))
        if self.postmaster and "site" not in way:
            key, name = parse(self.postmaster)
            tries.append(lambda: self.sent_on(key, name, self.of(key, name, True, (*way, "site"))))
        for attempt in tries:
            result = attempt()
            if result[0] in ("deliver", "defer"):
                return result
        return self.kept(domain)

    def faulty(self, domain):
        """A file that cannot be right whatever the others say is not loaded: an undefined local
        target, a loop. (A bouncer is defined whatever its day: no file turns wrong overnight.)"""
        alone = Site({domain.name: domain}, None, "nowhere.example", self.today)
        nodes = [("alias", key) for key in domain.aliases] + [("default",)]
        return any(alone.undefined(domain, node) or alone.comes_back(domain, node, [])
                   for node in nodes)

    def defined_as(self, domain, target):
        """The key a local target is defined by, "" when by none; None for a target elsewhere."""
        key, name = parse(target) if "@" in target else (fold(target), domain.name)
        if self.speaks_for(name) is not domain:
            return None
        for candidate in self.candidates(key):
            if candidate == "postmaster" or any(
                    candidate in names for names in
                    (domain.mailboxes, domain.aliases, domain.bouncers, domain.elsewhere)):
                return candidate
        return ""

    def undefined(self, domain, node):
        return node != ("default",) and any(
            target != "@default" and self.defined_as(domain, target) == ""
            for target in domain.aliases[node[1]])

    def leads_to(self, domain, node):
        if node == ("default",) and domain.action != "forward":
            return
        for target in domain.forward if node == ("default",) else domain.aliases[node[1]]:
            key = "" if target == "@default" else self.defined_as(domain, target)
            if key == "":
                yield ("default",)
            elif key in domain.aliases and key not in domain.mailboxes:
                yield ("alias", key)

    def comes_back(self, domain, node, way):
        if node in way:
            return True
        return any(self.comes_back(domain, onward, [*way, node])
                   for onward in self.leads_to(domain, node))

    def matches(self, address):
        """Every rule that matches, the one that decides first: (rule, line). For an address that
        is not postmaster's."""
        key, name = parse(address)
        domain = self.speaks_for(name)
        if domain is None or domain.unavailable:
            return []
        found = []
        for candidate in self.candidates(key):
            if self.in_force(domain, candidate):
                found.append(("bouncer", domain.lines[("bouncer", candidate)]))
            for rule, names in (("mailbox", domain.mailboxes), ("alias", domain.aliases),
                                ("elsewhere", domain.elsewhere)):
                if candidate in names:
                    found.append((rule, domain.lines[(rule, candidate)]))
        found.append((f"default-{domain.action}", domain.lines.get("default", 0)))
        return found
