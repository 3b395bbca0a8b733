#include "complete.hpp"

#include <algorithm>
#include <cstdlib>

#include "commands.hpp"
#include "config/load.hpp"
#include "mail/address.hpp"
#include "store/held.hpp"
#include "store/layout.hpp"
#include "store/spool.hpp"

namespace mailhandler::cmd {

namespace {

struct Candidate {
    std::string word, says;
};
using Candidates = std::vector<Candidate>;

// A command line that is not finished, read as far as it goes.
struct Typed {
    const Command* command = nullptr;
    std::size_t positional = 0;         // words before the current one that are no options
    std::vector<std::string> given;     // options that are there already
    const Option* expecting = nullptr;  // the current word is this option's value
    bool only_words = false;            // "--" was typed
    std::string root;
};

const Option* find_option(const Command* command, const std::string& name) {
    if (command)
        for (const auto& option : command->options)
            if (option.name == name) return &option;
    for (const auto& option : global_options())
        if (option.name == name) return &option;
    return nullptr;
}

Typed read(const std::vector<std::string>& words) {
    Typed typed;
    for (std::size_t i = 0; i + 1 < words.size(); ++i) {
        const std::string& word = words[i];
        if (typed.expecting) {
            if (typed.expecting->name == "--root") typed.root = word;
            typed.expecting = nullptr;
        } else if (word == "--") {
            typed.only_words = true;
        } else if (!typed.only_words && word.size() > 1 && word.front() == '-') {
            const auto equals = word.find('=');
            const std::string name = word.substr(0, equals);
            typed.given.push_back(name);
            const Option* option = find_option(typed.command, name);
            if (option && !option->value.empty() && equals == word.npos) typed.expecting = option;
            if (name == "--root" && equals != word.npos) typed.root = word.substr(equals + 1);
        } else if (!typed.command) {
            typed.command = find_command(word);
            if (!typed.command) ++typed.positional;
        } else {
            ++typed.positional;
        }
    }
    return typed;
}

Candidates command_candidates() {
    Candidates found;
    for (const auto& command : commands())
        if (!command.hidden)
            found.push_back({std::string(command.name), std::string(command.summary)});
    return found;
}

Candidates option_candidates(const Typed& typed) {
    Candidates found;
    const auto add = [&](const std::vector<Option>& options) {
        for (const auto& option : options)
            if (std::find(typed.given.begin(), typed.given.end(), option.name) ==
                typed.given.end())
                found.push_back({std::string(option.name), std::string(option.description)});
    };
    if (typed.command) add(typed.command->options);
    add(global_options());
    return found;
}

Candidates domain_candidates(Context& context) {
    Candidates found;
    for (const auto& name : config::domain_names(context.disk, context.root).names)
        found.push_back({name, ""});
    return found;
}

// The addresses one file defines, each with what it is.
void add_addresses(const route::Domain& domain, Completes kind, Candidates& found) {
    const auto add = [&](const auto& map, Completes only, const char* says) {
        if (kind == only || kind == Completes::address)
            for (const auto& [key, each] : map)
                found.push_back({mail::quote_local(key) + '@' + domain.name, says});
    };
    add(domain.mailboxes, Completes::mailbox, "mailbox");
    add(domain.aliases, Completes::alias, "alias");
    add(domain.bouncers, Completes::bouncer, "bouncer");
}

Candidates address_candidates(Context& context, Completes kind) {
    Candidates found;
    for (const auto& name : config::domain_names(context.disk, context.root).names)
        if (const auto loaded = config::load_domain(context.disk, context.root, name); loaded.ok())
            add_addresses(*loaded.value, kind, found);
    const auto by_word = [](const Candidate& a, const Candidate& b) { return a.word < b.word; };
    std::sort(found.begin(), found.end(), by_word);
    found.erase(std::unique(found.begin(), found.end(),
                            [](const auto& a, const auto& b) { return a.word == b.word; }),
                found.end());
    return found;
}

// NAME@ what follows it: once there is an @, one of our domains.
Candidates new_address_candidates(Context& context, const std::string& current) {
    Candidates found;
    const auto at = current.rfind('@');
    if (at == current.npos) return found;
    for (const auto& domain : domain_candidates(context))
        found.push_back({current.substr(0, at + 1) + domain.word, ""});
    return found;
}

// What waits, by names alone: there may be very many.
Candidates queue_candidates(Context& context) {
    Candidates found;
    const auto server = config::load_server(context.disk, context.root);
    if (!server.ok()) return found;
    const store::Layout layout(context.root, server.value->state);
    if (const auto all = store::Spool(context.disk, layout, context.clock).list())
        for (const auto& due : *all) found.push_back({due.id, "to " + due.destination});
    return found;
}

Candidates then_candidates(Context& context, const std::string& current) {
    Candidates found{{"bouncer", "new mail is answered with no"},
                     {"default", "new mail goes to the domain's default mail handler"}};
    if (!current.starts_with("alias:")) {
        found.push_back({"alias:", "new mail goes to somebody else"});
        return found;
    }
    for (const auto& address : address_candidates(context, Completes::address))
        found.push_back({"alias:" + address.word, address.says});
    return found;
}

// Held copies, each with whom it was for and why.
Candidates held_candidates(Context& context) {
    Candidates found;
    const auto server = config::load_server(context.disk, context.root);
    if (!server.ok()) return found;
    store::Held held(context.disk, store::Layout(context.root, server.value->state));
    (void)held.each([&found](const store::HeldNote& note) {
        found.push_back({note.id, printable(note.reason + ' ' + note.recipient)});
        return found.size() < 1000;  // more cannot be chosen from
    });
    return found;
}

void append(Candidates& to, Candidates more) {
    to.insert(to.end(), std::make_move_iterator(more.begin()),
              std::make_move_iterator(more.end()));
}

// What the value may be; complete() leaves out what does not begin as `current` does.
Candidates value_candidates(Context& context, Completes kind,
                            const std::vector<std::string_view>& choices,
                            const std::string& current) {
    Candidates found;
    switch (kind) {
        case Completes::nothing: break;
        case Completes::command: return command_candidates();
        case Completes::file: return {{":files", ""}};
        case Completes::directory: return {{":directories", ""}};
        case Completes::domain: return domain_candidates(context);
        case Completes::mailbox:
        case Completes::alias:
        case Completes::bouncer:
        case Completes::address: return address_candidates(context, kind);
        case Completes::domain_or_address:
        case Completes::domain_or_mailbox:
            found = domain_candidates(context);
            append(found, address_candidates(context, kind == Completes::domain_or_mailbox
                                                          ? Completes::mailbox
                                                          : Completes::address));
            break;
        case Completes::new_address: return new_address_candidates(context, current);
        case Completes::target:
            found = address_candidates(context, Completes::address);
            found.push_back({"@default", "the domain's own mailbox"});
            break;
        case Completes::then: return then_candidates(context, current);
        case Completes::fetch:
            for (const auto& name : config::fetch_names(context.disk, context.root).names)
                found.push_back({name, ""});
            break;
        case Completes::queue_id: return queue_candidates(context);
        case Completes::held_id: return held_candidates(context);
        case Completes::choice:
            for (const auto choice : choices) found.push_back({std::string(choice), ""});
            break;
    }
    return found;
}

const Argument* argument_at(const Command& command, std::size_t position) {
    const auto& arguments = command.arguments;
    if (position < arguments.size()) return &arguments[position];
    return !arguments.empty() && arguments.back().repeats ? &arguments.back() : nullptr;
}

Candidates candidates(Context& context, const Typed& typed, const std::string& current) {
    if (typed.expecting)
        return value_candidates(context, typed.expecting->completes, typed.expecting->choices, current);
    if (!typed.only_words && !current.empty() && current.front() == '-')
        return option_candidates(typed);
    if (!typed.command) return typed.positional ? Candidates() : command_candidates();
    const Argument* argument = argument_at(*typed.command, typed.positional);
    return argument ? value_candidates(context, argument->completes, argument->choices, current)
                    : Candidates();
}

}  // namespace

int complete(Context& context, const std::vector<std::string>& words) {
    const std::string current = words.empty() ? "" : words.back();
    const Typed typed = read(words);
    const char* from_environment = std::getenv("MAILHANDLER_ROOT");
    context.root = !typed.root.empty() ? typed.root
                   : from_environment  ? from_environment
                                       : "/etc/mailhandler";
    for (const auto& candidate : candidates(context, typed, current)) {
        const bool directive = candidate.word.front() == ':';
        if (!directive && !candidate.word.starts_with(current)) continue;
        context.out << candidate.word;
        if (!directive && !candidate.says.empty()) context.out << '\t' << candidate.says;
        context.out << '\n';
    }
    return status::done;
}

}  // namespace mailhandler::cmd
