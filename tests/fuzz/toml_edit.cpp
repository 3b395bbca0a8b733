// Any octets as a configuration file: read as each of the three kinds, and edited.
//
// What must hold: no crash, a problem for everything that is not read, and an edit that is accepted
// reads back as asked and changes nothing when it is made once more.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "fuzz/require.hpp"
#include "config/edit.hpp"

using namespace mailhandler;
using namespace mailhandler::config;

namespace {

template <class T>
void check(const Loaded<T>& loaded) {
    bool error = false;
    for (const Problem& problem : loaded.problems) error |= problem.error && !problem.show().empty();
    require(loaded.ok() != error);
}

void make_once_and_again(std::string_view text, const Change& change) {
    const auto once = edit(text, {change}, "f");
    if (!once) return;
    const auto again = edit(*once, {change}, "f");
    require(again.has_value() && *again == *once);
    require(difference(text, *once, "f").empty() == (text == *once));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    check(parse_server(text, "mailhandler.toml"));
    check(parse_domain(text, "domains/example.com.toml", "example.com"));
    check(parse_fetch(text, "fetch/office.toml", "office"));
    const KeyPath deep{"mailbox", "anne", "quota"}, list{"alias", "info"}, table{"bouncer", "john"};
    make_once_and_again(text, Set{deep, "1 GiB"});
    make_once_and_again(text, Set{list, Value{std::vector<std::string>{"anne", "bob"}}});
    make_once_and_again(text, Set{{"hostname"}, std::int64_t{5}});
    make_once_and_again(text, Make{table});
    make_once_and_again(text, Unset{deep});
    make_once_and_again(text, Unset{list});
    make_once_and_again(text, Unset{{"mailbox"}});
    return 0;
}
