#include "agent/search_matcher.hpp"

#include <algorithm>
#include <chrono>

#include "mail/caseless.hpp"
#include "mail/charset.hpp"
#include "mail/encoded_word.hpp"
#include "mail/header.hpp"
#include "mail/sent_date.hpp"
#include "mail/transfer_encoding.hpp"

namespace mailhandler::agent {

namespace {

using Kind = imap::SearchKey::Kind;

constexpr std::size_t block_size = 64 * 1024;

// What judging a key costs: nothing, a look at the file, its header, all of it.
int cost_of(const imap::SearchKey& key) {
    switch (key.kind) {
        case Kind::internal_date: return 1;
        case Kind::size: return 1;
        case Kind::sent_date: return 2;
        case Kind::header: return ContentsReading::summary_field(key.field) ? 2 : 3;
        case Kind::body:
        case Kind::text: return 4;
        default: return 0;
    }
}

bool within(const imap::SearchKey& key, imap::Day day) {
    return day >= key.from_day && day < key.before_day;
}

// Part of a message that text is looked for in.
bool is_text(const mail::MimePart& part) {
    return part.kind == mail::PartKind::leaf && !part.opaque &&
           (part.type.is("text") || part.type.is("message"));
}

// A field's value as its reader sees it: decoded, and where it was folded, one space.
std::string as_read(const mail::Field& field) {
    const std::string_view body = field.body;
    std::string text;
    for (std::size_t at = 0; at < body.size();) {
        const std::size_t fold = std::min(body.find_first_of("\r\n", at), body.size());
        text += body.substr(at, fold - at);
        at = std::min(body.find_first_not_of("\r\n\t ", fold), body.size());
        if (fold < at) text += ' ';
    }
    std::replace(text.begin(), text.end(), '\t', ' ');
    return mail::decode_words(mail::unfold(text));
}

// Feeds the fields of a header, decoded, to a finder, and what stands between them and is none.
void search_header(std::string_view header, mail::CaselessFinder& finder) {
    mail::HeaderScan scan(header);
    std::size_t behind = 0;  // the field before
    const auto feed_until = [&](std::size_t begin) {
        if (begin > behind) finder.feed(mail::decode_words(header.substr(behind, begin - behind)));
        behind = scan.position();
    };
    while (const auto field = scan.next()) {
        feed_until(static_cast<std::size_t>(field->raw.data() - header.data()));
        finder.feed(field->name);
        finder.feed(": ");
        finder.feed(as_read(*field));
        finder.feed("\n");
        if (finder.found()) return;
    }
    feed_until(scan.position());
}

}  // namespace

// The message, for as long as one program is judged.
class SearchMatcher::Subject {
  public:
    Subject(const store::ListedMessage& listed, ContentsReading& reading)
        : listed_(listed), reading_(reading) {}

    Result<bool> holds(const Key& key) {
        const imap::SearchKey& asked = *key.asked;
        switch (asked.kind) {
            case Kind::all: return true;
            case Kind::nothing: return false;
            case Kind::all_of: return joined(key, false);
            case Kind::any_of: return joined(key, true);
            case Kind::not_of: {
                const auto inner = holds(key.keys.at(0));
                return inner ? Result<bool>(!*inner) : inner;
            }
            case Kind::uids: return asked.uids.contains(listed_.uid);
            case Kind::flags: return (listed_.flags & asked.flags) == asked.flags;
            case Kind::modseq: return listed_.modseq >= asked.from;
            case Kind::internal_date: return internal_date(asked);
            case Kind::sent_date: return sent_date(asked);
            case Kind::size: return size(asked);
            case Kind::header: return header(key);
            case Kind::body: return contents(key, false);
            case Kind::text: return contents(key, true);
        }
        return false;
    }

  private:
    // all_of is false, any_of true, with the first key that is.
    Result<bool> joined(const Key& key, bool until) {
        for (const Key& each : key.keys) {
            const auto one = holds(each);
            if (!one || *one == until) return one;
        }
        return !until;
    }

    Result<bool> internal_date(const imap::SearchKey& asked) {
        const auto date = reading_.internal_date();
        if (!date) return tl::unexpected(date.error());
        using namespace std::chrono;
        return within(asked, static_cast<imap::Day>(floor<days>(seconds(*date)).count()));
    }

