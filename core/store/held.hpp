// The held area: mail that fetch set aside instead of delivering it, until somebody decides.
//
// One file per held copy, ROOT/held/ID,S=<octets>: one line of JSON that says what it is and why it
// is there, then the message octet for octet as the server sent it. A held copy is staged through
// the ledger like any other (copy_to_held), so it is there exactly once and durable.
//
// Names carry their size, so usage and list need no look into the files; an id that somebody typed is
// compared with the names that are there and never becomes a path. Everything blocks, for a disk-pool
// thread. Several processes may use one held area; a Held belongs to one thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "disk/interface.hpp"
#include "store/ledger.hpp"
#include "store/layout.hpp"
#include "store/maildir.hpp"

namespace mailhandler::store {

// The first line of a held file. Times are UTC with milliseconds; a long text is cut.
struct HeldNote {
    std::string id;          // a base name of UniqueNames
    WallTime when{};
    std::string fetch;       // whose fetch/<name>.toml sorted it
    std::string recipient;   // as the envelope header gives it; empty: it named nobody that can be used
    std::string to;          // would-forward: the address it would go on to
    std::string header;      // the envelope header that named the recipient
    std::string sender;      // Return-Path, without angle brackets
    std::string reason;      // agent::name(Reason): "would-bounce", "foreign-domain", …
    std::string text;        // in words
    std::uint64_t size = 0;  // octets of the message
    std::string message_id;  // of its header, as it stands there
    // Keys of the recipients of this message that were dealt with apart from this copy: when it is
    // sorted again, they are not meant.
    std::vector<std::string> others;
};

// The note as one line with its newline, and back. Nothing for a line that is not one.
std::string to_line(const HeldNote& note);
std::optional<HeldNote> held_note(std::string_view line);

// A copy for the ledger to stage: the note, then `content`. `stage_domain` says in which
// mail/<domain>/.stage it is written. Errors: of the spilled file.
Result<Copy> copy_to_held(const Layout& layout, const std::string& stage_domain,
                          const HeldNote& note, CopyContent content);

// True for a text that could be an id: only such are looked for.
bool is_held_id(std::string_view text);

class Held {
  public:
    Held(disk::Disk& disk, const Layout& layout);
    ~Held();

    // A held message, opened. `file` holds the message from `begin` on.
    struct Open {
        HeldNote note;
        std::string path;
        std::unique_ptr<disk::File> file;
        std::uint64_t begin = 0, size = 0;  // octets
    };
    // Errors: ENOENT, permanent, where nothing of this id is held.
    Result<Open> open(const std::string& id);

    // Every note, oldest first, reading only first lines; stops when `take` answers false. A file
    // whose first line is damaged is there with the reason "unreadable" and what its name tells.
    // One that vanishes meanwhile is passed over. A missing directory is an empty one.
    Result<> each(const std::function<bool(const HeldNote&)>& take);
    // The ids alone, oldest first: for Tab, and for who wants to open one after another.
    Result<std::vector<std::string>> ids();

    // Octets and number of all there is, by names alone: what `[held] size` is compared with.
    Result<Usage> usage();

    // Writes a copy made by copy_to_held() without a ledger: durable, and visible only whole.
    Result<> add(const Copy& copy);
    // Gone for good, and durably. ENOENT, permanent, where it is not there.
    Result<> remove(const std::string& id);
    // Removes what was held before `before`; returns the ids.
    Result<std::vector<std::string>> expire(WallTime before);

    // Held while somebody releases, so that no message is released twice. Never waits: EWOULDBLOCK.
    Result<std::unique_ptr<disk::Lock>> lock();

  private:
    struct File;
    Result<> look();
    Result<std::string> find(const std::string& id);
    HeldNote read(const File& file, bool& gone);
    std::string path(const File& file) const;

    disk::Disk& disk_;
    const Layout layout_;
    std::vector<File> files_;  // as of the last look(), by id
};

}  // namespace mailhandler::store
