// add-fetch: a remote mailbox to collect, as fetch/NAME.toml.
#include <cerrno>
#include <fmt/format.h>

#include "change.hpp"
#include "commands.hpp"
#include "run/fetch.hpp"
#include "secret.hpp"

namespace mailhandler::cmd {

namespace {

// What is written for each option; the option's name is the key's, with '-' for '_'.
struct Key {
    std::string_view option, key;
    bool list = false;  // comma-separated
};
constexpr Key keys[] = {
    {"--password-command", "password_command"}, {"--token-command", "token_command"},
    {"--tls", "tls"},         {"--ca-file", "ca_file"},  {"--every", "every"},
    {"--domain", "domain"},   {"--headers", "headers", true}, {"--trust", "trust", true},
    {"--prefix", "prefix"},   {"--keep", "keep"},        {"--unknown", "unknown"},
    {"--missing", "missing"}, {"--deliver", "deliver"},
};

std::vector<std::string> split(const std::string& text) {
    std::vector<std::string> words;
    for (std::string_view rest = text; !rest.empty();) {
        const auto end = std::min(rest.find(','), rest.size());
        std::string_view word = rest.substr(0, end);
        while (word.starts_with(' ')) word.remove_prefix(1);
        while (word.ends_with(' ')) word.remove_suffix(1);
        if (!word.empty()) words.emplace_back(word);
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return words;
}

// What was asked for: from the command line, or from the dialogue.
struct Wanted {
    std::string name, server, login;
    std::vector<config::Change> changes;
    std::optional<std::string> password;  // goes into a file of its own
    bool has(std::string_view key) const {
        return std::any_of(changes.begin(), changes.end(), [&](const config::Change& change) {
            return std::get<config::Set>(change).path.front() == key;
        });
    }
    void set(std::string_view key, config::Value value) {
        changes.push_back(config::Set{{std::string(key)}, std::move(value)});
    }
};

class Adder {
  public:
    Adder(Context& context, const Arguments& arguments)
        : context_(context), arguments_(arguments), dry_run_(arguments.has("--dry-run")),
          layout_(context.root) {}

    int run() {
        if (const auto server = read_server(context_); !server) return server.error();
        if (const int status = gather(); status != status::done) return status;
        const auto lock = edit_lock(context_, dry_run_);
        if (!lock) return lock.error();
        auto text = edited();
        if (!text) return text.error();
        if (unchanged_) return unchanged(context_, file(), dry_run_);
        if (const int status = look(*text); status != status::done) return status;
        return write(*text);
    }

  private:
    // --- what is wanted -------------------------------------------------------------------

    int gather() {
        wanted_.name = arguments_.one("NAME");
        wanted_.server = arguments_.one("SERVER-URL");
        wanted_.login = arguments_.one("LOGIN");
        const bool asking = context_.terminal.in && context_.terminal.err;
        for (const auto& [text, question] :
             {std::pair{&wanted_.name, "A name for this account: "},
              {&wanted_.server, "The server (pop3s://mail.example.net): "},
              {&wanted_.login, "The login: "}}) {
            if (!text->empty()) continue;
            if (!asking)
                return context_.usage_error("NAME, SERVER-URL and LOGIN are needed");
            asked_ = true;
            *text = ask_line(context_, question).value_or("");
            if (text->empty()) return context_.fail(status::no, "nothing was changed");
        }
        wanted_.set("server", wanted_.server);
        wanted_.set("login", wanted_.login);
        for (const Key& key : keys) {
            const auto given = arguments_.option(key.option);
            if (!given) continue;
            if (key.list)
                wanted_.set(key.key, split(*given));
            else
                wanted_.set(key.key, *given);
        }
        if (const int status = choose_domain(); status != status::done) return status;
        if (asked_ && !wanted_.has("every")) {
            const auto every =
                ask_line(context_, "How often does serve collect it (5m; empty: never): ");
            if (every && !every->empty()) wanted_.set("every", *every);
        }
        return take_password();
    }

    int choose_domain() {
        if (wanted_.has("domain") || disk::exists(context_.disk, layout_.fetch_file(wanted_.name)))
            return status::done;
        const auto domains = config::domain_names(context_.disk, context_.root).names;
        const auto login = mail::canonical_domain(wanted_.login);
        std::string domain;
        if (login && std::find(domains.begin(), domains.end(), *login) != domains.end())
            domain = *login;
        else if (domains.size() == 1)
            domain = domains.front();
        else if (asked_)
            domain = ask_line(context_, "The domain whose file sorts its mail: ").value_or("");
        if (domain.empty())
            return context_.usage_error(
                "--domain is needed: which domain's file sorts this account's mail?");
        wanted_.set("domain", domain);
        return status::done;
    }

    int take_password() {
        if (wanted_.has("password_command") || wanted_.has("token_command")) return status::done;
        const bool there = disk::exists(context_.disk, layout_.fetch_file(wanted_.name));
        if (there && !password_given(arguments_)) return status::done;
        auto password = read_password(context_, arguments_, wanted_.login);
        if (!password) return password.error();
        if (!*password)
            return context_.usage_error("a password is needed: --password-file, --password-stdin, "
                                        "--password-command or --token-command");
        wanted_.password = std::move(**password);
        wanted_.set("password_file", password_file());
        return status::done;
    }

    std::string file() const { return fmt::format("fetch/{}.toml", disk_name()); }
    std::string password_file() const { return fmt::format("fetch/{}.password", disk_name()); }
    std::string certificate_file() const { return fmt::format("fetch/{}.pem", disk_name()); }
    std::string disk_name() const {
        const std::string path = disk::file_name(layout_.fetch_file(wanted_.name));
        return path.substr(0, path.size() - 5);
    }

    // --- the file -------------------------------------------------------------------------

    Answer<std::string> edited() {
        const auto before = disk::read_file(context_.disk, layout_.fetch_file(wanted_.name));
        if (!before && before.error().error != ENOENT) return stop(context_.fail(before.error()));
        before_ = before ? *before
                         : fmt::format("# {}: what 'mailhandler fetch {}' collects. Every key is "
                                       "explained in mailhandler.toml(5).\n",
                                       wanted_.name, wanted_.name);
        existed_ = before.has_value();
        auto text = config::edit(before_, wanted_.changes, file());
        if (!text) return stop(context_.fail(text.error()));
        unchanged_ = existed_ && *text == before_ && !wanted_.password;
        const auto loaded = config::parse_fetch(*text, file(), wanted_.name);
        for (const auto& problem : loaded.problems) context_.err << printable(problem.show()) << '\n';
        if (!loaded.ok())
            return stop(context_.fail(status::configuration, "nothing was changed"));
        return std::move(*text);
    }

    // --- the server -----------------------------------------------------------------------

    int look(std::string& text) {
        if (dry_run_ || arguments_.has("--no-login")) return status::done;
        auto fetch = *config::parse_fetch(text, file(), wanted_.name).value;
        auto found = ask(fetch);
        if (!found && found.error().error == EKEYREJECTED) {
            const int trusted = trust(fetch, text);
            if (trusted != status::done) return trusted;
            found = ask_trusting(*config::parse_fetch(text, file(), wanted_.name).value);
        }
        if (found) {
            context_.say(fmt::format("logged in to {}; {} messages wait there", fetch.host, *found));
            return status::done;
        }
        context_.say(found.error().text());
        if (found.error().temporary || unsupported(fetch)) {
            context_.hint("the account is added all the same; 'mailhandler check --remote' tries again");
            return status::done;
        }
        return context_.fail(status::configuration, "nothing was changed",
                             "--no-login adds the account without trying it");
    }

    static bool unsupported(const config::Fetch& fetch) {
        return fetch.deliver != "maildir";
    }

    Result<std::size_t> ask(const config::Fetch& fetch) {
        return run::look_at_remote(context_.disk, context_.clock, context_.root, fetch,
                                   wanted_.password);
    }

    // With the certificate beside where it will be, for it is kept only when all else is right.
    Result<std::size_t> ask_trusting(config::Fetch fetch) {
        fetch.ca_file = certificate_file() + ".tried";
        const std::string path = layout_.from_root(fetch.ca_file);
        auto done = disk::make_directories(context_.disk, layout_.fetch_dir(), 0750);
        if (done) done = disk::replace_file(context_.disk, path, certificate_, 0644);
        if (!done) return tl::unexpected(done.error());
        auto found = ask(fetch);
        (void)context_.disk.remove(path);
        return found;
    }

    // The certificate is nobody's who is known. Only a person can say that it is the right one.
    int trust(const config::Fetch& fetch, std::string& text) {
        const auto shown =
            run::certificate_of_remote(context_.disk, context_.clock, context_.root, fetch);
        if (!shown) return context_.fail(shown.error());
        context_.say(fmt::format("{} shows a certificate that nobody known has signed:", fetch.host));
        context_.err << "  subject      " << printable(shown->subject) << "\n  fingerprint  "
                     << shown->fingerprint << '\n';
        const auto given = arguments_.option("--trust-certificate");
        bool yes = given && *given == shown->fingerprint;
        if (!yes && !given && context_.terminal.in)
            yes = ask_line(context_, "Trust it from now on? (yes/no) ").value_or("") == "yes";
        if (!yes)
            return context_.fail(
                status::configuration, "nothing was changed",
                fmt::format("when its administrator names this fingerprint: --trust-certificate {}",
                            shown->fingerprint));
        certificate_ = shown->pem;
        auto with = config::edit(text, {config::Set{{"ca_file"}, certificate_file()}}, file());
        if (!with) return context_.fail(with.error());
        text = std::move(*with);
        return status::done;
    }

    int write(const std::string& text) {
        if (!dry_run_) {
            auto done = disk::make_directories(context_.disk, layout_.fetch_dir(), 0750);
            if (done && wanted_.password)
                done = disk::replace_file(context_.disk, layout_.from_root(password_file()),
                                          *wanted_.password + "\n", 0600);
            if (done && !certificate_.empty())
                done = disk::replace_file(context_.disk, layout_.from_root(certificate_file()),
                                          certificate_, 0644);
            if (done && !(existed_ && text == before_))
                done = disk::replace_file(context_.disk, layout_.fetch_file(wanted_.name), text, 0640);
            if (!done) return context_.fail(done.error());
        }
        print_difference(context_, file(), existed_ ? before_ : "", text, dry_run_);
        if (!existed_ && !dry_run_)
            context_.hint(fmt::format("'mailhandler fetch {} --dry-run' shows what would become of "
                                      "its messages",
                                      wanted_.name));
        return status::done;
    }

    Context& context_;
    const Arguments& arguments_;
    const bool dry_run_;
    const store::Layout layout_;
    Wanted wanted_;
    bool asked_ = false;      // something was asked on the terminal
    bool existed_ = false, unchanged_ = false;
    std::string before_, certificate_;
};

int run(Context& context, const Arguments& arguments) { return Adder(context, arguments).run(); }

std::vector<Option> options() {
    return {
        password_file_option(),
        password_stdin_option(),
        {"--password-command", "CMD", "a shell command that prints the password"},
        {"--token-command", "CMD", "a shell command that prints an OAuth2 token"},
        {"--tls", "HOW", "verify (default), or none: loopback only",
         Completes::choice, {"verify", "none"}},
        {"--ca-file", "FILE", "a certificate to trust besides the system's",
         Completes::file},
        {"--trust-certificate", "FINGERPRINT",
         "trust the certificate the server shows, if it is this one"},
        {"--every", "TIME", "serve collects this often, e.g. 5m; idle: the moment something arrives"},
        {"--domain", "D", "the domain whose file sorts", Completes::domain},
        {"--headers", "LIST", "names of envelope headers, comma-separated"},
        {"--trust", "LIST", "host names whose Received lines are believed"},
        {"--prefix", "TEXT", "what stands before each address"},
        {"--keep", "TIME", "how long messages stay on the server: 0, 7d, forever"},
        {"--unknown", "FATE", "of mail to nobody", Completes::choice,
         {"bounce", "bounce-all", "hold", "postmaster", "drop"}},
        {"--missing", "FATE", "of mail without an envelope header", Completes::choice,
         {"hold", "postmaster"}},
        {"--deliver", "WHERE", "maildir, lmtp://… or smtp://…"},
        {"--no-login", "", "do not try it"},
        {"--dry-run", "", dry_run_says},
    };
}

}  // namespace

Command add_fetch() {
    return {
        .name = "add-fetch",
        .group = "Collect mail (the office)",
        .summary = "collect a remote mailbox from now on",
        .description =
            "Makes fetch/NAME.toml, or changes what it says. A password from a prompt, a file or "
            "standard input is kept in fetch/NAME.password, which only its owner can read; "
            "--password-command has it asked for each time instead.\n\n"
            "Before anything is written it logs in. A server that cannot be reached now is added "
            "all the same; a wrong password is not. When the server's certificate is signed by "
            "nobody known, its fingerprint is shown, and it can be trusted from then on.\n\n"
            "The domain is the one the login names, or the only one there is, unless --domain says "
            "another.",
        .arguments = {{"NAME", "a name of your choice", Completes::fetch, false},
                      {"SERVER-URL", "pop3://, pop3s://, imap:// or imaps:// and the host",
                       Completes::nothing, false},
                      {"LOGIN", "the login there", Completes::nothing, false}},
        .options = options(),
        .examples = {{"mailhandler add-fetch office pop3s://mail.provider.example example.com "
                      "--every 5m",
                      "asks for the password, tries it, and has serve collect every 5 minutes"},
                     {"mailhandler add-fetch", "asks for everything"}},
        .run = run,
    };
}

}  // namespace mailhandler::cmd
