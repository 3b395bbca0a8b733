#include "imap/client_collection.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "wire/words.hpp"

namespace mailhandler::imap {

namespace {

constexpr std::size_t orders_at_once = 2;
constexpr std::size_t most_unanswered = 100;
constexpr std::uint64_t header_octets = 4096;  // what a header counts for in the window

}  // namespace

ClientCollection::ClientCollection(const wire::Window& window,
                                   std::shared_ptr<const MailboxListing> listing, wire::Plan plan)
    : window_(window), listing_(std::move(listing)), plan_(std::move(plan)),
      states_(listing_->count()) {
    for (const std::uint32_t index : plan_.fetch)
        if (index >= listing_->count()) throw std::logic_error("imap: a plan for no message");
}

std::uint64_t ClientCollection::cost(std::uint32_t index) const {
    const std::uint64_t size = listing_->size(index);
    return plan_.headers_only ? std::min(size, header_octets) : size;
}

std::string_view ClientCollection::items() const {
    return plan_.headers_only ? "(UID BODY.PEEK[HEADER])" : "(UID BODY.PEEK[])";
}

std::string ClientCollection::next_set(std::uint64_t tag) {
    const auto coming = std::count_if(orders_.begin(), orders_.end(),
                                      [](const Order& order) { return order.left != 0; });
    if (static_cast<std::size_t>(coming) >= orders_at_once || orders_.size() >= most_unanswered ||
        remaining() == 0)
        return {};
    UidSets set(*listing_);
    const bool again = !alone_.empty();
    if (again) {
        set.add(alone_.front());
        alone_.pop_front();
    } else {
        std::uint64_t octets = 0;
        const std::size_t first = next_;
        for (; next_ < plan_.fetch.size() && next_ - first < window_.messages; ++next_) {
            octets += cost(plan_.fetch[next_]);
            if ((next_ != first && octets > window_.octets) || !set.add(plan_.fetch[next_])) break;
        }
    }
    std::string text = set.text();
    orders_.push_back({tag, set.take(), 0, again});
    orders_.back().left = orders_.back().indexes.size();
    for (const std::uint32_t index : orders_.back().indexes) states_[index] = tag;
    return text;
}

bool ClientCollection::stop() {
    const bool remained = remaining() != 0;
    plan_.fetch.resize(next_);
    alone_.clear();
    return remained;
}

// The piece that the message under way goes on in; which message it is, its last piece says.
wire::Piece& ClientCollection::piece() {
    if (pieces_.empty()) pieces_.push_back({0, false, wire::Piece::End::more, {}});
    return pieces_.back();
}

void ClientCollection::begin_body(std::uint64_t size) {
    in_body_ = true;
    octets_ = 0;
    too_large_ = window_.message_size != 0 && size > window_.message_size;
    pieces_.push_back({0, true, wire::Piece::End::more, {}});
    if (!too_large_) pieces_.back().octets.reserve(std::min<std::uint64_t>(size, window_.chunk));
}

void ClientCollection::body(std::string_view octets) {
    octets_ += octets.size();
    if (too_large_) return;
    piece().octets += octets;
    gathered_ += octets.size();
}

bool ClientCollection::end_body(std::optional<std::uint64_t> uid, bool nil) {
    in_body_ = false;
    const auto index = uid ? listing_->find(static_cast<Uid>(*uid)) : std::nullopt;
    if (!index || states_[*index] == idle || states_[*index] == had) return false;
    const std::uint64_t tag = std::exchange(states_[*index], had);
    const auto order = std::find_if(orders_.begin(), orders_.end(),
                                    [tag](const Order& each) { return each.tag == tag; });
    if (order == orders_.end()) return false;
    --order->left;
    if (nil && !order->again) {
        pieces_.pop_back();
        states_[*index] = idle;
        alone_.push_back(*index);
        return true;
    }
    wire::Piece& last = piece();
    last.index = *index;
    ++ended_;
    if (nil) {
        last.end = wire::Piece::End::refused;
        last.octets = "the server has no text for it (NIL)";
        ++counts_.refused;
    } else if (too_large_) {
        last.end = wire::Piece::End::too_large;
        ++counts_.too_large;
    } else {
        last.end = wire::Piece::End::complete;
        ++counts_.fetched;
        counts_.octets += octets_;
        if (!plan_.headers_only && octets_ != listing_->size(*index)) ++counts_.wrong_size;
    }
    return true;
}

void ClientCollection::end(std::uint32_t index, wire::Piece::End end, std::string_view words) {
    states_[index] = had;
    ++ended_;
    pieces_.push_back({index, true, end, std::string(words)});
}

void ClientCollection::answered(std::uint64_t tag, bool ok, std::string_view words) {
    const auto order = std::find_if(orders_.begin(), orders_.end(),
                                    [tag](const Order& each) { return each.tag == tag; });
    if (order == orders_.end()) throw std::logic_error("imap: an answer to no command");
    const bool single = order->again || order->indexes.size() == 1;
    for (const std::uint32_t index : order->indexes) {
        if (states_[index] != tag) continue;
        if (ok) {
            ++counts_.gone;
            end(index, wire::Piece::End::gone);
        } else if (single) {
            ++counts_.refused;
            end(index, wire::Piece::End::refused, wire::printable(words));
        } else {
            states_[index] = idle;
            alone_.push_back(index);
        }
    }
    orders_.erase(order);
}

bool ClientCollection::full() const {
    return gathered_ >= window_.chunk || ended_ >= window_.chunk_messages;
}

std::vector<wire::Piece> ClientCollection::take() {
    gathered_ = ended_ = 0;
    return std::exchange(pieces_, {});
}

void ClientCollection::lost() {
    if (!pieces_.empty() && pieces_.back().end == wire::Piece::End::more) pieces_.pop_back();
    in_body_ = false;
    orders_.clear();
}

void ClientCollection::count(wire::Outcomes& outcomes) const {
    outcomes.fetched = counts_.fetched;
    outcomes.octets = counts_.octets;
    outcomes.refused = counts_.refused;
    outcomes.gone = counts_.gone;
    outcomes.too_large = counts_.too_large;
    outcomes.wrong_size = counts_.wrong_size;
}

}  // namespace mailhandler::imap
