#include "commands.hpp"

#include <cstdio>

namespace mailhandler::cmd {

int main(int, char**) {
    std::puts("mailhandler " MAILHANDLER_VERSION);
    return 0;
}

}  // namespace mailhandler::cmd
