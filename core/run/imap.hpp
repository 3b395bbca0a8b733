// IMAP on a listener: session + agent::ImapAccess + net::drive, and what wakes those who idle.
#pragma once

#include <string>

#include "agent/imap_access.hpp"
#include "net/drive.hpp"
#include "net/listen.hpp"
#include "net/watch_directories.hpp"

namespace mailhandler::run {

class ImapService final : public net::Service {
  public:
    // `implicit_tls`: imaps (RFC 8314 section 3.2), the handshake comes first.
    ImapService(bool implicit_tls, agent::Mailroom& room, store::Mailboxes& mailboxes,
                agent::Logins& logins, net::WatchDirectories& watch, const net::Means& means);

    net::Task<> serve(net::Stream stream) override;
    std::string refusal() const override;
    std::string name() const override { return implicit_tls_ ? "imaps" : "imap"; }

  private:
    const bool implicit_tls_;
    agent::Mailroom& room_;
    store::Mailboxes& mailboxes_;
    agent::Logins& logins_;
    net::WatchDirectories& watch_;
    const net::Means& means_;
};

}  // namespace mailhandler::run
