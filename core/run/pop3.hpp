// POP3 on a listener: session + agent::Pop3Access + net::drive.
#pragma once

#include <string>

#include "agent/pop3_access.hpp"
#include "net/drive.hpp"
#include "net/listen.hpp"

namespace mailhandler::run {

class Pop3Service final : public net::Service {
  public:
    // `implicit_tls`: pop3s (RFC 8314), the handshake comes first.
    Pop3Service(bool implicit_tls, agent::Mailroom& room, agent::Logins& logins,
                agent::Maildrops& maildrops, Random& random, const net::Means& means);

    net::Task<> serve(net::Stream stream) override;
    std::string refusal() const override;
    std::string name() const override { return implicit_tls_ ? "pop3s" : "pop3"; }

  private:
    const bool implicit_tls_;
    agent::Mailroom& room_;
    agent::Logins& logins_;
    agent::Maildrops& maildrops_;
    Random& random_;
    const net::Means& means_;
};

}  // namespace mailhandler::run
