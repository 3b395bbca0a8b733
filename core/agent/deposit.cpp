#include "agent/deposit.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace mailhandler::agent {

namespace {

// What it keeps in memory: the message, and each copy's own text.
std::uint64_t weight(const Parcel& parcel) {
    std::uint64_t octets = parcel.message.in_memory();
    for (const store::Copy& copy : parcel.sorted.copies) octets += copy.content.own.size();
    for (const HandedCopy& copy : parcel.sorted.handed) octets += copy.content.own.size();
    return octets;
}

// Messages that share a UIDL are told apart by their content.
store::MessageId by_content(const Parcel& parcel) {
    store::MessageId id = parcel.id;
    id.uid += ' ' + parcel.message.hash;
    return id;
}

store::MessageId id_of(const Parcel& parcel) {
    return parcel.shared ? by_content(parcel) : parcel.id;
}

Arrived arrived(const Parcel& parcel) {
    return {parcel.message.head, {}, parcel.message.spilled.get()};
}

}  // namespace

Deposit::Deposit(disk::Disk& disk, store::Ledger& ledger, const Clock& clock, const Sorter& sorter,
                 Limits limits, CallServer call)
    : disk_(disk), ledger_(ledger), clock_(clock), sorter_(sorter), limits_(limits),
      call_(std::move(call)), thread_([this] { labour(); }) {}

Deposit::~Deposit() { finish(); }

void Deposit::put(ParcelPointer parcel) {
    const std::uint64_t octets = weight(*parcel);
    const std::size_t copies = parcel->sorted.copies.size();
    std::unique_lock lock(mutex_);
    // A parcel that is larger than everything allowed goes alone.
    changed_.wait(lock, [&] {
        return fault_ || queue_.empty() ||
               (queue_.size() < limits_.messages && copies_ + copies <= limits_.copies &&
                octets_ + octets <= limits_.octets);
    });
    if (fault_) return;
    copies_ += copies;
    octets_ += octets;
    queue_.push_back(std::move(parcel));
    changed_.notify_all();
}

void Deposit::settle() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return fault_ || (queue_.empty() && !busy_); });
}

void Deposit::finish() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
        changed_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
}

std::vector<Stored> Deposit::take_stored() {
    const std::lock_guard lock(mutex_);
    return std::exchange(stored_, {});
}

std::optional<Fault> Deposit::fault() const {
    const std::lock_guard lock(mutex_);
    return fault_;
}

// --- on the thread ------------------------------------------------------------------------

void Deposit::labour() {
    for (;;) {
        Batch batch = next_batch();
        if (batch.empty()) return;
        try {
            store(std::move(batch));
        } catch (const std::exception& bug) {
            stop(Fault{"", std::string("a bug of ours: ") + bug.what()});
        }
        const std::lock_guard lock(mutex_);
        busy_ = false;
        changed_.notify_all();
    }
}

Deposit::Batch Deposit::next_batch() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !queue_.empty() || ending_; });
    busy_ = !queue_.empty();
    Batch batch(std::make_move_iterator(queue_.begin()), std::make_move_iterator(queue_.end()));
    queue_.clear();
    copies_ = 0;
    octets_ = 0;
    changed_.notify_all();
    return batch;
}

void Deposit::store(Batch batch) {
    std::vector<store::Collected> collected;
    sort_out_known(batch, collected);
    if (const auto sorted = sort_out_renamed(batch); !sorted) return stop(sorted.error());
    if (const auto handed = hand_over(batch); !handed) return stop(handed.error());
    const WallTime now = clock_.wall();
    Result<> done;
    std::set<store::MessageId> fresh;
    std::vector<bool> twice;
    for (const ParcelPointer& each : batch) {
        Parcel& parcel = *each;
        twice.push_back(!fresh.insert(id_of(parcel)).second);
        if (twice.back()) continue;
        // What will not go into its mailbox is to be known before the ledger says it will.
        if (done) done = prepare(parcel);
        collected.push_back({id_of(parcel), parcel.size, parcel.message.hash,
                             std::exchange(parcel.sorted.copies, {}), now});
    }
    if (done) done = ledger_.deliver(std::move(collected));
    if (!done && done.error().temporary) return stop(done.error());
    for (std::size_t i = 0; i < batch.size(); ++i) {
        if (!done && !twice[i]) {
            if (auto alone = deliver_one(*batch[i], done); !alone) return stop(alone.error());
        }
        report(*batch[i], id_of(*batch[i]), now, twice[i]);
    }
}

// Takes messages out of the batch that were delivered before. `notes` are for the ledger: such a
// message now has another size, as announced, or has its UIDL for itself.
void Deposit::sort_out_known(Batch& batch, std::vector<store::Collected>& notes) {
    std::erase_if(batch, [&](ParcelPointer& each) {
        Parcel& parcel = *each;
        const std::string& hash = parcel.message.hash;
        store::MessageId id = parcel.id;
        auto known = ledger_.known(id);
        if (!known || known->hash != hash) {
            id = by_content(parcel);
            known = ledger_.known(id);
        }
        if (!known || known->hash != hash) return false;
        const store::MessageId now = id_of(parcel);
        if (!parcel.shared && (id != now || known->size != parcel.size))
            notes.push_back({now, parcel.size, hash, {}, known->since});
        report(parcel, parcel.shared ? id : now, known->since, true);
        return true;
    });
}

