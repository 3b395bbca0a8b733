// explain: what becomes of mail to an address, and why. The same route() that SMTP obeys.
#include <fmt/format.h>

#include "commands.hpp"
#include "describe.hpp"
#include "mail/received.hpp"
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

// --message: what fetch would read in the message, then each recipient as if asked for.
Answer<mail::TrustSettings> settings_of(Context& context, const Arguments& arguments) {
    const auto name = arguments.option("--fetch");
    if (!name)
        return mail::TrustSettings{{"X-Rcpt-To", "X-POP3-Rcpt", "X-Original-To", "X-Envelope-To",
                                    "Envelope-To", "Delivered-To"},
                                   {}, "", ""};
    auto loaded = config::load_fetch(context.disk, context.root, *name);
    for (const auto& problem : loaded.problems) context.err << printable(problem.show()) << '\n';
    if (!loaded.ok()) return stop(status::configuration);
    return mail::TrustSettings{loaded.value->headers, loaded.value->trust, loaded.value->prefix,
                               loaded.value->login};
}

void write_block_text(Context& context, const mail::TrustedBlock& block) {
    context.out << fmt::format("trusted block: {} octets, down to Received by {}\n", block.size,
                               block.ends_by.empty() ? "(nobody named)" : printable(block.ends_by));
    for (const auto& host : block.passed)
        context.out << "  past Received by " << printable(host) << '\n';
    for (std::size_t i = 0; i < block.readings.size(); ++i) {
        const auto& reading = block.readings[i];
        context.out << "  " << reading.name << (block.chosen == i ? " (decides)" : "") << ':';
        for (const auto& named : reading.recipients)
            context.out << ' ' << printable(named.address.given());
        for (const auto& login : reading.login)
            context.out << ' ' << printable(login) << " (the login, skipped)";
        for (const auto& junk : reading.unusable)
            context.out << ' ' << printable(junk.value) << " (" << printable(junk.reason) << ')';
        context.out << '\n';
    }
    for (const auto& name : block.below)
        context.out << "  " << name << ": only below the block, not believed\n";
}

void write_block_json(Context& context, const mail::TrustedBlock& block) {
    Json json(context.out);
    json.object().object("block").member("octets", block.size).member("by", block.ends_by);
    json.member("passed", block.passed).member("below", block.below).end();
    block.chosen ? json.member("header", block.reading()->name) : json.member("header", nullptr);
    json.array("headers");
    for (const auto& reading : block.readings) {
        json.object().member("name", reading.name).array("recipients");
        for (const auto& named : reading.recipients) json.element(named.address.given());
        json.end().member("login", reading.login).array("unusable");
        for (const auto& junk : reading.unusable)
            json.object().member("value", junk.value).member("reason", junk.reason).end();
        json.end().end();
    }
    json.end().end();
}

int run_message(Context& context, const Arguments& arguments, const std::string& path) {
    if (arguments.has("ADDR"))
        return context.usage_error("an address and --message exclude each other");
    const auto settings = settings_of(context, arguments);
    if (!settings) return settings.error();
    const auto octets = disk::read_file(context.disk, path);
    if (!octets) return context.fail(octets.error());
    const auto root = read_root(context);
    if (!root) return root.error();
    const auto block = mail::read_trusted_block(*octets, *settings);
    context.json ? write_block_json(context, block) : write_block_text(context, block);
    const auto* reading = block.reading();
    if (!reading || !reading->unusable.empty() || reading->recipients.empty()) {
        context.say(reading ? "the header that decides has a value that names nobody: the message "
                              "would be held"
                            : "no envelope header in the trusted block: nobody is guessed from To "
                              "or Cc");
        return status::no;
    }
    Explainer explainer(context, *root);
    for (const auto& named : reading->recipients) explainer.explain(named.address.given());
    return explainer.status();
}

int run(Context& context, const Arguments& arguments) {
    if (const auto path = arguments.option("--message"))
        return run_message(context, arguments, *path);
    if (arguments.has("--fetch")) return context.usage_error("--fetch belongs to --message");
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
            "\"shadowed\"}]}.\n\n"
            "With --message, tells the same of a message on disk as fetch would read it: the "
            "trusted block, the envelope headers in it, which of them decides, and each "
            "recipient. With --json, first an object {\"block\", \"header\", \"headers\"}.",
        .arguments = {{"ADDR", "the address, or - for standard input", Completes::address, false,
                       true}},
        .options = {{"--message", "FILE", "explain a message on disk instead", Completes::file},
                    {"--fetch", "NAME", "with --message: read it by fetch/NAME.toml",
                     Completes::fetch}},
        .examples = {{"mailhandler explain zzz@example.com", "what becomes of a name nobody has"},
                     {"mailhandler explain --json anne+news@example.com", "for a program"},
                     {"mailhandler explain - <addresses.txt", "a whole list"},
                     {"mailhandler explain --message odd.eml --fetch office",
                      "why a fetched message went where it went"}},
        .run = run,
    };
}

}  // namespace mailhandler::cmd
