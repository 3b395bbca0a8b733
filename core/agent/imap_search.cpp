// SEARCH, SORT and THREAD of agent/imap_contents.hpp (RFC 5256).

#include <algorithm>
#include <cerrno>

#include "agent/contents_reading.hpp"
#include "agent/imap_contents.hpp"
#include "agent/search_matcher.hpp"
#include "imap/threading.hpp"
#include "mail/address_list.hpp"
#include "mail/caseless.hpp"
#include "mail/charset.hpp"
#include "mail/header.hpp"
#include "mail/sent_date.hpp"
#include "mail/subject.hpp"

namespace mailhandler::agent {

namespace {

using Kind = imap::SortKey::Kind;

// References beyond these are not looked at; the last ones are the nearest.
constexpr std::size_t most_references = 100;

std::string value_of(std::string_view summary, std::string_view name) {
    const auto field = mail::find_field(summary, name);
    return field ? field->value() : std::string();
}

// addr-mailbox of the first address (RFC 5256 section 3).
std::string first_mailbox(std::string_view summary, std::string_view name) {
    const auto field = mail::find_field(summary, name);
    if (!field) return {};
    const auto addresses = mail::parse_address_list(field->body.substr(0, 64 * 1024));
    if (addresses.empty()) return {};
    const mail::ListedAddress& first = addresses.front();
    return mail::caseless(mail::to_utf8(
        first.kind == mail::ListedAddress::Kind::mailbox ? first.local : first.name, ""));
}

// The Date field's moment; without one that can be read, the internal date.
Result<std::int64_t> sent(ContentsReading& reading, std::string_view summary) {
    if (const auto date = mail::parse_date(value_of(summary, "Date"))) return date->seconds;
    return reading.internal_date();
}

// What a message is sorted by, a number or a text for each key.
struct SortRow {
    imap::Uid uid = 0;
    std::vector<std::int64_t> numbers;
    std::vector<std::string> texts;
};

Result<> add_key(const imap::SortKey& key, ContentsReading& reading, SortRow& row) {
    std::int64_t number = 0;
    std::string text;
    if (key.kind == Kind::arrival) {
        const auto date = reading.internal_date();
        if (!date) return tl::unexpected(date.error());
        number = *date;
    } else if (key.kind == Kind::size) {
        const auto size = reading.size();
        if (!size) return tl::unexpected(size.error());
        number = static_cast<std::int64_t>(*size);
    } else {
        const auto summary = reading.summary();
        if (!summary) return tl::unexpected(summary.error());
        if (key.kind == Kind::date) {
            const auto date = sent(reading, *summary);
            if (!date) return tl::unexpected(date.error());
            number = *date;
        } else if (key.kind == Kind::subject) {
            text = mail::caseless(mail::base_subject(value_of(*summary, "Subject")).text);
        } else {
            text = first_mailbox(*summary, key.kind == Kind::cc     ? "Cc"
                                           : key.kind == Kind::from ? "From"
                                                                    : "To");
        }
    }
    row.numbers.push_back(number);
    row.texts.push_back(std::move(text));
    return {};
}

bool before(const SortRow& a, const SortRow& b, const std::vector<imap::SortKey>& keys) {
    for (std::size_t i = 0; i < keys.size(); ++i) {
        const bool reverse = keys[i].reverse;
        if (a.numbers[i] != b.numbers[i]) return (a.numbers[i] < b.numbers[i]) != reverse;
        if (const int order = a.texts[i].compare(b.texts[i])) return (order < 0) != reverse;
    }
    return a.uid < b.uid;
}

Result<imap::Threaded> threaded(imap::Uid uid, ContentsReading& reading) {
    const auto summary = reading.summary();
    if (!summary) return tl::unexpected(summary.error());
    const auto date = sent(reading, *summary);
    if (!date) return tl::unexpected(date.error());
    imap::Threaded message;
    message.uid = uid;
    message.sent = *date;
    mail::BaseSubject subject = mail::base_subject(value_of(*summary, "Subject"));
    message.subject = mail::caseless(subject.text);
    message.reply = subject.reply;
    if (auto ids = imap::message_ids(value_of(*summary, "Message-ID")); !ids.empty())
        message.id = std::move(ids.front());
    message.references = imap::message_ids(value_of(*summary, "References"));
    if (message.references.empty()) {
        message.references = imap::message_ids(value_of(*summary, "In-Reply-To"));
        if (message.references.size() > 1) message.references.resize(1);
    }
    if (message.references.size() > most_references)
        message.references.erase(message.references.begin(),
                                 message.references.end() - most_references);
    return message;
}

// Gathers what is wanted of the messages that match.
class Gathering {
  public:
    explicit Gathering(const imap::Search& question) : question_(question) {}

    Result<> add(imap::Uid uid, ContentsReading& reading) {
        if (question_.threading) {
            auto message = threaded(uid, reading);
            if (!message) return tl::unexpected(message.error());
            threaded_.push_back(std::move(*message));
            return {};
        }
        SortRow row{uid, {}, {}};
        for (const imap::SortKey& key : question_.sort)
            if (auto added = add_key(key, reading, row); !added) return added;
        rows_.push_back(std::move(row));
        return {};
    }

    void finish(imap::Found& found) {
        if (question_.threading == imap::Threading::references) {
            found.threads = imap::thread_by_references(std::move(threaded_));
        } else if (question_.threading) {
            found.threads = imap::thread_by_subject(std::move(threaded_));
        } else {
            if (!question_.sort.empty())
                std::sort(rows_.begin(), rows_.end(), [&](const SortRow& a, const SortRow& b) {
                    return before(a, b, question_.sort);
                });
            for (const SortRow& row : rows_) found.uids.push_back(row.uid);
        }
    }

  private:
    const imap::Search& question_;
    std::vector<SortRow> rows_;
    std::vector<imap::Threaded> threaded_;
};

}  // namespace

imap::Found ImapContents::search(store::Mailbox& mailbox, const store::MessageList& list,
                                 const imap::Search& question) {
    imap::Found found;
    if (!question.charset.empty() && !mail::is_charset(question.charset)) {
        found.verdict = imap::no(imap::Code::bad_charset);
        return found;
    }
    const SearchMatcher matcher(question.program, question.charset);
    Gathering gathering(question);
    store::MailCache& cache = mailbox.cache();
    bool cached = false;
    for (const store::ListedMessage& listed : list.messages) {
        ContentsReading reading(mailbox, cache, list, listed);
        const auto matches = matcher.matches(listed, reading);
        Result<> added;
        if (matches && *matches) added = gathering.add(listed.uid, reading);
        cached = cached || reading.cached();
        if (matches && added) continue;
        const Fault& fault = matches ? added.error() : matches.error();
        if (fault.error == ENOENT) continue;  // it has vanished: nothing is to be found there
        found.verdict = imap::no(imap::Code::unavailable, fault.cause);
        break;
    }
    if (cached) cache.flush();
    if (found.verdict.ok) gathering.finish(found);
    return found;
}

}  // namespace mailhandler::agent
