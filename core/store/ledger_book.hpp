// What a ledger knows, in memory, and its log on disk: reading, appending, compacting. Only for
// store/ledger, which decides what is done in which order.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "store/ledger.hpp"

namespace mailhandler::store {

// A stage file and where it goes.
struct Move {
    std::string stage, to;
};

struct MessageIdHash {
    std::size_t operator()(const MessageId& id) const {
        const std::hash<std::string> text;
        return text(id.uid) * 31 + id.validity * 17 + text(id.mailbox);
    }
};

class LedgerBook {
  public:
    struct Entry {
        Known known;
        std::vector<Move> moves;  // while staged
    };
    using Entries = std::unordered_map<MessageId, Entry, MessageIdHash>;

    // `base` is what paths in the log are relative to.
    LedgerBook(disk::Disk& disk, std::string path, std::string base);

    Result<> read();
    const Entries& entries() const { return entries_; }
    using Waits = std::unordered_map<MessageId, Wait, MessageIdHash>;
    const Waits& waits() const { return waits_; }
    std::size_t damaged() const { return damaged_; }
    bool never_used() const { return never_used_; }
    // Fails after a fault while writing: what the log says may be more than entries() does.
    Result<> sound() const;

    // Each appends its records in one write, syncs, and only then changes what is known. After a
    // fault every later one fails: what is on disk is not known any more.
    Result<> stage(const std::vector<std::pair<MessageId, Entry>>& staged);
    Result<> finish(const std::vector<std::pair<MessageId, Known>>& done);
    Result<> forget(const std::vector<MessageId>& ids);
    Result<> wait(const std::vector<std::pair<MessageId, Wait>>& waits);
    Result<> leave(const std::vector<MessageId>& ids);  // all of them are known
    // Pairs of a new name and the old one, whose entry it takes over.
    Result<> adopt(const std::vector<std::pair<MessageId, MessageId>>& pairs);

    // Writes the log anew when most of it is about what is forgotten.
    Result<> compact();

  private:
    using Fields = std::vector<std::string>;
    bool apply(Fields& fields);
    bool apply_entry(MessageId id, Known::State state, Fields& fields);
    bool apply_wait(MessageId id, Fields& fields);
    bool apply_adoption(const MessageId& id, Fields& fields);
    void take_over(const MessageId& id, const MessageId& old);
    Result<> append(const std::string& records, std::size_t count);
    void append_entry(std::string& to, const MessageId& id, const Entry& entry) const;
    static void append_wait(std::string& to, const MessageId& id, const Wait& wait);
    std::string relative(const std::string& path) const;

    disk::Disk& disk_;
    const std::string path_, base_;
    Entries entries_;
    Waits waits_;  // of what is not among the entries
    std::unique_ptr<disk::File> log_;
    std::uint64_t whole_ = 0;  // octets of the log up to its last whole record
    std::size_t records_ = 0, damaged_ = 0;
    bool broken_ = false;
    bool never_used_ = false;  // there was no log yet
};

}  // namespace mailhandler::store
