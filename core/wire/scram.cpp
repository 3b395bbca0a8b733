#include "wire/scram.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "wire/sasl.hpp"

namespace mailhandler::wire {

namespace {

constexpr std::string_view no_binding = "n,,";  // gs2-header: no channel binding, no authzid
constexpr std::size_t longest_word = 200;       // of a server, when it is shown

// saslname: "," and "=" are written as "=2C" and "=3D"   (RFC 5802 section 7)
std::string saslname(std::string_view login) {
    std::string name;
    for (const char c : login) {
        if (c == ',')
            name += "=2C";
        else if (c == '=')
            name += "=3D";
        else
            name += c;
    }
    return name;
}

// Takes `KEY=value` off the front of a message. Nothing where something else stands there.
std::optional<std::string_view> take(std::string_view& message, char key) {
    if (message.size() < 2 || message[0] != key || message[1] != '=') return std::nullopt;
    const std::size_t comma = std::min(message.find(','), message.size());
    const std::string_view value = message.substr(2, comma - 2);
    message.remove_prefix(std::min(comma + 1, message.size()));
    return value;
}

tl::unexpected<Fault> refuse(std::string cause) {
    return tl::unexpected(Fault{"SCRAM-SHA-256", std::move(cause), false, 0});
}

}  // namespace

ScramClient::ScramClient(std::string_view login, std::string password, std::string nonce)
    : password_(std::move(password)), nonce_(std::move(nonce)),
      bare_("n=" + saslname(login) + ",r=" + nonce_) {}

std::string ScramClient::first() const { return std::string(no_binding) + bare_; }

// server-first-message = [reserved-mext ","] nonce "," salt "," iteration-count ["," extensions]
Result<std::string> ScramClient::respond(std::string_view server_first) {
    std::string_view rest = server_first;
    const auto nonce = take(rest, 'r');
    const auto salt_text = nonce ? take(rest, 's') : std::nullopt;
    const auto count = salt_text ? take(rest, 'i') : std::nullopt;
    const auto salt = salt_text ? base64_decode(*salt_text) : std::nullopt;
    if (!count || !salt || salt->empty())
        return refuse("the server's challenge is not understood");
    if (!nonce->starts_with(nonce_) || nonce->size() == nonce_.size())
        return refuse("the server's nonce does not go on from ours");
    std::uint32_t iterations = 0;
    const auto [end, error] =
        std::from_chars(count->data(), count->data() + count->size(), iterations);
    if (error != std::errc() || end != count->data() + count->size() || iterations == 0)
        return refuse("the server's iteration count is not understood");
    if (iterations > most_iterations)
        return refuse("the server asks for " + std::string(*count) + " iterations, more than " +
                      std::to_string(most_iterations));

    // RFC 5802 section 3.
    const Sha256Digest salted = pbkdf2_sha256(password_, *salt, iterations);
    const HmacSha256 keyed(octets_of(salted));
    const Sha256Digest client_key = keyed("Client Key"), server_key = keyed("Server Key");
    const Sha256Digest stored_key = sha256(octets_of(client_key));
    std::string final = "c=" + base64_encode(no_binding) + ",r=" + std::string(*nonce);
    const std::string auth_message = bare_ + ',' + std::string(server_first) + ',' + final;
    Sha256Digest proof = HmacSha256(octets_of(stored_key))(auth_message);
    for (std::size_t i = 0; i < proof.size(); ++i) proof[i] ^= client_key[i];
    const Sha256Digest signature = HmacSha256(octets_of(server_key))(auth_message);
    signature_ = octets_of(signature);
    return final + ",p=" + base64_encode(octets_of(proof));
}

// server-final-message = ("e=" error / "v=" base64) ["," extensions]
Result<> ScramClient::verify(std::string_view server_final) const {
    std::string_view rest = server_final;
    if (const auto why = take(rest, 'e'))
        return refuse("the server says: " + std::string(why->substr(0, longest_word)));
    const auto shown = take(rest, 'v');
    const auto signature = shown ? base64_decode(*shown) : std::nullopt;
    if (!signature || signature_.empty() || *signature != signature_)
        return refuse("the server does not prove that it knows the password: it may not be ours");
    return {};
}

}  // namespace mailhandler::wire
