// What is configured, in words: shared by the commands that show it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "context.hpp"
#include "route/directory.hpp"
#include "route/route.hpp"

namespace mailhandler::cmd {

std::string_view action_name(route::Default::Action action);  // "reject", "deliver", "forward"

// "2027-05-01".
std::string date_text(Date date);
// The inverse. Nothing for anything else, and for days no calendar has.
std::optional<Date> parse_date(std::string_view text);

// "anne, bob@elsewhere.example, @default", as the file spells them.
std::string targets_text(const std::vector<route::Target>& targets);

// The outcome as a sentence: "delivered to anne@example.com", "refused: 550 5.1.1 …".
std::string outcome_text(const route::Route& route);
// "deliver", "refuse", "defer".
std::string_view outcome_name(const route::Route& route);
std::string destination_text(const route::Destination& destination);

}  // namespace mailhandler::cmd
