#include "imap/question.hpp"

namespace mailhandler::imap {

wire::Place place(const Question& question) {
    if (std::holds_alternative<MayLogin>(question)) return wire::Place::password;
    const bool inline_ = std::holds_alternative<MayConnect>(question) ||
                         std::holds_alternative<Watch>(question) ||
                         std::holds_alternative<AppendDiscard>(question);
    return inline_ ? wire::Place::network : wire::Place::disk;
}

}  // namespace mailhandler::imap
