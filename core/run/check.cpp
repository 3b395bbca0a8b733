#include "run/check.hpp"

#include <fmt/format.h>

#include "net/certificate.hpp"
#include "store/layout.hpp"

namespace mailhandler::run {

namespace {

config::Problem problem(std::string file, unsigned line, std::string text, bool error = true) {
    return {std::move(file), line, 0, std::move(text), error};
}

void check_dates(const std::string& file, const net::Certificate& certificate, WallTime now,
                 std::vector<config::Problem>& found) {
    if (certificate.not_after < now)
        found.push_back(problem(file, 0, "the certificate expired on " +
                                             utc_day(certificate.not_after)));
    else if (certificate.not_after < now + std::chrono::hours(14 * 24))
        found.push_back(problem(
            file, 0, "the certificate expires on " + utc_day(certificate.not_after), false));
    if (certificate.not_before > now)
        found.push_back(problem(file, 0, "the certificate is not valid before " +
                                             utc_day(certificate.not_before)));
}

}  // namespace

std::vector<config::Problem> check_tls(disk::Disk& disk, const std::string& root,
                                       const config::Server& server, WallTime now) {
    std::vector<config::Problem> found;
    const auto& tls = server.tls;
    if (tls.certificate.empty() || tls.key.empty()) return found;
    const store::Layout layout(root);
    const std::string certificate = layout.from_root(tls.certificate);
    const std::string key = layout.from_root(tls.key);
    const auto seen = net::inspect(certificate);
    if (!seen) {
        found.push_back(problem(tls.certificate, 0, seen.error().cause));
        return found;
    }
    check_dates(tls.certificate, *seen, now, found);
    const auto matches = net::key_matches(certificate, key);
    if (!matches)
        found.push_back(problem(tls.key, 0, matches.error().cause));
    else if (!*matches)
        found.push_back(problem(tls.key, 0, "this is not the key of " + tls.certificate));
    if (const auto named = net::names_host(certificate, server.hostname); named && !*named)
        found.push_back(problem(tls.certificate, 0,
                                fmt::format("the certificate does not name {}", server.hostname),
                                false));
    if (const auto status = disk.status(key); status && (status->mode & 0037))
        found.push_back(problem(tls.key, 0,
                                fmt::format("others can read the key (mode {:04o}): chmod 600 {}",
                                            status->mode & 07777u, key)));
    return found;
}

std::vector<config::Problem> check_permissions(disk::Disk& disk, const std::string& root,
                                               const std::vector<std::string>& files) {
    std::vector<config::Problem> found;
    for (const auto& file : files) {
        const std::string path = root + '/' + file;
        const auto status = disk.status(path);
        if (status && (status->mode & 0037))
            found.push_back(problem(
                file, 0,
                fmt::format("it holds secrets, and its mode is {:04o}: chmod 640 {}",
                            status->mode & 07777u, path)));
    }
    return found;
}

std::vector<config::Problem> check_listeners(const config::Server& server) {
    std::vector<config::Problem> found;
    const auto& listen = server.listen;
    bool any = false;
    const auto look = [&](std::string_view service, const std::vector<config::Endpoint>& all,
                          bool needs_tls) {
        any = any || !all.empty();
        for (const auto& each : all)
            if (needs_tls && server.tls.certificate.empty())
                found.push_back(problem("mailhandler.toml", each.line,
                                        fmt::format("{} needs [tls] certificate and key", service)));
    };
    look("smtp", listen.smtp, false);
    look("submission", listen.submission, false);
    for (const auto& each : listen.submission)
        if (server.tls.certificate.empty() && !config::is_loopback(each.address))
            found.push_back(problem("mailhandler.toml", each.line,
                                    "submission without [tls] is of no use: passwords do not "
                                    "travel in clear, so nobody can log in",
                                    false));
    look("submissions", listen.submissions, true);
    look("lmtp", listen.lmtp, false);
    look("pop3", listen.pop3, false);
    look("pop3s", listen.pop3s, true);
    look("imap", listen.imap, false);
    look("imaps", listen.imaps, true);
    look("metrics", listen.metrics, false);
    if (!any)
        found.push_back(problem("mailhandler.toml", 0, "[listen] is empty: nothing is served",
                                false));
    return found;
}

}  // namespace mailhandler::run
