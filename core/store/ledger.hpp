// The ledger: what was collected from one remote account. It makes fetch exactly-once: killed at any
// instant, a message is neither lost nor delivered twice.
//
//     1  each copy is written into mail/<domain>/.stage/, synced, and .stage/ synced
//     2  `staged` is appended (identity, size, hash, where each copy lies and where it goes), synced
//     3  each copy is renamed to where it goes, and those directories are synced
//     4  `done` is appended, synced; only then may the message be deleted on the server
//
// A batch of messages shares each of these syncs. After a crash recover() goes through what is staged
// and not done: a stage file that is there is renamed; one that is not there was delivered. Without
// `staged` the message is fetched again. One file per account, state/ledger/<login>@<server>.log, one
// checked line per record; a torn tail is cut off, a damaged line is passed over and counted.
//
// Everything blocks, for a disk-pool thread; a Ledger belongs to one thread at a time. After a fault
// while writing the log nothing more is written: drop the Ledger and open it again.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "disk/interface.hpp"
#include "store/copy_content.hpp"
#include "store/layout.hpp"

namespace mailhandler::store {

struct Account {
    std::string server;  // host name, lower case
    std::string login;
};

// A message on the server: IMAP UID with its mailbox and UIDVALIDITY, or POP3 UIDL (RFC 1939) with
// an empty mailbox and validity 0. Messages that share a UIDL are told apart by what stands behind a
// space in `uid` (a UIDL has none).
struct MessageId {
    std::string mailbox;
    std::uint64_t validity = 0;
    std::string uid;
    bool operator==(const MessageId&) const = default;
    auto operator<=>(const MessageId&) const = default;
};

// One copy of a message on its way to one recipient.
struct Copy {
    std::string stage_dir;  // Layout::stage_dir() of the recipient's domain
    std::string recipient;  // tells the copies of one message apart
    std::string directory;  // where it goes: MAILDIR/new, or another directory of the same disk
    std::string name;       // its name there: unique for ever
    CopyContent content;
};

// A copy into a maildir, named `base_name` with its sizes.
Result<Copy> copy_to_maildir(const Layout& layout, const std::string& domain,
                             const std::string& recipient, const std::string& maildir,
                             const std::string& base_name, CopyContent content);

// A message collected whole. Without copies (all its recipients refused, or handed elsewhere) it is
// only noted as done.
struct Collected {
    MessageId id;
    std::uint64_t size = 0;  // octets, as on the server
    std::string hash;        // ContentHash::text()
    std::vector<Copy> copies;
    WallTime when{};  // it was collected; whole seconds are kept
};

struct Known {
    enum class State { staged, done } state = State::staged;
    std::uint64_t size = 0;
    std::string hash;
    WallTime since{};  // Collected::when; the epoch where it is not known
    // It was to be deleted, see leaving(). Where it is listed nevertheless, only its content can
    // tell whether it is the same message or another that was given its UID.
    bool leaving = false;
};

// A message that was fetched and stays on the server for lack of room: until there is some it need not
// be fetched again, for a while.
struct Wait {
    std::uint64_t size = 0;     // octets, as on the server
    std::string domain, local;  // of the mailbox that is full; empty: the held area is
    WallTime since{};           // when it was fetched, in whole seconds
    bool operator==(const Wait&) const = default;
};

// The UIDs that a listing names, eight octets each. Of two that have one hash both count as named:
// an entry is kept for longer then, and no harm is done.
class ListedUids {
  public:
    void reserve(std::size_t count) { hashes_.reserve(count); }
    void add(std::string_view uid) { hashes_.push_back(std::hash<std::string_view>()(uid)); }
    void sort() { std::sort(hashes_.begin(), hashes_.end()); }
    // Once they are sorted.
    bool contains(std::string_view uid) const {
        return std::binary_search(hashes_.begin(), hashes_.end(),
                                  std::hash<std::string_view>()(uid));
    }

  private:
    std::vector<std::size_t> hashes_;
};

class Ledger {
  public:
    enum class Use { write, look };  // `look` takes no lock and changes nothing (--dry-run)

    // Reads the account's ledger. With Use::write takes its lock, held until destroyed: EWOULDBLOCK,
    // temporary, when `serve` or another `fetch` collects this account.
    static Result<Ledger> open(disk::Disk& disk, const Layout& layout, const Account& account,
                               Use use = Use::write);
    Ledger(Ledger&&) noexcept;
    Ledger& operator=(Ledger&&) noexcept;
    ~Ledger();

    // Finishes what a crash interrupted and removes stage files that no record names. To be called
    // once after open(), before anything is fetched. Returns how many messages it finished.
    Result<std::size_t> recover();

    // What is known of a message; nothing: it is to be fetched. Where size or hash differ from the
    // message at hand, the server has used its UID again: it is a new message.
    std::optional<Known> known(const MessageId& id) const;
    // What it waits for, as noted by wait(); nothing once it was delivered or is listed no more.
    std::optional<Wait> waits(const MessageId& id) const;
    Result<> wait(std::span<const std::pair<MessageId, Wait>> messages);
    std::size_t size() const;     // messages known
    bool never_used() const;      // nothing was ever collected from this account
    std::size_t damaged() const;  // lines passed over when reading

    // Delivers a batch, steps 1 to 4. On success all of it is durable and done. A message that is
    // done already with the same size and hash is passed over. On a fault: what was not staged is
    // unknown, to be fetched again; what was staged is finished by the next call or recover().
    Result<> deliver(std::vector<Collected> batch);

    // Messages whose names say nothing, because the server has numbered its mailbox anew
    // (UIDVALIDITY), or speaks another protocol now: which of them were done under another validity
    // of the mailbox, or by POP3, with the same size and hash. Such an entry is then the new
    // message's; each serves one message, so that two alike need two. One write for all.
    struct Sighting {
        MessageId id;
        std::uint64_t size = 0;
        std::string hash;
    };
    Result<std::vector<bool>> adopt(std::span<const Sighting> messages);

    // Notes that the server is about to be told to delete these for good (QUIT, EXPUNGE). Call it
    // before: the answer may be lost. What is not known is passed over.
    Result<> leaving(std::span<const MessageId> ids);

    // Drops what `mailbox` holds no more. `listed` must be of a complete, well-formed listing; a UIDL
    // stands for all messages that share it. What is staged stays. Entries of another validity than
    // this one are dropped too where `all` of the listing was dealt with: until then adopt() may
    // still want them. Returns how many were dropped.
    Result<std::size_t> forget_unlisted(const std::string& mailbox, std::uint64_t validity,
                                        ListedUids listed, bool all);

  private:
    struct State;
    explicit Ledger(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace mailhandler::store
