#include "pop3/collection.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace mailhandler::pop3 {

namespace {

// DELEs under way at once. Bounded, lest both sides write and neither reads.
constexpr std::size_t delete_window = 256;
// What a header counts for in the window.
constexpr std::uint64_t header_octets = 4096;
// Octets looked at in one go, so that `full` is asked often enough.
constexpr std::size_t slice = 64 * 1024;

}  // namespace

Collection::Collection(const Window& window, std::shared_ptr<const Listing> listing, Plan plan,
                       bool pipelined)
    : window_(window), listing_(std::move(listing)), plan_(std::move(plan)),
      pipelined_(pipelined) {
    for (const std::uint32_t index : plan_.fetch)
        if (index >= listing_->count()) throw std::logic_error("pop3: a plan for no message");
    remove(plan_.remove);
}

std::uint64_t Collection::cost(std::uint32_t index) const {
    const std::uint64_t size = (*listing_)[index].size;
    return plan_.headers_only ? std::min(size, header_octets) : size;
}

void Collection::remove(const std::vector<std::uint32_t>& indexes) {
    if (!indexes.empty()) remove_known_.resize(listing_->count());
    for (const std::uint32_t index : indexes) {
        if (index >= listing_->count()) throw std::logic_error("pop3: removal of no message");
        if (remove_known_[index]) continue;
        remove_known_[index] = true;
        removes_.push_back(index);
    }
}

bool Collection::stop() {
    const bool remained = next_fetch_ < plan_.fetch.size();
    plan_.fetch.resize(next_fetch_);
    return remained;
}

std::string Collection::commands() {
    std::string lines;
    const auto command = [&](std::string_view verb, std::uint32_t index, bool retrieve) {
        lines += verb;
        lines += std::to_string((*listing_)[index].number);
        if (retrieve && plan_.headers_only) lines += " 0";
        lines += "\r\n";
        flights_.push_back({index, retrieve});
    };
    const auto room = [&] { return pipelined_ || flights_.empty(); };
    while (next_remove_ < removes_.size() && room() &&
           flights_.size() - retrieving_ < delete_window)
        command("DELE ", removes_[next_remove_++], false);
    // Refilled when half of it is through: commands leave in batches, not one by one.
    if (retrieving_ > window_.messages / 2) return lines;
    while (next_fetch_ < plan_.fetch.size() && room()) {
        const std::uint32_t index = plan_.fetch[next_fetch_];
        const std::uint64_t octets = retrieving_octets_ + cost(index);
        if (retrieving_ > 0 &&
            (retrieving_ >= window_.messages || octets > window_.octets))
            break;
        ++next_fetch_;
        ++retrieving_;
        retrieving_octets_ = octets;
        command(plan_.headers_only ? "TOP " : "RETR ", index, true);
    }
    return lines;
}

bool Collection::respond(std::string_view line) {
    const Response response = parse_response(line);
    if (response.indicator != Indicator::ok && response.indicator != Indicator::err) return false;
    const bool ok = response.indicator == Indicator::ok;
    const Flight flight = flights_.front();
    if (flight.retrieve && ok) {
        begin_message();
        return true;
    }
    flights_.pop_front();
    if (flight.retrieve) {
        --retrieving_;
        retrieving_octets_ -= cost(flight.index);
        ++counts_.refused;
        ++ended_;
        pieces_.push_back({flight.index, true, Piece::End::refused, std::string(line)});
    } else if (ok) {
        marked_.push_back(flight.index);
    } else {
        ++counts_.not_deleted;
    }
    return true;
}

void Collection::begin_message() {
    in_message_ = true;
    decoder_ = wire::DotDecoder();
    message_octets_ = 0;
    too_large_ = false;
    pieces_.push_back({flights_.front().index, true, Piece::End::more, {}});
}

// The piece that the message under way goes on in.
Piece& Collection::piece() {
    if (pieces_.empty()) {
        pieces_.push_back({flights_.front().index, false, Piece::End::more, {}});
    }
    return pieces_.back();
}

std::size_t Collection::receive(std::string_view octets) {
    octets = octets.substr(0, slice);
    std::string& text = piece().octets;
    const std::size_t before = text.size();
    // As much as will come of it, as far as the server can be believed: no growing step by step.
    const std::uint64_t hint = cost(flights_.front().index) + 2;
    text.reserve(before + static_cast<std::size_t>(std::min<std::uint64_t>(octets.size(), hint)));
    const std::size_t used = decoder_.decode(octets, text);
    const std::size_t got = text.size() - before;
    message_octets_ += got;
    if (window_.message_size != 0 && message_octets_ > window_.message_size) too_large_ = true;
    if (too_large_)
        text.resize(before);
    else
        gathered_ += got;
    if (decoder_.finished()) end_message();
    return used;
}

void Collection::end_message() {
    const Flight flight = flights_.front();
    Piece& last = piece();
    last.end = too_large_ ? Piece::End::too_large : Piece::End::complete;
    if (too_large_) {
        gathered_ -= last.octets.size();
        last.octets = {};
        ++counts_.too_large;
    } else {
        ++counts_.fetched;
        counts_.octets += message_octets_;
        if (!plan_.headers_only && message_octets_ != (*listing_)[flight.index].size)
            ++counts_.wrong_size;
    }
    in_message_ = false;
    ++ended_;
    flights_.pop_front();
    --retrieving_;
    retrieving_octets_ -= cost(flight.index);
}

bool Collection::full() const {
    return gathered_ >= window_.chunk || ended_ >= window_.chunk_messages;
}

std::vector<Piece> Collection::take() {
    gathered_ = ended_ = 0;
    return std::exchange(pieces_, {});
}

void Collection::lost() {
    if (in_message_ && !pieces_.empty()) {
        gathered_ -= pieces_.back().octets.size();
        pieces_.pop_back();
    }
    in_message_ = false;
    flights_.clear();
}

bool Collection::retrieved() const {
    return retrieving_ == 0 && next_fetch_ == plan_.fetch.size();
}

void Collection::count(Outcomes& outcomes) const {
    outcomes.fetched = counts_.fetched;
    outcomes.octets = counts_.octets;
    outcomes.refused = counts_.refused;
    outcomes.too_large = counts_.too_large;
    outcomes.wrong_size = counts_.wrong_size;
    outcomes.not_deleted = counts_.not_deleted;
}

}  // namespace mailhandler::pop3
