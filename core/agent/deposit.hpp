// The disk's half of a run: takes sorted messages, and makes them durable in batches on a thread of
// its own, so that the network goes on meanwhile. It takes whatever has come while the batch before
// was being synced: the slower the disk, the larger the batches.
//
// Exactly-once is the ledger's; here is decided what counts as the same message (content, not only
// the server's name for it), and that one message which cannot be written never stops the others.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "agent/gathering.hpp"
#include "agent/handover.hpp"
#include "agent/sorting.hpp"
#include "base/result.hpp"
#include "disk/interface.hpp"
#include "store/ledger.hpp"

namespace mailhandler::agent {

// One message on its way to the disk. What it was sorted into are views of it: it stays where it is.
struct Parcel {
    std::uint32_t index = 0;   // in the server's listing
    store::MessageId id;       // as listed
    bool shared = false;       // the server lists this UIDL more than once
    std::uint64_t size = 0;    // as announced
    Gathered message;
    Sorted sorted;
};
using ParcelPointer = std::unique_ptr<Parcel>;

// A message that is safe, now or since an earlier run; or, with Sorted::stays, that is not after all.
struct Stored {
    std::uint32_t index = 0;
    store::MessageId id;
    WallTime since{};
    bool again = false;  // it was delivered before
    Sorted sorted;       // what became of it, without the copies
    std::uint64_t octets = 0;
};

class Deposit {
  public:
    // What one batch and the queue in front of it may hold at most.
    struct Limits {
        std::size_t messages = 1024, copies = 1024;
        std::uint64_t octets = 2 << 20;  // in memory
    };

    // From here until finish() the ledger belongs to the deposit's thread. `sorter` is asked from
    // that thread too, about what cannot be written as it was sorted. `call` hands over what another
    // server takes; the thread waits for it.
    Deposit(disk::Disk& disk, store::Ledger& ledger, const Clock& clock, const Sorter& sorter,
            Limits limits, CallServer call = {});
    Deposit(disk::Disk& disk, store::Ledger& ledger, const Clock& clock, const Sorter& sorter)
        : Deposit(disk, ledger, clock, sorter, Limits()) {}
    ~Deposit();  // finish()
    Deposit(const Deposit&) = delete;
    Deposit& operator=(const Deposit&) = delete;

    // Waits for room. After a fault parcels are dropped: they stay on the server.
    void put(ParcelPointer parcel);
    // Waits until everything that was put is stored, or a fault has come.
    void settle();
    // Ends the thread; what was put is stored before. The ledger is the caller's again.
    void finish();

    // What was stored since the last call.
    std::vector<Stored> take_stored();
    // Why nothing more is stored: temporary, of the disk as a whole.
    std::optional<Fault> fault() const;

  private:
    using Batch = std::vector<ParcelPointer>;
    void labour();
    Batch next_batch();
    void store(Batch batch);
    void sort_out_known(Batch& batch, std::vector<store::Collected>& notes);
    Result<> sort_out_renamed(Batch& batch);
    Result<> deliver_one(Parcel& parcel, Result<> before);
    Result<> prepare(const Parcel& parcel);
    Result<> hand_over(Batch& batch);
    Result<bool> hand_over_once(Batch& batch);
    void report(Parcel& parcel, const store::MessageId& id, WallTime since, bool again);
    void stop(Fault fault);

    disk::Disk& disk_;
    store::Ledger& ledger_;
    const Clock& clock_;
    const Sorter& sorter_;
    const Limits limits_;
    const CallServer call_;
    std::set<std::string> prepared_;  // maildirs known to be there

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<ParcelPointer> queue_;
    std::size_t copies_ = 0;       // of queue_
    std::uint64_t octets_ = 0;     // of queue_
    bool busy_ = false, ending_ = false;
    std::optional<Fault> fault_;
    std::vector<Stored> stored_;
    std::thread thread_;
};

}  // namespace mailhandler::agent
