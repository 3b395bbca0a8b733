"""The manual pages that the table yields, read by man itself: not one warning."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

TREE = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("MAILHANDLER", str(TREE / "build" / "mailhandler"))


def mailhandler(*words):
    return subprocess.run([BINARY, *words], capture_output=True, text=True, check=True).stdout


def warnings(page):
    """What groff (through man) has to say about a page."""
    with tempfile.NamedTemporaryFile("w", suffix=".1") as file:
        file.write(page)
        file.flush()
        done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", file.name],
                              capture_output=True, text=True,
                              env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "80"})
    return done.stderr + ("" if done.returncode == 0 else f"man: status {done.returncode}")


@unittest.skipUnless(shutil.which("man") and shutil.which("groff"), "man or groff is not installed")
class Manual(unittest.TestCase):
    def test_a_bad_page_is_seen(self):
        self.assertNotEqual(warnings('.TH X 1\n.SH NAME\nx \\- y\n.nosuchmacro\n\\fQx\n'), "")

    def test_the_overview(self):
        self.assertEqual(warnings(mailhandler("help", "--man")), "")

    def test_every_command(self):
        names = mailhandler("help", "--list").split()
        self.assertGreater(len(names), 1)
        for name in names:
            self.assertEqual(warnings(mailhandler("help", "--man", name)), "", name)

    def test_the_pages_written_by_hand(self):
        pages = sorted((TREE / "share" / "man").glob("*.[1-8]"))
        self.assertTrue(pages)
        for path in pages:
            self.assertEqual(warnings(path.read_text()), "", path.name)


if __name__ == "__main__":
    if not (shutil.which("man") and shutil.which("groff")):
        print("SKIPPED: man and groff are not installed, the manual pages were not read", file=sys.stderr)
    unittest.main()
