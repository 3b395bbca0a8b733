// The owner of a collecting session for dialogs, POP3 and IMAP: answers as the A: lines of its case
// say, and writes down what it was asked. It checks what no dialog has to say: Settle and Finished
// for each round, and that nothing is handed over twice or in pieces that do not fit.
//
// A: Listed => fetch 3 1 remove 2       numbers; everything is fetched unless said otherwise
// with: eager     what is complete may be deleted at once, keep: it may not; else after Settle
// with: stop=2    no more after so many messages
// A: Resting => 60                     seconds until everything is listed again
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "support/dialog.hpp"
#include "wire/collecting.hpp"

namespace mailhandler::test {

class ScriptedCollector {
  public:
    explicit ScriptedCollector(Dialog dialog) : dialog_(std::move(dialog)) {}

    wire::ClientAnswer answer(wire::ClientQuestion&& question);
    const std::vector<std::string>& log() const { return log_; }
    std::string unfinished() const;
    bool farewell(const std::string&) const { return true; }

  private:
    wire::ClientAnswer rest();
    wire::Plan plan(const wire::Listed& listed);
    wire::Progress received(const wire::Received& received);
    void finished(const wire::Outcomes& outcomes);
    std::string numbers(const std::vector<std::uint32_t>& indexes) const;

    Dialog dialog_;
    std::vector<std::string> log_;
    std::shared_ptr<const wire::Listing> listing_;
    std::string message_;
    bool in_message_ = false, settled_ = true;
    bool finished_ = false, resting_ = false;
    std::vector<std::uint32_t> complete_;
    std::string broken_;
};

}  // namespace mailhandler::test
