// The owner of an SMTP server session in dialogs: it tells every question as a line of text, and
// answers what the dialog says, else yes.
#pragma once

#include "smtp/server_session.hpp"
#include "support/dialog.hpp"

namespace mailhandler::test {

class ScriptedSmtpOwner {
  public:
    ScriptedSmtpOwner(const Dialog& dialog, bool lmtp) : dialog_(&dialog), lmtp_(lmtp) {}

    smtp::Answer answer(smtp::Question&& question);
    const std::vector<std::string>& log() const { return log_; }
    std::string unfinished() const;
    bool farewell(const std::string& question) const { return question == "Discard"; }

  private:
    const Dialog* dialog_;
    bool lmtp_;
    std::vector<std::string> log_;
    bool open_ = false;  // a recipient was accepted, or something spilled, and nothing ended it
    std::string wrong_;
};

// "550 5.1.1 Text" as a Reply.
smtp::Reply reply_from(const std::string& text);

}  // namespace mailhandler::test
