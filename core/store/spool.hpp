// The outbound queue on disk: messages that leave, each with the recipients that are still owed it.
//
// One message is two files in queue/: <id>.msg, its octets, written once; and
// <id>,<next attempt>,<destination>.env, one JSON object with sender, recipients and what happened
// so far. A message exists when its .env does. The envelope's name says when it is due (seconds since
// 1970) and where it goes (Queued::destination(), as encode_name() writes it), so that
// 100,000 waiting messages are listed without opening one of them, and an operator's "try now" is a
// rename. `*.new` is an envelope being written; state/queue.lock is held while a name changes.
//
// Who takes on a message (SMTP's 250, fetch's `done`) does so after add(), or after the commit that
// made its staged files visible: a queue entry can be one of the deliveries of Store::commit() (see
// prepare) or some of the copies of the ledger (see staged). So nothing acknowledged is lost, and
// what is owed locally and remotely happens together or is tried again together. A crash between a
// peer's 250 and the .env that says so sends that message again: the one duplicate per message under
// way that SMTP cannot avoid (RFC 5321 section 6.1).
//
// An envelope that cannot be read is reported, left alone, and keeps nobody else waiting.
//
// Blocking; for a disk-pool thread. Safe from several threads and processes for different ids; for one
// id, reschedule() and remove() may come at any time beside the one who attempts it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "disk/interface.hpp"
#include "mail/envelope.hpp"
#include "store/delivery.hpp"
#include "store/layout.hpp"
#include "store/ledger.hpp"

namespace mailhandler::store {

// A recipient that is still owed the message.
struct Owed {
    mail::Recipient recipient;     // where it goes
    std::string original;          // the address of ours that a forward stands for; empty: itself
    std::string last_reply;        // of the last attempt: "450 4.2.0 …", or our own words
    bool delay_told = false;       // a delay notice was sent
};

struct Queued {
    // handover: a mailbox of ours whose mail another server takes.
    enum class Kind { forward, bounce, submission, relay, handover };
    std::string id;                // file name stem; also shown to people
    Kind kind = Kind::forward;
    mail::Sender sender;           // as it is sent (after SRS)
    std::string original_sender;   // before SRS; "" for null
    bool authenticated = false;    // the sender may be told of failures
    std::vector<Owed> owed;        // never empty
    std::string via;               // "lmtp://host:port", "smtp://…": that server takes it; empty: MX
    std::uint64_t size = 0;        // octets of the message
    WallTime arrived{};            // whole milliseconds are kept; unset: now
    WallTime next_attempt{};       // whole seconds are kept; unset: now
    unsigned attempts = 0;

    // Whose turn is next: the server in `via`, else the domain of the first recipient.
    const std::string& destination() const {
        return via.empty() ? owed.front().recipient.address.domain() : via;
    }
};

// True for a destination that is a server and not a domain.
inline bool is_server(std::string_view destination) {
    return destination.find("://") != std::string_view::npos;
}

// "forward", "bounce", "submission", "relay", "handover".
std::string_view name(Queued::Kind kind);

// True for a text that could be an id: only such are looked for.
bool is_spool_id(std::string_view text);

class Spool {
  public:
    // `node` is made fit by node_id(). `disk` and `clock` outlive the spool.
    Spool(disk::Disk& disk, const Layout& layout, const Clock& clock, std::string_view node = {});
    ~Spool();

    // Takes a message on, durably: `parts` in order, then `spilled` whole, then `after`. The id that
    // it was given. Errors are temporary: nothing was taken on. As dear as a delivery, with one more
    // small file; adds at one time share the directory's sync.
    Result<std::string> add(Queued envelope, std::span<const std::string_view> parts,
                            disk::File* spilled = nullptr, std::string_view after = {});

    // The same, in two steps: the files are written, and the message is taken on by
    // Store::commit(), with the maildir copies that are committed together with it. Fills in id
    // and size (and the times, where they are unset). Destroyed before commit = nothing happened.
    Result<Delivery> prepare(Queued& envelope, std::span<const std::string_view> parts,
                             disk::File* spilled = nullptr, std::string_view after = {});

