// Names from outside: what a peer calls a mailbox becomes a directory entry, what another program
// called a message is taken apart. Seeds: tests/fuzz/corpus/names.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "fuzz/require.hpp"
#include "store/layout.hpp"
#include "store/ledger_record.hpp"
#include "store/maildir.hpp"
#include "store/node.hpp"

using namespace mailhandler::store;

namespace {

bool is_one_entry(std::string_view name) {
    return !name.empty() && name.front() != '.' && name.find('/') == name.npos &&
           name.find('\0') == name.npos;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const std::string encoded = encode_name(text);
    require(is_one_entry(encoded));
    require(decode_name(encoded).value() == text);
    if (const auto decoded = decode_name(text)) require(encode_name(*decoded) == text);

    if (const auto message = parse_message_name(text)) {
        require(message->file == text && !message->base.empty());
        require(message->base.find_first_of(",:") == std::string::npos);
        require(text.starts_with(message->base) && text.ends_with(message->flags));
    }

    const std::string node = node_id(text);
    require(is_one_entry(node) && node.size() <= 24 && node.find_first_of(":,") == node.npos);

    std::string record;
    append_record(record, {text, "", text});
    require(record.find('\n') == record.size() - 1);
    const auto fields = parse_record(std::string_view(record).substr(0, record.size() - 1));
    require(fields && fields->size() == 3 && (*fields)[0] == text && (*fields)[1].empty());
    (void)parse_record(text);
    return 0;
}
