#include "net/dns_answer.hpp"

#include <arpa/nameser.h>
#include <optional>

#include "net/dns_channel.hpp"

namespace mailhandler::net {

namespace {

constexpr int most_aliases = 8;

struct Query {
    std::shared_ptr<DnsChannel> channel;
    int type = 0;
    DnsAnswer answer;
};

using Octets = std::span<const unsigned char>;

unsigned number(Octets message, std::size_t at) {
    return static_cast<unsigned>(message[at] << 8 | message[at + 1]);
}

std::string lower(std::string name) {
    if (name.ends_with('.')) name.pop_back();
    for (char& c : name)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return name;
}

// A domain name at `at` of a DNS message; `at` moves behind it. RFC 1035 section 4.1.4.
std::optional<std::string> take_name(Octets message, std::size_t& at) {
    char* name = nullptr;
    long length = 0;
    if (at >= message.size() ||
        ares_expand_name(message.data() + at, message.data(), static_cast<int>(message.size()),
                         &name, &length) != ARES_SUCCESS)
        return {};
    std::string text = lower(name);
    ares_free_string(name);
    at += static_cast<std::size_t>(length);
    return text;
}

// TXT-DATA = 1*<character-string>, each with its length before it: RFC 1035 section 3.3.14.
std::optional<std::string> joined_strings(Octets data) {
    std::string text;
    while (!data.empty()) {
        const std::size_t length = data.front();
        if (length >= data.size()) return {};
        text.append(reinterpret_cast<const char*>(data.data()) + 1, length);
        data = data.subspan(length + 1);
    }
    return text;
}

// The record data at [at, end). Nothing: malformed.
std::optional<DnsRecord> read_record(Octets message, int type, std::size_t at, std::size_t end) {
    DnsRecord record;
    std::optional<std::string> data;
    if (type == ns_t_mx) {
        if (end - at < 3) return {};
        record.preference = number(message, at);
        at += 2;
    }
    if (type == ns_t_mx || type == ns_t_ptr || type == ns_t_cname) {
        data = take_name(message, at);
        if (at > end) return {};
    } else if (type == ns_t_txt) {
        data = joined_strings(message.subspan(at, end - at));
    } else {
        if (end - at != (type == ns_t_a ? 4 : 16)) return {};
        data.emplace(reinterpret_cast<const char*>(message.data()) + at, end - at);
    }
    if (!data) return {};
    record.data = std::move(*data);
    return record;
}

// RFC 1035 sections 4.1.1 to 4.1.3. c-ares has parsers of its own, but they tell neither aliases nor
// a null MX apart from nothing. False: malformed.
bool read_answer(Octets message, int type, DnsAnswer& into) {
    if (message.size() < NS_HFIXEDSZ) return false;
    std::size_t at = NS_HFIXEDSZ;
    for (unsigned i = 0; i < number(message, 4); ++i) {
        if (!take_name(message, at)) return false;
        at += NS_QFIXEDSZ;
    }
    for (unsigned i = 0; i < number(message, 6); ++i) {
        if (!take_name(message, at) || at + NS_RRFIXEDSZ > message.size()) return false;
        const int found = static_cast<int>(number(message, at));
        const std::size_t end = at + NS_RRFIXEDSZ + number(message, at + 8);
        at += NS_RRFIXEDSZ;
        if (end > message.size()) return false;
        if (found == type || found == ns_t_cname) {
            auto record = read_record(message, found, at, end);
            if (!record) return false;
            if (found == type)
                into.records.push_back(std::move(*record));
            else
                into.alias = std::move(record->data);
        }
        at = end;
    }
    return true;
}

void answered(void* to, int status, int, unsigned char* octets, int size) {
    auto& query = *static_cast<Query*>(to);
    query.answer.status = status;
    // ENODATA comes with the message: there may be an alias in it.
    if (octets && size > 0 && (status == ARES_SUCCESS || status == ARES_ENODATA) &&
        !read_answer({octets, static_cast<std::size_t>(size)}, query.type, query.answer))
        query.answer.status = ARES_EBADRESP;
    query.channel->finished();
}

}  // namespace

Task<DnsAnswer> ask_dns(Loop& loop, std::string server, std::string name, int type,
                        Instant deadline) {
    Query query;
    query.type = type;
    query.answer.status = ARES_ECANCELLED;
    query.channel = DnsChannel::open(loop, server);
    if (!query.channel) {
        query.answer.status = ARES_ENOTINITIALIZED;
        co_return std::move(query.answer);
    }
    ares_query(query.channel->get(), name.c_str(), ns_c_in, type, answered, &query);
    co_await query.channel->wait(deadline);
    co_return std::move(query.answer);
}

Task<DnsAnswer> ask_dns_through(Loop& loop, std::string server, std::string name, int type,
                                Instant deadline) {
    for (int followed = 0; followed <= most_aliases; ++followed) {
        DnsAnswer answer = co_await ask_dns(loop, server, name, type, deadline);
        const bool nothing = answer.status == ARES_SUCCESS || answer.status == ARES_ENODATA;
        if (!nothing || !answer.records.empty() || answer.alias.empty() || answer.alias == name)
            co_return answer;
        name = std::move(answer.alias);
    }
    DnsAnswer endless;
    endless.status = ARES_EBADRESP;
    co_return endless;
}

}  // namespace mailhandler::net
