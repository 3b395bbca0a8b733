// Mail that arrives: from an accepted transaction to durable copies in maildirs.
//
// Mailroom holds what all receptions share; a Reception answers the questions of one SMTP or LMTP
// session (smtp/server_session.hpp). It decides nothing about addresses, route() does; and makes
// nothing durable, store::Store does.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/configuration.hpp"
#include "agent/forward.hpp"
#include "agent/outgoing.hpp"
#include "agent/recorder.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "disk/interface.hpp"
#include "mail/authentication.hpp"
#include "mail/stamp.hpp"
#include "route/route.hpp"
#include "smtp/server_session.hpp"
#include "store/delivery.hpp"
#include "store/layout.hpp"
#include "store/leftovers.hpp"
#include "store/maildir.hpp"
#include "store/quota.hpp"

namespace mailhandler::agent {

// Everything receptions share. Outlives them all.
struct Mailroom {
    disk::Disk& disk;
    const store::Layout& layout;
    store::Store& store;
    store::UniqueNames& names;
    store::Quotas& quotas;
    const Clock& clock;
    Recorder& recorder;
    Log log;
    Snapshot snapshot;  // in force; changed on the network thread only
    // Null: nothing sends mail on, so addresses that forward are answered 451.
    Outgoing* outgoing = nullptr;
};

class Reception {
  public:
    // `client` is the session's own, read whenever a question is answered. In submission, what is
    // not ours leaves by the queue.
    Reception(Mailroom& room, const smtp::Client& client, smtp::Service service);

    // Where each question is answered says smtp::place(): MayConnect, MayFrom, MayTo and Discard on
    // the network thread, Spill and Commit on a disk-pool thread.
    smtp::Answer answer(smtp::Question question);

    // What SPF says of the transaction under way: told before Commit, where it is told at all. It
    // refuses nothing; it is written above Received, and says who may be told of failures.
    void checked(mail::SenderCheck check) { check_ = std::move(check); }

  private:
    // A recipient that was answered 250, and where its copies go.
    struct Accepted {
        std::vector<route::ToMailbox> to;
        std::vector<Forward> out;  // one for each address of ours that forwards
        std::string domain;
        std::string rule;
    };

    smtp::Reply may_connect();
    smtp::Reply may_from(const smtp::MayFrom& question);
    smtp::Reply may_to(const smtp::MayTo& question);
    // Where each of a recipient's copies goes, into `accepted`. A reply: one cannot go there.
    std::optional<smtp::Reply> take_up(const smtp::MayTo& question,
                                       std::vector<route::Destination>& destinations,
                                       Accepted& accepted);
    std::optional<smtp::Reply> pass_on(const smtp::MayTo& question,
                                       const std::vector<route::ToForward>& targets,
                                       Accepted& accepted) const;
    // The sender was found to be who it says: failures may be told there.
    bool sender_is_genuine() const {
        return !client_.login.empty() || (check_ && check_->result == "pass");
    }
    smtp::Reply send_out(const smtp::MayTo& question, Accepted accepted);
    smtp::Reply bring_back(const smtp::MayTo& question, smtp::Understood<mail::Address> to);
    std::optional<smtp::Reply> no_room(const route::ToMailbox& target, std::uint64_t size);
    void forget();

    // --- the message itself: committing.cpp ----------------------------------------------------

    smtp::Reply spill(smtp::Spill& question);
    std::vector<smtp::Reply> commit(smtp::Commit& message);
    std::string_view gather(smtp::Commit& message);

    // Of each recipient: the "no" it gets after all; nothing while it is to get the message.
    using Fates = std::vector<std::optional<smtp::Reply>>;
    struct Copy;
    std::vector<Copy> copies(const mail::Envelope& envelope, const mail::Inbound& inbound,
                             Fates& fates) const;
    mail::Hop new_hop(const mail::Envelope& envelope) const;
    std::string trace_of(const mail::Hop& hop, const mail::Envelope& envelope,
                         const mail::Inbound& inbound) const;
    static std::string stamp_of(const Copy& copy, const mail::Envelope& envelope);
    std::optional<smtp::Reply> over_quota(const std::vector<Copy>& copies, std::uint64_t size,
                                          Fates& fates);
    static void drop_refused(std::vector<Copy>& copies, const Fates& fates);
    void drop_refused(std::vector<Forward*>& out, const Fates& fates);
    // The copies that leave; what comes back to where it was makes its recipient's fate.
    std::vector<Forward*> leaving(const mail::Envelope& envelope, const mail::Inbound& inbound,
                                  Fates& fates);
    // What the sender is to be told although the message as a whole was taken: who does not get it
    // after all, and who has it, where that was asked for.
    std::vector<Forward> reports_of(const mail::Envelope& envelope, const Fates& fates);
    std::optional<Forward> report_of(const mail::Envelope& envelope, std::vector<store::Owed> owed,
                                     mail::DsnAction action);
    // What is written of the message itself, behind each copy's own lines.
    struct Content {
        const std::string& trace;
        const mail::Inbound& inbound;
        std::string_view rest;

        // What is in memory of a copy: its own lines, and then all but `rest`.
        void behind(std::string_view lines, std::vector<std::string_view>& parts) const {
            parts.assign({lines, trace});
            parts.insert(parts.end(), inbound.kept.begin(), inbound.kept.end());
        }
    };
    Result<> store_copies(const std::vector<Copy>& made, const std::vector<Forward*>& out,
                          std::vector<Forward> reports, const mail::Envelope& envelope,
                          const Content& content);
    std::vector<smtp::Reply> answer_all(smtp::Reply reply);
    std::vector<smtp::Reply> report(const mail::Envelope& envelope, const std::string& id,
                                    std::uint64_t size, const Fates& fates);

    static smtp::Reply mailbox_full();
    void record(watch::What what, const mail::Sender& sender, const mail::Address& recipient,
                const Accepted& accepted, const std::string& why);
    watch::Event event_for(watch::What what, const mail::Sender& sender,
                           const mail::Address& recipient, const Accepted& accepted) const;

    Mailroom& room_;
    const smtp::Client& client_;
    const bool lmtp_, submission_;
    Snapshot snapshot_;  // as it was when the transaction began
    std::vector<Accepted> accepted_;
    std::optional<mail::SenderCheck> check_;
    // A large message: its header block stays in memory, the rest lies in the spill file.
    std::string head_;
    std::unique_ptr<disk::File> spilled_;
};

}  // namespace mailhandler::agent
