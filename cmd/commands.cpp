#include "commands.hpp"

#include <algorithm>

namespace mailhandler::cmd {

// Each is in the file of its name.
Command init();
Command check();
Command stats();
Command add_domain();
Command remove_domain();
Command domains();
Command set_default();
Command add_mailbox();
Command remove_mailbox();
Command passwd();
Command add_alias();
Command remove_alias();
Command add_bouncer();
Command remove_bouncer();
Command bouncers();
Command show();
Command explain();
Command add_fetch();
Command fetch();
Command held();
Command queue();
Command help();
Command serve();
Command version_command();  // version.cpp

const std::vector<std::string_view>& groups() {
    static const std::vector<std::string_view> groups{
        "Start",
        "Domains and their default mail handler",
        "Mailboxes and aliases",
        "Bouncers",
        "Look",
        "Collect mail (the office)",
        "Mail under way",
        "Learn",
    };
    return groups;
}

const std::vector<Command>& commands() {
    static const std::vector<Command> table{
        init(),
        check(),
        add_domain(),
        remove_domain(),
        domains(),
        set_default(),
        add_mailbox(),
        remove_mailbox(),
        passwd(),
        add_alias(),
        remove_alias(),
        add_bouncer(),
        remove_bouncer(),
        bouncers(),
        show(),
        explain(),
        add_fetch(),
        fetch(),
        held(),
        stats(),
        serve(),
        queue(),
        help(),
        version_command(),
    };
    return table;
}

const Command* find_command(std::string_view name) {
    const auto& table = commands();
    const auto at = std::find_if(table.begin(), table.end(),
                                 [&](const Command& command) { return command.name == name; });
    return at == table.end() ? nullptr : &*at;
}

const std::vector<Option>& global_options() {
    static const std::vector<Option> options{
        {"--root", "DIR",
         "the root: where configuration and mail lie (else $MAILHANDLER_ROOT, else "
         "/etc/mailhandler)",
         Completes::directory},
        {"--json", "", "print data as JSON"},
        {"--help", "", "explain the command"},
        {"--version", "", "print the version"},
    };
    return options;
}

}  // namespace mailhandler::cmd
