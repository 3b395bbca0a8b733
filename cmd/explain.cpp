// explain: what becomes of mail to an address, and why. The same route() that SMTP obeys.
#include <fmt/format.h>

#include "commands.hpp"
#include "describe.hpp"
#include "print.hpp"
#include "root.hpp"

namespace mailhandler::cmd {

namespace {

// Text that is no address is refused at the door as well (RFC 3463 section 3.2).
route::Route malformed(const std::string& why) {
    return {route::Refuse{route::Why::unknown, 553, "5.1.3", why}, {}};
}

void write_json(Json& json, const std::string& address, const route::Route& route) {
    json.object().member("address", address).member("outcome", outcome_name(route));
    const auto reply = [&](int code, const std::string& enhanced, const std::string& text) {
        json.member("code", code).member("enhanced", enhanced).member("text", text);
    };
    if (const auto* refuse = std::get_if<route::Refuse>(&route.outcome))
        reply(refuse->code, refuse->enhanced, refuse->text);
    else if (const auto* defer = std::get_if<route::Defer>(&route.outcome))
        reply(defer->code, defer->enhanced, defer->text);
    else
        reply(250, "2.1.5", "");
    json.array("destinations");
    if (const auto* deliver = std::get_if<route::Deliver>(&route.outcome))
        for (const auto& to : deliver->to)
            json.object()
                .member(std::holds_alternative<route::ToMailbox>(to) ? "mailbox" : "forward",
                        destination_text(to))
                .end();
    json.end().array("steps");
    for (const auto& step : route.steps) {
        json.object().member("rule", route::name(step.rule)).member("file", step.file);
        json.member("line", step.line).member("subject", step.subject).member("note", step.note);
        json.member("shadowed", step.shadowed).end();
    }
    json.end().end();
}

void write_text(Context& context, const std::string& address, const route::Route& route) {
    context.out << printable(address) << "\n  " << printable(outcome_text(route)) << '\n';
    std::vector<std::vector<std::string>> rows;
    for (const auto& step : route.steps)
        rows.push_back({step.shadowed ? "  shadows" : "  because",
                        std::string(route::name(step.rule)), step.subject,
                        step.file.empty() ? "" : place(step.file, step.line), step.note});
    print_table(context.out, rows);
}

class Explainer {
  public:
    Explainer(Context& context, const Root& root)
        : context_(context), root_(root), today_(local_date(context.clock.wall())),
          json_(context.out) {}

    void explain(const std::string& text) {
        const auto address = mail::Address::parse_recipient(text);
        const route::Route route = address ? route::route(root_.directory, *address, today_)
                                           : malformed(address.error().cause);
        if (context_.json)
            write_json(json_, text, route);
        else
            write_text(context_, text, route);
        if (std::holds_alternative<route::Refuse>(route.outcome))
            status_ = gravest(status_, status::no);
        if (std::holds_alternative<route::Defer>(route.outcome))
            status_ = gravest(status_, root_.problems ? status::configuration : status::later);
        if (address && !address->domain().empty() &&
            !root_.directory.speaks_for(address->domain()))
            stranger_ = address->domain();
    }

    // One address a line, answered one by one.
    void explain_lines() {
        for (std::string line; std::getline(context_.in, line);) {
            if (!line.empty() && line.back() == '\r') line.pop_back();
            if (!line.empty()) explain(line);
        }
    }

    int status() const { return status_; }
    // A domain that was asked about and is none of ours; empty: all are.
    const std::string& stranger() const { return stranger_; }

  private:
    Context& context_;
    const Root& root_;
    const Date today_;
    Json json_;
    int status_ = status::done;
    std::string stranger_;
};

// The domains whose files are needed, where that is known beforehand: nothing for standard input.
std::optional<std::vector<std::string>> domains_of(const std::vector<std::string>& addresses) {
    std::vector<std::string> names;
    for (const auto& text : addresses) {
        const auto address = mail::Address::parse_recipient(text);
        if (text == "-" || (address && address->domain().empty())) return {};
        if (address) names.push_back(address->domain());
    }
    return names;
}

int run(Context& context, const Arguments& arguments) {
    const auto& addresses = arguments.all("ADDR");
    if (addresses.empty()) return context.usage_error("ADDR is missing: which address?");
    const auto only = domains_of(addresses);
    const auto root = read_root(context, only ? &*only : nullptr);
    if (!root) return root.error();
    Explainer explainer(context, *root);
    for (const auto& address : addresses) {
        if (address == "-")
            explainer.explain_lines();
        else
            explainer.explain(address);
    }
    context.out.flush();
    if (only && !explainer.stranger().empty()) unknown_domain(context, explainer.stranger());
    return explainer.status();
}

}  // namespace

Command explain() {
    return {
        .name = "explain",
        .group = "Look",
        .summary = "tell what becomes of mail to an address, and why",
        .description =
            "For each address: where its mail goes, or how it is refused, and every rule that led "
            "there with its file and line, then the rules it shadows. The answer is that of the "
            "server itself, for today. The status is 1 when mail to an address is refused. '-' "
            "reads addresses from standard input, one a line.\n\n"
            "With --json, one object a line: {\"address\", \"outcome\": deliver, refuse or defer, "
            "\"code\", \"enhanced\", \"text\", \"destinations\": [{\"mailbox\"} or "
            "{\"forward\"}], \"steps\": [{\"rule\", \"file\", \"line\", \"subject\", \"note\", "
            "\"shadowed\"}]}.",
        .arguments = {{"ADDR", "the address, or - for standard input", Completes::address, false,
                       true}},
        .options = {},
        .examples = {{"mailhandler explain zzz@example.com", "what becomes of a name nobody has"},
                     {"mailhandler explain --json anne+news@example.com", "for a program"},
                     {"mailhandler explain - <addresses.txt", "a whole list"}},
        .run = run,
    };
}

}  // namespace mailhandler::cmd
