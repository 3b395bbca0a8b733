// What becomes of an address, printed: for `explain`, and for each recipient of `explain --message`.
#pragma once

#include <string>

#include "context.hpp"
#include "root.hpp"
#include "route/route.hpp"

namespace mailhandler::cmd {

class Explainer {
  public:
    Explainer(Context& context, const Root& root);

    // The answer of route() for `text` and every step of why; as JSON, an object on a line.
    void explain(const std::string& text);
    // A fate already judged.
    void write(const std::string& text, const route::Route& route);
    // One address a line of standard input, answered one by one.
    void explain_lines();

    int status() const { return status_; }
    // A domain that was asked about and is none of ours; empty: all are.
    const std::string& stranger() const { return stranger_; }

  private:
    Context& context_;
    const Root& root_;
    const Date today_;
    int status_ = status::done;
    std::string stranger_;
};

// --message: the same of messages on disk, as fetch would read them. `path` "-": paths on standard
// input, one a line.
int explain_messages(Context& context, const std::string& path, const std::string& fetch);

}  // namespace mailhandler::cmd
