// Commands that take several turns: what each remembers between them. Parts of ServerSession.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "imap/append_command.hpp"
#include "imap/fetch_command.hpp"
#include "imap/list_command.hpp"
#include "imap/search_command.hpp"
#include "imap/view.hpp"
#include "wire/dot_stream.hpp"

namespace mailhandler::imap {

// LIST and LSUB, line by line.
struct ListRun {
    ListCommand command;
    std::vector<Listed> listed;
    std::vector<StatusOf> statuses;  // of those that exist, where they were asked for
    std::size_t next = 0, status = 0;
    bool lsub = false;
};

// FETCH, batch by batch.
struct FetchRun {
    FetchCommand command;
    View::Walk walk;
    std::vector<Uid> batch;
    std::vector<Flags> before;      // of `contents`: \Seen that this FETCH sets is told with them
    std::vector<Content> contents;  // of the first of `batch`
    std::size_t next = 0;           // of `batch`
    bool gone = false;              // one has vanished
    std::optional<Verdict> failed;  // one could not be had
    // Several commands for one message each, carried out together: their tags, in the order of the
    // messages from `batch` on.
    std::deque<std::string> tags;
};

// APPEND, piece by piece.
struct AppendRun {
    std::string mailbox;
    std::string octets;  // not yet handed on
    wire::DotDecoder decoder{false};
    bool touched = false;               // the owner has something to discard
    bool utf8 = false;                  // UTF8 (…): a parenthesis comes behind it
    std::optional<std::string> failed;  // the command's end, already decided
};

// What GETMETADATA asks for, and which of it there is.
struct MetadataWish {
    struct Entry {
        std::string name;
        bool there = false;  // it has a value, or with DEPTH something below it has
    };
    std::string mailbox;
    std::vector<Entry> entries;
    std::optional<std::uint64_t> max_size;  // octets of a value
    std::size_t below = 0;                  // levels below each entry

    // Is this one asked for? The entries that ask for it are there.
    bool take(std::string_view entry);
};

}  // namespace mailhandler::imap
