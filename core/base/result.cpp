#include "base/result.hpp"

#include <cerrno>
#include <cstring>

namespace mailhandler {

namespace {

bool is_permanent(int error) {
    switch (error) {
        case ENOENT:
        case ENOTDIR:
        case EISDIR:
        case EEXIST:
        case EINVAL:
        case ENAMETOOLONG:
        case ELOOP:
        case EACCES:
        case EPERM:
            return true;
        default:
            return false;
    }
}

}  // namespace

tl::unexpected<Fault> fail_errno(std::string where, std::string_view doing, int error) {
    std::string cause(doing);
    if (!cause.empty()) cause += ": ";
    char text[128];
    cause += strerror_r(error, text, sizeof text);  // the GNU form: safe in threads
    return tl::unexpected<Fault>(
        Fault{std::move(where), std::move(cause), !is_permanent(error), error});
}

}  // namespace mailhandler
