#include "agent/contents_reading.hpp"

#include <algorithm>
#include <charconv>

#include "imap/body_structure.hpp"
#include "imap/envelope.hpp"
#include "mail/header.hpp"

namespace mailhandler::agent {

Result<StoredMessage*> ContentsReading::message() {
    if (!message_) {
        auto file = mailbox_.open(list_, listed_);
        if (!file) return tl::unexpected(file.error());
        message_ = std::make_shared<StoredMessage>(std::move(*file), list_.wire_size(listed_));
    }
    return message_.get();
}

std::shared_ptr<StoredMessage> ContentsReading::large() const {
    return message_ && message_->is_large() ? message_ : nullptr;
}

template <class Found>
Result<std::string> ContentsReading::remembered(Kind kind, Found find_out) {
    if (auto found = cache_.find(listed_.uid, kind)) return std::move(*found);
    auto opened = message();
    if (!opened) return tl::unexpected(opened.error());
    Result<std::string> value = find_out(**opened);
    if (value) cache_.add(listed_.uid, kind, *value);
    cached_ = true;
    return value;
}

Result<std::int64_t> ContentsReading::internal_date() {
    const auto status = mailbox_.status(list_, listed_);
    if (!status) return tl::unexpected(status.error());
    return std::chrono::floor<std::chrono::seconds>(status->modified).time_since_epoch().count();
}

Result<std::uint64_t> ContentsReading::size() {
    if (const auto named = list_.wire_size(listed_)) return *named;
    const auto text = remembered(kind_size, [](StoredMessage& message) -> Result<std::string> {
        const auto size = message.size();
        if (!size) return tl::unexpected(size.error());
        return std::to_string(*size);
    });
    if (!text) return tl::unexpected(text.error());
    std::uint64_t size = 0;
    std::from_chars(text->data(), text->data() + text->size(), size);
    return size;
}

Result<std::string> ContentsReading::envelope() {
    return remembered(kind_envelope, [](StoredMessage& message) -> Result<std::string> {
        const auto header = message.header();
        if (!header) return tl::unexpected(header.error());
        return imap::render_envelope(*header);
    });
}

Result<std::string> ContentsReading::body_structure() {
    return remembered(kind_structure, [&](StoredMessage&) { return rendered(true); });
}

Result<std::string> ContentsReading::body() {
    return remembered(kind_body, [&](StoredMessage&) { return rendered(false); });
}

Result<std::string> ContentsReading::rendered(bool extended) {
    const auto tree = message_->tree();
    if (!tree) return tl::unexpected(tree.error());
    Result<> failed;
    std::string header;
    const imap::HeaderOf header_of = [&](const mail::MimePart& part) -> std::string_view {
        const auto size = std::min(part.header_size(), StoredMessage::longest_header);
        auto read = message_->read(part.header_begin, part.header_begin + size);
        if (!read) failed = tl::unexpected(read.error());
        header = read ? std::move(*read) : std::string();
        return header;
    };
    std::string text = imap::render_body_structure(**tree, header_of, extended);
    if (!failed) return tl::unexpected(failed.error());
    return text;
}

bool ContentsReading::summary_field(std::string_view name) {
    static constexpr std::string_view names[] = {"Date", "From",       "To",          "Cc",
                                                 "Bcc",  "Subject",    "Message-ID",  "In-Reply-To",
                                                 "References"};
    return std::any_of(std::begin(names), std::end(names),
                       [&](std::string_view each) { return mail::same_name(each, name); });
}

Result<std::string> ContentsReading::summary() {
    return remembered(kind_summary, [](StoredMessage& message) -> Result<std::string> {
        const auto header = message.header();
        if (!header) return tl::unexpected(header.error());
        std::string text;
        mail::HeaderScan scan(*header);
        while (const auto field = scan.next())
            if (summary_field(field->name)) text += field->raw;
        return text;
    });
}

}  // namespace mailhandler::agent
