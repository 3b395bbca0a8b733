#include "agent/handover.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "store/content_hash.hpp"

namespace mailhandler::agent {

namespace {

// What is in memory, and behind it the file.
class CopyBody final : public wire::Body {
  public:
    CopyBody(const store::CopyContent& content, std::uint64_t size)
        : file_(content.spilled), size_(size) {
        for (const std::string_view part : content.parts()) text_ += part;
    }
    std::uint64_t size() const override { return size_; }
    Result<std::size_t> read_at(std::uint64_t offset, char* into, std::size_t size) override {
        if (offset < text_.size()) return text_.copy(into, size, offset);
        return file_ ? file_->read_at(offset - text_.size(), into, size) : 0;
    }

  private:
    std::string text_;
    disk::File* const file_;
    const std::uint64_t size_;
};

}  // namespace

store::MessageId handed_id(const store::MessageId& message, const HandedCopy& copy) {
    store::MessageId id = message;
    id.uid += " for " + copy.recipient.key();
    return id;
}

std::string handed_hash(const std::string& hash, const HandedCopy& copy) {
    store::ContentHash mixed;
    mixed.add(hash + " for " + copy.recipient.key());
    return mixed.text();
}

Result<> Handover::run(std::vector<Item>& items, const CallServer& call) {
    std::set<std::string> servers;
    for (Item& item : items) {
        const auto known = ledger_.known(handed_id(item.message, *item.copy));
        if (known && known->hash == handed_hash(item.hash, *item.copy))
            item.reply = {250, "2.0.0", "Taken before"};
        else
            servers.insert(item.copy->server);
    }
    items_ = &items;
    noted_ = {};
    for (const std::string& server : servers) {
        server_ = server;
        no_service_.reset();
        auto failed = call(server, *this);
        current_ = nullptr;
        if (no_service_) failed = std::move(no_service_);
        if (!noted_) break;
        // Nobody is refused for good because their server cannot be reached.
        const smtp::Reply reply{451, "4.4.1",
                                server + ": " + (failed ? failed->text : "the line was lost")};
        for (Item& item : items)
            if (item.copy->server == server && item.reply.code == 0) item.reply = reply;
    }
    items_ = nullptr;
    return std::exchange(noted_, {});
}

Handover::Item* Handover::next() {
    const auto waiting = std::find_if(items_->begin(), items_->end(), [this](const Item& item) {
        return item.reply.code == 0 && item.copy->server == server_;
    });
    return waiting == items_->end() ? nullptr : &*waiting;
}

Result<smtp::Outgoing> Handover::outgoing(const Item& item) const {
    const auto size = item.copy->content.size();
    if (!size) return tl::unexpected(size.error());
    smtp::Outgoing message;
    message.sender.address = item.sender;
    message.sender.body = mail::BodyType::eight_bit_mime;
    message.recipients.push_back({item.copy->recipient, {}, {}});
    message.body = std::make_shared<CopyBody>(item.copy->content, *size);
    return message;
}

smtp::ClientAnswer Handover::answer(smtp::ClientQuestion question) {
    smtp::ClientAnswer answer;
    if (auto* outcome = std::get_if<smtp::Outcome>(&question)) {
        current_->reply = std::move(outcome->recipients.front());
        if (current_->reply.code < 300) noted_ = note(*current_);
        current_ = nullptr;
    } else if (auto* no = std::get_if<smtp::NoService>(&question)) {
        no_service_ = std::move(no->reply);
    } else {
        // Whoever cannot write down what was taken sends nothing more.
        while (noted_ && (current_ = next())) {
            auto message = outgoing(*current_);
            if (message) {
                answer.message = std::move(*message);
                break;
            }
            current_->reply = {451, "4.3.0", message.error().text()};
        }
    }
    return answer;
}

// Taken: durably, before the next one is sent.
Result<> Handover::note(const Item& item) {
    std::vector<store::Collected> step;
    step.push_back({handed_id(item.message, *item.copy), item.size,
                    handed_hash(item.hash, *item.copy), {}, clock_.wall()});
    return ledger_.deliver(std::move(step));
}

}  // namespace mailhandler::agent
