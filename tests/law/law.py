"""Reads every #include of cmd/ and core/ and says which breaks the law of floors.py."""

import pathlib
import re

import floors

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')
RANK = {room: rank for rank, level in enumerate(floors.FLOORS) for room in level}


def room_of(path, tree):
    parts = path.relative_to(tree).parts
    return "cmd" if parts[0] == "cmd" else parts[1]


def sources(tree):
    for top in ("cmd", "core"):
        yield from sorted(p for p in (tree / top).rglob("*") if p.suffix in (".cpp", ".hpp"))


def breach(room, quoted, target, is_header):
    """What is wrong with one include, or None."""
    for prefix, rooms in floors.ONLY.items():
        if not quoted and target.startswith(prefix) and room not in rooms:
            return f"<{target}> lives only in {', '.join(rooms)}"
    if is_header and not quoted:
        for prefix in floors.NOT_IN_HEADERS:
            if target.startswith(prefix):
                return f"<{target}> belongs in a .cpp file"
    if not quoted:
        return None
    other = target.split("/")[0] if "/" in target else room
    if other == room:
        return None
    if other not in RANK:
        return f'"{target}" is in no room'
    if other in floors.NEVER.get(room, []):
        return f"{room} must never see {other}"
    if RANK[other] >= RANK[room]:
        return f"{room} includes {other}, which is not below it"
    return None


def breaches(tree):
    tree = pathlib.Path(tree)
    found = []
    for path in sources(tree):
        room = room_of(path, tree)
        if room not in RANK:
            found.append(f"{path.relative_to(tree)}: {room} is no room of the house")
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if match:
                why = breach(room, match[1] == '"', match[2], path.suffix == ".hpp")
                if why:
                    found.append(f"{path.relative_to(tree)}:{number}: {why}")
    return found
