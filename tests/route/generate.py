"""Configurations and addresses by the thousand, from a seed.

Each configuration is written as the files a person would write and described as a reference.Site
at the same time.
"""

import datetime
import json
import pathlib
import sys
import time
import unicodedata

import reference

DOMAINS = ["example.com", "sales.example.com", "deep.sales.example.com", "other.org",
           "bücher.example", "shop.bücher.example", "example.net", "日本.example"]
LOCALS = ["anne", "bob", "info", "sales", "john", "anne.smith", "O'Neil", "josé", "a+b",
          "anne+spam", "john+x", "anne smith", "straße", "Ünal", "x\"y", "σίσυφος"]
STRANGE = ["zzz", "../../etc/passwd", "|id", "/", "..", "a@b", "zzz+tag", "+anne", "anne+",
           "e\u0301\u0323", "K\u212a", "ı", "İ", "ẞ", "a,b", "x" * 64]
FAR = ["kim@far.example", "lee@far.example", "Max@FAR.example"]
DAYS = [None, -400, -1, 0, 1, 400]


def quoted(text):
    return json.dumps(text, ensure_ascii=False)


class File:
    """Lines of TOML, with the number of the one just written."""

    def __init__(self):
        self.lines = []

    def add(self, line):
        self.lines.append(line)
        return len(self.lines)

    def write(self, path):
        path.write_text("\n".join(self.lines) + "\n")
        path.chmod(0o640)


def target(rng, names, known=()):
    """Mostly what makes sense: a wrong target makes its whole file unavailable."""
    one = rng.random()
    if known and one < 0.6:
        return rng.choice(known) + rng.choice(["", "", "", "+tag"])
    if one < 0.62:
        return rng.choice(LOCALS[:9] + ["anne+tag", "ANNE", "postmaster", "nobody"])
    if one < 0.72:
        return "@default"
    if one < 0.84 or not names:
        return rng.choice(FAR)
    return f"{rng.choice(LOCALS[:5] + ['zzz', 'postmaster'])}@{rng.choice(names)}"


def write_default(rng, file, domain, names):
    if rng.random() < 0.1:
        return
    file.add("[default]")
    domain.action = rng.choice(["reject", "deliver", "deliver", "forward"])
    domain.lines["default"] = file.add(f'action = "{domain.action}"')
    if domain.action == "forward":
        domain.forward = [t for t in (target(rng, names) for _ in range(rng.randint(1, 3)))
                          if "@" in t and t != "@default"] or [rng.choice(FAR)]
        file.add(f"forward = [{', '.join(map(quoted, domain.forward))}]")
    if rng.random() < 0.5:
        domain.subdomains = True
        file.add("subdomains = true")
    if rng.random() < 0.2:
        local = rng.choice(["carol", "bob"])
        domain.elsewhere.add(local)
        domain.lines[("elsewhere", local)] = file.add(f'elsewhere = ["{local}"]')


def write_definitions(rng, file, domain, names, today):
    free = [name for name in LOCALS + ["postmaster"]
            if reference.fold(name) not in domain.elsewhere]
    rng.shuffle(free)
    for local in free[:rng.randint(0, 6)]:
        key = reference.fold(local)
        domain.mailboxes.add(key)
        spelling = local.upper() if local.isascii() and rng.random() < 0.5 else local
        domain.lines[("mailbox", key)] = file.add(f"[mailbox.{quoted(spelling)}]")
    aliases = [name for name in free if reference.fold(name) not in domain.mailboxes]
    aliases = aliases[:rng.randint(0, 6)]
    if aliases:
        file.add("[alias]")
    for local in aliases:
        key = reference.fold(local)
        known = sorted(domain.mailboxes | domain.aliases.keys())
        domain.aliases[key] = [target(rng, names, known) for _ in range(rng.randint(1, 3))]
        targets = ", ".join(map(quoted, domain.aliases[key]))
        domain.lines[("alias", key)] = file.add(f"{quoted(local)} = [{targets}]")
    for local in rng.sample(LOCALS + ["zzz", "nobody"], rng.randint(0, 4)):
        key, days = reference.fold(local), rng.choice(DAYS)
        until = None if days is None else today + datetime.timedelta(days=days)
        domain.bouncers[key] = until
        domain.lines[("bouncer", key)] = file.add(f"[bouncer.{quoted(local)}]")
        if until:
            file.add(f"until = {until.isoformat()}")


