// Certificates as files: `init` makes one, `check` looks at them.
#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace mailhandler::net {

// Writes a self-signed ECDSA P-256 pair for `hostname` (also its SAN), valid from an hour ago for
// ten years. The key's file has mode 0600. Neither file may exist; on failure neither is left
// behind; made by root, both belong to their directory's owner. Durable when it returns.
Result<> make_self_signed(const std::string& certificate_path, const std::string& key_path,
                          const std::string& hostname, WallTime now);

struct Certificate {
    std::string subject;             // "CN = mail.example.com"
    std::vector<std::string> names;  // DNS and IP subject alternative names
    WallTime not_before{};
    WallTime not_after{};
    bool self_signed = false;
    std::string fingerprint;  // SHA-256, "AB:CD:…"
};

// The first certificate of a PEM file.
Result<Certificate> inspect(const std::string& certificate_path);

// The same of PEM text.
Result<Certificate> inspect_text(const std::string& pem);

// Whether the key's file holds the certificate's key; a Fault when either cannot be read.
Result<bool> key_matches(const std::string& certificate_path, const std::string& key_path);

// Whether a client that verifies `hostname` would accept the certificate's names (RFC 6125).
Result<bool> names_host(const std::string& certificate_path, const std::string& hostname);

}  // namespace mailhandler::net
