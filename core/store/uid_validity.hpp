// The UIDVALIDITYs of one account (RFC 3501 section 2.3.1.1): none is given twice, and each is greater
// than all before, whatever becomes of the clock and of the lists. ACCOUNT/mailhandler-uidvalidity has
// a line for each; it is appended to, so that a crash never costs those of before.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "disk/interface.hpp"

namespace mailhandler::store {

struct UidValidity {
    std::uint32_t value = 0;
    // Where it is written down. Durable once this and the directory ACCOUNT are synced: to be done
    // before anybody hears of it, together with what else has to be.
    std::unique_ptr<disk::File> record;
};

// At least the clock's seconds, and greater than `above`. Blocking; of two that ask at once the second
// gets a greater one. Permanent fault: there is none left.
Result<UidValidity> new_uid_validity(disk::Disk& disk, const Clock& clock,
                                     const std::string& account, std::uint32_t above);

}  // namespace mailhandler::store
