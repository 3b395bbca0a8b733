// May a fetched message be answered with a bounce? Only where nobody innocent can be hit and no loop
// can begin. Pure; "never bounces" of fetch.
#pragma once

#include <string>
#include <string_view>

#include "mail/received.hpp"

namespace mailhandler::mail {

// Why a bounce of this message must not be sent, in words that follow "not bounced: "; empty where
// one may be. It may not to a null sender or to none that can be used, of a list or another
// automaton (RFC 3834 section 2), or to a sender that the host did not find genuine. With
// `any_sender` (unknown = "bounce-all") the last of these is let pass.
//
// Denials are believed wherever they stand in the header; Return-Path and Authentication-Results
// only in the trusted block.
std::string why_never_bounce(std::string_view header, const TrustedBlock& block,
                             bool any_sender = false);

// True when an Authentication-Results value (RFC 8601) says that `sender` is genuine: SPF passed
// for its domain, or DKIM passed for its domain or a parent of it.
bool authenticates(std::string_view value, const Address& sender);

}  // namespace mailhandler::mail
