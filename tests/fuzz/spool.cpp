// An envelope of the outbound queue, a name of its directory, and the beginning of a message's file.
// Seeds: tests/fuzz/corpus/spool.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz/require.hpp"
#include "store/spool_envelope.hpp"

using namespace mailhandler::store;

namespace {

class Text final : public mailhandler::disk::File {
  public:
    explicit Text(std::string_view text) : text_(text) {}
    mailhandler::Result<> write(std::span<const std::string_view>) override { return {}; }
    mailhandler::Result<std::size_t> read_at(std::uint64_t offset, char* into,
                                             std::size_t size) override {
        return offset < text_.size() ? text_.copy(into, size, offset) : 0;
    }
    mailhandler::Result<> append_from(File&, std::uint64_t, std::uint64_t) override { return {}; }
    mailhandler::Result<> sync() override { return {}; }
    mailhandler::Result<> truncate(std::uint64_t) override { return {}; }
    mailhandler::Result<std::uint64_t> size() override { return text_.size(); }
    mailhandler::Result<> set_modified(mailhandler::WallTime) override { return {}; }

  private:
    std::string_view text_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    // One name, one spelling.
    if (const auto name = queue_name(text)) {
        require(message_file(name->id, name->next, name->destination) == text);
        require(is_spool_id(name->id) && !changed_id(text) && !unfinished_id(text));
    }
    Text file(text);
    if (const auto head = read_message_head(file)) {
        require(head->begin <= text.size() && text.substr(0, head->begin).ends_with(head->envelope));
    }
    const auto envelope = queued(text);
    if (!envelope) return 0;
    require(is_spool_id(envelope->id) && !envelope->owed.empty());
    require(queue_name(message_file(envelope->id, 0, destination_in_name(*envelope))).has_value());
    // What was read is written and read again as the same.
    const std::string written = to_text(*envelope);
    const auto again = queued(written);
    require(again.has_value() && to_text(*again) == written);
    const std::string begun = message_head(*envelope).value() + "the message";
    Text whole(begun);
    require(read_message_head(whole)->envelope == written);
    return 0;
}
