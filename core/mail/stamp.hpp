// The stamp: what is written on top of a message as it is delivered, and what of the same kind is
// taken out of it first ("The wire" of the contract). Pure.
//
// A delivery writes, in this order: stamp() for the copy, then what the transaction's copies share,
// authentication_results() where senders are checked and received(); then Inbound::kept, then
// whatever of the message was not in memory.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/clock.hpp"
#include "mail/address.hpp"

namespace mailhandler::mail {

// The Received line's facts (RFC 5321 section 4.4). Values may hold anything: CR, LF, NUL and what
// else has no place in a header is written as '?'.
struct Hop {
    std::string helo;      // as the client gave it; empty: unknown
    std::string ip;        // "192.0.2.1", "2001:db8::1"; empty: a local socket
    std::string hostname;  // ours
    bool lmtp = false, extended = true, tls = false, authenticated = false, smtputf8 = false;
    std::string tls_text;   // "TLSv1.3 TLS_AES_256_GCM_SHA384", in a comment
    std::string id;         // the transaction's own
    std::string recipient;  // `for`: only when the transaction has one recipient, else empty
    WallTime time{};
};

// "ESMTPSA", "LMTP", "UTF8SMTPS" …: RFC 3848 and RFC 6531 section 4.3.
std::string protocol_name(const Hop& hop);

// "Received: from … by … with … id … for …; date\r\n", folded.
std::string received(const Hop& hop);

// The same for a message that fetch collected and passes on: "Received: from SERVER by … with POP3
// …".
std::string collected(std::string_view protocol, std::string_view server, std::string_view hostname,
                      std::string_view id, WallTime time);

// Return-Path, X-Rcpt-To, X-POP3-Rcpt, Delivered-To. `sender` is empty for the null one; `given` is
// the envelope address as given, `delivered_to` the one after tags and aliases.
std::string stamp(std::string_view sender, std::string_view given, std::string_view delivered_to);

// copies = "one": all recipients of the mailbox in each X- header, folded; no Delivered-To.
std::string stamp(std::string_view sender, std::span<const std::string_view> given);

// What fetch writes on each person's copy: the same without Return-Path, for the host's stays.
std::string envelope_lines(std::string_view given, std::string_view delivered_to);
// … where one file names all recipients of the mailbox (copies = "one").
std::string envelope_lines(std::span<const std::string_view> given);

// A message may have at most this many Received lines: more is a loop, 554 5.4.6.
constexpr std::size_t most_received = 100;
// A header that has not ended after this many octets is refused, 554 5.6.0: all of it must be
// looked at before the first octet is written.
constexpr std::size_t longest_header = 1 << 20;

// An arriving message with the stamps that came with it taken out.
struct Inbound {
    // The octets given, in order, without Return-Path, X-Rcpt-To and X-POP3-Rcpt of the header, and
    // without Authentication-Results in our name (authentication.hpp), whatever their case, folding
    // or space before the colon: up to the first empty line, also
    // where the first line is no field. Views into them; neighbours are joined, so that a message
    // without such fields is one piece.
    std::vector<std::string_view> kept;
    std::size_t kept_size = 0;  // octets of all pieces
    bool complete = false;      // the header's end was seen
    std::size_t received = 0;   // Received lines that came along
    bool has_date = false, has_message_id = false;
    std::unordered_set<std::string>
        delivered_to;  // keys of the Delivered-To lines that are addresses

    bool too_many_hops() const { return received > most_received; }
    // Our own Delivered-To for this recipient (after tags and aliases) is below: it came back.
    bool came_back(const Address& to) const { return delivered_to.contains(to.key()); }
};

// Reads the beginning of a message, or all of it. When it is not `complete` and more octets exist,
// call again with more of them, up to longest_header; beyond it refuse the message.
struct Removal {
    std::string_view hostname = {};  // ours, canonical; empty: nobody can claim to be us
    bool bcc = false;                // Bcc and Resent-Bcc go too (RFC 5322 section 3.6.3)
};
Inbound read_inbound(std::string_view octets, const Removal& removal = {});

}  // namespace mailhandler::mail
