// How a failure of the world is told: a value, never an exception.
//
// Three kinds of error are kept apart. The peer's mistake is a reply (each protocol's own
// header). The world's failure — a file, a disk, a resolver, a configuration — is a Fault
// in a Result. Our own bug is an exception, caught once at the top of the program.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace mailhandler {

// A failure of the world. `where` names what it happened to (a path, `file:line:column`, a
// host, a message); `cause` is a sentence without a full stop; a temporary fault may pass
// by itself, and whatever is not understood is temporary.
struct Fault {
    std::string where;
    std::string cause;
    bool temporary = true;
    int error = 0;  // errno, where one is known; callers test for ENOENT, EEXIST, ENOSPC

    // "where: cause", as it is shown to a person.
    std::string text() const { return where.empty() ? cause : where + ": " + cause; }
};

template <class T = void>
using Result = tl::expected<T, Fault>;

// The failed half of a Result.
inline tl::unexpected<Fault> fail(std::string where, std::string cause, bool temporary = true) {
    return tl::unexpected<Fault>(Fault{std::move(where), std::move(cause), temporary, 0});
}

// The failed half of a Result from errno. ENOENT, ENOTDIR, EINVAL, ENAMETOOLONG and the like
// are permanent; everything else, ENOSPC and EIO among it, is temporary.
tl::unexpected<Fault> fail_errno(std::string where, std::string_view doing, int error);

}  // namespace mailhandler
