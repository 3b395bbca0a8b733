// Owners for dialogs: each answers as the A: lines of its case say, and writes down what it was
// asked. They check what no dialog has to say: Closed for each open maildrop.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "pop3/client_session.hpp"
#include "pop3/server_session.hpp"
#include "support/collector.hpp"
#include "support/dialog.hpp"
#include "support/memory_body.hpp"

namespace mailhandler::test {

// A: MayLogin anne wrong => refused No such login
// A: Open => uid-1 Subject: a\r\n\r\nbody\r\n       a message; or "in_use text"
// A: Message 2 => gone                               or "temporary text"
// A: Remove => 1 the disk is full
class ScriptedServerOwner {
  public:
    explicit ScriptedServerOwner(Dialog dialog) : dialog_(std::move(dialog)) {}

    pop3::Answer answer(pop3::Question&& question);
    const std::vector<std::string>& log() const { return log_; }
    std::string unfinished() const { return open_ ? "the maildrop was not closed" : ""; }
    bool farewell(const std::string& question) const { return question == "Closed"; }

  private:
    pop3::Verdict verdict(const std::string& description) const;
    pop3::Opened opened(const std::string& description);
    pop3::Content content(const pop3::Wanted& wanted);

    Dialog dialog_;
    std::vector<std::string> log_;
    std::vector<std::string> messages_;
    bool open_ = false;
};

using ScriptedClientOwner = ScriptedCollector;

}  // namespace mailhandler::test
