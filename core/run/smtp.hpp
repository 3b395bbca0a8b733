// SMTP, submission and LMTP on a listener: session + agent::Reception + net::drive.
#pragma once

#include <string>

#include "agent/delivery.hpp"
#include "agent/submission.hpp"
#include "net/drive.hpp"
#include "net/listen.hpp"
#include "net/spf.hpp"
#include "net/tls.hpp"
#include "smtp/server_session.hpp"

namespace mailhandler::run {

// What some of the services need. Outlives them.
struct SmtpShared {
    net::SpfChecker& checker;      // of senders: mx
    agent::Logins& logins;         // of users: submission
    agent::Allowance& allowance;   // theirs
};

class SmtpService final : public net::Service {
  public:
    // `implicit_tls`: the handshake comes first (RFC 8314). `means.tls` null: no TLS at all.
    SmtpService(std::string name, smtp::Service kind, bool implicit_tls, agent::Mailroom& room,
                const SmtpShared& shared, const net::Means& means);

    net::Task<> serve(net::Stream stream) override;
    std::string refusal() const override;
    std::string name() const override { return name_; }

  private:
    smtp::Settings settings() const;
    net::Task<Result<>> converse(net::Stream& stream, smtp::ServerSession& session);

    const std::string name_;
    const smtp::Service kind_;
    const bool implicit_tls_;
    agent::Mailroom& room_;
    const SmtpShared shared_;
    const net::Means& means_;
};

}  // namespace mailhandler::run
