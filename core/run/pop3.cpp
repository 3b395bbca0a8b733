#include "run/pop3.hpp"

#include <fmt/format.h>

#include "run/secure.hpp"

namespace mailhandler::run {

Pop3Service::Pop3Service(bool implicit_tls, agent::Mailroom& room, agent::Logins& logins,
                         agent::Maildrops& maildrops, Random& random, const net::Means& means)
    : implicit_tls_(implicit_tls),
      room_(room),
      logins_(logins),
      maildrops_(maildrops),
      random_(random),
      means_(means) {}

net::Task<> Pop3Service::serve(net::Stream stream) {
    pop3::Settings settings;
    settings.hostname = room_.snapshot.server->hostname;
    settings.tls_offered = means_.tls != nullptr && !implicit_tls_;
    std::optional<wire::TlsInfo> info;
    wire::Peer peer = stream.peer();
    if (implicit_tls_) {
        info = co_await secure_first(stream, means_);
        if (!info) co_return;
        peer.secure = true;
    }
    pop3::ServerSession session(settings, peer);
    if (info) session.secured(*info);
    agent::Pop3Access access(room_, logins_, maildrops_, random_, session.client());
    const Result<> end = co_await net::drive(stream, session, access, means_);
    if (!end) means_.log.debug(fmt::format("{} {}", name(), end.error().text()));
}

std::string Pop3Service::refusal() const {
    if (implicit_tls_) return {};
    return "-ERR [SYS/TEMP] As many connections as can be served are open; try again later\r\n";
}

}  // namespace mailhandler::run
