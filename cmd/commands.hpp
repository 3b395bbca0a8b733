// The table of commands. Help, man pages, completions, the parser and the tests of all of them
// come from it; what is not in the table does not exist.
//
// To add a command: write cmd/<name>.cpp with a function that returns its Command, and name that
// function in commands.cpp.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mailhandler::cmd {

struct Context;
class Arguments;

// What a word of the command line stands for, so that Tab can offer it.
enum class Completes {
    nothing,
    domain,
    mailbox,            // an address that has a mailbox
    alias,
    bouncer,
    address,            // any defined address
    domain_or_address,
    domain_or_mailbox,  // what has a password
    new_address,        // NAME@ one of our domains
    target,             // of an alias: a local part, an address, @default
    fetch,              // a name of ROOT/fetch
    queue_id,           // a message on its way out
    held_id,            // of a held copy
    file,
    directory,
    command,
    then,               // what takes a removed mailbox's place: bouncer, alias:ADDR, default
    choice,             // one of `choices`
};

struct Argument {
    std::string_view name;  // as help shows it: "ADDR"
    std::string_view description;
    Completes completes = Completes::nothing;
    bool required = true;
    bool repeats = false;  // only the last one may
    std::vector<std::string_view> choices = {};
};

struct Option {
    std::string_view name;   // "--text"
    std::string_view value;  // "TEXT"; empty: a flag
    std::string_view description;
    Completes completes = Completes::nothing;
    std::vector<std::string_view> choices = {};
};

struct Example {
    std::string_view line;  // as typed in a shell
    std::string_view says;
};

struct Command {
    std::string_view name;
    std::string_view group;        // one of groups()
    std::string_view summary;      // a line without a full stop
    std::string_view description;  // paragraphs separated by an empty line
    std::vector<Argument> arguments;
    std::vector<Option> options;
    std::vector<Example> examples;
    int (*run)(Context&, const Arguments&);
    bool needs_root = true;
    bool hidden = false;  // works, but is not shown
};

// In the order help shows them.
const std::vector<std::string_view>& groups();
const std::vector<Command>& commands();
const Command* find_command(std::string_view name);

// Every command takes these, before its name or after it.
const std::vector<Option>& global_options();

std::string_view version();

// Parses the command line, runs one command, returns the exit status of the contract.
int main(int argc, char** argv);

}  // namespace mailhandler::cmd
