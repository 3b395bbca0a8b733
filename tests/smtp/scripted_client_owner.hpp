// The owner of an SMTP client session in dialogs. Its messages are the dialog's lines
//
//     A: WantMessage => sender | recipient recipient … | body [| flags]
//
// with the flags 8bit, utf8, dsn; after the last one it wants to send no more.
#pragma once

#include "smtp/client_session.hpp"
#include "support/dialog.hpp"

namespace mailhandler::test {

// A body in memory.
class TextBody final : public wire::Body {
  public:
    explicit TextBody(std::string text) : text_(std::move(text)) {}
    std::uint64_t size() const override { return text_.size(); }
    Result<std::size_t> read_at(std::uint64_t offset, char* into, std::size_t size) override {
        return text_.copy(into, size, offset);
    }

  private:
    std::string text_;
};

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
