// mailhandler.toml
#include <fmt/format.h>

#include <array>
#include <map>

#include "config/endpoint.hpp"
#include "config/load.hpp"
#include "config/section.hpp"
#include "config/value.hpp"

namespace mailhandler::config {
namespace {

class ServerReader {
  public:
    ServerReader(Complaints& complaints, Server& server)
        : complaints_(complaints), server_(server) {}

    void read(const Node& root) {
        Section top(complaints_, root);
        read_names(top);
        if (const Node* node = top.table("listen")) read_listen(*node);
        if (const Node* node = top.table("tls")) read_tls(*node);
        if (const Node* node = top.table("limits")) read_limits(*node);
        if (const Node* node = top.table("held")) read_held(*node);
        if (const Node* node = top.table("outbound")) read_outbound(*node);
        if (const Node* node = top.table("pop3")) read_pop3(*node);
        if (const Node* node = top.table("paths")) read_paths(*node);
        if (const Node* node = top.table("guard")) read_guard(*node);
        top.finish();
        check_tls_listeners();
    }

  private:
    void read_names(Section& top) {
        if (const auto hostname = top.text("hostname")) {
            if (auto name = read_domain(*hostname, "hostname", complaints_))
                server_.hostname = std::move(*name);
        }
        if (const auto text = top.text("postmaster")) {
            auto address = mail::Address::parse(text->text);
            if (!address)
                return top.error(text->at, fmt::format("'postmaster': \"{}\" is not an address: {}",
                                                       text->text, address.error().cause));
            server_.postmaster = std::move(*address);
            server_.postmaster_line = text->at.line;
        }
    }

    void read_listen(const Node& node) {
        Section section(complaints_, node, "listen");
        for (const auto& [name, list] : listeners_) {
            const auto items = section.list(name, "[\"0.0.0.0:25\"]");
            if (!items) continue;
            for (const Item& item : *items) add_listener(section, name, server_.listen.*list, item);
        }
        section.finish();
    }

    void add_listener(Section& section, std::string_view name, std::vector<Endpoint>& list,
                      const Item& item) {
        auto endpoint = parse_endpoint(item.text);
        if (!endpoint)
            return section.error(item.at, fmt::format("'{}': {}", name, endpoint.error().cause));
        endpoint->line = item.at.line;
        if (endpoint->port != 0) {
            const auto [first, fresh] =
                taken_.try_emplace({endpoint->address, endpoint->port}, name, item.at.line);
            if (!fresh)
                return section.error(
                    item.at, fmt::format("'{}': \"{}\" is already given to '{}' in line {}", name,
                                         item.text, first->second.first, first->second.second));
        }
        list.push_back(std::move(*endpoint));
    }

    void read_tls(const Node& node) {
        Section section(complaints_, node, "tls");
        read_text(section, "certificate", server_.tls.certificate);
        read_text(section, "key", server_.tls.key);
        section.finish();
        if (server_.tls.certificate.empty() != server_.tls.key.empty())
            section.error(section.at(), "[tls] needs both 'certificate' and 'key'");
    }

    void check_tls_listeners() {
        if (!server_.tls.certificate.empty() || complaints_.any_error()) return;
        const auto need = [&](std::string_view name, const std::vector<Endpoint>& list) {
            if (!list.empty())
                complaints_.error({list[0].line, 1},
                                  fmt::format("'{}' needs a certificate: set 'certificate' and "
                                              "'key' in [tls]",
                                              name));
        };
        need("submissions", server_.listen.submissions);
        need("pop3s", server_.listen.pop3s);
        need("imaps", server_.listen.imaps);
    }

