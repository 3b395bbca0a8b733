// Mail of a mailbox or a domain that was removed: moved aside, never deleted, and never found by a
// later namesake.
#pragma once

#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "disk/interface.hpp"
#include "store/layout.hpp"

namespace mailhandler::store {

// Moves a mailbox's maildir to state/removed/<domain>/<mailbox>.<time>, or a domain's whole
// directory to state/removed/<domain>/@domain.<time>, with <time> as 20261123T052014Z and "-2", "-3",
// … behind it where that is taken. Durable on return. Returns where it lies now; nothing when there
// was no mail directory. Called by remove-mailbox and remove-domain after the configuration no
// longer names it.
Result<std::optional<std::string>> set_aside(disk::Disk& disk, const Layout& layout,
                                             const route::MailboxName& name, WallTime now);
Result<std::optional<std::string>> set_aside_domain(disk::Disk& disk, const Layout& layout,
                                                    const std::string& domain, WallTime now);

}  // namespace mailhandler::store
