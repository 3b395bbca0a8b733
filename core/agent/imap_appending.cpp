// Messages that an IMAP client brings: APPEND, of one or several (RFC 3502).
#include <cerrno>

#include "agent/imap_incoming.hpp"

namespace mailhandler::agent {

namespace {

constexpr std::size_t most_in_memory = 256 * 1024;  // of one message; the rest waits in state/spill

}  // namespace

imap::Verdict ImapAccess::take(const imap::AppendMessage& question) {
    const auto mailbox = folders_->open(question.mailbox);
    if (!mailbox && mailbox.error().error == ENOENT) return imap::no(imap::Code::try_create);
    if (!mailbox) return refused(mailbox.error());
    if (!incoming_) incoming_ = std::make_unique<Incoming>();
    if (over_quota(incoming_->octets + question.size)) return imap::no(imap::Code::over_quota);
    incoming_->mailbox = *mailbox;
    incoming_->octets += question.size;
    incoming_->message = question;
    incoming_->text.clear();
    incoming_->spilled.reset();
    return {};
}

imap::Verdict ImapAccess::take(imap::AppendOctets& question) {
    Incoming& incoming = *incoming_;
    incoming.text += question.octets;
    if (incoming.text.size() > most_in_memory || (incoming.spilled && question.last)) {
        if (!incoming.spilled) {
            auto spill = store::open_spill(room_.disk, room_.layout);
            if (!spill) return refused(spill.error());
            incoming.spilled = std::move(*spill);
        }
        if (auto done = incoming.spilled->write(incoming.text); !done)
            return refused(done.error());
        incoming.text.clear();
    }
    if (!question.last) return {};
    std::optional<WallTime> date;
    if (incoming.message.internal_date)
        date = WallTime(std::chrono::seconds(*incoming.message.internal_date));
    const std::string_view text = incoming.text;
    auto made = incoming.mailbox->prepare(incoming.message.flags.system,
                                          incoming.message.flags.keywords, date,
                                          std::span(&text, 1), incoming.spilled.get());
    if (!made) {
        if (made.error().error == ENOSPC && !made.error().temporary)
            return imap::no(imap::Code::limit, made.error().cause);
        return refused(made.error());
    }
    incoming.complete.push_back(std::move(*made));
    incoming.text = {};
    incoming.spilled.reset();
    return {};
}

imap::Appended ImapAccess::take(const imap::AppendCommit&) {
    const auto incoming = std::move(incoming_);
    const std::size_t messages = incoming->complete.size();
    auto done = incoming->mailbox->append(std::move(incoming->complete));
    imap::Appended answer;
    if (!done) {
        answer.verdict = refused(done.error());
        return answer;
    }
    delivered(done->octets, messages);
    answer.uid_validity = done->uid_validity;
    answer.uids = std::move(done->uids);
    if (auto changes = look()) answer.changes = std::move(*changes);
    return answer;
}

imap::Verdict ImapAccess::take(const imap::AppendDiscard&) {
    incoming_.reset();
    return {};
}

}  // namespace mailhandler::agent
