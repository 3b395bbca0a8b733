// The owner of a collecting session, POP3 or IMAP (wire/collecting.hpp): one round over one
// account.
//
//     Listed    listing minus ledger → what to fetch, what may go at once
//     Received  pieces → messages → sorted → Deposit, which makes them durable meanwhile
//     Settle    waits until all of it is durable; what may go is deleted next
//     Finished  forgets what the server lists no more; the Harvest is complete
//
// Nothing may be deleted on the server before the ledger says `done`. A first run (an empty ledger)
// keeps its first messages back until one of them finds a recipient; where none does, it stops and
// nothing has happened. A rehearsal (--dry-run) fetches headers only and changes nothing anywhere.
//
// Blocking, for a disk-pool thread, one call at a time.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "agent/deposit.hpp"
#include "agent/gathering.hpp"
#include "agent/harvest.hpp"
#include "agent/header_survey.hpp"
#include "agent/sorting.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "config/load.hpp"
#include "route/directory.hpp"
#include "store/held.hpp"
#include "store/ledger.hpp"
#include "store/maildir.hpp"
#include "store/quota.hpp"
#include "watch/event.hpp"
#include "wire/collecting.hpp"

namespace mailhandler::agent {

// What runs share. Outlives them.
struct Storehouse {
    disk::Disk& disk;
    const store::Layout& layout;
    const Clock& clock;
    store::UniqueNames& names;
    store::Quotas& quotas;
    std::function<void(watch::Event)> record;  // to the journal; any thread
    Log log;
    CallServer call_server = {};         // for mail that another server takes
    const Outgoing* outgoing = nullptr;  // null: what would leave is held
};

// What one run is about.
struct Errand {
    std::shared_ptr<const config::Fetch> fetch;
    route::Directory directory;
    std::uint64_t held_size = 0;  // [held] size, octets
    std::string hostname;         // ours
    bool rehearsal = false;
    std::function<void(const Rehearsed&)> rehearsed;  // for each message of a rehearsal
    Progress* progress = nullptr;                     // may be null
};

class Retrieval {
  public:
    static constexpr std::size_t brake_after = 20;

    // Takes the account's ledger and finishes what a crash interrupted. Errors: temporary with
    // EWOULDBLOCK when another process collects the account; of the disk.
    static Result<std::unique_ptr<Retrieval>> begin(Storehouse& house, Errand errand);
    ~Retrieval();

    wire::ClientAnswer answer(wire::ClientQuestion question);

    // After Finished, or after a run that never got so far.
    Harvest harvest() const { return harvest_; }
    // Of a rehearsal, or of a first run that stopped.
    const HeaderSurvey& survey() const { return survey_; }

  private:
    Retrieval(Storehouse& house, Errand errand, store::Ledger ledger);

    wire::Plan plan(const wire::Listing& listing);
    store::MessageId id_of(std::size_t index) const;
    bool is_done(const store::Known& known, std::uint32_t index) const;
    wire::Progress progress();
    void settle(bool farewell);
    Result<> note_leaving();
    void absorb(Stored stored);
    void finish(const wire::Outcomes& outcomes);
    // `all` of the listing was dealt with.
    void forget_unlisted(bool all);
    void note_waiting();
    void stop(Fault fault);

    // --- messages: retrieval_messages.cpp -------------------------------------------------------

    void receive(std::vector<wire::Piece> pieces);
    void complete(std::uint32_t index);
    void rehearse(std::uint32_t index);
    void sort(std::uint32_t index, Gathered message);
    Result<Sorted> sorted(const Arrived& message);
    void put(ParcelPointer parcel);
    void keep_back(ParcelPointer parcel);
    void release();

    // --- room for them: retrieval_room.cpp ------------------------------------------------------

    Result<bool> mailbox_takes(const route::ToMailbox& target, std::uint64_t octets);
    Result<bool> fits(const route::MailboxName& mailbox, std::uint64_t quota, std::uint64_t octets);
    Result<bool> held_takes(std::uint64_t octets);
    Result<bool> held_fits(std::uint64_t octets);
    // Why a message that waited for room when it was last seen still has to; nothing: it need not.
    std::optional<std::string> still_lacks(const store::MessageId& id, std::uint64_t size);

    Storehouse& house_;
    const Errand errand_;
    const Date today_;
    store::Ledger ledger_;
    Harvest harvest_;
    HeaderSurvey survey_;

    std::shared_ptr<const wire::Listing> listing_;
    std::vector<bool> shared_;  // by index: its UIDL is listed more than once
    std::size_t planned_ = 0, ended_ = 0;
    Gathering gathering_;
    std::vector<ParcelPointer> kept_back_;
    bool first_ = false;  // no message has found a recipient yet, ever
    bool stopping_ = false;

    std::vector<std::uint32_t> removable_;   // not yet told to the session
    // All that was told to it: by index, and by identity where the server's name says too little.
    std::vector<std::uint32_t> leaving_;
    std::vector<store::MessageId> leaving_apart_;

    std::vector<std::pair<store::MessageId, store::Wait>> waiting_;  // not yet in the ledger

    std::mutex room_;  // Sorter is asked from two threads
    std::uint64_t held_octets_ = 0;
    std::optional<Instant> held_looked_;
    Sorter sorter_;
    std::optional<Deposit> deposit_;  // last: its thread uses the rest
};

}  // namespace mailhandler::agent
