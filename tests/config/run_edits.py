"""Random edits of random hand-written TOML: every other octet stays, and Python's tomllib agrees.

Each case is a text put together from pieces whose places are known, and one edit. What edit() makes
of it is compared octet for octet with what this script expects, and, read by tomllib, with the
model of the edit. Refusals are right only where the text holds what must be refused.
"""
import copy
import datetime
import json
import os
import random
import subprocess
import sys
import time
import tomllib

TOOL = os.environ.get("EDIT_TOOL", "build/tests/edit_tool")
CASES = int(os.environ.get("CASES", "2000"))
SEED = int(os.environ.get("SEED", str(random.randrange(1 << 32))))
FAMILIES = ["mailbox", "alias", "bouncer", "default", "limits"]
NAMES = ["anne", "bob", "anne.smith", "Ünal", "a b", "j\"d", "x-1", "_", "", "tag+x"]
KEYS = ["password", "quota", "text", "until", "info", "sales team", "ünï", "n"]


class Line:
    """One statement: `text` without its line end, and where in it the value stands."""

    def __init__(self, kind, text, path=None, value=None, model=None, refuse=False):
        self.kind, self.text, self.path, self.value = kind, text, path, value
        self.model, self.refuse = model, refuse


def blanks(rng, least=0):
    return rng.choice(["", "", " ", "  ", "\t"]) or " " * least


def bare(name):
    return name != "" and all(c.isascii() and (c.isalnum() or c in "_-") for c in name)


def quote(text):
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


def key(rng, name):
    if bare(name) and rng.random() < 0.8:
        return name
    if "'" not in name and rng.random() < 0.4:
        return f"'{name}'"
    if name and rng.random() < 0.2:
        return '"' + f"\\u{ord(name[0]):04x}" + quote(name[1:])[1:]
    return quote(name)


def string(rng, nl):
    text = rng.choice(["x", "", "two words", "# no comment", "[not.a.table]", "a = b", "{", "ü€", "]"])
    style = rng.randrange(5)
    if style == 0:
        return f"'{text}'", text
    if style == 1:
        return f"'''{text}{nl}  # in '{text}'''", None
    if style == 2:
        return f'"""{text}\\"{nl}[in]  # {text}""""', None
    return quote(text), text


def array(rng, nl, depth):
    refuse = False
    many = rng.random() < 0.5
    out = "["
    for i in range(rng.randrange(4)):
        if many:
            if rng.random() < 0.2:
                out += f" # item, ']' {i}"
                refuse = True
            out += nl + "  "
        item, commented = value(rng, nl, depth + 1)
        refuse |= commented and item.startswith("[")
        out += item + blanks(rng) + "," + blanks(rng)
    if many:
        out += nl
    return out + "]", refuse


def value(rng, nl, depth=0):
    """The text of a value, and whether replacing it must be refused."""
    kind = rng.randrange(9 if depth < 2 else 6)
    if kind < 3:
        return string(rng, nl)[0], False
    if kind == 3:
        return rng.choice(["5", "-1_000", "0x1F", "3.25", "true", "false"]), False
    if kind == 4:
        return rng.choice(["2027-05-01", "2027-05-01 10:00:00", "2027-05-01T10:00:00Z", "07:30:00"]), False
    if kind == 5:
        return quote("$y$j9T$x"), False
    if kind < 8:
        return array(rng, nl, depth)
    return "{ a = 1, b.c = 'x' }" if rng.random() < 0.5 else "{}", True


def comment(rng):
    return Line("comment", blanks(rng) + "#" + rng.choice([" a note", "", " [mailbox.off]", " info = ['x']", " ü"]))


def pair(rng, path, names, nl):
    dots = "." if rng.random() < 0.6 else " . "
    text = rng.choice(["", "", "  ", "\t"]) + dots.join(key(rng, n) for n in names)
    text += blanks(rng) + "=" + blanks(rng)
    written, refuse = value(rng, nl)
    begin = len(text)
    text += written
    span = (begin, len(text))
    if rng.random() < 0.3:
        text += blanks(rng) + "# behind " + names[-1].replace("\n", "")
    return Line("pair", text, path + list(names), span, None, refuse)


