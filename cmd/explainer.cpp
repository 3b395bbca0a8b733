#include "explainer.hpp"

#include "describe.hpp"
#include "print.hpp"

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

}  // namespace

Explainer::Explainer(Context& context, const Root& root)
    : context_(context), root_(root), today_(local_date(context.clock.wall())) {}

void Explainer::explain(const std::string& text) {
    const auto address = mail::Address::parse_recipient(text);
    write(text, address ? route::route(root_.directory, *address, today_)
                        : malformed(address.error().cause));
    if (address && !address->domain().empty() && !root_.directory.speaks_for(address->domain()))
        stranger_ = address->domain();
}

void Explainer::write(const std::string& text, const route::Route& route) {
    if (context_.json) {
        Json json(context_.out);
        write_json(json, text, route);
    } else {
        write_text(context_, text, route);
    }
    if (std::holds_alternative<route::Refuse>(route.outcome))
        status_ = gravest(status_, status::no);
    if (std::holds_alternative<route::Defer>(route.outcome))
        status_ = gravest(status_, root_.problems ? status::configuration : status::later);
}

void Explainer::explain_lines() {
    for (std::string line; std::getline(context_.in, line);) {
        if (!line.empty() && line.back() == '\r') line.pop_back();
        if (!line.empty()) explain(line);
    }
}

}  // namespace mailhandler::cmd
