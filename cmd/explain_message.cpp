// explain --message: how fetch would sort a message on disk, by the same judge().
#include <fmt/format.h>

#include "agent/header_survey.hpp"
#include "agent/sorting.hpp"
#include "explainer.hpp"
#include "mail/stamp.hpp"
#include "print.hpp"

namespace mailhandler::cmd {

namespace {

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

// Why a recipient's mail would be set aside; nothing where it would not.
const agent::SetAside* set_aside(const agent::Fate& fate) {
    for (const auto& end : fate.ends)
        if (const auto* aside = std::get_if<agent::SetAside>(&end)) return aside;
    return nullptr;
}

void write_judged_json(Context& context, const std::string& path, const agent::Judged& judged) {
    const auto& block = judged.block;
    Json json(context.out);
    json.object().member("file", path).object("block").member("octets", block.size);
    json.member("by", block.ends_by).member("passed", block.passed).member("below", block.below);
    json.end();
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
    json.end().array("fates");
    for (const auto& fate : judged.fates) {
        const auto* aside = set_aside(fate);
        json.object().member("header", fate.header).member("value", fate.value);
        json.member("recipient", fate.recipient ? fate.recipient->given() : std::string());
        json.member("fate", agent::fate_text(fate));
        json.member("reason", aside ? agent::name(aside->reason) : std::string_view());
        json.member("text", aside ? aside->text : fate.wait).end();
    }
    json.end().end();
}

class MessageExplainer {
  public:
    MessageExplainer(Context& context, const Root& root, const config::Fetch& fetch)
        : context_(context), root_(root), fetch_(fetch), explainer_(context, root),
          today_(local_date(context.clock.wall())) {}

    void explain(const std::string& path) {
        const auto head = read_head(path);
        if (!head) {
            status_ = gravest(status_, context_.fail(head.error()));
            return;
        }
        const auto judged = agent::judge(fetch_, root_.directory, today_, *head);
        if (context_.json)
            write_judged_json(context_, path, judged);
        else
            write_block_text(context_, judged.block);
        for (const auto& fate : judged.fates) write(fate);
    }

    int status() const { return gravest(status_, explainer_.status()); }

  private:
    // As much as sorting would look at.
    Result<std::string> read_head(const std::string& path) {
        const auto file = context_.disk.open(path);
        if (!file) return tl::unexpected(file.error());
        const auto size = (*file)->size();
        if (!size) return tl::unexpected(size.error());
        std::string head(std::min<std::uint64_t>(*size, mail::longest_header), '\0');
        const auto got = (*file)->read_at(0, head.data(), head.size());
        if (!got) return tl::unexpected(got.error());
        head.resize(*got);
        return head;
    }

    void write(const agent::Fate& fate) {
        if (fate.recipient && !fate.postmaster)
            explainer_.write(fate.recipient->given(), fate.route);
        if (!fate.placed()) status_ = gravest(status_, status::no);
        if (context_.json) return;
        if (const auto* aside = set_aside(fate)) {
            const std::string whom = fate.value.empty() ? "" : printable(fate.value) + ": ";
            context_.out << fmt::format("{}held: {} ({})\n", fate.recipient ? "  " : whom,
                                        agent::name(aside->reason), printable(aside->text));
        } else if (fate.postmaster) {
            const std::string whom = fate.recipient ? fate.recipient->given() : "nobody named";
            context_.out << fmt::format("{}: {} (the postmaster)\n", printable(whom),
                                        printable(agent::fate_text(fate)));
        } else if (!fate.placed()) {
            context_.out << "  " << printable(agent::fate_text(fate)) << '\n';
        }
    }

    Context& context_;
    const Root& root_;
    const config::Fetch& fetch_;
    Explainer explainer_;
    const Date today_;
    int status_ = status::done;
};

// fetch/<name>.toml, or where no name is given what it says by default, for the domain at home here.
Answer<config::Fetch> settings_of(Context& context, const std::string& name,
                                  const route::Directory& directory) {
    if (name.empty()) {
        config::Fetch usual;
        if (const auto home = directory.home()) usual.domain = home->name;
        return usual;
    }
    auto loaded = config::load_fetch(context.disk, context.root, name);
    for (const auto& problem : loaded.problems) context.err << printable(problem.show()) << '\n';
    if (!loaded.ok()) return stop(status::configuration);
    return std::move(*loaded.value);
}

}  // namespace

int explain_messages(Context& context, const std::string& path, const std::string& fetch) {
    const auto root = read_root(context);
    if (!root) return root.error();
    const auto settings = settings_of(context, fetch, root->directory);
    if (!settings) return settings.error();
    MessageExplainer explainer(context, *root, *settings);
    if (path != "-") {
        explainer.explain(path);
        return explainer.status();
    }
    for (std::string line; std::getline(context.in, line);)
        if (!line.empty()) explainer.explain(line);
    return explainer.status();
}

}  // namespace mailhandler::cmd
