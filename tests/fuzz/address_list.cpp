// Any octets as a field with addresses.
#include "mail/address_list.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

using namespace mailhandler::mail;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view octets(reinterpret_cast<const char*>(data), size);
    bool group = false;
    std::size_t kept = 0;
    for (const ListedAddress& each : parse_address_list(octets)) {
        if (each.kind != ListedAddress::Kind::mailbox) {
            // Groups are not nested, and end.
            if (group == (each.kind == ListedAddress::Kind::group_begin)) std::abort();
            group = !group;
        }
        kept += each.name.size() + each.route.size() + each.local.size() + each.domain.size();
    }
    // What one reading takes for a comment, and so for a name, another may take for part of an address.
    if (group || kept > 2 * size) std::abort();
    return 0;
}
