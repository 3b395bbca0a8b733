// Which entry of a ledger a message may take over whose own name says nothing (Ledger::adopt): the
// server has numbered its mailbox anew, or speaks another protocol now. Only for store/ledger.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>

#include "store/ledger.hpp"
#include "store/ledger_book.hpp"

namespace mailhandler::store {

class Predecessors {
  public:
    explicit Predecessors(const LedgerBook& book) : book_(book) {}

    // An entry of another name, done, with the same size and hash; nothing: there is none. Each is
    // given once.
    std::optional<MessageId> take(const Ledger::Sighting& message);
    // The book has dropped entries: at the next take() it is gone through anew.
    void start_over() { by_hash_.reset(); }

  private:
    const LedgerBook& book_;
    // Done under other names than today's; made when first asked for.
    std::optional<std::unordered_multimap<std::string, MessageId>> by_hash_;
};

}  // namespace mailhandler::store
