#include "net/tls.hpp"

#include <arpa/inet.h>
#include <cerrno>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

namespace mailhandler::net {

namespace {

// RFC 7525 and Mozilla's "intermediate": forward secrecy and AEAD only. TLS 1.3 has its own list.
constexpr const char* ciphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    "DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384";

constexpr std::chrono::seconds look_every{1};

SslContext make_context(const SSL_METHOD* method) {
    SslContext context(SSL_CTX_new(method), SSL_CTX_free);
    SSL_CTX* raw = context.get();
    SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(raw, ciphers);
    // Buffers are given back while a connection is idle; a write may go in part, and its octets
    // may have moved before it is tried again.
    SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(raw, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF);
    // One read(2) takes a record and what lies behind it, instead of two for every record. Safe
    // because a stream waits only after SSL_read has found its buffer empty.
    SSL_CTX_set_read_ahead(raw, 1);
    return context;
}

// What tells one version of a file from the next.
std::string stamp(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return fmt::format("errno {}", errno);
    return fmt::format("{}.{} {} {}", status.st_mtim.tv_sec, status.st_mtim.tv_nsec,
                       status.st_ino, status.st_size);
}

}  // namespace

bool is_ip_address(const std::string& host) {
    unsigned char octets[16];
    return ::inet_pton(AF_INET, host.c_str(), octets) == 1 ||
           ::inet_pton(AF_INET6, host.c_str(), octets) == 1;
}

void SslFree::operator()(ssl_st* ssl) const { SSL_free(ssl); }

std::string openssl_error() {
    const unsigned long code = ERR_get_error();
    ERR_clear_error();
    if (code == 0) return "unknown error";
    const char* reason = ERR_reason_error_string(code);
    if (reason) return reason;
    char text[256];
    ERR_error_string_n(code, text, sizeof text);
    return text;
}

// --- the server ----------------------------------------------------------------------------

TlsServer::TlsServer(Files files, const Clock& clock, Log log)
    : files_(std::move(files)), clock_(clock), log_(std::move(log)) {}

Result<std::unique_ptr<TlsServer>> TlsServer::load(Files files, const Clock& clock, Log log) {
    std::unique_ptr<TlsServer> server(new TlsServer(std::move(files), clock, std::move(log)));
    server->stamps_ = server->stamps();
    Result<SslContext> context = server->read();
    if (!context) return tl::unexpected<Fault>(context.error());
    server->context_ = std::move(*context);
    server->looked_ = clock.now();
    return server;
}

std::string TlsServer::stamps() const {
    return stamp(files_.certificate) + " " + stamp(files_.key);
}

Result<SslContext> TlsServer::read() const {
    ERR_clear_error();
    SslContext context = make_context(TLS_server_method());
    SSL_CTX* raw = context.get();
    if (SSL_CTX_use_certificate_chain_file(raw, files_.certificate.c_str()) != 1)
        return fail(files_.certificate, "no certificate could be read: " + openssl_error());
    if (SSL_CTX_use_PrivateKey_file(raw, files_.key.c_str(), SSL_FILETYPE_PEM) != 1)
        return fail(files_.key, "no key could be read: " + openssl_error());
    if (SSL_CTX_check_private_key(raw) != 1)
        return fail(files_.key, "does not belong to the certificate " + files_.certificate);
    SSL_CTX_set_options(raw, SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_dh_auto(raw, 1);
    // A resumed session says by this which server it belongs to.
    static constexpr unsigned char id[] = "mailhandler";
    SSL_CTX_set_session_id_context(raw, id, sizeof id - 1);
    // Tickets are kept by the client, one is enough; a cache here would only grow.
    SSL_CTX_set_num_tickets(raw, 1);
    SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
    return context;
}

void TlsServer::look_again() {
    const Instant now = clock_.now();
    if (now - looked_ < look_every) return;
    looked_ = now;
    std::string found = stamps();
    if (found == stamps_) return;
    Result<SslContext> context = read();
    stamps_ = std::move(found);
    if (context) {
        context_ = std::move(*context);
        log_.info("the certificate has changed: " + files_.certificate + " is in use");
    } else {
        log_.error("the certificate has changed and the new one is not usable, the old one stays: " +
                   context.error().text());
    }
}

Result<Ssl> TlsServer::begin() {
    look_again();
    Ssl ssl(SSL_new(context_.get()));
    if (!ssl) return fail("TLS", openssl_error());
    SSL_set_accept_state(ssl.get());
    return ssl;
}

// --- the client ----------------------------------------------------------------------------

TlsClient::TlsClient(std::string host, Trust trust, SslContext context)
    : host_(std::move(host)), trust_(trust), context_(std::move(context)) {}

Result<std::unique_ptr<TlsClient>> TlsClient::make(std::string host, Trust trust,
                                                   const std::string& ca_file) {
    ERR_clear_error();
    SslContext context = make_context(TLS_client_method());
    SSL_CTX_set_default_verify_paths(context.get());
    if (!ca_file.empty() && SSL_CTX_load_verify_file(context.get(), ca_file.c_str()) != 1)
        return fail(ca_file, "no certificate could be read: " + openssl_error());
    // What a person has chosen to trust needs nobody above it.
    if (!ca_file.empty())
        X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context.get()), X509_V_FLAG_PARTIAL_CHAIN);
    if (!host.empty() && host.back() == '.') host.pop_back();
    return std::unique_ptr<TlsClient>(new TlsClient(std::move(host), trust, std::move(context)));
}

Result<Ssl> TlsClient::begin() {
    ERR_clear_error();
    Ssl ssl(SSL_new(context_.get()));
    if (!ssl) return fail("TLS", openssl_error());
    SSL_set_connect_state(ssl.get());
    const bool numeric = is_ip_address(host_);
    // RFC 6066 section 3: no literal addresses in SNI.
    if (!numeric && SSL_set_tlsext_host_name(ssl.get(), host_.c_str()) != 1)
        return fail(host_, "is no name for TLS: " + openssl_error(), false);
    if (trust_ == Trust::any) {
        SSL_set_verify(ssl.get(), SSL_VERIFY_NONE, nullptr);
        return ssl;
    }
    SSL_set_verify(ssl.get(), SSL_VERIFY_PEER, nullptr);
    SSL_set_hostflags(ssl.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    const bool named =
        numeric ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), host_.c_str()) == 1
                : SSL_set1_host(ssl.get(), host_.c_str()) == 1;
    if (!named || host_.empty()) return fail(host_, "is no name that can be verified", false);
    return ssl;
}

}  // namespace mailhandler::net
