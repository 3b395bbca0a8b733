#include "run/imap.hpp"

#include <fmt/format.h>

#include "imap/server_session.hpp"
#include "run/secure.hpp"

namespace mailhandler::run {

ImapService::ImapService(bool implicit_tls, agent::Mailroom& room, store::Mailboxes& mailboxes,
                         agent::Logins& logins, net::WatchDirectories& watch,
                         const net::Means& means)
    : implicit_tls_(implicit_tls),
      room_(room),
      mailboxes_(mailboxes),
      logins_(logins),
      watch_(watch),
      means_(means) {}

net::Task<> ImapService::serve(net::Stream stream) {
    const config::Server& server = *room_.snapshot.server;
    imap::Settings settings;
    settings.hostname = server.hostname;
    settings.tls_offered = means_.tls != nullptr && !implicit_tls_;
    settings.compression = true;
    settings.message_size = server.limits.message_size;
    std::optional<wire::TlsInfo> info;
    wire::Peer peer = stream.peer();
    if (implicit_tls_) {
        info = co_await secure_first(stream, means_);
        if (!info) co_return;
        peer.secure = true;
    }
    imap::ServerSession session(settings, peer);
    if (info) session.secured(*info);
    net::WatchDirectories::Place place(watch_, stream.handle());
    agent::ImapAccess access(
        room_, mailboxes_, logins_, session.client(),
        [&place](std::vector<std::string> directories) { place.wait_for(std::move(directories)); },
        [&pool = means_.disk](std::function<void()> work) { return pool.offer(std::move(work)); });
    const Result<> end = co_await net::drive(stream, session, access, means_);
    if (!end) means_.log.debug(fmt::format("{} {}", name(), end.error().text()));
}

std::string ImapService::refusal() const {
    if (implicit_tls_) return {};
    return "* BYE [UNAVAILABLE] As many connections as can be served are open; try again later\r\n";
}

}  // namespace mailhandler::run
