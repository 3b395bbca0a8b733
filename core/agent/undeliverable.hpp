// What becomes of mail that could not be handed over and that nobody is told about: it is held,
// with the reason "undeliverable", one copy for each recipient.
#pragma once

#include "agent/transfer.hpp"
#include "store/held.hpp"

namespace mailhandler::agent {

// Durable on success, and the same however often it is done: a crash before the queue knows makes
// no second copy. `why`: why nobody is told, for the note. Blocking.
Result<> hold_undeliverable(disk::Disk& disk, const store::Layout& layout, store::Spool& spool,
                            const Clock& clock, const Trouble& trouble,
                            const std::string& why = {});

}  // namespace mailhandler::agent
