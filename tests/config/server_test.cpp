#include <catch2/catch.hpp>

#include "config/load.hpp"

using namespace mailhandler;
using namespace mailhandler::config;

namespace {

struct Row {
    const char* text;
    std::vector<std::string> expected;  // after the file's name
};

template <class Parse>
void check(const std::vector<Row>& rows, Parse parse) {
    for (const Row& row : rows) {
        const auto loaded = parse(row.text);
        std::vector<std::string> shown;
        for (const Problem& problem : loaded.problems)
            shown.push_back(problem.show().substr(problem.file.size() + 1));
        INFO(row.text);
        CHECK(shown == row.expected);
        CHECK(loaded.ok() == row.expected.empty());
    }
}

Loaded<Server> server(std::string_view text) { return parse_server(text, "mailhandler.toml"); }

Loaded<Fetch> fetch(std::string_view text) {
    // What every fetch file needs, in one line above the case.
    const std::string head = "login = \"example.com\"; password_file = \"p\"; domain = \"x.example\"";
    std::string all;
    for (const char c : head) all += c == ';' ? '\n' : c;
    all += '\n';
    all += text;
    return parse_fetch(all, "fetch/office.toml", "office");
}

}  // namespace

TEST_CASE("The contract's mailhandler.toml becomes values") {
    const auto loaded = server("hostname   = \"mail.example.com\"\n"
                               "postmaster = \"admin@example.com\"\n"
                               "[listen]\n"
                               "smtp  = [\"0.0.0.0:25\", \"[::1]:25\"]\n"
                               "imaps = [\"127.0.0.1:993\"]\n"
                               "metrics = []\n"
                               "[tls]\n"
                               "certificate = \"tls/cert.pem\"\n"
                               "key = \"tls/key.pem\"\n"
                               "[limits]\n"
                               "message_size = \"5 MiB\"\n"
                               "recipients = 50\n"
                               "connections = 20\n"
                               "[held]\n"
                               "keep = \"forever\"\n"
                               "size = \"1 MiB\"\n"
                               "[outbound]\n"
                               "smarthost = \"smtp://relay.example.net:587\"\n"
                               "login = \"example\"\n"
                               "password_command = \"pass show x\"\n"
                               "tls = \"opportunistic\"\n"
                               "resolver = \"127.0.0.1:5353\"\n"
                               "retry_for = \"2d\"\n"
                               "[pop3]\n"
                               "uidl = \"dovecot\"\n"
                               "[paths]\n"
                               "state = \"/var/lib/mailhandler\"\n"
                               "node = \"a1\"\n"
                               "[guard]\n"
                               "enabled = false\n");
    for (const Problem& problem : loaded.problems) FAIL_CHECK(problem.show());
    REQUIRE(loaded.ok());
    const Server& s = *loaded.value;
    CHECK(s.hostname == "mail.example.com");
    CHECK(s.postmaster->key() == "admin@example.com");
    CHECK(s.postmaster_line == 2);
    CHECK(s.listen.smtp == std::vector<Endpoint>{{"0.0.0.0", 25, 4}, {"::1", 25, 4}});
    CHECK(s.listen.imaps == std::vector<Endpoint>{{"127.0.0.1", 993, 5}});
    CHECK(s.tls.certificate == "tls/cert.pem");
    CHECK(s.tls.key == "tls/key.pem");
    CHECK(s.limits.message_size == 5ull << 20);
    CHECK(s.limits.recipients == 50);
    CHECK(s.limits.connections == 20);
    CHECK_FALSE(s.held.keep);
    CHECK(s.held.size == 1 << 20);
    CHECK(s.outbound.smarthost == "smtp://relay.example.net:587");
    CHECK(s.outbound.tls == TlsPolicy::opportunistic);
    CHECK(s.outbound.resolver == "127.0.0.1:5353");
    CHECK(s.outbound.retry_for == std::chrono::hours(48));
    CHECK(s.pop3_uidl_dovecot);
    CHECK(s.state == "/var/lib/mailhandler");
    CHECK(s.node == "a1");
    CHECK_FALSE(s.guard.enabled);
}

TEST_CASE("An empty mailhandler.toml means the contract's defaults") {
    const auto loaded = server("");
    REQUIRE(loaded.ok());
    CHECK(loaded.value->limits.message_size == 50ull << 20);
    CHECK(loaded.value->limits.recipients == 100);
    CHECK(loaded.value->limits.connections == 10000);
    CHECK(loaded.value->held.keep == std::chrono::hours(30 * 24));
    CHECK(loaded.value->held.size == 1ull << 30);
    CHECK(loaded.value->outbound.tls == TlsPolicy::verify);
    CHECK(loaded.value->outbound.retry_for == std::chrono::hours(5 * 24));
    CHECK(loaded.value->guard.enabled);
}

