// THREAD: messages as conversations (RFC 5256 sections 3 and 4). Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "imap/search_program.hpp"

namespace mailhandler::imap {

// What threading knows of one message.
struct Threaded {
    Uid uid = 0;
    std::int64_t sent = 0;                // seconds since 1970; the internal date where there is no Date
    std::string subject;                  // base subject in caseless form
    bool reply = false;                   // … something was taken off it
    std::string id;                       // Message-ID, normalised; empty: none
    std::vector<std::string> references;  // normalised, the oldest first
};

// ORDEREDSUBJECT: one thread for each base subject, all its messages below the first.
std::vector<ThreadLine> thread_by_subject(std::vector<Threaded> messages);

// REFERENCES: by References (or In-Reply-To), then by subject. What the references claim may be
// anything: loops are not followed, and a conversation more than a thousand deep is cut.
std::vector<ThreadLine> thread_by_references(std::vector<Threaded> messages);

// The message ids of a field's value, without brackets and quotes: "<a@b>" and "<\"a\"@b>" are one.
std::vector<std::string> message_ids(std::string_view value);

}  // namespace mailhandler::imap
