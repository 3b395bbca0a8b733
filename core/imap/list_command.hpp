// LIST, LSUB and STATUS as they are asked for (RFC 9051 sections 6.3.9 and 6.3.11), and which
// mailboxes a pattern finds.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "imap/lexer.hpp"
#include "imap/mailbox_question.hpp"

namespace mailhandler::imap {

// status-att
struct StatusItems {
    bool messages = false, recent = false, uid_next = false, uid_validity = false, unseen = false,
         size = false, deleted = false, deleted_size = false, highest_modseq = false,
         append_limit = false;
};
// "(" status-att *(SP status-att) ")"
std::optional<StatusItems> parse_status_items(Lexer& words);

struct ListCommand {
    std::vector<std::string> patterns;  // UTF-8, with the reference in front
    bool extended = false;              // with options, or several patterns (RFC 5258)
    bool subscribed = false;            // selection: only these …
    bool recursive = false;             // … and those above one of them
    bool special_use = false;           // selection: only these
    bool return_subscribed = false;
    std::optional<StatusItems> status;
    bool delimiter = false;  // LIST "" "": only what stands between levels is asked for
};

// What stands behind LIST or LSUB. `utf8`: names are in UTF-8, else in modified UTF-7; a pattern
// that is neither finds nothing. Nothing when malformed.
std::optional<ListCommand> parse_list(Lexer& words, bool utf8);

// One line of the response.
struct Listed {
    std::string name;
    std::string attributes;   // "\\HasNoChildren \\Sent"
    bool child_info = false;  // CHILDINFO ("SUBSCRIBED"): something below is subscribed to
    bool exists = true;
};

// In the order of their names, INBOX first. `lsub`: RFC 3501's LSUB.
std::vector<Listed> find_mailboxes(const ListCommand& command, std::vector<Folder> folders,
                                   bool lsub = false);

// "*" is anything, "%" anything within one level; INBOX in any case. Time: their lengths
// multiplied.
bool matches(std::string_view pattern, std::string_view name);

}  // namespace mailhandler::imap
