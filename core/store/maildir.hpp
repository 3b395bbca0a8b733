// One maildir: its names, making it, its quota. What lies in it is listed by store/maildir_listing; writing
// into it durably is store/delivery.
//
// A message's file name is
//     <seconds>.M<microseconds>P<pid>Q<count>.<node>,S=<octets>,W=<octets>[:2,<flags>]
// S is the file's size, W its size on the wire (RFC 1939's octets): equal, but where a collected or
// appended message has lines that end in LF alone. The
// base name up to the first comma is unique for ever and is the POP3 UIDL: at most 70 octets.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "disk/interface.hpp"

namespace mailhandler::store {

// Makes unique base names. One per process; safe from several threads.
class UniqueNames {
  public:
    // `node` is made fit by node_id().
    UniqueNames(const Clock& clock, std::string_view node, unsigned pid);
    // "1795411214.M123456P4711Q17.mx1": at most 70 octets whatever the node's name.
    std::string next();

  private:
    const Clock& clock_;
    std::string node_;
    unsigned pid_;
    std::atomic<std::uint64_t> count_{0};
};

struct MessageName {
    std::string file;                   // the whole entry
    std::string base;                   // up to the first comma or colon
    std::optional<std::uint64_t> size;  // ,S=
    std::optional<std::uint64_t> wire;  // ,W=
    std::string flags;                  // after ":2,"
    bool in_new = false;
};

// Takes a maildir entry apart; entries that begin with a dot are not messages (nothing).
std::optional<MessageName> parse_message_name(std::string_view file);

// The order of messages by age: by the seconds that their base names begin with, then by name.
bool older(std::string_view base, std::string_view other);

// ",S=<octets>,W=<octets>" of a message of `size` octets that begins with `parts`, all of it unless
// there is `more`. W counts an LF that no CR precedes as two octets: so it is served. Where such a one
// is there and what follows is not at hand, W is left out, and who needs it looks into the file.
std::string sizes_in_name(std::uint64_t size, std::span<const std::string_view> parts, bool more);

// The number behind ",S=" or ",W=" of an entry (`which`: 'S', 'W').
std::optional<std::uint64_t> size_in_name(std::string_view file, char which);

// cur/, new/ and tmp/ made and, but for tmp/, their entries synced with those of the directories
// above; quietly where they are. Where tmp/ is there, all of that was done.
Result<> make_maildir(disk::Disk& disk, const std::string& path);

// Octets and messages of a maildir with all its Maildir++ folders, by names alone; a name without
// a size is asked of the disk. Symbolic links are not followed.
struct Usage {
    std::uint64_t octets = 0;
    std::uint64_t messages = 0;
};
Result<Usage> measure(disk::Disk& disk, const std::string& path);

// The parts of it, for who remembers them: new/ and cur/ of the maildir and of every folder, and the
// usage of one such directory. What is missing is empty.
Result<std::vector<std::string>> message_directories(disk::Disk& disk, const std::string& path);
Result<Usage> measure_directory(disk::Disk& disk, const std::string& path);

}  // namespace mailhandler::store
