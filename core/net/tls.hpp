// TLS (RFC 8314): which certificate we show, and whom we believe. At least TLS 1.2.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"

struct ssl_st;      // OpenSSL's SSL
struct ssl_ctx_st;  // and SSL_CTX

namespace mailhandler::net {

struct SslFree {
    void operator()(ssl_st* ssl) const;
};
using Ssl = std::unique_ptr<ssl_st, SslFree>;
using SslContext = std::shared_ptr<ssl_ctx_st>;

// One side of handshakes to come. Not for several threads at once.
class TlsRole {
  public:
    virtual ~TlsRole() = default;
    // A new connection's state, ready to accept or to connect.
    virtual Result<Ssl> begin() = 0;
};

// The server's side. The files are looked at again when a handshake begins, at most once a second;
// when they have changed they are loaded, and when they cannot be loaded the old pair stays in
// use and the log says so, once.
class TlsServer final : public TlsRole {
  public:
    struct Files {
        std::string certificate;  // PEM, the chain behind it
        std::string key;          // PEM
    };

    // The first load must succeed; where it fails, the Fault names the file.
    static Result<std::unique_ptr<TlsServer>> load(Files files, const Clock& clock, Log log);

    Result<Ssl> begin() override;

  private:
    TlsServer(Files files, const Clock& clock, Log log);
    Result<SslContext> read() const;
    std::string stamps() const;
    void look_again();

    Files files_;
    const Clock& clock_;
    Log log_;
    SslContext context_;
    std::string stamps_;  // of the files behind context_, or of those that failed last
    Instant looked_{};
};

// What a client demands of the server's certificate.
enum class Trust {
    verify,  // a chain to a known authority, and the host's name (RFC 6125)
    any,     // opportunistic: encrypted, but to whom is anybody's guess
};

// The client's side, for one host.
class TlsClient final : public TlsRole {
  public:
    // `host` is sent as SNI and verified (an IP address is verified as one). `ca_file` (PEM) is
    // trusted beside the system's authorities; empty: none.
    static Result<std::unique_ptr<TlsClient>> make(std::string host, Trust trust,
                                                   const std::string& ca_file);

    Result<Ssl> begin() override;

  private:
    TlsClient(std::string host, Trust trust, SslContext context);

    std::string host_;
    Trust trust_;
    SslContext context_;
};

// Whether `host` is an address rather than a name: certificates and SNI tell them apart.
bool is_ip_address(const std::string& host);

// Why the last OpenSSL call of this thread failed, from its error queue, which is emptied.
std::string openssl_error();

}  // namespace mailhandler::net