def document(rng):
    """Lines, line end, and whether the last line has one. Tables with the places they own."""
    nl = rng.choice(["\n", "\n", "\r\n"])
    lines, taken = [], set()

    def free(path):
        prefixes = [tuple(path[:i]) for i in range(1, len(path) + 1)]
        return tuple(path) not in taken and not any(p in taken for p in prefixes[:-1])

    def filler():
        for _ in range(rng.choice([0, 0, 1, 1, 2])):
            lines.append(comment(rng) if rng.random() < 0.5 else Line("blank", blanks(rng)))

    for name in rng.sample(KEYS, rng.randrange(3)):
        filler()
        lines.append(pair(rng, [], [name], nl))
    headers = []
    for family in rng.sample(FAMILIES, rng.randrange(1, 5)):
        if rng.random() < 0.4:
            headers.append([family])
        else:
            headers += [[family, n] for n in rng.sample(NAMES, rng.randrange(1, 4))]
    for path in headers:
        filler()
        dots = rng.choice([".", " . "])
        text = blanks(rng) + "[" + blanks(rng) + dots.join(key(rng, n) for n in path) + blanks(rng) + "]"
        lines.append(Line("header", text + (" # of it" if rng.random() < 0.2 else ""), path))
        used = set()
        for _ in range(rng.randrange(4)):
            filler()
            names = [rng.choice(KEYS)] + ([rng.choice(KEYS)] if rng.random() < 0.15 else [])
            if names[0] in used:
                continue
            used.add(names[0])
            lines.append(pair(rng, path, names, nl))
    filler()
    return lines, nl


def join(lines, nl, last, bom):
    text = "\ufeff" if bom else ""
    for i, line in enumerate(lines):
        text += line.text + (nl if last or i + 1 < len(lines) else "")
    return text


def load(text):
    return tomllib.loads(text.removeprefix("\ufeff"))


def find(model, path):
    for name in path:
        if not isinstance(model, dict) or name not in model:
            return None
        model = model[name]
    return model


def prune(model, path):
    """Removes the tables along `path` that are empty."""
    if not path or not isinstance(model.get(path[0]), dict):
        return
    prune(model[path[0]], path[1:])
    if model[path[0]] == {}:
        del model[path[0]]


def random_value(rng):
    return rng.choice(["new", "say \"no\"", "tab\t", "ü", 7, True, ["a", "b@c.example"], [], {"date": "2027-05-01"}])


def written(value):
    if isinstance(value, dict):
        return value["date"]
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return "[" + ", ".join(map(quote, value)) + "]"
    return quote(value)


def as_model(value):
    return datetime.date.fromisoformat(value["date"]) if isinstance(value, dict) else value


class Wrong(Exception):
    pass


def require(condition, why):
    if not condition:
        raise Wrong(why)


def inserted(before, after):
    """What was put in at one place, or Wrong."""
    size = len(after) - len(before)
    start = 0
    while start < len(before) and before[start] == after[start]:
        start += 1
    fits = [at for at in range(start, -1, -1) if after[at + size:] == before[at:]]
    require(size > 0 and fits, "more than an insertion")
    # Where the same octets stand on both sides the place is ambiguous: the start of a line is meant,
    # or the end of the text.
    at = next((at for at in fits if at in (0, len(before)) or before[at - 1] in "\n\ufeff"), fits[0])
    return after[at:at + size]


def check_set(before, answer, lines, offsets, path, value):
    hit = [i for i, l in enumerate(lines) if l.kind == "pair" and l.path == path]
    if hit:
        line, at = lines[hit[0]], offsets[hit[0]]
        old = before[at + line.value[0]:at + line.value[1]]
        if "error" in answer:
            return require(line.refuse, "refused without reason")
        if answer["text"] != before:
            require(not line.refuse, "accepted what must be refused")
            require(answer["text"] == before[:at + line.value[0]] + written(value) +
                    before[at + line.value[1]:], f"not just the value {old!r} was replaced")
        return
    if "error" in answer:
        return require(any(l.kind == "pair" and (l.path == path[:len(l.path)] or path == l.path[:len(path)])
                           for l in lines) or find(load(before), path) is not None, "refused without reason")
    if answer["text"] == before:
        return
    new = [l.strip() for l in inserted(before, answer["text"]).split("\n") if l.strip()]
    if len(new) > 1 or not new[0].startswith("["):
        require(new[-1].endswith(written(value)) or new[-1].startswith(","), "the new line is odd")
    require(len(new) <= 2, "more than two new lines")