TEST_CASE("What is wrong in mailhandler.toml is told with its place") {
    check(
        {
            {"hostnam = \"x\"\n", {"1:1: error: unknown key \"hostnam\"; did you mean \"hostname\"?"}},
            {"[listen]\nsmpt = []\n",
             {"2:1: error: unknown key \"smpt\" in [listen]; did you mean \"smtp\"?"}},
            {"postmaster = \"admin\"\n",
             {"1:14: error: 'postmaster': \"admin\" is not an address: there is no @ in it"}},
            {"[listen]\nsmtp = \"0.0.0.0:25\"\n",
             {"2:8: error: 'smtp' must be a list such as [\"0.0.0.0:25\"], not a string"}},
            {"[listen]\nsmtp = [\"0.0.0.0\"]\n",
             {"2:9: error: 'smtp': \"0.0.0.0\" lacks a port, as in \"0.0.0.0:25\""}},
            {"[listen]\nsmtp = [\"0.0.0.0:65536\"]\n",
             {"2:9: error: 'smtp': \"65536\" is not a port (1 to 65535)"}},
            {"[listen]\nsmtp = [\"::1:25\"]\n",
             {"2:9: error: 'smtp': an IPv6 address stands in brackets: \"[::1:25]:port\""}},
            {"[listen]\nsmtp = [\"*:25\"]\n",
             {"2:9: error: 'smtp': \"*\" is not an address; write \"0.0.0.0\" and \"[::]\""}},
            {"[listen]\nsmtp = [\"127.0.0.1:25\"]\nlmtp = [\"127.0.0.1:25\"]\n",
             {"3:9: error: 'lmtp': \"127.0.0.1:25\" is already given to 'smtp' in line 2"}},
            {"[listen]\nimaps = [\"127.0.0.1:993\"]\n",
             {"2:1: error: 'imaps' needs a certificate: set 'certificate' and 'key' in [tls]"}},
            {"[tls]\nkey = \"k\"\n", {"1:1: error: [tls] needs both 'certificate' and 'key'"}},
            {"[limits]\nmessage_size = \"0\"\nrecipients = 0\nconnections = \"many\"\n",
             {"2:16: error: 'message_size' must be at least 1024 octets",
              "3:14: error: 'recipients' must be between 1 and 100000, not 0",
              "4:15: error: 'connections' must be an integer, not a string"}},
            {"[held]\nkeep = 30\n",
             {"2:8: error: 'keep' must be a period such as \"5m\" or \"30d\", not an integer"}},
            {"[outbound]\nsmarthost = \"relay.example\"\n",
             {"2:13: error: 'smarthost': \"relay.example\" is not a URL such as \"imaps://host\" or "
              "\"smtp://host:587\""}},
            {"[outbound]\nsmarthost = \"imap://relay.example\"\n",
             {"2:13: error: 'smarthost' is smtp://host:port or smtps://host:port, not imap://"}},
            {"[outbound]\nsmarthost = \"smtp://relay.example\"\ntls = \"none\"\n",
             {"3:7: error: tls = \"none\" is only for a server on loopback, and relay.example is "
              "not"}},
            {"[outbound]\nsmarthost = \"smtp://127.0.0.1:2525\"\ntls = \"none\"\n", {}},
            {"[outbound]\nlogin = \"x\"\n",
             {"2:1: error: 'login' needs 'password_command' or 'password_file'"}},
            {"[outbound]\npassword_file = \"x\"\n", {"2:1: error: a password needs a 'login'"}},
            {"[outbound]\nlogin = \"x\"\npassword = \"x\"\npassword_file = \"x\"\n",
             {"3:1: error: a password never stands in clear in this file; name a 'password_file' "
              "or a 'password_command'"}},
            {"[pop3]\nuidl = \"cyrus\"\n",
             {"2:8: error: 'uidl' must be one of \"dovecot\", not \"cyrus\""}},
            {"[paths]\nnode = \"a/b\"\n",
             {"2:8: error: 'node' is 1 to 32 letters, digits, dots, '-' and '_'"}},
            {"[guard]\nenabled = 1\n",
             {"2:11: error: 'enabled' must be true or false, not an integer"}},
        },
        server);
}

