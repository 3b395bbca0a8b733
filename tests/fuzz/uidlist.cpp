// A list of UIDLs that another program wrote. Seeds: tests/fuzz/corpus/uidlist.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "fuzz/require.hpp"
#include "store/uidlist.hpp"

using namespace mailhandler::store;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto list = Uidlist::parse(text);
    if (!list) return 0;
    std::size_t found = 0;
    // Whatever is listed is found by the base name of its line, with a UIDL that is not empty.
    for (std::size_t at = text.find(':'); at != text.npos; at = text.find(':', at + 1)) {
        const std::string_view file = text.substr(at + 1, text.find('\n', at) - at - 1);
        const auto uidl = list->uidl(file.substr(0, file.find_first_of(",:")));
        if (!uidl) continue;
        require(!uidl->empty() && uidl->find_first_of(" \n") == std::string::npos);
        ++found;
    }
    require(found >= list->size());
    require(!list->uidl(""));
    return 0;
}
