"""The house obeys its floors, and the reader of includes sees a breach when there is one."""

import pathlib
import sys
import tempfile
import unittest

import law

TREE = pathlib.Path(__file__).resolve().parents[2]

# (room, include line, part of the complaint, or None where it is allowed)
PLANTED = [
    ("smtp", '#include "pop3/command.hpp"', "must never see"),
    ("smtp", '#include "route/route.hpp"', "must never see"),
    ("smtp", '#include "disk/interface.hpp"', "must never see"),
    ("smtp", '#include "wire/action.hpp"', None),
    ("route", '#include "disk/interface.hpp"', "must never see"),
    ("route", '#include "config/load.hpp"', "must never see"),
    ("agent", '#include "net/drive.hpp"', "must never see"),
    ("agent", '#include "smtp/server_session.hpp"', None),
    ("net", '#include "mail/address.hpp"', "must never see"),
    ("net", "#include <boost/asio.hpp>", None),
    ("store", "#include <boost/asio/io_context.hpp>", "lives only in"),
    ("store", "#include <boost/filesystem.hpp>", "lives only in"),
    ("run", "#include <openssl/ssl.h>", "lives only in"),
    ("agent", "#include <toml++/toml.h>", "lives only in"),
    ("base", '#include "mail/address.hpp"', "not below"),
    ("mail", '#include "wire/action.hpp"', "not below"),
    ("store", '#include "config/load.hpp"', "not below"),
    ("disk", '  #  include "route/route.hpp"', "not below"),
    ("base", '#include "util/strings.hpp"', "in no room"),
]


class Floors(unittest.TestCase):
    def test_the_house_obeys(self):
        self.assertEqual(law.breaches(TREE), [])

    def test_it_reads_something(self):
        self.assertGreater(len(list(law.sources(TREE))), 10)

    def test_planted_breaches_are_seen(self):
        for room, include, complaint in PLANTED:
            with tempfile.TemporaryDirectory() as tree:
                place = pathlib.Path(tree, "core", room)
                place.mkdir(parents=True)
                (pathlib.Path(tree) / "cmd").mkdir()
                (place / "planted.cpp").write_text("// a file\n" + include + "\n")
                found = law.breaches(tree)
                if complaint is None:
                    self.assertEqual(found, [], include)
                else:
                    self.assertEqual(len(found), 1, include)
                    self.assertIn(complaint, found[0])


if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).parent))
    unittest.main()