TEST_CASE("A fetch file becomes values") {
    const auto loaded = parse_fetch("server = \"imap://mail.provider.example:1143\"\n"
                                    "login = \"example.com\"\n"
                                    "token_command = \"oauth\"\n"
                                    "every = \"idle\"\n"
                                    "domain = \"Example.com\"\n"
                                    "headers = [\"Envelope-To\"]\n"
                                    "trust = [\"MX.provider.example\"]\n"
                                    "prefix = \"example.com-\"\n"
                                    "keep = \"7d\"\n"
                                    "unknown = \"bounce-all\"\n"
                                    "missing = \"postmaster\"\n"
                                    "deliver = \"lmtp://127.0.0.1:24\"\n",
                                    "fetch/office.toml", "office");
    for (const Problem& problem : loaded.problems) FAIL_CHECK(problem.show());
    REQUIRE(loaded.ok());
    const Fetch& f = *loaded.value;
    CHECK(f.name == "office");
    CHECK(f.protocol == Fetch::Protocol::imap);
    CHECK(f.host == "mail.provider.example");
    CHECK(f.port == 1143);
    CHECK(f.token_command == "oauth");
    CHECK(f.idle);
    CHECK_FALSE(f.every);
    CHECK(f.domain == "example.com");
    CHECK(f.headers == std::vector<std::string>{"Envelope-To"});
    CHECK(f.trust == std::vector<std::string>{"mx.provider.example"});
    CHECK(f.prefix == "example.com-");
    CHECK(f.keep == std::chrono::hours(7 * 24));
    CHECK(f.unknown == Fetch::Unknown::bounce_all);
    CHECK(f.missing == Fetch::Missing::postmaster);
    CHECK(f.deliver == "lmtp://127.0.0.1:24");
}

TEST_CASE("A short fetch file means the contract's defaults") {
    const auto loaded = fetch("server = \"pop3s://mail.example\"\nevery = \"5m\"\n");
    REQUIRE(loaded.ok());
    CHECK(loaded.value->port == 995);
    CHECK(loaded.value->every == std::chrono::minutes(5));
    CHECK(loaded.value->headers.size() == 6);
    CHECK(loaded.value->headers[0] == "X-Rcpt-To");
    CHECK(loaded.value->keep == std::chrono::seconds(0));
    CHECK(loaded.value->unknown == Fetch::Unknown::bounce);
    CHECK(loaded.value->missing == Fetch::Missing::hold);
    CHECK(loaded.value->deliver == "maildir");
}

TEST_CASE("What is wrong in a fetch file is told with its place") {
    check(
        {
            {"", {"1:1: error: 'server' is missing"}},
            {"server = \"\"\n", {"4:10: error: 'server' is empty"}},
            {"server = 5\n", {"4:10: error: 'server' must be a string, not an integer"}},
            {"server = \"smtp://x\"\n",
             {"4:10: error: 'server' is pop3://, pop3s://, imap:// or imaps://, not smtp://"}},
            {"server = \"pop3://x\"\nevery = \"idle\"\n",
             {"5:9: error: every = \"idle\" needs IMAP; POP3 can only be asked from time to time, "
              "as in \"5m\""}},
            {"server = \"imap://x\"\nevery = \"0\"\n",
             {"5:9: error: 'every' must be at least \"1s\""}},
            {"server = \"imap://x\"\nevery = \"idle\"\nrenew = \"9m\"\n", {}},
            {"server = \"imap://x\"\nrenew = \"5s\"\n",
             {"5:9: error: 'renew' is between \"10s\" and \"1h\""}},
            {"server = \"imap://x\"\nevery = 5\n",
             {"5:9: error: 'every' must be a period such as \"5m\" or \"30d\", not an integer"}},
            {"server = \"imap://x\"\ntls = \"none\"\n",
             {"5:7: error: tls = \"none\" is only for a server on loopback, and x is not"}},
            {"server = \"imap://[::1]\"\ntls = \"none\"\nkeep = \"forever\"\n", {}},
            {"server = \"imap://x\"\ntls = \"opportunistic\"\n",
             {"5:7: error: 'tls' must be one of \"verify\", \"none\", not \"opportunistic\""}},
            {"server = \"imap://x\"\npassword_command = \"x\"\n",
             {"2:2: error: only one of 'password_command', 'password_file' and 'token_command' can "
              "be given"}},
            {"server = \"imap://x\"\npassword = \"x\"\n",
             {"5:1: error: a password never stands in clear in this file; name a 'password_file' "
              "or a 'password_command'"}},
            {"server = \"imap://x\"\nheaders = []\n",
             {"5:11: error: 'headers' needs at least one header name"}},
            {"server = \"imap://x\"\nheaders = [\"To:\"]\n",
             {"5:12: error: 'headers': \"To:\" is not the name of a header field"}},
            {"server = \"imap://x\"\nunknown = \"bounceall\"\n",
             {"5:11: error: 'unknown' must be one of \"bounce\", \"bounce-all\", \"hold\", "
              "\"postmaster\", \"drop\", not \"bounceall\"; did you mean \"bounce-all\"?"}},
            {"server = \"imap://x\"\ndeliver = \"maidlir\"\n",
             {"5:11: error: 'deliver' is \"maildir\", \"lmtp://host:port\" or \"smtp://host:port\"; "
              "\"maidlir\" is not a URL such as \"imaps://host\" or \"smtp://host:587\""}},
        },
        fetch);
    const auto loaded = parse_fetch("", "f", "f");
    CHECK(loaded.problems.size() == 4);
}
