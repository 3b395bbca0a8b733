// What an edit and the readers of files share, so that a large file is not parsed again and again.
// Only for this room.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/document.hpp"
#include "config/edit.hpp"
#include "config/load.hpp"

namespace mailhandler::config {

struct EditedText {
    std::string text;
    Node model;  // of `text`, as toml++ read it
};

// edit(), with the model that judged the result.
Result<EditedText> edit_text(std::string_view text, const std::vector<Change>& changes,
                             const std::string& file);

// parse_domain() of a text that is parsed already.
Loaded<route::Domain> read_domain(const Node& model, std::string_view text, const std::string& file,
                                  const std::string& domain);

}  // namespace mailhandler::config
