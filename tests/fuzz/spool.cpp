// An envelope of the outbound queue, and a name of its directory. Seeds: tests/fuzz/corpus/spool.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "store/spool_envelope.hpp"

using namespace mailhandler::store;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    // One name, one spelling.
    if (const auto name = envelope_name(text)) {
        require(envelope_file(name->id, name->next, name->destination) == text);
        require(is_spool_id(name->id) && !message_id(text) && !unfinished_id(text));
    }
    const auto envelope = queued(text);
    if (!envelope) return 0;
    require(is_spool_id(envelope->id) && !envelope->owed.empty());
    require(envelope_name(envelope_file(envelope->id, 0, destination_in_name(*envelope))).has_value());
    // What was read is written and read again as the same.
    const std::string written = to_text(*envelope);
    const auto again = queued(written);
    require(again.has_value() && to_text(*again) == written);
    return 0;
}
