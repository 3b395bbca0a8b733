"""share/doc/rfc-index.md and the code name the same RFCs, and each file of the index exists."""

import pathlib
import re
import tempfile
import unittest

TREE = pathlib.Path(__file__).resolve().parents[2]
# RFC822 and RFC822.SIZE are words of IMAP.
NAMED = re.compile(r"\bRFC(?:[ -]|(?!822\b))(\d{3,5})\b")
ROW = re.compile(r"^\| *(\d{3,5}) *\| *([^|]*?) *\| *([^|]*?) *\| *`([^`]+)` *\|$", re.M)
INDEX = "share/doc/rfc-index.md"


def named_in(tree):
    """RFC -> files of cmd/ and core/ that name it."""
    found = {}
    for top in ("cmd", "core"):
        for path in sorted((tree / top).rglob("*")):
            if path.suffix in (".cpp", ".hpp"):
                for number in NAMED.findall(path.read_text(errors="replace")):
                    found.setdefault(number, set()).add(str(path.relative_to(tree)))
    return found


def complaints(tree):
    named, indexed, wrong = named_in(tree), set(), []
    text = (tree / INDEX).read_text()
    for number, sections, what, file in ROW.findall(text):
        indexed.add(number)
        if not (tree / file).is_file():
            wrong.append(f"{INDEX}: RFC {number}: {file} does not exist")
        elif file not in named.get(number, ()):
            wrong.append(f"{INDEX}: RFC {number}: {file} does not name it")
        if not sections or not what:
            wrong.append(f"{INDEX}: RFC {number}: {file}: sections or words are missing")
    for line in text.splitlines():
        if re.match(r"\| *\d", line) and not ROW.match(line):
            wrong.append(f"{INDEX}: no row of four cells with the file in backquotes: {line}")
    for number in sorted(set(named) - indexed, key=int):
        files = sorted(named[number])
        wrong.append(f"RFC {number} is not in {INDEX}; add a row such as "
                     f"| {number} | section | what it asks for | `{files[0]}` |")
    return wrong


# (what the code says, what the index says, part of the complaint or None)
PLANTED = [
    ("// RFC 5321 section 4\n", "| 5321 | 4 | commands | `core/smtp/a.cpp` |\n", None),
    ("// RFC 5321, RFC 1870\n", "| 5321 | 4 | commands | `core/smtp/a.cpp` |\n", "RFC 1870 is not in"),
    ("// RFC 5321\n", "| 5321 | 4 | commands | `core/smtp/b.cpp` |\n", "does not exist"),
    ("// no word of it\n", "| 5321 | 4 | commands | `core/smtp/a.cpp` |\n", "does not name it"),
    ("// RFC 5321\n", "| 5321 | | commands | `core/smtp/a.cpp` |\n", "are missing"),
    ("// RFC 5321\n", "| 5321 | 4 | commands | core/smtp/a.cpp |\n", "no row of four cells"),
]


class Rfc(unittest.TestCase):
    def test_the_index_and_the_code_agree(self):
        self.assertEqual(complaints(TREE), [])

    def test_it_reads_something(self):
        self.assertGreater(len(named_in(TREE)), 20)
        self.assertGreater(len(ROW.findall((TREE / INDEX).read_text())), 50)

    def test_planted_faults_are_seen(self):
        for code, rows, complaint in PLANTED:
            with tempfile.TemporaryDirectory() as place:
                tree = pathlib.Path(place)
                for directory in ("cmd", "core/smtp", "share/doc"):
                    (tree / directory).mkdir(parents=True)
                (tree / "core/smtp/a.cpp").write_text(code)
                (tree / INDEX).write_text(rows)
                found = complaints(tree)
                if complaint is None:
                    self.assertEqual(found, [])
                else:
                    self.assertIn(complaint, "\n".join(found), rows)


if __name__ == "__main__":
    unittest.main()
