// SRS addresses from outside: what a peer calls a recipient is taken apart, what it calls itself is
// rewritten. Whatever the text: a sender that can be rewritten is found again. Seeds:
// tests/fuzz/corpus/srs.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "fuzz/require.hpp"
#include "mail/srs.hpp"

using namespace mailhandler;
using namespace mailhandler::mail;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const WallTime now{std::chrono::seconds(1'795'411'214)};
    static const Srs srs({"one", "two"});

    auto sender = Address::parse_sender(text);
    if (!sender) sender = Address::parse_sender(std::string(text) + "@their.example");
    if (!sender) return 0;
    (void)srs.reverse(*sender, now);

    const auto there = srs.forward(*sender, "ours.example", now);
    if (!there || sender->domain() == "ours.example") return 0;
    require(is_srs(there->local()) && there->domain() == "ours.example");
    const auto back = srs.reverse(*there, now);
    // What somebody rewrote before goes back to the first of them, or is none of ours.
    if (!is_srs(sender->local())) require(back && *back == *sender);
    return 0;
}
