// What SMTP says about a message beside its content (RFC 5321 section 2.3.1, RFC 3461).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mail/address.hpp"

namespace mailhandler::mail {

// NOTIFY= of RFC 3461 section 4.1. Nothing set: the parameter was not given.
struct Notify {
    bool given = false;
    bool never = false, success = false, failure = false, delay = false;
    // The same, but of success somebody else tells.
    Notify without_success() const {
        Notify rest = *this;
        rest.success = false;
        rest.never = given && !failure && !delay;
        return rest;
    }
    bool operator==(const Notify&) const = default;
};

enum class Ret { unspecified, full, headers };  // RET= of RFC 3461 section 4.3
enum class BodyType { seven_bit, eight_bit_mime };  // BODY= of RFC 6152

struct Sender {
    std::optional<Address> address;  // empty: the null reverse-path <>
    std::optional<std::uint64_t> size;  // SIZE= of RFC 1870, octets
    BodyType body = BodyType::seven_bit;
    bool smtputf8 = false;  // RFC 6531
    Ret ret = Ret::unspecified;
    std::string envid;  // decoded xtext, RFC 3461 section 4.4

    // As it is written into Return-Path: "" for the null sender.
    std::string text() const { return address ? address->given() : std::string(); }
};

struct Recipient {
    Address address;
    Notify notify;
    std::string orcpt;  // ORCPT= as given, `type;address`, xtext kept; RFC 3461 section 4.2
};

struct Envelope {
    Sender sender;
    std::vector<Recipient> recipients;
};

}  // namespace mailhandler::mail
