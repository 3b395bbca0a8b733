// The outbound queue on disk: messages that leave, each with the recipients that are still owed it.
//
// A message is one file in queue/, <id>,<next attempt>,<destination>.msg: a line that tells its
// envelope's length, the envelope (one JSON object), and then its octets, written once. A message
// exists when a file of this name does. The name says when it is due (seconds since 1970) and where
// it goes (Queued::destination(), as encode_name() writes it), so that 100,000 waiting messages are
// listed without opening one of them, and an operator's "try now" is a rename. What happened to it
// since (replies, attempts, who is still owed) is in <id>.env beside it, where there is one: an
// envelope that overrides the first. `*.new` is being written; `*.spare` has served and will again
// (store/spares.hpp), so behind a message's end there may be more in its file. state/queue.lock is
// held while a message's time changes.
//
// Who takes on a message (SMTP's 250, fetch's `done`) does so after add(), or after the commit that
// made it visible: a queue entry can be one of the deliveries of Store::commit() (see prepare) or one
// of the copies of the ledger (see staged). So nothing acknowledged is lost, and what is owed locally
// and remotely happens together or is tried again together. A crash between a peer's 250 and the .env
// that says so sends that message again: the one duplicate per message under way that SMTP cannot
// avoid (RFC 5321 section 6.1).
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
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "disk/interface.hpp"
#include "store/delivery.hpp"
#include "store/layout.hpp"
#include "store/ledger.hpp"
#include "store/queued.hpp"
#include "store/spares.hpp"
#include "store/spool_names.hpp"

namespace mailhandler::store {

class Spool {
  public:
    // `node` is made fit by node_id(). `disk` and `clock` outlive the spool; so does `store`, whose
    // directory syncs it then shares: for the one whose commits bring what prepare() gave.
    Spool(disk::Disk& disk, const Layout& layout, const Clock& clock, std::string_view node = {},
          Store* store = nullptr);
    ~Spool();

    // Takes a message on, durably: `parts` in order, then `spilled` whole, then `after`. The id that
    // it was given. Errors are temporary: nothing was taken on. As dear as a delivery; adds at one
    // time share the directory's sync.
    Result<std::string> add(Queued envelope, std::span<const std::string_view> parts,
                            disk::File* spilled = nullptr, std::string_view after = {});

    // The same, in two steps: the file is written, and the message is taken on by Store::commit(),
    // with the maildir copies that are committed together with it. Fills in id and size (and the
    // times, where they are unset). Destroyed before commit = nothing happened.
    Result<Delivery> prepare(Queued& envelope, std::span<const std::string_view> parts,
                             disk::File* spilled = nullptr, std::string_view after = {});

    // The same for the ledger's exactly-once: a copy to stage in mail/<stage_domain>/.stage/, which
    // takes the message on when it is renamed.
    Result<Copy> staged(Queued& envelope, const std::string& stage_domain,
                        CopyContent content);

    // The message and its envelope, or a permanent Fault: with ENOENT when it has gone, with EBADMSG
    // when its envelope is damaged.
    Result<QueuedMessage> open(const std::string& id);
    // The envelope alone. Faults as above.
    Result<Queued> load(const std::string& id);
    // Replaces the envelope, durably: what is still owed and when to try again. With nothing owed it
    // is remove(). ENOENT, permanent, when somebody removed it meanwhile: it stays removed.
    Result<> update(const Queued& envelope);
    // The message is owed to nobody any more, or an operator said so. Durable. ENOENT as above.
    Result<> remove(const std::string& id);

    // When to try again, and nothing else: a rename. Damaged envelopes too. ENOENT as above.
    Result<> reschedule(const std::string& id, WallTime next_attempt);
    // The same for all there are. How many.
    Result<std::size_t> reschedule_all(WallTime next_attempt);

    // Every id with its next attempt, in order of that time, by names alone. What looks like a message
    // and has no such name goes to `damaged` (permanent; `where` is the path) and not into the list. A
    // missing directory is an empty one.
    struct Due {
        std::string id;
        WallTime next_attempt{};
        std::string destination;  // Queued::destination()
    };
    Result<std::vector<Due>> list(std::vector<Fault>* damaged = nullptr);
    // The same of one message. ENOENT as above.
    Result<Due> due(const std::string& id);

    // What somebody else did to the directory: `file` has appeared there. False, at no cost: it is no
    // message, or our own doing.
    bool is_news(const std::string& file) const;
    // What its name says. Nothing: it has gone or another name meanwhile.
    std::optional<Due> seen(const std::string& file);

    // Removes what crashes left, not changed for an hour (another process may be about to add its
    // own): messages half written, envelopes without a message. From then on files are used again.
    // Called at start, under the serve lock. How many files went.
    Result<std::size_t> sweep();

  private:
    using Schedule = SpoolNames::Schedule;

    std::string unused_id();
    Result<> make_directory();
    Result<std::string> begin(Queued& envelope, std::uint64_t octets);
    Result<Delivery> write(const Queued& envelope, const std::string& head,
                           std::span<const std::string_view> parts, disk::File* spilled,
                           std::string_view after);
    Result<QueuedMessage> read(const std::string& id, const Schedule& schedule);
    Result<std::string> read_envelope(const std::string& id, disk::File& file,
                                      std::uint64_t& begin);
    Result<> write_unfinished(const Queued& envelope);
    Result<> put_in_place(const std::string& id, Schedule schedule);
    Result<> rename_due(const std::string& id, WallTime next_attempt);
    Result<> set_aside(const std::string& file, std::optional<std::string>& spare);
    Result<> sync() { return store_->sync(names_.directory()); }
    std::optional<Due> due_of(const QueueName& name);
    void keep_spares(const disk::Names& entries);

    disk::Disk& disk_;
    const Layout layout_;
    const Clock& clock_;
    const std::string tail_;  // of every id: this process and this node
    std::unique_ptr<Store> own_;
    Store* const store_;
    SpoolNames names_;
    Spares spares_;
    std::atomic<bool> made_{false};
    std::mutex mutex_;
    std::int64_t last_id_ = 0;  // microseconds
};

}  // namespace mailhandler::store
