// The office's side of envelope headers: which part of a fetched message can be believed, whom it
// names there, and each person's own copy ("fetch" of the contract).
//
// Pure. `fetch` acts on it, `fetch --dry-run` and `explain --message` print it: whatever was passed
// over is here with its reason.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mail/address.hpp"

namespace mailhandler::mail {

// What fetch/<name>.toml says about it.
struct TrustSettings {
    std::vector<std::string> headers;  // in order: the first that is there decides
    std::vector<std::string> trust;    // host names
    std::string prefix;                // "example.com-": taken off the front of an address
    std::string login;                 // a value equal to it names nobody
};

// One of `headers` as it stands in the trusted block.
struct HeaderReading {
    struct Named {
        Address address;
        std::string value;  // as it was written
    };
    struct Unusable {
        std::string value, reason;
    };
    std::string name;                // as in `headers`
    std::size_t lines = 0;           // in the trusted block
    std::vector<Named> recipients;   // each once
    std::vector<Unusable> unusable;  // junk: nobody can be found by it, so the message is held
    std::vector<std::string> login;  // values equal to the login, skipped
    // It says something: a header whose every value is the login, or empty, decides nothing.
    bool speaks() const { return !recipients.empty() || !unusable.empty(); }
};

struct TrustedBlock {
    std::size_t size = 0;             // octets, from the top to the Received line it ends at
    std::string ends_by;              // the `by` host of that line; empty: none, or it says none
    std::vector<std::string> passed;  // `by` hosts of the Received lines it reached past
    std::vector<HeaderReading> readings;  // those of `headers` that are in the block, in that order
    std::optional<std::size_t> chosen;    // index into readings; nothing: no envelope header
    std::vector<std::string> below;       // those of `headers` that stand only below the block

    bool has_return_path = false;         // in the block; the topmost one
    std::optional<Address> return_path;   // nothing with has_return_path: <> , or unusable:
    std::string return_path_text;         // as written, without the angle brackets
    std::vector<std::string> authentication_results;  // unfolded values, topmost first

    const HeaderReading* reading() const { return chosen ? &readings[*chosen] : nullptr; }
};

// Reads the block: everything above the first Received line whose `by` host is not trusted (with
// no `trust`, the topmost; without such a line, the whole header).
TrustedBlock read_trusted_block(std::string_view octets, const TrustSettings& settings);

// The host of the `by` clause of a Received value, canonical; empty when there is none. Comments
// and the word after `from`, which the sender chose, are not looked at.
std::string received_by(std::string_view value);

// `octets` (a message or its header) for one person: without the lines of `headers`, X-Rcpt-To,
// X-POP3-Rcpt and Delivered-To in the trusted block. Below it nothing is touched. The caller writes
// envelope_lines() of stamp.hpp before the pieces.
std::vector<std::string_view> without_envelope(std::string_view octets, const TrustedBlock& block,
                                               const TrustSettings& settings);

}  // namespace mailhandler::mail
