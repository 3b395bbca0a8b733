// One domain file, changed: locked, edited in place, judged as the server would judge it, written
// so that a crash leaves the old or the new, and the difference printed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/edit.hpp"
#include "root.hpp"

namespace mailhandler::cmd {

class DomainChange {
  public:
    // Takes the edit lock (not for a dry run, which writes nothing at all) and reads the file. A
    // file that has an error already is not edited.
    static Answer<DomainChange> begin(Context& context, const std::string& domain, bool dry_run);

    const route::Domain& domain() const { return domain_; }

    // Makes the changes and prints the difference. True when the file is another now (or, in a dry
    // run, would be); false, and in text nothing printed, when it says all of this already.
    Answer<bool> make(Context& context, const std::vector<config::Change>& changes);

    // Tells that the file says all of it already: done, in text without a word.
    int unchanged(Context& context) const;

  private:
    DomainChange() = default;

    std::unique_ptr<disk::Lock> lock_;
    bool dry_run_ = false;
    route::Domain domain_;
};

// A whole file made, changed or removed: the difference on standard output, as text or JSON.
void print_difference(Context& context, const std::string& file, std::string_view before,
                      std::string_view after, bool dry_run);

// Done, and `file` is as it was: nothing in text, "changed": false in JSON.
int unchanged(Context& context, const std::string& file, bool dry_run);

// The lock every edit takes; nothing in a dry run.
Answer<std::unique_ptr<disk::Lock>> edit_lock(Context& context, bool dry_run);

// Complains that `what` is defined otherwise already, at `where`.
int defined_otherwise(Context& context, std::string_view what, const std::string& where,
                      std::string_view next);

// The option every changing command has.
inline constexpr std::string_view dry_run_says = "print the difference and change nothing";

}  // namespace mailhandler::cmd
