// set-default: what becomes of every address of a domain that is not defined. Typed without an
// action on a terminal it is a dialogue: pick the domain, pick the action, type the forwarding
// address or the password, update.
#include <fmt/format.h>

#include "agent/password.hpp"
#include "change.hpp"
#include "commands.hpp"
#include "describe.hpp"
#include "secret.hpp"

namespace mailhandler::cmd {

namespace {

// What is asked for, from the command line or from the dialogue.
struct Wish {
    std::string domain, action;
    std::optional<std::string> text;
    std::vector<std::string> forward;
    std::optional<std::string> password;
};

Answer<std::string> pick_domain(Context& context) {
    const auto names = config::domain_names(context.disk, context.root).names;
    if (names.empty())
        return stop(context.fail(status::configuration, "there is no domain yet",
                                 "'mailhandler add-domain D' adds one"));
    context.err << "Domains:\n";
    for (std::size_t i = 0; i < names.size(); ++i)
        context.err << fmt::format("  {:>2}  {}\n", i + 1, names[i]);
    for (;;) {
        const auto line = ask_line(context, "Which one (number or name)? ");
        if (!line || line->empty()) return stop(context.fail(status::no, "nothing was changed"));
        const bool number = line->find_first_not_of("0123456789") == line->npos;
        const std::size_t index = number && line->size() < 9 ? std::stoul(*line) : 0;
        if (index >= 1 && index <= names.size()) return names[index - 1];
        if (const auto domain = configured_domain(context, *line); domain) return *domain;
    }
}

Answer<std::string> pick_action(Context& context, const route::Domain& domain) {
    const route::Default& now = domain.fallback;
    context.err << fmt::format(
        "Every address of {} that is not defined is now: {}{}\n"
        "   1  reject   refuse it as undeliverable\n"
        "   2  deliver  put it into the domain's own mailbox\n"
        "   3  forward  send it on to another address\n",
        domain.name, action_name(now.action),
        now.action == route::Default::Action::forward ? " to " + targets_text(now.forward)
                                                      : std::string());
    for (;;) {
        const auto line = ask_line(context, "What shall it be? ");
        if (!line || line->empty()) return stop(context.fail(status::no, "nothing was changed"));
        if (*line == "1" || *line == "reject") return "reject";
        if (*line == "2" || *line == "deliver") return "deliver";
        if (*line == "3" || *line == "forward") return "forward";
        context.err << "1, 2 or 3, please; an empty line changes nothing.\n";
    }
}

Answer<std::vector<std::string>> ask_forward(Context& context) {
    for (;;) {
        const auto line = ask_line(context, "Forward to which address? ");
        if (!line || line->empty()) return stop(context.fail(status::no, "nothing was changed"));
        if (mail::Address::parse(*line)) return std::vector<std::string>{*line};
        context.err << "That is not an address; office@elsewhere.example is one.\n";
    }
}

Answer<Wish> dialogue(Context& context, Wish wish) {
    if (wish.domain.empty()) {
        auto domain = pick_domain(context);
        if (!domain) return stop(domain.error());
        wish.domain = *domain;
    }
    const auto now = DomainChange::begin(context, wish.domain, true);
    if (!now) return stop(now.error());
    const auto action = pick_action(context, now->domain());
    if (!action) return stop(action.error());
    wish.action = *action;
    if (wish.action == "forward") {
        auto forward = ask_forward(context);
        if (!forward) return stop(forward.error());
        wish.forward = std::move(*forward);
    }
    return wish;
}

bool has_password(Context& context, const std::string& domain) {
    const auto loaded = config::load_domain(context.disk, context.root, domain);
    return loaded.ok() && !loaded.value->fallback.password.empty();
}

// The words of the command line; wrong combinations are told.
Answer<Wish> wish_of(Context& context, const Arguments& arguments) {
    Wish wish;
    if (arguments.has("D")) {
        auto domain = configured_domain(context, arguments.one("D"));
        if (!domain) return stop(domain.error());
        wish.domain = *domain;
    }
    wish.action = arguments.one("ACTION");
    wish.text = arguments.option("--text");
    wish.forward = arguments.all("ADDR");
    if (wish.action.empty()) {
        if (context.terminal.in) return dialogue(context, std::move(wish));
        return stop(context.usage_error("ACTION is missing: reject, deliver or forward"));
    }
    if (wish.action == "forward" && wish.forward.empty())
        return stop(context.usage_error("forward needs an address"));
    if (wish.action != "forward" && !wish.forward.empty())
        return stop(context.usage_error(
            fmt::format("'{}' is one word too many: only forward takes addresses",
                        wish.forward.front())));
    if (wish.text && wish.action != "reject")
        return stop(context.usage_error("--text belongs to reject"));
    if (password_given(arguments) && wish.action != "deliver")
        return stop(context.usage_error("a password belongs to deliver"));
    for (const auto& address : wish.forward)
        if (const auto parsed = parse_address(context, address); !parsed)
            return stop(parsed.error());
    return wish;
}

bool same_forward(const std::vector<route::Target>& now, const std::vector<std::string>& wanted) {
    if (now.size() != wanted.size()) return false;
    for (std::size_t i = 0; i < now.size(); ++i) {
        const auto address = mail::Address::parse(wanted[i]);
        if (!address || address->key() != now[i].address.key()) return false;
    }
    return true;
}

Answer<std::vector<config::Change>> changes_for(Context& context, const Wish& wish,
                                                const route::Default& now) {
    std::vector<config::Change> changes;
    if (!now.line || action_name(now.action) != wish.action)
        changes.push_back(config::Set{{"default", "action"}, wish.action});
    if (wish.text && *wish.text != now.text)
        changes.push_back(config::Set{{"default", "text"}, *wish.text});
    if (wish.action == "forward" && !same_forward(now.forward, wish.forward))
        changes.push_back(config::Set{{"default", "forward"}, wish.forward});
    if (wish.password && !agent::verify_password(now.password, *wish.password)) {
        const auto hash = agent::hash_password(*wish.password, context.random);
        if (!hash) return stop(context.fail(hash.error()));
        changes.push_back(config::Set{{"default", "password"}, *hash});
    }
    return changes;
}

int run(Context& context, const Arguments& arguments) {
    if (const auto server = read_server(context); !server) return server.error();
    auto wish = wish_of(context, arguments);
    if (!wish) return wish.error();
    // A password that is there stays, unless a new one is given: passwd changes it.
    if (wish->action == "deliver" &&
        (password_given(arguments) || !has_password(context, wish->domain))) {
        auto password = read_password(context, arguments, wish->domain);
        if (!password) return password.error();
        wish->password = std::move(*password);
    }
    auto change = DomainChange::begin(context, wish->domain, arguments.has("--dry-run"));
    if (!change) return change.error();
    const auto changes = changes_for(context, *wish, change->domain().fallback);
    if (!changes) return changes.error();
    if (changes->empty()) return change->unchanged(context);
    if (const auto made = change->make(context, *changes); !made) return made.error();
    if (wish->action == "deliver" && change->domain().fallback.password.empty()) {
        context.say("it has no password: mail is kept, but nobody can collect it");
        context.hint(fmt::format("'mailhandler passwd {}' gives it one", wish->domain));
    }
    return status::done;
}

}  // namespace

Command set_default() {
    return {
        .name = "set-default",
        .group = "Domains and their default mail handler",
        .summary = "set a domain's default mail handler",
        .description =
            "Decides what becomes of every address of the domain that is not defined: 'reject' "
            "refuses it at the door, 'deliver' puts it into the domain's own mailbox, which the "
            "office collects with the domain's name as login, 'forward' sends it on to one or "
            "more addresses.\n\n"
            "Without an action, on a terminal, it asks for what is missing. For 'deliver' the "
            "password comes from a prompt, a file or standard input; one that is there already "
            "stays unless a new one is given.",
        .arguments = {{"D", "the domain", Completes::domain, false},
                      {"ACTION", "reject, deliver or forward", Completes::choice, false, false,
                       {"reject", "deliver", "forward"}},
                      {"ADDR", "forward: where to", Completes::address, false, true}},
        .options = {{"--text", "T", "reject: what the sender is told"},
                    password_file_option(),
                    password_stdin_option(),
                    {"--dry-run", "", dry_run_says}},
        .examples = {{"mailhandler set-default example.com deliver",
                      "into the domain's mailbox; asks for its password"},
                     {"mailhandler set-default example.com forward office@elsewhere.example",
                      "send everything on"},
                     {"mailhandler set-default example.com reject --text 'No such person here'",
                      "refuse, in your own words"},
                     {"mailhandler set-default", "pick from lists, as in a form"}},
        .run = run,
    };
}

}  // namespace mailhandler::cmd