    Result<bool> sent_date(const imap::SearchKey& asked) {
        const auto summary = reading_.summary();
        if (!summary) return tl::unexpected(summary.error());
        const auto field = mail::find_field(*summary, "Date");
        const auto date = field ? mail::parse_date(field->value()) : std::nullopt;
        return date && within(asked, date->day);
    }

    Result<bool> size(const imap::SearchKey& asked) {
        const auto size = reading_.size();
        if (!size) return tl::unexpected(size.error());
        return *size >= asked.from && *size < asked.before;
    }

    Result<bool> header(const Key& key) {
        std::string held;
        std::string_view header;
        if (ContentsReading::summary_field(key.asked->field)) {
            auto summary = reading_.summary();
            if (!summary) return tl::unexpected(summary.error());
            held = std::move(*summary);
            header = held;
        } else {
            auto message = reading_.message();
            if (!message) return tl::unexpected(message.error());
            const auto top = (*message)->header();
            if (!top) return tl::unexpected(top.error());
            header = *top;
        }
        mail::HeaderScan scan(header);
        while (const auto field = scan.next()) {
            if (!field->is(key.asked->field)) continue;
            mail::CaselessFinder finder(key.text);
            finder.feed(as_read(*field));
            if (finder.found()) return true;
        }
        return false;
    }

    // The bodies of all parts that are text, decoded, and the headers of the messages inside;
    // `top`: its own header too.
    Result<bool> contents(const Key& key, bool top) {
        mail::CaselessFinder finder(key.text);
        if (finder.found()) return true;
        auto message = reading_.message();
        if (!message) return tl::unexpected(message.error());
        auto tree = (*message)->tree();
        if (!tree) return tl::unexpected(tree.error());
        for (std::uint32_t i = 0; i < (*tree)->parts.size(); ++i) {
            const mail::MimePart& part = (**tree)[i];
            const bool is_message =
                part.parent == mail::no_part
                    ? top
                    : (**tree)[part.parent].kind == mail::PartKind::message;
            if (is_message) {
                const auto size = std::min(part.header_size(), StoredMessage::longest_header);
                const auto text = (*message)->read(part.header_begin, part.header_begin + size);
                if (!text) return tl::unexpected(text.error());
                mail::CaselessFinder in_header(key.text);
                search_header(*text, in_header);
                if (in_header.found()) return true;
            }
            if (!is_text(part)) continue;
            const auto found = body(**message, part, key);
            if (!found || *found) return found;
        }
        return false;
    }

    static Result<bool> body(StoredMessage& message, const mail::MimePart& part, const Key& key) {
        mail::CaselessFinder finder(key.text);
        mail::TransferDecoder decoder(mail::transfer_encoding(part.encoding));
        const std::string* charset = mail::find_parameter(part.type.parameters, "charset");
        mail::CharsetDecoder converter(charset ? *charset : "");
        std::string octets, text;
        for (std::uint64_t at = part.body_begin; at < part.body_end && !finder.found();) {
            const auto end = std::min<std::uint64_t>(at + block_size, part.body_end);
            const auto encoded = message.read(at, end);
            if (!encoded) return tl::unexpected(encoded.error());
            if (encoded->empty()) break;
            at += encoded->size();
            octets.clear();
            text.clear();
            decoder.feed(*encoded, octets);
            if (at >= part.body_end) decoder.finish(octets);
            converter.feed(octets, text);
            if (at >= part.body_end) converter.finish(text);
            finder.feed(text);
        }
        return finder.found();
    }

    const store::ListedMessage& listed_;
    ContentsReading& reading_;
};

SearchMatcher::SearchMatcher(const imap::SearchKey& program, std::string_view charset)
    : root_(prepared(program, charset)) {}

SearchMatcher::Key SearchMatcher::prepared(const imap::SearchKey& asked, std::string_view charset) {
    Key key{&asked, {}, mail::caseless(mail::to_utf8(asked.text, charset)), cost_of(asked)};
    for (const imap::SearchKey& each : asked.keys) {
        key.keys.push_back(prepared(each, charset));
        key.cost = std::max(key.cost, key.keys.back().cost);
    }
    std::stable_sort(key.keys.begin(), key.keys.end(),
                     [](const Key& a, const Key& b) { return a.cost < b.cost; });
    return key;
}

Result<bool> SearchMatcher::matches(const store::ListedMessage& listed,
                                    ContentsReading& reading) const {
    return Subject(listed, reading).holds(root_);
}

}  // namespace mailhandler::agent
