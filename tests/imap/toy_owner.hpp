// The owner of an IMAP session under test: a few mailboxes in memory. Dialogs read its questions
// with Q:, and make it answer otherwise with A:.
//
//     A: MayLogin anne wrong => NO      a refusal, with code and words where they are to be
//     A: Create work => NO ALREADYEXISTS It is there
//     A: Refresh 2 => arrive Subject: x\r\n\r\nbody
//                      what happens before the second Refresh: arrive, vanish 20,
//                      flags 20 \Seen work, gone
//     A: Content 20 => gone             or NO UNKNOWNCTE words
//     with: empty      INBOX has no messages
//     with: many=100   INBOX has so many
//     with: one        an answer to Fetch holds one message only
//     with: bodies     sections are given as ranges of a file
//
// INBOX (UIDVALIDITY 7) has UIDs 10 \Seen, 20, 30 \Flagged work; there are Drafts (its use,
// subscribed), work, work.done (subscribed) and Entwürfe.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "imap/question.hpp"
#include "support/dialog.hpp"

namespace mailhandler::test {

class ToyOwner {
  public:
    explicit ToyOwner(Dialog dialog);

    imap::Answer answer(imap::Question&& question);
    const std::vector<std::string>& log() const { return log_; }
    std::string unfinished() const {
        return appending_ ? "an APPEND was neither committed nor discarded" : "";
    }
    bool farewell(const std::string& question) const { return question == "AppendDiscard"; }

  private:
    struct Mail {
        imap::Message message;
        std::string text;
        std::int64_t date = 0;
    };
    struct Mailbox {
        std::uint32_t uid_validity = 7;
        imap::Uid uid_next = 1;
        imap::ModSeq modseq = 1;
        std::vector<Mail> mails;
        std::vector<std::string> keywords;
        bool subscribed = false;
        imap::SpecialUse use = imap::SpecialUse::none;
        std::map<std::string, std::string> annotations;
        // what happened since the session was last told
        imap::Changes news;
    };

    // The verdict that A: lines say for this question; ok otherwise.
    imap::Verdict note(std::string description);
    imap::Verdict verdict(const std::string& description) const;
    Mailbox& selected() { return mailboxes_.at(selected_); }
    imap::Changes changes();
    imap::Flags flags_of(Mailbox& mailbox, const imap::NamedFlags& flags);
    imap::Uid add(Mailbox& mailbox, std::string text, imap::Flags flags, std::int64_t date);
    void set_flags(Mailbox& mailbox, Mail& mail, imap::Flags flags);
    void vanish(Mailbox& mailbox, const imap::UidSet& uids);
    void happen(const std::string& event);

    // toy_owner.cpp
    imap::Answer take(imap::MayConnect&);
    imap::Answer take(imap::MayLogin&);
    // toy_owner_folders.cpp
    imap::Answer take(imap::ListFolders&);
    imap::Answer take(imap::Create&);
    imap::Answer take(imap::Delete&);
    imap::Answer take(imap::Rename&);
    imap::Answer take(imap::Subscribe&);
    imap::Answer take(imap::GetStatus&);
    imap::Answer take(imap::GetQuota&);
    imap::Answer take(imap::GetMetadata&);
    imap::Answer take(imap::SetMetadata&);
    imap::Answer take(imap::Select&);
    imap::Answer take(imap::Refresh&);
    imap::Answer take(imap::VanishedSince&);
    imap::Answer take(imap::Unselect&);
    imap::Answer take(imap::Watch&);
    // toy_owner_messages.cpp
    imap::Answer take(imap::Fetch&);
    imap::Answer take(imap::Store&);
    imap::Answer take(imap::Expunge&);
    imap::Answer take(imap::Copy&);
    imap::Answer take(imap::AppendMessage&);
    imap::Answer take(imap::AppendOctets&);
    imap::Answer take(imap::AppendCommit&);
    imap::Answer take(imap::AppendDiscard&);
    imap::Content content(imap::Uid uid, const imap::FetchItems& items);
    imap::Octets section(const Mail& mail, const imap::Section& section) const;
    // toy_owner_search.cpp
    imap::Answer take(imap::Search&);
    bool found(const Mail& mail, const imap::SearchKey& key) const;

    Dialog dialog_;
    std::vector<std::string> log_;
    std::map<std::string, Mailbox> mailboxes_;
    std::string selected_;
    bool read_only_ = false;
    int refreshes_ = 0;
    bool appending_ = false;
    std::string append_to_;
    std::vector<Mail> appended_;
};

// A tree of search keys as text: "(all (flags 8) (not (header SUBJECT x)))".
std::string shown(const imap::SearchKey& key);

}  // namespace mailhandler::test
