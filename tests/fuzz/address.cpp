// Any octets as an address: whatever parses has a stable key, survives being told to another host,
// and holds nothing that could leave a header line.
#include "fuzz/require.hpp"
#include "mail/address.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

using namespace mailhandler::mail;

namespace {

bool clean(std::string_view text) {
    for (const char c : text)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
    return true;
}

void check(const Address& address, std::string_view text) {
    require(address.given() == text);
    require(clean(address.given()) && clean(address.local()) && clean(address.domain()));
    require(!address.local().empty() && address.domain().size() <= 255);
    const auto again = Address::parse_sender(address.wire());
    // Quoting may lengthen a local part past the limit; nothing else may change it.
    require(again ? again->key() == address.key() : address.wire().size() > 512);
    require(canonical_domain(address.domain()).value() == address.domain());
    if (const auto key = canonical_local(address.local_key())) require(*key == address.local_key());
    const Address bare = address.without_tag();
    require(!bare.has_tag() || bare == address);
    require(Address::parse_sender(bare.given()).value().key() == bare.key());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto address = Address::parse(text)) check(*address, text);
    if (const auto sender = Address::parse_sender(text)) {
        require(clean(sender->wire()));
    } else {
        require(clean(sender.error().cause));
    }
    (void)Address::parse_recipient(text);
    (void)canonical_local(text);
    if (const auto domain = canonical_domain(text))
        require(canonical_domain(*domain).value() == *domain);
    return 0;
}
