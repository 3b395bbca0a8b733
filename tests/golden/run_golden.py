"""Command lines and exactly what they print: every tests/golden/*.case is played in a fresh root.

A case is a text file. Each step of it is

    $ mailhandler add-domain example.com
    the expected standard output
    ! the expected standard error, each line behind "! "
    = 78                      (the exit status, where it is not 0)

A line "# …" between steps is a comment. A step may be any shell command; $ROOT is the fresh root,
$MAILHANDLER_ROOT says the same. The root's path is shown as ROOT, hashes as $y$HASH, times in file
names as TIME. A comment "# root: NAME" starts the case with a copy of
tests/golden/roots/NAME instead of an empty directory. UPDATE=1 rewrites the cases with what was printed.
"""

import difflib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
BINARY = pathlib.Path(os.environ.get("MAILHANDLER", HERE.parents[1] / "build" / "mailhandler")).resolve()


# What is another every time: hashes, times in the names of files.
CHANGING = [(r'\$y\$[^"\\]+', "$y$HASH"), (r"\b20\d{6}T\d{6}Z\b", "TIME"), (r"\.toml\.\d{9,}", ".toml.TIME")]


def read(path):
    """The case as a list of (comments before, command, expected lines)."""
    steps, comments = [], []
    for line in path.read_text().splitlines():
        if line.startswith("$ "):
            steps.append((comments, line[2:], []))
            comments = []
        elif line.startswith("#") or (not line and (not steps or comments)):
            comments.append(line)
        elif steps:
            steps[-1][2].append(line)
    return steps, comments


def play(command, root, environment):
    done = subprocess.run(["bash", "-c", command], cwd=root, env=environment, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
                          errors="backslashreplace")
    def shown(text):
        text = text.replace(str(root), "ROOT")
        for pattern, name in CHANGING:
            text = re.sub(pattern, name, text)
        return text.splitlines()

    lines = ["| " + line if line[:1] in "!=$#|" or not line else line for line in shown(done.stdout)]
    lines += [("! " + line).rstrip() for line in shown(done.stderr)]
    if done.returncode:
        lines.append(f"= {done.returncode}")
    return [line.rstrip() if line == "| " else line for line in lines]


def run(path, update):
    steps, rest = read(path)
    written, wrong = [], []
    with tempfile.TemporaryDirectory(prefix="golden.") as place:
        root = pathlib.Path(place).resolve() / "root"
        start = re.search(r"^# root: (\S+)$", path.read_text(), re.M)
        if start:
            shutil.copytree(HERE / "roots" / start[1], root)
            for file in root.glob("domains/*"):
                file.chmod(0o640)  # a check-out does not keep it
        else:
            root.mkdir()
        environment = {**os.environ, "ROOT": str(root), "MAILHANDLER_ROOT": str(root), "TZ": "UTC",
                       "LC_ALL": "C.UTF-8", "PATH": f"{BINARY.parent}:{os.environ['PATH']}"}
        environment.pop("NO_COLOR", None)
        for comments, command, expected in steps:
            while expected and not expected[-1]:
                expected.pop()
            seen = play(command, root, environment)
            same = expected == seen
            written += comments + ["$ " + command] + (expected if same else seen) + [""]
            if not same:
                wrong.append(f"--- {path.name}: $ {command}")
                wrong += difflib.unified_diff(expected, seen, "expected", "printed", lineterm="", n=2)
    if wrong and update:
        path.write_text("\n".join(written + rest).rstrip("\n") + "\n")
        print(f"rewrote {path.name}")
        return []
    return wrong


def main():
    update = bool(os.environ.get("UPDATE"))
    chosen = sys.argv[1:]
    cases = [path for path in sorted(HERE.glob("*.case")) if not chosen or path.stem in chosen]
    if not cases:
        sys.exit("no golden cases found")
    wrong = [line for path in cases for line in run(path, update)]
    print("\n".join(wrong) if wrong else f"{len(cases)} golden cases agree")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
