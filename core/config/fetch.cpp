// fetch/<name>.toml
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "config/load.hpp"
#include "config/section.hpp"
#include "config/value.hpp"

namespace mailhandler::config {
namespace {

// field-name = 1*ftext: RFC 5322 section 3.6.8
bool is_field_name(std::string_view name) {
    return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
        return c > 0x20 && c < 0x7f && c != ':';
    });
}

class FetchReader {
  public:
    FetchReader(Complaints& complaints, Fetch& fetch) : complaints_(complaints), fetch_(fetch) {}

    void read(const Node& root) {
        Section top(complaints_, root);
        read_server(top);
        read_login(top);
        static constexpr std::array<std::string_view, 2> policies{"verify", "none"};
        read_tls_policy(top, policies, fetch_.host, fetch_.tls);
        read_text(top, "ca_file", fetch_.ca_file);
        read_schedule(top);
        read_renew(top);
        if (const auto text = required(top, "domain"))
            if (auto name = read_domain(*text, "domain", complaints_))
                fetch_.domain = std::move(*name);
        read_headers(top);
        read_trust(top);
        read_text(top, "prefix", fetch_.prefix);
        if (const auto keep = top.period("keep", true)) fetch_.keep = keep->length;
        read_fates(top);
        read_deliver(top, fetch_.deliver);
        top.finish();
    }

  private:
    std::optional<Item> required(Section& top, std::string_view key) {
        auto text = top.text(key);
        if (text && !text->text.empty()) return text;
        if (const Entry* entry = top.find(key); !entry)
            top.error({1, 1}, fmt::format("'{}' is missing", key));
        else if (text)
            top.error(entry->value.at, fmt::format("'{}' is empty", key));
        return std::nullopt;
    }

    void read_server(Section& top) {
        const auto text = required(top, "server");
        if (!text) return;
        auto url = parse_url(text->text);
        if (!url) return top.error(text->at, fmt::format("'server': {}", url.error().cause));
        static constexpr std::array<std::string_view, 4> schemes{"pop3", "pop3s", "imap", "imaps"};
        const auto it = std::find(schemes.begin(), schemes.end(), url->scheme);
        if (it == schemes.end())
            return top.error(text->at, fmt::format("'server' is pop3://, pop3s://, imap:// or "
                                                   "imaps://, not {}://",
                                                   url->scheme));
        fetch_.protocol = static_cast<Fetch::Protocol>(it - schemes.begin());
        fetch_.host = std::move(url->host);
        fetch_.port = url->port;
    }

    void read_login(Section& top) {
        Credentials found = read_credentials(top, true);
        if (const Entry* entry = top.find("login"); !entry)
            top.error({1, 1}, "'login' is missing");
        else if (found.login.empty() && entry->value.is(Node::Kind::string))
            top.error(entry->value.at, "'login' is empty");
        if (found.count() == 0)
            top.error(found.at, "one of 'password_command', 'password_file' and 'token_command' is "
                                "needed");
        fetch_.login = std::move(found.login);
        fetch_.password_command = std::move(found.password_command);
        fetch_.password_file = std::move(found.password_file);
        fetch_.token_command = std::move(found.token_command);
    }

    void read_renew(Section& top) {
        const auto period = top.period("renew", false);
        if (!period) return;
        if (period->length.value_or(std::chrono::seconds(0)) < std::chrono::seconds(10) || period->length.value_or(std::chrono::seconds(0)) > std::chrono::hours(1))
            top.error(top.find("renew")->value.at, "'renew' is between \"10s\" and \"1h\"");
        else
            fetch_.renew = period->length.value_or(std::chrono::seconds(0));
    }

    void read_schedule(Section& top) {
        const Entry* entry = top.find("every");
        if (!entry) return;
        if (entry->value.is(Node::Kind::string) && entry->value.text == "idle") {
            fetch_.idle = true;
            const bool pop = fetch_.protocol == Fetch::Protocol::pop3 ||
                             fetch_.protocol == Fetch::Protocol::pop3s;
            if (pop && !fetch_.host.empty())
                top.error(entry->value.at, "every = \"idle\" needs IMAP; POP3 can only be asked "
                                           "from time to time, as in \"5m\"");
            return;
        }
        const auto period = top.period("every", false);
        if (!period) return;
        if (period->length == std::chrono::seconds(0))
            top.error(entry->value.at, "'every' must be at least \"1s\"");
        fetch_.every = period->length;
    }

    void read_headers(Section& top) {
        const auto items = top.list("headers", "[\"X-Rcpt-To\", \"Delivered-To\"]");
        if (!items) return;
        fetch_.headers.clear();
        if (top.find("headers")->value.items.empty())
            top.error(top.find("headers")->value.at, "'headers' needs at least one header name");
        for (const Item& item : *items) {
            if (!is_field_name(item.text))
                top.error(item.at, fmt::format("'headers': \"{}\" is not the name of a header field",
                                               item.text));
            fetch_.headers.push_back(item.text);
        }
    }

    void read_trust(Section& top) {
        const auto items = top.list("trust", "[\"mx.provider.example\"]");
        if (!items) return;
        for (const Item& item : *items)
            if (auto name = read_domain(item, "trust", complaints_))
                fetch_.trust.push_back(std::move(*name));
    }

    void read_fates(Section& top) {
        static constexpr std::array<std::string_view, 5> unknown{"bounce", "bounce-all", "hold",
                                                                 "postmaster", "drop"};
        if (const auto index = top.choice("unknown", unknown))
            fetch_.unknown = static_cast<Fetch::Unknown>(*index);
        static constexpr std::array<std::string_view, 2> missing{"hold", "postmaster"};
        if (const auto index = top.choice("missing", missing))
            fetch_.missing = static_cast<Fetch::Missing>(*index);
    }

    Complaints& complaints_;
    Fetch& fetch_;
};

}  // namespace

Loaded<Fetch> parse_fetch(std::string_view text, const std::string& file, const std::string& name) {
    Complaints complaints(file);
    Fetch fetch;
    fetch.name = name;
    if (const auto root = parse_into(text, complaints)) FetchReader(complaints, fetch).read(*root);
    Loaded<Fetch> loaded;
    if (!complaints.any_error()) loaded.value = std::move(fetch);
    loaded.problems = complaints.take();
    return loaded;
}

}  // namespace mailhandler::config
