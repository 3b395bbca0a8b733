#include "agent/imap_contents.hpp"

#include <atomic>
#include <cerrno>
#include <mutex>

#include "agent/contents_reading.hpp"
#include "agent/decoded_body.hpp"
#include "imap/section.hpp"
#include "mail/transfer_encoding.hpp"

namespace mailhandler::agent {

namespace {

using imap::Section;

// Octets that an answer holds before it is given.
constexpr std::uint64_t answer_size = 256 * 1024;
// A section of a large message that is at most so long is read at once.
constexpr std::uint64_t in_memory = 64 * 1024;

bool is_binary(const Section& section) {
    return section.what == Section::What::binary || section.what == Section::What::binary_size;
}

bool selects_fields(const Section& section) {
    return section.what == Section::What::header_fields ||
           section.what == Section::What::header_fields_not;
}

// Fills one Content.
class Filler {
  public:
    Filler(ContentsReading& reading, const imap::FetchItems& items, imap::Content& into)
        : reading_(reading), items_(items), into_(into) {}

    Result<> fill() {
        if (items_.internal_date) {
            const auto date = reading_.internal_date();
            if (!date) return tl::unexpected(date.error());
            into_.internal_date = *date;
        }
        if (auto done = take(items_.size, into_.size, &ContentsReading::size); !done) return done;
        if (auto done = take(items_.envelope, into_.envelope, &ContentsReading::envelope); !done)
            return done;
        if (auto done = take(items_.body_structure, into_.body_structure,
                             &ContentsReading::body_structure);
            !done)
            return done;
        if (auto done = take(items_.body, into_.body, &ContentsReading::body); !done) return done;
        for (const Section& section : items_.sections) {
            auto octets = this->section(section);
            if (!octets) return tl::unexpected(octets.error());
            into_.sections.push_back(std::move(*octets));
        }
        return {};
    }

  private:
    template <class Value>
    Result<> take(bool wanted, Value& value, Result<Value> (ContentsReading::*found_by)()) {
        if (!wanted) return {};
        auto found = (reading_.*found_by)();
        if (!found) return tl::unexpected(found.error());
        value = std::move(*found);
        return {};
    }

    Result<imap::Octets> section(const Section& section) {
        auto message = reading_.message();
        if (!message) return tl::unexpected(message.error());
        if (section.part.empty() && section.what != Section::What::text &&
            section.what != Section::What::binary_size)
            return simple(section, **message);
        auto tree = (*message)->tree();
        if (!tree) return tl::unexpected(tree.error());
        const auto range = imap::locate(section, **tree);
        if (!range) return nil();
        if (is_binary(section)) return binary(section, **message, **tree, *range);
        if (selects_fields(section)) return fields(section, **message, *range);
        return octets(**message, *range);
    }

    static Result<imap::Octets> nil() {
        imap::Octets none;
        none.nil = true;
        return none;
    }

    static imap::Octets of(std::string text) {
        imap::Octets octets;
        octets.octets = std::move(text);
        octets.length = octets.octets.size();
        return octets;
    }

    // What needs no tree of parts: the whole message, its header, some fields of that.
    Result<imap::Octets> simple(const Section& section, StoredMessage& message) {
        if (section.what == Section::What::all || section.what == Section::What::binary)
            return everything(message);
        const auto header = message.header();
        if (!header) return tl::unexpected(header.error());
        if (header->size() < StoredMessage::longest_header)
            return of(selects_fields(section) ? imap::selected_fields(*header, section)
                                              : std::string(*header));
        auto tree = message.tree();
        if (!tree) return tl::unexpected(tree.error());
        const auto range = imap::locate(section, **tree);
        return selects_fields(section) ? fields(section, message, *range) : octets(message, *range);
    }

    Result<imap::Octets> everything(StoredMessage& message) {
        const auto whole = message.whole();
        if (!whole) return tl::unexpected(whole.error());
        // The message is read for nothing else.
        if (*whole) return of(items_.sections.size() == 1 ? message.take_whole() : std::string(**whole));
        const auto size = message.size();
        if (!size) return tl::unexpected(size.error());
        return octets(message, {0, *size});
    }

