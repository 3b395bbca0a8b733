#include "agent/retrieval.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "agent/fetch_events.hpp"

namespace mailhandler::agent {

namespace {

// Names written to the ledger by one sync: a mailbox of any size costs the memory of these.
constexpr std::size_t noted_together = 2048;

// Messages whose UIDL another message of the listing has as well.
std::vector<bool> shared_uidls(const wire::Listing& listing) {
    std::vector<bool> shared(listing.count());
    if (listing.repeated().empty()) return shared;
    std::set<std::string> names;
    for (const std::uint32_t index : listing.repeated()) names.insert(listing.uid(index));
    for (std::size_t i = 0; i < listing.count(); ++i) shared[i] = names.contains(listing.uid(i));
    return shared;
}

// A port of one's own is part of the server's name; POP3 and IMAP, in clear or in TLS, are one
// server.
store::Account account_of(const config::Fetch& fetch) {
    constexpr std::array usual_ports{110, 995, 143, 993};
    const bool usual =
        std::find(usual_ports.begin(), usual_ports.end(), fetch.port) != usual_ports.end();
    return {usual ? fetch.host : fmt::format("{}:{}", fetch.host, fetch.port), fetch.login};
}

bool kept_long_enough(const config::Fetch& fetch, WallTime since, WallTime now) {
    return fetch.keep && since + *fetch.keep <= now;
}

}  // namespace

Result<std::unique_ptr<Retrieval>> Retrieval::begin(Storehouse& house, Errand errand) {
    const store::Account account = account_of(*errand.fetch);
    const auto use = errand.rehearsal ? store::Ledger::Use::look : store::Ledger::Use::write;
    auto ledger = store::Ledger::open(house.disk, house.layout, account, use);
    if (!ledger) return tl::unexpected(ledger.error());
    std::size_t recovered = 0;
    if (!errand.rehearsal) {
        const auto finished = ledger->recover();
        if (!finished) return tl::unexpected(finished.error());
        recovered = *finished;
    }
    std::unique_ptr<Retrieval> retrieval(
        new Retrieval(house, std::move(errand), std::move(*ledger)));
    retrieval->harvest_.recovered = recovered;
    return retrieval;
}

Retrieval::Retrieval(Storehouse& house, Errand errand, store::Ledger ledger)
    : house_(house),
      errand_(std::move(errand)),
      today_(local_date(house.clock.wall())),
      ledger_(std::move(ledger)),
      survey_(*errand_.fetch, errand_.directory, today_),
      gathering_(house.disk, house.layout),
      first_(ledger_.never_used()),
      sorter_({*errand_.fetch, errand_.directory, today_, house.layout, house.clock, house.names,
               [this](const auto& target, auto octets) { return mailbox_takes(target, octets); },
               [this](auto octets) { return held_takes(octets); },
               static_cast<bool>(house.call_server), house.outgoing, errand_.hostname}) {
    harvest_.fetch = errand_.fetch->name;
}

Retrieval::~Retrieval() = default;

wire::ClientAnswer Retrieval::answer(wire::ClientQuestion question) {
    if (auto* listed = std::get_if<wire::Listed>(&question)) {
        listing_ = std::move(listed->listing);
        return plan(*listing_);
    }
    if (auto* received = std::get_if<wire::Received>(&question)) {
        receive(std::move(received->pieces));
        return progress();
    }
    if (const auto* settle_it = std::get_if<wire::Settle>(&question)) {
        settle(settle_it->farewell);
        return progress();
    }
    finish(std::get<wire::Finished>(question).outcomes);
    return wire::Done{};
}

// --- the plan -----------------------------------------------------------------------------

wire::Plan Retrieval::plan(const wire::Listing& listing) {
    wire::Plan plan;
    plan.headers_only = errand_.rehearsal;
    shared_ = shared_uidls(listing);
    harvest_.listed = listing.count();
    harvest_.skipped += listing.misunderstood();
    for (const std::string& complaint : listing.complaints()) harvest_.complain(complaint);
    const WallTime now = house_.clock.wall();
    std::uint64_t octets = 0;
    for (std::uint32_t i = 0; i < listing.count(); ++i) {
        const store::MessageId id = id_of(i);
        const auto known = ledger_.known(id);
        if (known && is_done(*known, i)) {
            ++harvest_.known;
            if (errand_.rehearsal || !kept_long_enough(*errand_.fetch, known->since, now)) continue;
            plan.remove.push_back(i);
            leaving_.push_back(i);
            continue;
        }
        const bool may_wait = !known && !shared_[i] && !errand_.rehearsal;
        if (const auto lacking = may_wait ? still_lacks(id, listing.size(i)) : std::nullopt) {
            ++harvest_.waiting[*lacking];
            continue;
        }
        plan.fetch.push_back(i);
        octets += listing.size(i);
    }
    planned_ = plan.fetch.size();
    if (errand_.progress) {
        errand_.progress->planned = planned_;
        errand_.progress->planned_octets = octets;
    }
    if (!errand_.rehearsal)
        deposit_.emplace(house_.disk, ledger_, house_.clock, sorter_, Deposit::Limits(),
                         house_.call_server);
    return plan;
}

store::MessageId Retrieval::id_of(std::size_t index) const {
    return {listing_->mailbox(), listing_->validity(), listing_->uid(index)};
}

// Only its content tells what a message is whose UIDL says too little. A UID of IMAP is
// never given to another message (RFC 3501 section 2.3.1.1).
bool Retrieval::is_done(const store::Known& known, std::uint32_t index) const {
    const bool reused = known.leaving && listing_->validity() == 0;
    return !shared_[index] && !reused && known.size == listing_->size(index) &&
           known.state == store::Known::State::done;
}

// --- durable ------------------------------------------------------------------------------

wire::Progress Retrieval::progress() {
    if (deposit_) {
        for (Stored& stored : deposit_->take_stored()) absorb(std::move(stored));
        if (const auto fault = deposit_->fault()) stop(*fault);
    }
    return {std::exchange(removable_, {}), stopping_};
}

// `farewell`: QUIT follows, and with it what was marked is deleted.
void Retrieval::settle(bool farewell) {
    if (!deposit_) return;
    // Fewer than it takes to tell: they are dealt with as they are.
    if (first_ && !stopping_ && ended_ == planned_) release();
    deposit_->settle();
    for (Stored& stored : deposit_->take_stored()) absorb(std::move(stored));
    if (!farewell) return;
    deposit_->finish();
    if (const auto fault = deposit_->fault()) return stop(*fault);
    if (listing_->validity() != 0) return;  // its UIDs are never used again
    if (const auto noted = note_leaving(); !noted) stop(noted.error());
}

Result<> Retrieval::note_leaving() {
    std::vector<store::MessageId> ids = std::exchange(leaving_apart_, {});
    for (const std::uint32_t index : std::exchange(leaving_, {})) {
        ids.push_back(id_of(index));
        if (ids.size() < noted_together) continue;
        if (auto noted = ledger_.leaving(ids); !noted) return noted;
        ids.clear();
    }
    return ledger_.leaving(ids);
}

void Retrieval::absorb(Stored stored) {
    if (!stored.sorted.stays.empty()) {
        ++harvest_.waiting[stored.sorted.stays];
        return;
    }
    if (kept_long_enough(*errand_.fetch, stored.since, house_.clock.wall())) {
        removable_.push_back(stored.index);
        if (shared_[stored.index])
            leaving_apart_.push_back(std::move(stored.id));
        else
            leaving_.push_back(stored.index);
    }
    if (stored.again) {
        ++harvest_.again;
        return;
    }
    ++harvest_.fetched;
    harvest_.octets += stored.octets;
    for (const Fate& fate : stored.sorted.judged.fates) {
        for (const End& end : fate.ends) {
            watch::Event event = event_of(stored.sorted.judged, fate, end);
            event.peer = errand_.fetch->name;
            event.size = stored.octets;
            count(harvest_, end);
            if (house_.record) house_.record(std::move(event));
        }
    }
}

// --- the end ------------------------------------------------------------------------------

void Retrieval::finish(const wire::Outcomes& outcomes) {
    if (deposit_) {
        deposit_->finish();
        (void)progress();
        note_waiting();
    }
    kept_back_.clear();
    harvest_.deleted = outcomes.deleted.size();
    harvest_.left = outcomes.listed ? outcomes.messages - harvest_.deleted : 0;
    if (outcomes.not_deleted != 0) {
        harvest_.skipped += outcomes.not_deleted;
        harvest_.complain(
            fmt::format("{} messages were not deleted: {}", outcomes.not_deleted,
                        outcomes.why_not.empty() ? "the server refused" : outcomes.why_not));
    }
    for (const std::string& note : outcomes.notes) harvest_.complain(note);
    if (!outcomes.complete && !harvest_.fault && !harvest_.braked)
        harvest_.fault = Fault{errand_.fetch->host, outcomes.cause, outcomes.temporary, 0};
    if (errand_.rehearsal || !outcomes.listed || !outcomes.well_formed || stopping_) return;
    forget_unlisted(outcomes.complete && harvest_.skipped == 0 && harvest_.waiting.empty());
}

void Retrieval::forget_unlisted(bool all) {
    store::ListedUids listed;
    listed.reserve(listing_->count());
    for (std::size_t i = 0; i < listing_->count(); ++i) listed.add(listing_->uid(i));
    const auto forgotten = ledger_.forget_unlisted(listing_->mailbox(), listing_->validity(),
                                                   std::move(listed), all);
    if (!forgotten) stop(forgotten.error());
}

void Retrieval::stop(Fault fault) {
    stopping_ = true;
    if (!harvest_.fault) harvest_.fault = std::move(fault);
}

// A ledger that cannot be written has said so already, or costs no more than another fetch.
void Retrieval::note_waiting() {
    if (const auto noted = ledger_.wait(std::exchange(waiting_, {})); !noted)
        house_.log.warning(noted.error().text());
}

}  // namespace mailhandler::agent
