// What imap::ServerSession asks of its owner, and what it hears: values only. agent/imap_access
// answers them.
//
// The session speaks to its owner in UIDs and in UTF-8 names. One question at a time, for one
// selected mailbox at most. What is asked is told in three places, by what it is about:
//
//   imap/mailbox_question.hpp    the account's mailboxes, its quota, annotations
//   imap/selection_question.hpp  the selected mailbox: which messages, with which flags
//   imap/message_question.hpp    what is in messages: FETCH, SEARCH, APPEND
//
// Below are the login, all questions as one type, and place(), which says where each is answered:
// all but the few inline ones may block.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "imap/mailbox_question.hpp"
#include "imap/message_question.hpp"
#include "imap/selection_question.hpp"
#include "wire/action.hpp"

namespace mailhandler::imap {

// --- logging in --------------------------------------------------------------------------

// May this client speak at all? Asked before the greeting. Inline. → Verdict
struct MayConnect {};
// LOGIN, AUTHENTICATE PLAIN. On the password pool. → Verdict
struct MayLogin {
    std::string login, password;
};

// --- all questions -----------------------------------------------------------------------

using Question = std::variant<MayConnect, MayLogin, ListFolders, Create, Delete, Rename, Subscribe,
                              GetStatus, GetQuota, GetMetadata, SetMetadata, Select, Refresh,
                              VanishedSince, Unselect, Watch, Fetch, Search, Store, Expunge, Copy,
                              AppendMessage, AppendOctets, AppendCommit, AppendDiscard>;

using Answer = std::variant<Verdict, Folders, Statuses, Quota, Annotations, Selected, Refreshed,
                            Vanished, Fetched, Found, Stored, Changed, Copied, Appended>;

wire::Place place(const Question& question);

// What is known of the client when a question is asked.
struct Client {
    wire::Peer peer;
    std::optional<wire::TlsInfo> tls;
    std::string login;  // after a login
};

using Action = wire::Action<Question>;

}  // namespace mailhandler::imap
