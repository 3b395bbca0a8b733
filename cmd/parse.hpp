// The command line, read by the table. CLI11 lives in parse.cpp only.
#pragma once

#include <string>
#include <vector>

#include "commands.hpp"
#include "context.hpp"

namespace mailhandler::cmd {

struct Parsed {
    const Command* command = nullptr;  // null: none was named
    Arguments arguments;
    std::string root;  // --root, empty when not given
    bool json = false, help = false, version = false;
    std::string error;  // not empty: the command line makes no sense, and why
    std::string hint;   // what was probably meant
};

// `words` without the program's own name. Never throws; what is wrong is told in `error`.
Parsed parse(const std::vector<std::string>& words);

}  // namespace mailhandler::cmd