    void read_limits(const Node& node) {
        Section section(complaints_, node, "limits");
        auto& limits = server_.limits;
        if (const auto size = section.size("message_size", 1024)) limits.message_size = *size;
        if (const auto count = section.integer("recipients", 1, 100'000))
            limits.recipients = static_cast<std::size_t>(*count);
        if (const auto count = section.integer("recipients_per_hour", 0, 1'000'000))
            limits.recipients_per_hour = static_cast<std::size_t>(*count);
        if (const auto count = section.integer("connections", 1, 1'000'000))
            limits.connections = static_cast<std::size_t>(*count);
        section.finish();
    }

    void read_held(const Node& node) {
        Section section(complaints_, node, "held");
        if (const auto keep = section.period("keep", true)) server_.held.keep = keep->length;
        if (const auto size = section.size("size")) server_.held.size = *size;
        section.finish();
    }

    void read_outbound(const Node& node) {
        Section section(complaints_, node, "outbound");
        Outbound& out = server_.outbound;
        std::string host = read_smarthost(section);
        const Credentials credentials = read_credentials(section);
        out.login = credentials.login;
        out.password_command = credentials.password_command;
        out.password_file = credentials.password_file;
        if (!out.login.empty() && credentials.count() == 0)
            section.error(credentials.at, "'login' needs 'password_command' or 'password_file'");
        if (out.login.empty() && credentials.count() > 0)
            section.error(credentials.at, "a password needs a 'login'");
        static constexpr std::array<std::string_view, 3> policies{"verify", "opportunistic",
                                                                  "none"};
        read_tls_policy(section, policies, host, out.tls);
        if (const auto text = section.text("resolver"); text && !text->text.empty()) {
            const auto endpoint = parse_endpoint(text->text);
            if (!endpoint)
                section.error(text->at, fmt::format("'resolver': {}", endpoint.error().cause));
            out.resolver = text->text;
        }
        if (const auto period = section.period("retry_for", false)) out.retry_for = *period->length;
        section.finish();
    }

    // The host of [outbound] smarthost, or nothing.
    std::string read_smarthost(Section& section) {
        const auto text = section.text("smarthost");
        if (!text || text->text.empty()) return {};
        const auto url = parse_url(text->text);
        if (!url) {
            section.error(text->at, fmt::format("'smarthost': {}", url.error().cause));
        } else if (url->scheme != "smtp" && url->scheme != "smtps" &&
                   url->scheme != "submission") {
            section.error(text->at, fmt::format("'smarthost' is smtp://host:port or "
                                                "smtps://host:port, not {}://",
                                                url->scheme));
        } else {
            server_.outbound.smarthost = text->text;
            return url->host;
        }
        return {};
    }

    void read_pop3(const Node& node) {
        Section section(complaints_, node, "pop3");
        static constexpr std::array<std::string_view, 1> words{"dovecot"};
        if (section.choice("uidl", words)) server_.pop3_uidl_dovecot = true;
        section.finish();
    }

    void read_paths(const Node& node) {
        Section section(complaints_, node, "paths");
        read_text(section, "state", server_.state);
        if (const auto text = section.text("node")) {
            const std::string& name = text->text;
            const bool fits = !name.empty() && name.size() <= 32 && name[0] != '.' &&
                              name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP"
                                                     "QRSTUVWXYZ0123456789._-") ==
                                  std::string::npos;
            if (!fits)
                section.error(text->at, "'node' is 1 to 32 letters, digits, dots, '-' and '_'");
            server_.node = name;
        }
        section.finish();
    }

    void read_guard(const Node& node) {
        Section section(complaints_, node, "guard");
        if (const auto enabled = section.flag("enabled")) server_.guard.enabled = *enabled;
        section.finish();
    }

    using List = std::vector<Endpoint> Server::Listen::*;
    static constexpr std::pair<std::string_view, List> listeners_[] = {
        {"smtp", &Server::Listen::smtp},
        {"submission", &Server::Listen::submission},
        {"submissions", &Server::Listen::submissions},
        {"lmtp", &Server::Listen::lmtp},
        {"pop3", &Server::Listen::pop3},
        {"pop3s", &Server::Listen::pop3s},
        {"imap", &Server::Listen::imap},
        {"imaps", &Server::Listen::imaps},
        {"metrics", &Server::Listen::metrics}};

    Complaints& complaints_;
    Server& server_;
    std::map<std::pair<std::string, std::uint16_t>, std::pair<std::string_view, unsigned>> taken_;
};

}  // namespace

Loaded<Server> parse_server(std::string_view text, const std::string& file) {
    Complaints complaints(file);
    Server server;
    if (const auto root = parse_into(text, complaints)) ServerReader(complaints, server).read(*root);
    Loaded<Server> loaded;
    if (!complaints.any_error()) loaded.value = std::move(server);
    loaded.problems = complaints.take();
    return loaded;
}

}  // namespace mailhandler::config