def check_unset(before, answer, lines, offsets, ends, path):
    require("error" not in answer or any(
        l.kind == "pair" and l.refuse and l.path == path[:len(l.path)] for l in lines), "refused without reason")
    if "error" in answer:
        return
    hit = [i for i, l in enumerate(lines) if l.kind == "pair" and l.path == path]
    heads = [i for i, l in enumerate(lines) if l.kind == "header" and l.path == path]
    if hit:
        i = hit[0]
        return require(answer["text"] == before[:offsets[i]] + before[ends[i]:], "not just the line went")
    if len(heads) == 1 and not any(l.path and l.path[:len(path)] == path and l.path[:len(lines[heads[0]].path)] !=
                                   lines[heads[0]].path for l in lines):
        h = first = heads[0]
        while first > 0 and lines[first - 1].kind == "comment":
            first -= 1
        last = h
        for i in range(h + 1, len(lines)):
            if lines[i].kind == "header":
                break
            if lines[i].kind == "pair":
                last = i
        end = last + 1
        while end < len(lines) and lines[end].kind == "comment":
            end += 1
        if end < len(lines) and lines[end].kind != "blank":
            end = last + 1
        allowed = [before[:offsets[first]] + before[ends[end - 1]:]]
        if end < len(lines) and lines[end].kind == "blank":
            allowed.append(before[:offsets[first]] + before[ends[end]:])
        if first > 0 and lines[first - 1].kind == "blank":
            allowed.append(before[:offsets[first - 1]] + before[ends[end - 1]:])
        require(answer["text"] in allowed, "not just the table went")


def patched(before, diff):
    """`before` after the diff, by patch(1)'s rules."""
    old, new, at = before.split("\n"), [], 0
    rows = diff.split("\n")
    for row in rows[2:]:
        if row.startswith("@@"):
            start, _, count = row.split()[1][1:].partition(",")
            start = int(start) - (0 if count == "0" else 1)
            new += old[at:start]
            at = start
        elif row.startswith((" ", "-")):
            require(row[1:] == old[at], f"the difference has {row!r} where {old[at]!r} stands")
            at += 1
            if row[0] == " ":
                new.append(row[1:])
        elif row.startswith("+"):
            new.append(row[1:])
    return new + old[at:]


def one_case(rng, ask):
    while True:
        lines, nl = document(rng)
        last, bom = rng.random() < 0.8, rng.random() < 0.1
        before = join(lines, nl, last, bom)
        try:
            model = load(before)
            break
        except tomllib.TOMLDecodeError:
            continue
    offsets, ends, at = [], [], 1 if bom else 0
    for i, line in enumerate(lines):
        offsets.append(at)
        at += len(line.text) + (len(nl) if last or i + 1 < len(lines) else 0)
        ends.append(at)
    known = [l.path for l in lines if l.path]
    path = list(rng.choice(known)) if known and rng.random() < 0.6 else \
        [rng.choice(FAMILIES), rng.choice(NAMES), rng.choice(KEYS)][:rng.randrange(2, 4)]
    if rng.random() < 0.1:
        path = path + [rng.choice(KEYS)]
    verb = rng.choice(["set", "set", "unset", "unset", "make"])
    edit = {verb: path}
    expected = copy.deepcopy(model)
    if verb == "set":
        edit["to"] = random_value(rng)
    answer = ask({"text": before, "edits": [edit]})
    try:
        judge(before, answer, edit, verb, path, expected, lines, offsets, ends)
    except Wrong as wrong:
        sys.exit(f"seed {SEED}: {wrong}\nedit {edit}\n--- before\n{before!r}\n--- answer\n{answer}")
    return "error" in answer


def judge(before, answer, edit, verb, path, expected, lines, offsets, ends):
    if verb == "set":
        check_set(before, answer, lines, offsets, path, edit["to"])
    elif verb == "unset":
        check_unset(before, answer, lines, offsets, ends, path)
    if "error" in answer:
        return
    after = load(answer["text"])
    if verb == "unset":
        table = find(expected, path[:-1])
        if isinstance(table, dict):
            table.pop(path[-1], None)
        prune(expected, path)
        prune(after, path)
    else:
        table = expected
        for name in path[:-1]:
            table = table.setdefault(name, {})
        if verb == "set":
            table[path[-1]] = as_model(edit["to"])
        else:
            table.setdefault(path[-1], {})
    require(after == expected, f"tomllib reads {after}, not {expected}")
    if before != answer["text"]:
        require(patched(before, answer["diff"]) == answer["text"].split("\n") or
                "No newline" in answer["diff"] or "" == before, "the difference does not lead there")


def main():
    rng = random.Random(SEED)
    tool = subprocess.Popen([TOOL], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(request):
        tool.stdin.write(json.dumps(request, ensure_ascii=False).encode() + b"\n")
        tool.stdin.flush()
        line = tool.stdout.readline()
        if not line:
            sys.exit(f"seed {SEED}: the tool died of {request}")
        return json.loads(line)

    begin = time.monotonic()
    refused = sum(one_case(rng, ask) for _ in range(CASES))
    tool.stdin.close()
    print(f"{CASES} edits, {refused} refused, seed {SEED}, {time.monotonic() - begin:.1f} s")
    if refused > CASES // 3:
        sys.exit("too many refusals to mean anything")


if __name__ == "__main__":
    main()
