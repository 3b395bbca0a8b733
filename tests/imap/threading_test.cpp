#include "imap/threading.hpp"

#include <algorithm>

#include <catch2/catch.hpp>

using namespace mailhandler::imap;

namespace {

using Messages = std::vector<Threaded>;

// "(1 2 (3)(4 5))" as THREAD tells it; a parent that is not there is "-".
std::string written(const std::vector<ThreadLine>& lines) {
    std::string text;
    for (const ThreadLine& line : lines)
        text += std::string(line.depth, '.') + (line.uid ? std::to_string(line.uid) : "-") + ' ';
    if (!text.empty()) text.pop_back();
    return text;
}

std::string by_references(Messages messages) {
    return written(thread_by_references(std::move(messages)));
}
std::string by_subject(Messages messages) { return written(thread_by_subject(std::move(messages))); }

}  // namespace

TEST_CASE("ordered subject puts all of a subject below its first message") {
    CHECK(by_subject({{1, 30, "b"}, {2, 10, "a"}, {3, 40, "a"}, {4, 20, "b"}, {5, 15, "a"}}) ==
          "2 .5 .3 4 .1");
    CHECK(by_subject({}).empty());
}

TEST_CASE("references make a tree") {
    CHECK(by_references({{1, 1, "s", false, "a", {}},
                         {2, 2, "s", true, "b", {"a"}},
                         {3, 3, "s", true, "c", {"a", "b"}},
                         {4, 4, "s", true, "d", {"a"}},
                         {5, 5, "t", false, "e", {}}}) == "1 .2 ..3 .4 5");
}

TEST_CASE("a message that is not there keeps its children together only at the root") {
    CHECK(by_references({{1, 1, "x", false, "b", {"a"}}, {2, 2, "y", false, "c", {"a"}}}) ==
          "- .1 .2");
    CHECK(by_references({{1, 1, "x", false, "b", {"a"}}}) == "1");
    CHECK(by_references({{1, 1, "x", false, "a", {}},
                         {2, 2, "x", false, "c", {"a", "b"}},
                         {3, 3, "x", false, "d", {"a", "b"}}}) == "1 .2 .3");
}

TEST_CASE("loops, repeated ids and messages without an id are survived") {
    CHECK(by_references({{1, 1, "x", false, "a", {"b"}}, {2, 2, "y", false, "b", {"a"}}}) == "2 .1");
    CHECK(by_references({{1, 1, "x", false, "a", {"a"}}}) == "1");
    CHECK(by_references({{1, 1, "x", false, "a", {}}, {2, 2, "y", false, "a", {}}}) == "1 2");
    CHECK(by_references({{1, 1, "", false, "", {}}, {2, 2, "", false, "", {}}}) == "1 2");
    CHECK(by_references({{1, 1, "x", false, "a", {"b", "c", "b", "a"}}}) == "1");
}

TEST_CASE("threads of one subject become one") {
    CHECK(by_references({{1, 1, "s", false, "a", {}}, {2, 2, "s", true, "b", {}}}) == "1 .2");
    CHECK(by_references({{1, 1, "s", true, "a", {}}, {2, 2, "s", false, "b", {}}}) == "2 .1");
    CHECK(by_references({{1, 1, "s", false, "a", {}}, {2, 2, "s", false, "b", {}}}) == "- .1 .2");
    CHECK(by_references({{1, 1, "s", true, "a", {}}, {2, 2, "s", true, "b", {}}, {3, 3, "s", true, "c", {}}}) ==
          "- .1 .2 .3");
    CHECK(by_references({{1, 1, "s", false, "b", {"a"}},
                         {2, 2, "s", false, "c", {"a"}},
                         {3, 3, "s", false, "d", {}}}) == "- .1 .2 .3");
}

TEST_CASE("siblings and threads stand by date, then by UID") {
    CHECK(by_references({{1, 9, "a", false, "a", {}}, {2, 3, "b", false, "b", {}}, {3, 3, "c", false, "c", {}}}) ==
          "2 3 1");
    CHECK(by_references({{1, 9, "a", false, "b", {"a"}}, {2, 3, "a", false, "c", {"a"}}, {3, 1, "a", false, "a", {}}}) ==
          "3 .2 .1");
}

TEST_CASE("a chain as long as a mailbox is threaded in time") {
    Messages messages;
    for (Uid uid = 1; uid <= 20'000; ++uid)
        messages.push_back({uid, uid, "s", uid > 1, std::to_string(uid), {std::to_string(uid - 1)}});
    CHECK(thread_by_references(messages).size() >= messages.size());
    std::reverse(messages.begin(), messages.end());
    CHECK(thread_by_references(messages).size() >= messages.size());
}

TEST_CASE("message ids are found wherever they stand") {
    CHECK(message_ids("<a@b>") == std::vector<std::string>{"a@b"});
    CHECK(message_ids("text <a@b> (x) <\"c\"@d>\r\n <e @f>") ==
          std::vector<std::string>{"a@b", "c@d", "e@f"});
    CHECK(message_ids("<broken <a@b> <never").size() == 1);
    CHECK(message_ids("none").empty());
    CHECK(message_ids("<>").empty());
}
