// explain: what becomes of mail to an address, and why. The same route() that SMTP obeys.
#include "explainer.hpp"

#include "commands.hpp"

namespace mailhandler::cmd {

namespace {

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
    if (const auto path = arguments.option("--message")) {
        if (arguments.has("ADDR"))
            return context.usage_error("an address and --message exclude each other");
        return explain_messages(context, *path, arguments.option("--fetch").value_or(""));
    }
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
            "With --message, tells the same of a message on disk as fetch would sort it: the "
            "trusted block, the envelope headers in it, which of them decides, each recipient, and "
            "what would be held and why. '-' reads paths from standard input, one a line. Without "
            "--fetch the usual headers are looked at. With --json, first an object {\"file\", "
            "\"block\", \"header\", \"headers\", \"fates\": [{\"header\", \"value\", "
            "\"recipient\", \"fate\", \"reason\", \"text\"}]}, then one for each recipient as "
            "above.",
        .arguments = {{"ADDR", "the address, or - for standard input", Completes::address, false,
                       true}},
        .options = {{"--message", "FILE", "explain a message on disk instead; -: files named on standard input",
                     Completes::file},
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
