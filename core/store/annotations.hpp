// Annotations (RFC 5464) of one mailbox, or of the server as one account sees it: names and octets, in
// MAILDIR/mailhandler-annotations or ACCOUNT/mailhandler-server-annotations. Durable when set.
//
// Entry names are lower case, "/private/…" or "/shared/…". An account has one owner, so both kinds lie in
// one file; nobody else reads either.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "disk/interface.hpp"

namespace mailhandler::store {

struct AnnotationLimits {
    std::size_t entries = 200;               // of one mailbox: ENOSPC, permanent
    std::uint64_t value = std::uint64_t(2) << 20;  // octets of one value: EMSGSIZE
};

class Annotations {
  public:
    using Values = std::map<std::string, std::string, std::less<>>;

    // `file`: one of the two above. A file that cannot be understood is a fault: nothing is overwritten.
    Annotations(disk::Disk& disk, const Clock& clock, std::string file,
                AnnotationLimits limits = {})
        : disk_(disk), clock_(clock), file_(std::move(file)), limits_(limits) {}

    Result<Values> all() const;
    // Sets, or removes where there is no value; all or none. Under a lock of its own, so that two
    // writers do not lose each other's.
    Result<> set(const std::vector<std::pair<std::string, std::optional<std::string>>>& changes);

  private:
    disk::Disk& disk_;
    const Clock& clock_;
    const std::string file_;
    const AnnotationLimits limits_;
};

}  // namespace mailhandler::store
