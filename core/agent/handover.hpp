// Collected mail for another local server: fetch's deliver = "lmtp://…" or "smtp://…".
//
// Each sorted copy is one transaction with one recipient. What the server took is a step in the
// ledger of its own, durable before the next message is sent: so after a crash, or when another
// recipient has to wait, nobody gets theirs twice, but for the one copy whose reply was under way.
// What it puts off is tried at the next run, with the message kept on the host; what it refuses
// is treated as an unknown address. Who dials is run's business (CallServer).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/sorting.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "smtp/client_session.hpp"
#include "store/ledger.hpp"

namespace mailhandler::agent {

class Handover;

// Runs one SMTP or LMTP session with `server` (a URL) and this owner, to its end. Blocking. What it
// returns: why the server could not be reached or served nobody.
using CallServer = std::function<std::optional<smtp::Reply>(const std::string& server, Handover&)>;

class Handover {
  public:
    struct Item {
        store::MessageId message;  // as the ledger knows it
        std::uint64_t size = 0;    // as announced
        std::string hash;          // of the whole message
        std::optional<mail::Address> sender;
        const HandedCopy* copy = nullptr;  // outlives the call
        smtp::Reply reply;                 // what became of it; code 0: nothing yet
    };

    Handover(store::Ledger& ledger, const Clock& clock) : ledger_(ledger), clock_(clock) {}

    // Hands all of them over, server by server. Afterwards each has its reply: 2xx also where an
    // earlier run did it. Errors: of the ledger; temporary, and the rest was not sent.
    Result<> run(std::vector<Item>& items, const CallServer& call);

    // For the session: on a pool thread, while run() waits.
    smtp::ClientAnswer answer(smtp::ClientQuestion question);

  private:
    Result<> note(const Item& item);
    Item* next();
    Result<smtp::Outgoing> outgoing(const Item& item) const;

    store::Ledger& ledger_;
    const Clock& clock_;
    std::vector<Item>* items_ = nullptr;
    std::string server_;
    Item* current_ = nullptr;
    std::optional<smtp::Reply> no_service_;
    Result<> noted_;
};

// The ledger's entry for one recipient of a message: beside the message's own, and forgotten with it.
// Its hash is no message's, so that it is never taken for one.
store::MessageId handed_id(const store::MessageId& message, const HandedCopy& copy);
std::string handed_hash(const std::string& hash, const HandedCopy& copy);

}  // namespace mailhandler::agent
