// The owner of an SMTP client session in dialogs. Its messages are the dialog's lines
//
//     A: WantMessage => sender | recipient recipient … | body [| flags]
//
// with the flags 8bit, utf8, dsn; after the last one it wants to send no more.
#pragma once

#include "smtp/client_session.hpp"
#include "support/dialog.hpp"
#include "support/memory_body.hpp"

namespace mailhandler::test {

class ScriptedClientOwner {
  public:
    explicit ScriptedClientOwner(const Dialog& dialog) : dialog_(&dialog) {}

    smtp::ClientAnswer answer(smtp::ClientQuestion&& question);
    const std::vector<std::string>& log() const { return log_; }
    std::string unfinished() const;
    bool farewell(const std::string& question) const { return question != "WantMessage"; }

  private:
    const Dialog* dialog_;
    std::vector<std::string> log_;
    std::size_t given_ = 0;
    std::size_t recipients_ = 0;  // of the message whose outcome is not known
    std::string wrong_;
};

}  // namespace mailhandler::test