    Result<imap::Octets> octets(StoredMessage& message, imap::Range range) {
        const auto whole = message.whole();
        if (!whole) return tl::unexpected(whole.error());
        if (*whole || range.size() <= in_memory) {
            auto text = message.read(range.begin, range.end);
            if (!text) return tl::unexpected(text.error());
            return of(std::move(*text));
        }
        auto body = message.body();
        if (!body) return tl::unexpected(body.error());
        imap::Octets part;
        part.body = std::move(*body);
        part.offset = range.begin;
        part.length = range.size();
        return part;
    }

    // Of a header that is longer than anybody's, the first part is selected from.
    Result<imap::Octets> fields(const Section& section, StoredMessage& message, imap::Range range) {
        const auto end = std::min(range.end, range.begin + 16 * StoredMessage::longest_header);
        const auto header = message.read(range.begin, end);
        if (!header) return tl::unexpected(header.error());
        return of(imap::selected_fields(*header, section));
    }

    Result<imap::Octets> binary(const Section& section, StoredMessage& message,
                                const mail::MimeTree& tree, imap::Range range) {
        const bool size_only = section.what == Section::What::binary_size;
        const auto encoding = mail::transfer_encoding(imap::encoding_of(section, tree));
        if (encoding == mail::TransferEncoding::unknown) {
            into_.verdict = imap::no(imap::Code::unknown_cte);
            return nil();
        }
        imap::Octets part;
        if (encoding == mail::TransferEncoding::identity) {
            part.length = range.size();
            return size_only ? part : octets(message, range);
        }
        const auto whole = message.whole();
        if (!whole) return tl::unexpected(whole.error());
        if (*whole) {
            part = of(mail::decoded((*whole)->substr(range.begin, range.size()), encoding));
        } else {
            auto body = message.body();
            if (!body) return tl::unexpected(body.error());
            auto decoded = DecodedBody::make(std::move(*body), range.begin, range.end, encoding);
            if (!decoded) return tl::unexpected(decoded.error());
            part.length = (*decoded)->size();
            part.body = std::move(*decoded);
        }
        if (!size_only) return part;
        imap::Octets size;
        size.length = part.length;
        return size;
    }

    ContentsReading& reading_;
    const imap::FetchItems& items_;
    imap::Content& into_;
};

std::uint64_t held(const imap::Content& content) {
    std::uint64_t size = content.envelope.size() + content.body_structure.size() + content.body.size();
    for (const imap::Octets& octets : content.sections) size += octets.octets.size();
    return size + 128;
}

}  // namespace

imap::Fetched ImapContents::fetch(store::Mailbox& mailbox, const store::MessageList& list,
                                  const imap::Fetch& question) {
    imap::Fetched fetched;
    fetched.contents.resize(question.uids.size());
    store::MailCache& cache = mailbox.cache();
    const Large before = large_;
    std::mutex large_mutex;
    std::atomic<std::uint64_t> size{0};
    std::atomic<bool> cached{false};
    const auto fill = [&](std::size_t index) {
        imap::Content& content = fetched.contents[index];
        content.uid = question.uids[index];
        const store::ListedMessage* listed = list.find(content.uid);
        content.gone = !listed;
        if (!listed) return true;
        const bool known = before.message && before.uid == content.uid &&
                           before.uid_validity == list.uid_validity &&
                           before.maildir == mailbox.maildir();
        ContentsReading reading(mailbox, cache, list, *listed, known ? before.message : nullptr);
        if (auto filled = Filler(reading, question.items, content).fill(); !filled) {
            content.gone = filled.error().error == ENOENT;
            if (!content.gone) content.verdict = imap::no(imap::Code::unavailable, filled.error().cause);
            content.sections.clear();
        }
        if (auto large = reading.large()) {
            const std::scoped_lock lock(large_mutex);
            large_ = {mailbox.maildir(), list.uid_validity, content.uid, std::move(large)};
        }
        if (reading.cached()) cached = true;
        return (size += held(content)) < answer_size;
    };
    fetched.contents.resize(share_out(offer_, question.uids.size(), fill));
    if (cached) cache.flush();
    return fetched;
}

}  // namespace mailhandler::agent
