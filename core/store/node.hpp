// Which machine and which process: the node id that file names carry, and the lock that one running
// `serve` holds. With these two, several machines can share a root one day.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "disk/interface.hpp"
#include "store/layout.hpp"

namespace mailhandler::store {

// `configured` ([paths] node) or, where that is empty, the host's name, made fit for a file name:
// letters, digits, '.', '_' and '-', anything else becomes '-'; not beginning with a dot; at most 24
// octets (a longer one is cut and told apart by a hash, so that a UIDL keeps within 70).
std::string node_id(std::string_view configured);

// The lock of a running `serve`: ROOT/state/serve.lock. Never waits: EWOULDBLOCK, temporary, when
// another process has it. Makes the state directory when it is missing.
Result<std::unique_ptr<disk::Lock>> take_serve_lock(disk::Disk& disk, const Layout& layout);

}  // namespace mailhandler::store
