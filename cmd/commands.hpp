// The table of commands: help, man pages, completions and their tests all come from it.
#pragma once

namespace mailhandler::cmd {

// Parses the command line, runs one command, returns the exit status of the contract.
int main(int argc, char** argv);

}  // namespace mailhandler::cmd
