// Help and man pages, written from the table of commands. Pure: a table in, text out.
#pragma once

#include <string>
#include <string_view>

#include "commands.hpp"

namespace mailhandler::cmd {

// "usage: mailhandler add-alias ADDR TARGET… [--dry-run]", wrapped at 80 columns.
std::string synopsis(const Command& command);

// What `mailhandler help` prints: the commands in their groups.
std::string overview();
// What `mailhandler help COMMAND` prints.
std::string help_text(const Command& command);

// man(7): mailhandler.1 and mailhandler-<command>.1.
std::string man_overview();
std::string man_page(const Command& command);

// `text` in lines of at most `width` columns, each after `indent` spaces. Paragraphs are
// separated by empty lines; a line that begins with a space is kept as it is.
std::string wrapped(std::string_view text, unsigned indent, unsigned width = 80);

}  // namespace mailhandler::cmd
