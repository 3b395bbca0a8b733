// The messages of a run (retrieval.hpp) on their way from the session to the deposit: from pieces
// made whole, sorted, and kept back while nobody knows whether this run is set up well.
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <utility>

#include "agent/fetch_events.hpp"
#include "agent/retrieval.hpp"

namespace mailhandler::agent {

void Retrieval::receive(std::vector<wire::Piece> pieces) {
    for (wire::Piece& piece : pieces) {
        if (piece.first) gathering_.drop();
        if (errand_.progress) errand_.progress->done_octets += piece.octets.size();
        if (piece.end == wire::Piece::End::more || piece.end == wire::Piece::End::complete) {
            if (!stopping_) {
                const auto added = gathering_.add(std::move(piece.octets));
                if (!added) stop(added.error());
            }
            if (piece.end == wire::Piece::End::more) continue;
            complete(piece.index);
        } else if (piece.end == wire::Piece::End::gone) {
            gathering_.drop();
            ++harvest_.gone;
        } else {
            gathering_.drop();
            ++harvest_.skipped;
            harvest_.complain(fmt::format(
                "message {}: {}", listing_->number(piece.index),
                piece.end == wire::Piece::End::refused ? piece.octets : "it is too large"));
        }
        ++ended_;
        if (errand_.progress) ++errand_.progress->done;
    }
}

void Retrieval::complete(std::uint32_t index) {
    if (stopping_) return gathering_.drop();
    if (errand_.rehearsal)
        rehearse(index);
    else
        sort(index, gathering_.take());
}

void Retrieval::rehearse(std::uint32_t index) {
    const Gathered message = gathering_.take();
    const Judged judged = judge(*errand_.fetch, errand_.directory, today_, message.head);
    survey_.add(judged);
    ++harvest_.fetched;
    harvest_.octets += listing_->size(index);
    if (errand_.rehearsed)
        errand_.rehearsed({errand_.fetch->name, listing_->number(index), judged});
    for (const Fate& fate : judged.fates) {
        if (!fate.wait.empty()) ++harvest_.waiting[fate.wait];
        for (const End& end : fate.ends) count(harvest_, end);
    }
}

// What throws on one message is a bug of ours, and costs that message its way, not the others.
Result<Sorted> Retrieval::sorted(const Arrived& message) {
    Result<Sorted> result;
    try {
        result = sorter_.sort(message);
    } catch (const std::exception& bug) {
        house_.log.error(
            fmt::format("fetch {}: a bug of ours: {}", errand_.fetch->name, bug.what()));
        return sorter_.poison(message, bug.what());
    }
    if (result || result.error().temporary) return result;
    return sorter_.poison(message, result.error().text());
}

void Retrieval::sort(std::uint32_t index, Gathered message) {
    auto parcel = std::make_unique<Parcel>(
        Parcel{index, id_of(index), shared_[index], listing_->size(index), std::move(message), {}});
    Result<Sorted> result = sorted({parcel->message.head, {}, parcel->message.spilled.get()});
    if (!result) return stop(result.error());
    parcel->sorted = std::move(*result);
    if (first_) return keep_back(std::move(parcel));
    put(std::move(parcel));
}

void Retrieval::put(ParcelPointer parcel) {
    if (parcel->sorted.stays.empty()) return deposit_->put(std::move(parcel));
    ++harvest_.waiting[parcel->sorted.stays];
    if (!parcel->sorted.lacks || parcel->shared) return;
    parcel->sorted.lacks->size = parcel->size;
    parcel->sorted.lacks->since =
        std::chrono::floor<std::chrono::seconds>(house_.clock.wall().time_since_epoch()) +
        WallTime();
    waiting_.emplace_back(std::move(parcel->id), std::move(*parcel->sorted.lacks));
}

// --- a first run --------------------------------------------------------------------------

void Retrieval::keep_back(ParcelPointer parcel) {
    survey_.add(parcel->sorted.judged);
    const bool placed = parcel->sorted.judged.placed();
    kept_back_.push_back(std::move(parcel));
    if (placed) return release();
    if (kept_back_.size() < brake_after) return;
    harvest_.braked = stopping_ = true;
    harvest_.headers = survey_.words();
    kept_back_.clear();
}

void Retrieval::release() {
    first_ = false;
    for (ParcelPointer& parcel : std::exchange(kept_back_, {})) put(std::move(parcel));
}

}  // namespace mailhandler::agent
