// The ids under which what is held and what is queued lies: made from unique names, and read back
// from names of files and from what people type.
#pragma once

#include <string_view>

namespace mailhandler::store {

// One to a hundred of a-z A-Z 0-9 . _ - without a leading dot: nothing that leads elsewhere.
bool is_file_id(std::string_view text);

}  // namespace mailhandler::store
