// What Tab offers: `mailhandler __complete WORDS…`, which the scripts in completions/ ask.
#pragma once

#include <string>
#include <vector>

#include "context.hpp"

namespace mailhandler::cmd {

// `words` follow the program's name; the last one is being typed and may be empty. Prints one
// candidate a line, "candidate TAB explanation", or the line ":files" or ":directories" where the
// shell itself knows better. Quiet about every failure: a broken root offers nothing.
int complete(Context& context, const std::vector<std::string>& words);

}  // namespace mailhandler::cmd