// … and those that were delivered under another name.
Result<> Deposit::sort_out_renamed(Batch& batch) {
    std::vector<store::Ledger::Sighting> sightings;
    for (const ParcelPointer& parcel : batch)
        sightings.push_back({id_of(*parcel), parcel->size, parcel->message.hash});
    const auto adopted = ledger_.adopt(sightings);
    if (!adopted) return tl::unexpected(adopted.error());
    std::size_t at = 0;
    std::erase_if(batch, [&](ParcelPointer& parcel) {
        const std::size_t index = at++;
        if (!(*adopted)[index]) return false;
        const store::MessageId& id = sightings[index].id;
        report(*parcel, id, ledger_.known(id)->since, true);
        return true;
    });
    return {};
}

// A message of a batch that failed for good, by itself: as it was sorted, else as poison.
Result<> Deposit::deliver_one(Parcel& parcel, Result<> before) {
    Result<Sorted> sorted = sorter_.stage(arrived(parcel), std::move(parcel.sorted.judged));
    for (const bool last : {false, true}) {
        if (!sorted) return tl::unexpected(sorted.error());
        parcel.sorted = std::move(*sorted);
        before = prepare(parcel);
        if (before) {
            std::vector<store::Collected> one;
            one.push_back({id_of(parcel), parcel.size, parcel.message.hash,
                           std::exchange(parcel.sorted.copies, {}), clock_.wall()});
            before = ledger_.deliver(std::move(one));
        }
        if (before || before.error().temporary || last) return before;
        sorted = sorter_.poison(arrived(parcel), before.error().text());
    }
    return before;
}

// Copies for other servers go first: what waits keeps its message on the host as a whole.
Result<> Deposit::hand_over(Batch& batch) {
    // A refusal may lead to somebody else's server (the postmaster's), and that to one more.
    for (int rounds = 0; rounds < 3; ++rounds) {
        const auto again = hand_over_once(batch);
        if (!again) return tl::unexpected(again.error());
        if (!*again) break;
    }
    for (ParcelPointer& parcel : batch)
        for (const HandedCopy& copy : parcel->sorted.handed)
            if (!ledger_.known(handed_id(id_of(*parcel), copy)) && parcel->sorted.stays.empty())
                parcel->sorted.stays = copy.recipient.given() + ": refused wherever it is to go";
    std::erase_if(batch, [this](ParcelPointer& parcel) {
        if (parcel->sorted.stays.empty()) return false;
        report(*parcel, id_of(*parcel), {}, false);
        return true;
    });
    return {};
}

// True: something was refused and its message sorted anew.
Result<bool> Deposit::hand_over_once(Batch& batch) {
    std::vector<Handover::Item> items;
    std::vector<std::size_t> whose;
    for (std::size_t i = 0; i < batch.size(); ++i) {
        const Parcel& parcel = *batch[i];
        for (const HandedCopy& copy : parcel.sorted.handed) {
            items.push_back({id_of(parcel), parcel.size, parcel.message.hash,
                             parcel.sorted.judged.block.return_path, &copy, {0, "", ""}});
            whose.push_back(i);
        }
    }
    if (items.empty()) return false;
    if (auto done = Handover(ledger_, clock_).run(items, call_); !done)
        return tl::unexpected(done.error());
    std::set<std::size_t> anew;
    // From the last: an end that is refused moves those behind it.
    for (std::size_t i = items.size(); i-- > 0;) {
        const smtp::Reply& reply = items[i].reply;
        Sorted& sorted = batch[whose[i]]->sorted;
        const HandedCopy& copy = *items[i].copy;
        if (reply.code >= 400 && reply.code < 500)
            sorted.stays = copy.recipient.given() + ": " + reply.text;
        if (reply.code < 500) continue;
        sorter_.refuse(sorted.judged, copy.fate, copy.end,
                       {route::Why::unknown, reply.code, reply.enhanced, reply.text});
        anew.insert(whose[i]);
    }
    bool again = false;
    for (const std::size_t i : anew) {
        Parcel& parcel = *batch[i];
        if (!parcel.sorted.stays.empty()) continue;  // all of it comes again
        auto sorted = sorter_.stage(arrived(parcel), std::move(parcel.sorted.judged));
        if (!sorted) return tl::unexpected(sorted.error());
        parcel.sorted = std::move(*sorted);
        again |= !parcel.sorted.handed.empty() && parcel.sorted.stays.empty();
    }
    return again;
}

Result<> Deposit::prepare(const Parcel& parcel) {
    for (const store::Copy& copy : parcel.sorted.copies) {
        if (disk::file_name(copy.directory) != "new" || prepared_.contains(copy.directory)) continue;
        const std::string maildir = disk::parent_path(copy.directory);
        if (auto made = store::make_maildir(disk_, maildir); !made) return made;
        prepared_.insert(copy.directory);
    }
    return {};
}

void Deposit::report(Parcel& parcel, const store::MessageId& id, WallTime since, bool again) {
    Stored stored{parcel.index, id, since, again, std::move(parcel.sorted),
                  parcel.message.size};
    stored.sorted.copies.clear();
    const std::lock_guard lock(mutex_);
    stored_.push_back(std::move(stored));
}

void Deposit::stop(Fault fault) {
    fault.temporary = true;  // nothing is lost: what was not stored is on the server
    const std::lock_guard lock(mutex_);
    if (!fault_) fault_ = std::move(fault);
    queue_.clear();
    changed_.notify_all();
}

}  // namespace mailhandler::agent
