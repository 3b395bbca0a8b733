#include <catch2/catch.hpp>

#include "imap/view.hpp"

using namespace mailhandler::imap;

namespace {

View five() {
    Selected selected;
    selected.uid_next = 60;
    selected.first_recent = 50;
    selected.keywords = {"work", "$Junk"};
    for (Uid uid : {10, 20, 30, 40, 50}) selected.messages.push_back({uid, 0, uid});
    return View(std::move(selected), false);
}

std::string said(View& view, bool expunges = true, View::Style style = {}) {
    std::string text;
    CHECK(view.announce(text, style, expunges));
    return text;
}

std::string walked(const View& view, const UidSet& set) {
    std::string text;
    View::Walk walk(set);
    while (const auto index = walk.next(view)) text += std::to_string(*index + 1) + " ";
    return text;
}

UidSet set_of(std::initializer_list<Uid> uids) {
    UidSet set;
    for (const Uid uid : uids) set.add(uid);
    return set;
}

}  // namespace

TEST_CASE("Numbers and UIDs become sets of messages that are there") {
    const View view = five();
    CHECK(view.numbers("2:3,5")->text() == "20:30,50");
    CHECK(view.numbers("*")->text() == "50");
    CHECK_FALSE(view.numbers("6"));
    CHECK_FALSE(view.numbers("x"));
    CHECK(view.uids("15:45")->text() == "20:40");
    CHECK(view.uids("1:9,11:19")->empty());
    CHECK(view.uids("70:*")->text() == "50");
    CHECK(view.uids("1:4294967295")->text() == "10:50");
    CHECK(walked(view, *view.uids("1:*")) == "1 2 3 4 5 ");
    CHECK(walked(view, set_of({10, 11, 30, 50, 4294967295u})) == "1 3 5 ");
    CHECK(view.find(40) == 3u);
    CHECK_FALSE(view.find(41));
}

TEST_CASE("An empty mailbox has no numbers, and a star in it is no mistake") {
    const View view(Selected{}, true);
    CHECK(view.numbers("1:*")->empty());
    CHECK_FALSE(view.numbers("1"));
    CHECK(view.uids("1:*")->empty());
    CHECK(view.uids("*")->empty());
}

TEST_CASE("What vanished keeps its number until that may be told") {
    View view = five();
    Changes changes;
    changes.vanished = set_of({20, 40});
    changes.fresh = {{60, flag_seen, 70}};
    changes.first_recent = 60;
    view.apply(changes);
    CHECK(view.count() == 5);
    CHECK(said(view, false) == "* 6 EXISTS\r\n* 2 RECENT\r\n");
    CHECK(view.count() == 6);
    CHECK(view.find(40) == 3u);
    CHECK(said(view) == "* 4 EXPUNGE\r\n* 2 EXPUNGE\r\n");
    CHECK(view.count() == 4);
    CHECK(view.find(50) == 2u);
    CHECK(said(view).empty());
    CHECK(view.uid_next() == 61);
}

TEST_CASE("With QRESYNC what vanished is told by UID") {
    View view = five();
    Changes changes;
    changes.vanished = set_of({10, 20, 21, 50});
    view.apply(changes);
    CHECK(said(view, true, {true, true, false}) == "* VANISHED 10,20,50\r\n");
    CHECK(view.count() == 2);
}

TEST_CASE("A message that came and went was never there") {
    View view = five();
    Changes changes;
    changes.fresh = {{60, 0, 70}, {61, 0, 71}};
    changes.first_recent = 60;
    view.apply(changes);
    changes = Changes();
    changes.vanished = set_of({60});
    view.apply(changes);
    CHECK(said(view) == "* 6 EXISTS\r\n* 2 RECENT\r\n");
    CHECK(view[5].uid == 61);
}

TEST_CASE("Changed flags are told once, but not to whom changed them in silence") {
    View view = five();
    Changes changes;
    changes.changed = {{20, flag_seen | keyword_flag(1), 99}, {30, flag_flagged, 99}, {33, 0, 1}};
    const UidSet silent = set_of({30});
    view.apply(changes, &silent);
    CHECK(view[2].flags == flag_flagged);
    CHECK(said(view) == "* 2 FETCH (UID 20 FLAGS (\\Seen $Junk))\r\n");
    CHECK(said(view).empty());
    changes.changed = {{50, 0, 101}};
    view.apply(changes);
    CHECK(said(view, true, {true, false, true}) ==
          "* 5 FETCH (UID 50 FLAGS (\\Recent) MODSEQ (101))\r\n");
}

TEST_CASE("A long list of flags is told in parts") {
    View view = five();
    Changes changes;
    for (Uid uid : {10, 20, 30, 40}) changes.changed.push_back({uid, flag_seen, 99});
    view.apply(changes);
    std::string text;
    int parts = 1;
    while (!view.announce(text, {}, true, 1)) ++parts;
    CHECK(parts == 4);
    CHECK(text ==
          "* 1 FETCH (UID 10 FLAGS (\\Seen))\r\n* 2 FETCH (UID 20 FLAGS (\\Seen))\r\n"
          "* 3 FETCH (UID 30 FLAGS (\\Seen))\r\n* 4 FETCH (UID 40 FLAGS (\\Seen))\r\n");
}

TEST_CASE("A keyword that is new is told before it is used") {
    View view = five();
    Changes changes;
    changes.keywords = std::vector<std::string>{"work", "$Junk", "new"};
    changes.changed = {{10, keyword_flag(2), 99}};
    view.apply(changes);
    CHECK(view.keyword("NEW") == keyword_flag(2));
    CHECK(
        said(view) ==
        "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft work $Junk new)\r\n"
        "* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft work $Junk new \\*)] "
        "Flags that are kept\r\n"
        "* 1 FETCH (UID 10 FLAGS (new))\r\n");
}

TEST_CASE("Recent are those that this session was the first to see") {
    View view = five();
    CHECK(view.recent_count() == 1);
    Changes others;
    others.fresh = {{60, 0, 70}, {61, 0, 71}};
    view.apply(others);
    CHECK(said(view) == "* 7 EXISTS\r\n* 1 RECENT\r\n");
    Changes ours;
    ours.fresh = {{70, 0, 72}, {4294967295u, 0, 73}};
    ours.first_recent = 70;
    view.apply(ours);
    CHECK(view.recent_count() == 1);
    CHECK(said(view) == "* 9 EXISTS\r\n* 3 RECENT\r\n");
    CHECK(view.recent(50));
    CHECK_FALSE(view.recent(60));
    CHECK(view.recent(70));
    Changes gone;
    gone.vanished = set_of({50, 60, 70});
    view.apply(gone);
    CHECK(said(view) == "* 8 EXPUNGE\r\n* 6 EXPUNGE\r\n* 5 EXPUNGE\r\n");
    CHECK(view.recent_count() == 1);
}