    // The same for the ledger's exactly-once: copies to stage in mail/<stage_domain>/.stage/, which
    // take the message on when they are renamed. The envelope comes first: until its message has
    // come too, list() tells it as damaged (ENOENT) and nobody attempts it.
    Result<std::vector<Copy>> staged(Queued& envelope, const std::string& stage_domain,
                                     std::vector<std::string> parts,
                                     disk::File* spilled = nullptr);

    // The envelope, or a permanent Fault: with ENOENT when it has gone, with EBADMSG when it is
    // damaged.
    Result<Queued> load(const std::string& id);
    // The message's octets, for reading. ENOENT as above.
    Result<std::unique_ptr<disk::File>> open(const std::string& id);
    // Replaces the envelope, durably: what is still owed and when to try again. With nothing owed it
    // is remove(). ENOENT, permanent, when somebody removed it meanwhile: it stays removed.
    Result<> update(const Queued& envelope);
    // The message is owed to nobody any more, or an operator said so. Durable. ENOENT as above.
    Result<> remove(const std::string& id);

    // When to try again, and nothing else: a rename. Damaged envelopes too. ENOENT as above.
    Result<> reschedule(const std::string& id, WallTime next_attempt);
    // The same for all there are. How many.
    Result<std::size_t> reschedule_all(WallTime next_attempt);

    // Every id with its next attempt, in order of that time, by names alone. What is no envelope's
    // name, and an envelope whose message is missing, goes to `damaged` (permanent; `where` is the
    // path) and not into the list. A missing directory is an empty one.
    struct Due {
        std::string id;
        WallTime next_attempt{};
        std::string destination;  // Queued::destination()
    };
    Result<std::vector<Due>> list(std::vector<Fault>* damaged = nullptr);
    // What the directory's entry `file` says, by its name alone. Nothing: it is no envelope's, or has
    // gone or another name meanwhile.
    std::optional<Due> seen(const std::string& file);

    // Removes what crashes left: messages without an envelope and envelopes half written, not changed
    // for an hour (another process may be about to add its own). Called at start, under the serve
    // lock. How many files went.
    Result<std::size_t> sweep();

  private:
    // What an envelope's name says beside the id.
    struct Schedule {
        std::int64_t next = 0;    // seconds since 1970
        std::string destination;  // encoded, as in the name
    };

    // Nobody else changes a name while it lives.
    struct Naming {
        std::unique_lock<std::mutex> here;  // in this process
        std::unique_ptr<disk::Lock> lock;   // and in the others
    };

    std::string path(const std::string& name) const { return directory_ + '/' + name; }
    std::string path_of(const std::string& id, const Schedule& schedule) const;
    std::string unused_id();
    Result<> make_directory();
    void complete(Queued& envelope) const;
    Result<Naming> begin_naming();
    Naming keep_names();
    std::optional<Schedule> last_seen(const std::string& id);
    void remember(const std::string& id, Schedule schedule);
    Result<std::vector<disk::Entry>> read_names();
    template <class Act>
    auto with_name(const std::string& id, const Act& act) -> decltype(act(std::declval<const Schedule&>()));
    Result<Queued> read_envelope(const std::string& id, const Schedule& schedule);
    Result<> write_unfinished(const Queued& envelope);
    Result<> put_in_place(const std::string& id, Schedule schedule);
    Result<> rename_due(const std::string& id, WallTime next_attempt);
    Result<> take_out(const std::string& id);

    disk::Disk& disk_;
    const Layout layout_;
    const Clock& clock_;
    const std::string directory_, node_;
    Store store_;
    std::unique_ptr<DirectorySyncs> syncs_;
    std::atomic<bool> made_{false};

    std::mutex naming_;  // this process's half of the lock
    std::mutex mutex_;   // of what follows
    std::int64_t last_id_ = 0;  // microseconds
    // Names as they were last seen: another process may have changed them since, so each is proved
    // by the call that uses it, and the directory is read again where it has gone.
    std::unordered_map<std::string, Schedule> known_;
};

}  // namespace mailhandler::store
