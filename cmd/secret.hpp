// Where passwords come from: a prompt, a file or standard input; never the command line, which
// everybody on the machine can read.
#pragma once

#include <optional>
#include <string>

#include "commands.hpp"
#include "root.hpp"

namespace mailhandler::cmd {

// --password-file and --password-stdin, for a command's table.
Option password_file_option();
Option password_stdin_option();

// The password: the first line of the file or of standard input; else asked twice, without echo,
// where standard input is a terminal; else none.
Answer<std::optional<std::string>> read_password(Context& context, const Arguments& arguments,
                                                 std::string_view whose);

// True when --password-file or --password-stdin is there.
bool password_given(const Arguments& arguments);

// Asks on the terminal without echo, twice. Errors: the two differ, empty, interrupted.
Answer<std::string> ask_password(Context& context, std::string_view whose);

// One line from a terminal, with echo; nothing at its end or on an interrupt.
std::optional<std::string> ask_line(Context& context, std::string_view question);

}  // namespace mailhandler::cmd
