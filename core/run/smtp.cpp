#include "run/smtp.hpp"

#include <fmt/format.h>

#include "run/door.hpp"
#include "run/secure.hpp"

namespace mailhandler::run {

SmtpService::SmtpService(std::string name, smtp::Service kind, bool implicit_tls,
                         agent::Mailroom& room, const SmtpShared& shared,
                         const net::Means& means)
    : name_(std::move(name)),
      kind_(kind),
      implicit_tls_(implicit_tls),
      room_(room),
      shared_(shared),
      means_(means) {}

smtp::Settings SmtpService::settings() const {
    const config::Server& server = *room_.snapshot.server;
    smtp::Settings settings;
    settings.hostname = server.hostname;
    settings.service = kind_;
    settings.auth_offered = kind_ == smtp::Service::submission;
    settings.tls_offered = means_.tls != nullptr && !implicit_tls_;
    settings.message_size = server.limits.message_size;
    settings.recipients = server.limits.recipients;
    return settings;
}

net::Task<> SmtpService::serve(net::Stream stream) {
    wire::Peer peer = stream.peer();
    std::optional<wire::TlsInfo> info;
    if (implicit_tls_) {
        info = co_await secure_first(stream, means_);
        if (!info) co_return;
        peer.secure = true;
    }
    smtp::ServerSession session(settings(), peer);
    if (info) session.secured(*info);
    const Result<> end = co_await converse(stream, session);
    if (!end) means_.log.debug(fmt::format("{} {}", name_, end.error().text()));
}

// Each kind of service has its own owner of the session.
net::Task<Result<>> SmtpService::converse(net::Stream& stream, smtp::ServerSession& session) {
    if (kind_ == smtp::Service::mx) {
        Door door(means_.loop, shared_.checker, room_, session.client());
        co_return co_await net::drive(stream, session, door, means_);
    }
    if (kind_ == smtp::Service::submission) {
        agent::Submission submission(room_, shared_.logins, shared_.allowance, session.client());
        co_return co_await net::drive(stream, session, submission, means_);
    }
    agent::Reception reception(room_, session.client(), kind_);
    co_return co_await net::drive(stream, session, reception, means_);
}

std::string SmtpService::refusal() const {
    if (implicit_tls_) return {};
    return fmt::format("421 4.3.2 {} is serving as many connections as it can; try again later\r\n",
                       room_.snapshot.server->hostname);
}

}  // namespace mailhandler::run
