// What a command is given: where the root is, where to write, and the resources of the world.
#pragma once

#include <istream>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "disk/interface.hpp"

namespace mailhandler::cmd {

struct Command;

// Exit statuses. The gravest wins: configuration, later, no.
namespace status {
inline constexpr int done = 0;
inline constexpr int no = 1;             // the answer is no
inline constexpr int usage = 2;          // the command line makes no sense
inline constexpr int later = 75;         // try again later
inline constexpr int configuration = 78;
}  // namespace status

int gravest(int a, int b);
int status_of(const Fault& fault);  // temporary: later; permanent: configuration

struct Terminal {
    bool in = false, out = false, err = false;
    bool colour = false;    // of standard output: a terminal, and no NO_COLOR
    unsigned columns = 80;  // of standard output
};

struct Context {
    std::string root;  // empty: none was found (only for commands that need none)
    bool json = false;
    std::istream& in;
    std::ostream& out;  // data
    std::ostream& err;  // talk
    Terminal terminal;
    disk::Disk& disk;
    const Clock& clock;
    Random& random;
    const Command* command = nullptr;  // the one that runs

    // One line of talk, "mailhandler COMMAND: text", control characters shown as \xHH.
    void say(std::string_view text);
    // A line that says what to do next, "hint: text".
    void hint(std::string_view text);
    // Complains about the command line and shows the command's usage. Returns status::usage.
    int usage_error(std::string_view text);
    // Complains and returns `status`.
    int fail(int status, std::string_view text, std::string_view next = {});
    int fail(const Fault& fault);
};

// The words of one command line, by the names the command's table gives them.
class Arguments {
  public:
    bool has(std::string_view name) const;
    // The only value, or an empty string when none was given.
    const std::string& one(std::string_view name) const;
    const std::vector<std::string>& all(std::string_view name) const;
    std::optional<std::string> option(std::string_view name) const;

    void add(std::string_view name, std::string value);

  private:
    std::map<std::string, std::vector<std::string>, std::less<>> values_;
};

// `text` with control characters shown as \xHH: mail from outside must not drive a terminal.
std::string printable(std::string_view text);

}  // namespace mailhandler::cmd
