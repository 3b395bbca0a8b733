#include "net/tls.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

namespace mailhandler::net {

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

}  // namespace mailhandler::net
