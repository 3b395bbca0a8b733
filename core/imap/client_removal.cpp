#include "imap/client_removal.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "wire/words.hpp"

namespace mailhandler::imap {

namespace {

constexpr std::size_t batches_at_once = 4;

}  // namespace

ClientRemoval::ClientRemoval(std::shared_ptr<const MailboxListing> listing, bool uidplus,
                             std::string forbidden)
    : listing_(std::move(listing)), uidplus_(uidplus), forbidden_(std::move(forbidden)) {}

void ClientRemoval::add(const std::vector<std::uint32_t>& indexes) {
    if (!indexes.empty()) known_.resize(listing_->count());
    for (const std::uint32_t index : indexes) {
        if (index >= listing_->count()) throw std::logic_error("imap: removal of no message");
        if (known_[index]) continue;
        known_[index] = true;
        removes_.push_back(index);
    }
}

std::vector<ClientRemoval::Command> ClientRemoval::commands() {
    std::vector<Command> commands;
    if (!forbidden_.empty() && next_ < removes_.size()) {
        not_deleted_ += removes_.size() - next_;
        next_ = removes_.size();
        why_not_ = forbidden_;
    }
    if (batches_.empty()) std::sort(removes_.begin() + static_cast<std::ptrdiff_t>(next_), removes_.end());
    while (next_ < removes_.size() && batches_.size() < (uidplus_ ? batches_at_once : 1)) {
        UidSets set(*listing_);
        while (next_ < removes_.size() && set.add(removes_[next_])) ++next_;
        Batch batch;
        batch.set = set.text();
        batch.indexes = set.take();
        commands.push_back(
            {Command::Kind::mark, "UID STORE " + batch.set + " +FLAGS.SILENT (\\Deleted)"});
        if (uidplus_) commands.push_back({Command::Kind::expunge, "UID EXPUNGE " + batch.set});
        batches_.push_back(std::move(batch));
        said_ = true;
    }
    if (!uidplus_ && !batches_.empty() && !std::exchange(said_, true)) {
        const Batch& batch = batches_.front();
        if (batch.waiting == Command::Kind::search)
            commands.push_back({batch.waiting, "UID SEARCH DELETED NOT UID " + batch.set});
        else
            commands.push_back({batch.waiting, "EXPUNGE"});
    }
    return commands;
}

void ClientRemoval::answered(bool ok, std::string_view words) {
    if (batches_.empty()) throw std::logic_error("imap: an answer to no removal");
    Batch& batch = batches_.front();
    const Command::Kind kind = batch.waiting;
    said_ = false;
    if (kind == Command::Kind::mark) batch.marked = ok;
    if (kind == Command::Kind::mark && uidplus_) {
        batch.waiting = Command::Kind::expunge;  // it is on its way, and takes nothing unmarked
        if (!ok) why_not_ = wire::printable(words);
        return;
    }
    if (kind != Command::Kind::expunge && ok && !others_) {
        batch.waiting =
            kind == Command::Kind::mark ? Command::Kind::search : Command::Kind::expunge;
        return;
    }
    if (kind == Command::Kind::expunge && ok && batch.marked)
        deleted_.insert(deleted_.end(), batch.indexes.begin(), batch.indexes.end());
    else if (kind == Command::Kind::search && others_)
        refuse(batch, "others are marked for deletion in the mailbox, and without UIDPLUS the "
                      "server could only delete them all");
    else
        refuse(batch, why_not_.empty() ? wire::printable(words) : why_not_);
    batches_.pop_front();
    if (others_) forbidden_ = why_not_;
}

void ClientRemoval::refuse(const Batch& batch, std::string why) {
    not_deleted_ += batch.indexes.size();
    why_not_ = std::move(why);
}

void ClientRemoval::count(wire::Outcomes& outcomes) const {
    outcomes.deleted = deleted_;
    outcomes.not_deleted = not_deleted_;
    outcomes.why_not = why_not_;
}

}  // namespace mailhandler::imap
