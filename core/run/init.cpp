#include "run/init.hpp"

#include <fmt/format.h>

#include "net/certificate.hpp"

namespace mailhandler::run {

namespace {

// {0} the host's name, {1} where listeners begin: "0.0.0.0:" or "127.0.0.1:", then the ports.
constexpr const char* server_format =
    R"(# The mail server of this root. mailhandler.toml(5) explains every key;
# 'mailhandler check' tells what is wrong with it. A running server takes changes up by itself.

hostname   = "{hostname}"
# postmaster = "admin@example.com"   # for domains that have nobody else to take it

[listen]                             # lists of "address:port"; empty or missing is off
smtp   = ["{address}:{smtp}"]
pop3   = ["{address}:{pop3}"]
# pop3s = ["{address}:{pop3s}"]
# lmtp  = ["127.0.0.1:{lmtp}"]
# submission = ["{address}:{submission}"]   # your own users send, after logging in
imap   = ["{address}:{imap}"]
# imaps = ["{address}:{imaps}"]

[tls]
certificate = "tls/cert.pem"         # a self-signed pair to begin with; read again when it changes
key         = "tls/key.pem"

[limits]
# message_size = "50 MiB"            # of a message that arrives by SMTP
# recipients   = 100                 # in one transaction
# connections  = 10000

[held]
# keep = "30d"                       # mail that fetch set aside
# size = "1 GiB"

[outbound]                           # mail that leaves: forwards and bounces
# smarthost = "smtp://relay.example.net:587"   # missing: the recipients' MX hosts
# retry_for = "5d"
)";

// The packaged layout: configuration below /etc, what grows elsewhere.
constexpr const char* packaged_root = "/etc/mailhandler";
constexpr const char* packaged_paths = R"(
[paths]
state = "/var/lib/mailhandler"       # mail, queue, held, journal and state lie there
)";

// Notes what was made.
class Maker {
  public:
    Maker(disk::Disk& disk, const InitOptions& options) : disk_(disk), options_(options) {}

    Result<> directory(const std::string& name, unsigned mode) {
        const std::string path = name.empty() ? options_.root : options_.root + '/' + name;
        if (disk::exists(disk_, path)) return {};
        if (!name.empty()) made_.push_back(name + '/');
        return disk::make_directories(disk_, path, mode);
    }

    Result<> file(const std::string& name, std::string_view text, unsigned mode) {
        const std::string path = options_.root + '/' + name;
        if (disk::exists(disk_, path)) return {};
        made_.push_back(name);
        return disk::replace_file(disk_, path, text, mode);
    }

    Result<> pair(WallTime now) {
        const std::string certificate = options_.root + "/tls/cert.pem";
        const std::string key = options_.root + "/tls/key.pem";
        if (disk::exists(disk_, certificate) || disk::exists(disk_, key)) return {};
        made_.push_back("tls/cert.pem");
        made_.push_back("tls/key.pem");
        return net::make_self_signed(certificate, key, options_.hostname, now);
    }

    std::vector<std::string> made() && { return std::move(made_); }

  private:
    disk::Disk& disk_;
    const InitOptions& options_;
    std::vector<std::string> made_;
};

}  // namespace

std::string server_text(const InitOptions& options) {
    const bool own = options.own_ports;
    std::string text =
        fmt::format(server_format, fmt::arg("hostname", options.hostname),
                    fmt::arg("address", own ? "0.0.0.0" : "127.0.0.1"),
                    fmt::arg("smtp", own ? 25 : 2525), fmt::arg("lmtp", own ? 24 : 2524),
                    fmt::arg("submission", own ? 587 : 2587),
                    fmt::arg("pop3", own ? 110 : 2110), fmt::arg("pop3s", own ? 995 : 2995),
                    fmt::arg("imap", own ? 143 : 2143), fmt::arg("imaps", own ? 993 : 2993));
    if (options.root == packaged_root) text += packaged_paths;
    return text;
}

Result<std::vector<std::string>> init(disk::Disk& disk, const InitOptions& options, WallTime now) {
    Maker maker(disk, options);
    Result<> done = maker.directory("", 0750);
    for (const char* name : {"domains", "fetch", "tls"})
        if (done) done = maker.directory(name, 0750);
    // The certificate first: a root with mailhandler.toml is a whole one.
    if (done) done = maker.pair(now);
    if (done) done = maker.file("mailhandler.toml", server_text(options), 0644);
    if (!done) return tl::unexpected(done.error());
    return std::move(maker).made();
}

}  // namespace mailhandler::run
