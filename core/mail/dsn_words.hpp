// What a report says to a person. Pure; used by dsn.cpp alone.
#pragma once

#include <span>
#include <string>

#include "mail/dsn.hpp"

namespace mailhandler::mail {

// A recipient as the sender knows it.
struct Told {
    std::string address;
    std::string status;  // RFC 3463
    std::string reply;   // in the words of whoever refused it
    std::string remote;  // the host that did; empty: we
};

// The text, lines with CRLF. `subject` is the message's, as its header has it.
std::string words(const Dsn& dsn, std::span<const Told> told, const std::string& subject);

// What an enhanced code means and what can be done: one or two sentences.
std::string meaning(const std::string& status);

}  // namespace mailhandler::mail
