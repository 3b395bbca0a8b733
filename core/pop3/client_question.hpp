// What the collecting end of POP3 asks of its owner, and is answered: wire/collecting.hpp, in the
// words of this room. It never rests, so of Resting and Resumed it knows nothing.
#pragma once

#include "pop3/listing.hpp"
#include "wire/collecting.hpp"

namespace mailhandler::pop3 {

using ClientSettings = wire::CollectSettings;
using wire::ClientAction;
using wire::ClientAnswer;
using wire::ClientQuestion;
using wire::Done;
using wire::Finished;
using wire::Listed;
using wire::Outcomes;
using wire::Piece;
using wire::Plan;
using wire::Progress;
using wire::Received;
using wire::Settle;
using wire::Window;

}  // namespace mailhandler::pop3