def configuration(rng, root, today):
    """Writes a root and returns its Site."""
    root = pathlib.Path(root)
    (root / "domains").mkdir()
    names = rng.sample(DOMAINS, rng.randint(1, 5))
    postmaster = rng.choice([None, "root@far.example", f"anne@{rng.choice(names)}",
                             f"postmaster@{rng.choice(names)}"])
    hostname = "mx." + rng.choice(["nowhere.example",
                                   reference.canonical_domain(rng.choice(names))])
    server = File()
    server.add(f'hostname = "{hostname}"')
    if postmaster:
        server.add(f"postmaster = {quoted(postmaster)}")
    server.write(root / "mailhandler.toml")
    domains = {}
    for name in names:
        domain = reference.Domain(reference.canonical_domain(name))
        file = File()
        if rng.random() < 0.06:
            domain.unavailable = True
            file.add("[default")
        else:
            others = [other for other in names if other != name or rng.random() < 0.1]
            write_default(rng, file, domain, others)
            write_definitions(rng, file, domain, others, today)
        file.write(root / "domains" / f"{domain.name}.toml")
        domains[domain.name] = domain
    site = reference.Site(domains, postmaster, hostname, today)
    for domain in domains.values():
        domain.unavailable = domain.unavailable or site.faulty(domain)
    return site


def spell_local(rng, local):
    if rng.random() < 0.2:
        local += rng.choice(["+tag", "+spam", "+x+y", "+"])
    if rng.random() < 0.25 and len(local.upper()) == len(local):
        local = local.upper() if "ı" not in local and "σ" not in local else local
    if rng.random() < 0.2:
        local = unicodedata.normalize(rng.choice(["NFC", "NFD"]), local)
    if len(local.encode()) > 60 and rng.random() < 0.5:
        local = local[:50]
    plain = not set(local) & set(' "\\@,()<>:;[]')
    if plain and rng.random() < 0.85 or len(local.encode()) > 60:
        return local[:64]
    escaped = ("\\" + c if c in '"\\' or c.isascii() and rng.random() < 0.05 else c
               for c in local)
    return '"' + "".join(escaped) + '"'


def spell_domain(rng, name):
    if rng.random() < 0.15:
        name = rng.choice(["a.", "b.c.", "sales.", "münchen."]) + name
    if rng.random() < 0.3:
        name = name.upper()
    if rng.random() < 0.2:
        name = unicodedata.normalize("NFD", name)
    return reference.canonical_domain(name) if rng.random() < 0.3 else name


def address(rng, site):
    if rng.random() < 0.01:
        return rng.choice(["postmaster", "Postmaster", "POSTMASTER"])
    local = rng.choice(LOCALS + LOCALS + STRANGE + ["postmaster", "PostMaster", "carol", "nobody"])
    configured = [name for name in DOMAINS if reference.canonical_domain(name) in site.domains]
    others = DOMAINS + ["far.example", "com"]
    name = rng.choice(configured if rng.random() < 0.85 else others)
    return f"{spell_local(rng, local)}@{spell_domain(rng, name)}"


def files_of(root):
    """Every file of a configuration, to be read by whoever looks for the fault."""
    return "".join(f"--- {path.name}\n{path.read_text()}" for path in sorted(pathlib.Path(root).rglob("*.toml")))


def each_seed(one_configuration, seeds, kinds):
    """one_configuration(seed, tally) of each seed: (seconds, {kind of answer: how many}). Fewer kinds say nothing."""
    began, tally = time.monotonic(), {}
    for seed in seeds:
        one_configuration(seed, tally)
    if len(tally) < kinds:
        sys.exit(f"the configurations are too tame to say anything: {tally}")
    return time.monotonic() - began, tally
