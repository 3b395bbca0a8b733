#include "agent/password.hpp"

#include <array>
#include <crypt.h>
#include <cstring>
#include <memory>
#include <string.h>

namespace mailhandler::agent {

namespace {

// Checked where there is no hash to check: a setting of the same cost as those we make.
constexpr const char* nobody = "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$";

// crypt_data is 32 KiB, too much for a thread's stack, and keeps the password until it is wiped.
class Crypt {
  public:
    ~Crypt() { explicit_bzero(data_.get(), sizeof(crypt_data)); }

    // Null when the setting is not one crypt(3) understands.
    const char* operator()(const std::string& password, const char* setting) {
        return crypt_rn(password.c_str(), setting, data_.get(), sizeof(crypt_data));
    }

  private:
    std::unique_ptr<crypt_data> data_ = std::make_unique<crypt_data>();
};

// Time depends on the lengths only.
bool equal(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    unsigned char differs = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        differs |= static_cast<unsigned char>(a[i] ^ b[i]);
    return differs == 0;
}

bool representable(std::string_view password) {
    return !password.empty() && password.find('\0') == password.npos &&
           password.size() < CRYPT_MAX_PASSPHRASE_SIZE;
}

}  // namespace

Result<std::string> hash_password(std::string_view password, Random& random) {
    if (password.empty()) return fail("", "the password is empty", false);
    if (!representable(password))
        return fail("", "the password contains a NUL or is longer than 511 octets", false);
    std::array<char, 16> salt{};
    for (std::size_t i = 0; i < salt.size(); i += sizeof(std::uint64_t)) {
        const std::uint64_t bits = random.bits();
        std::memcpy(salt.data() + i, &bits, sizeof bits);
    }
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    if (!crypt_gensalt_rn("$y$", 0, salt.data(), salt.size(), setting, sizeof setting))
        return fail_errno("crypt(3)", "no yescrypt", errno);
    std::string copy(password);
    Crypt crypt;
    const char* hash = crypt(copy, setting);
    explicit_bzero(copy.data(), copy.size());
    if (!hash) return fail_errno("crypt(3)", "the password could not be hashed", errno);
    return std::string(hash);
}

bool verify_password(const std::string& hash, std::string_view password) {
    const bool known = !hash.empty() && representable(password);
    std::string copy(representable(password) ? password : "x");
    Crypt crypt;
    const char* made = crypt(copy, known ? hash.c_str() : nobody);
    // A malformed hash fails at once: spend the time all the same.
    const bool right = known && made && equal(made, hash);
    if (known && !made) crypt(copy, nobody);
    explicit_bzero(copy.data(), copy.size());
    return right;
}

}  // namespace mailhandler::agent
