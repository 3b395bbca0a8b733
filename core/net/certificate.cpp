#include "net/certificate.hpp"

#include <arpa/inet.h>
#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <memory>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/tls.hpp"

namespace mailhandler::net {

namespace {

template <auto free_it>
struct Free {
    template <class T>
    void operator()(T* pointer) const {
        free_it(pointer);
    }
};
using Bio = std::unique_ptr<BIO, Free<BIO_free_all>>;
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using X509Ptr = std::unique_ptr<X509, Free<X509_free>>;

constexpr long ten_years = 3652L * 24 * 3600;

std::string text_of(BIO* bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    return {data, static_cast<std::size_t>(size)};
}

bool extend(X509* certificate, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    if (!extension) return false;
    const bool added = X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return added;
}

bool fill(X509* certificate, EVP_PKEY* key, const std::string& hostname, WallTime now) {
    unsigned char serial[16];
    if (RAND_bytes(serial, sizeof serial) != 1) return false;
    serial[0] &= 0x7f;  // RFC 5280 section 4.1.2.2: positive
    BIGNUM* number = BN_bin2bn(serial, sizeof serial, nullptr);
    BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
    BN_free(number);
    X509_set_version(certificate, X509_VERSION_3);
    std::time_t time = std::chrono::system_clock::to_time_t(now);
    X509_time_adj_ex(X509_getm_notBefore(certificate), 0, -3600, &time);
    X509_time_adj_ex(X509_getm_notAfter(certificate), 0, ten_years, &time);
    X509_set_pubkey(certificate, key);
    // RFC 5280 appendix A.1: a common name has at most 64 characters; the SAN is what counts.
    const std::string common = hostname.substr(0, 64);
    X509_NAME* name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(common.data()),
                               static_cast<int>(common.size()), -1, 0);
    X509_set_issuer_name(certificate, name);
    return extend(certificate, NID_subject_alt_name,
                  (is_ip_address(hostname) ? "IP:" : "DNS:") + hostname) &&
           extend(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
           extend(certificate, NID_ext_key_usage, "serverAuth") &&
           extend(certificate, NID_subject_key_identifier, "hash") &&
           X509_sign(certificate, key, EVP_sha256()) > 0;
}

std::string parent_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

// Made by root, it belongs to its directory's owner: the server's own user has to read it.
bool give_to_owner(int file, const std::string& path) {
    struct stat directory;
    return ::geteuid() != 0 || ::stat(parent_of(path).c_str(), &directory) != 0 ||
           ::fchown(file, directory.st_uid, directory.st_gid) == 0;
}

Result<> write_new(const std::string& path, const std::string& text, mode_t mode) {
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (file < 0) return fail_errno(path, "cannot create", errno);
    // A PEM file is a few hundred octets: one write takes it or fails.
    const ssize_t written = ::write(file, text.data(), text.size());
    const bool good = written == static_cast<ssize_t>(text.size()) && give_to_owner(file, path) &&
                      ::fsync(file) == 0;
    const int error = errno;
    ::close(file);
    if (good) return {};
    ::unlink(path.c_str());
    return fail_errno(path, "cannot write", error);
}

void sync_parent(const std::string& path) {
    const int directory = ::open(parent_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return;
    ::fsync(directory);
    ::close(directory);
}

Result<X509Ptr> read_certificate(const std::string& path) {
    const Bio file(BIO_new_file(path.c_str(), "r"));
    if (!file) return fail_errno(path, "cannot read", errno);
    X509Ptr certificate(PEM_read_bio_X509(file.get(), nullptr, nullptr, nullptr));
    if (!certificate) return fail(path, "holds no certificate: " + openssl_error(), false);
    return certificate;
}

WallTime wall_time(const ASN1_TIME* time) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
    return std::chrono::system_clock::from_time_t(timegm(&parts));
}

std::string address_text(const ASN1_OCTET_STRING* octets) {
    const int size = ASN1_STRING_length(octets);
    char text[INET6_ADDRSTRLEN] = "";
    if (size == 4 || size == 16)
        ::inet_ntop(size == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(octets), text,
                    sizeof text);
    return text;
}

std::vector<std::string> names_of(const X509* certificate) {
    std::vector<std::string> names;
    auto* list = static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
    for (int i = 0; i < sk_GENERAL_NAME_num(list); ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(list, i);
        if (name->type == GEN_DNS)
            names.emplace_back(
                reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
        else if (name->type == GEN_IPADD)
            names.push_back(address_text(name->d.iPAddress));
    }
    GENERAL_NAMES_free(list);
    return names;
}

std::string fingerprint_of(const X509* certificate) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (X509_digest(certificate, EVP_sha256(), digest, &size) != 1) return {};
    std::string text;
    for (unsigned i = 0; i < size; ++i) text += fmt::format("{}{:02X}", i ? ":" : "", digest[i]);
    return text;
}

Certificate describe(X509* raw) {
    Certificate certificate;
    const Bio subject(BIO_new(BIO_s_mem()));
    X509_NAME_print_ex(subject.get(), X509_get_subject_name(raw), 0, XN_FLAG_ONELINE);
    certificate.subject = text_of(subject.get());
    certificate.names = names_of(raw);
    certificate.not_before = wall_time(X509_get0_notBefore(raw));
    certificate.not_after = wall_time(X509_get0_notAfter(raw));
    certificate.self_signed =
        X509_NAME_cmp(X509_get_subject_name(raw), X509_get_issuer_name(raw)) == 0;
    certificate.fingerprint = fingerprint_of(raw);
    return certificate;
}

}  // namespace

Result<> make_self_signed(const std::string& certificate_path, const std::string& key_path,
                          const std::string& hostname, WallTime now) {
    const Key key(EVP_EC_gen("P-256"));
    const X509Ptr certificate(X509_new());
    const bool nameable = !hostname.empty() && hostname.find_first_of(",\n") == std::string::npos;
    if (!key || !certificate || !nameable || !fill(certificate.get(), key.get(), hostname, now))
        return fail(hostname, "no certificate can be made for this name: " + openssl_error(), false);
    const Bio key_text(BIO_new(BIO_s_mem())), certificate_text(BIO_new(BIO_s_mem()));
    PEM_write_bio_PKCS8PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    PEM_write_bio_X509(certificate_text.get(), certificate.get());
    if (Result<> done = write_new(key_path, text_of(key_text.get()), 0600); !done) return done;
    Result<> done = write_new(certificate_path, text_of(certificate_text.get()), 0644);
    if (!done) {
        ::unlink(key_path.c_str());
        return done;
    }
    sync_parent(key_path);
    sync_parent(certificate_path);
    return {};
}

Result<Certificate> inspect(const std::string& certificate_path) {
    const Result<X509Ptr> read = read_certificate(certificate_path);
    if (!read) return tl::unexpected<Fault>(read.error());
    return describe(read->get());
}

Result<Certificate> inspect_text(const std::string& pem) {
    const Bio text(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    const X509Ptr certificate(PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr));
    if (!certificate) return fail("", "no certificate: " + openssl_error(), false);
    return describe(certificate.get());
}

Result<bool> key_matches(const std::string& certificate_path, const std::string& key_path) {
    const Result<X509Ptr> certificate = read_certificate(certificate_path);
    if (!certificate) return tl::unexpected<Fault>(certificate.error());
    const Bio file(BIO_new_file(key_path.c_str(), "r"));
    if (!file) return fail_errno(key_path, "cannot read", errno);
    // An empty passphrase, so that nobody is asked for one on the terminal.
    char none[] = "";
    const Key key(PEM_read_bio_PrivateKey(file.get(), nullptr, nullptr, none));
    if (!key) return fail(key_path, "holds no key: " + openssl_error(), false);
    const bool matches = X509_check_private_key(certificate->get(), key.get()) == 1;
    openssl_error();  // the mismatch is also in the error queue
    return matches;
}

Result<bool> names_host(const std::string& certificate_path, const std::string& hostname) {
    const Result<X509Ptr> certificate = read_certificate(certificate_path);
    if (!certificate) return tl::unexpected<Fault>(certificate.error());
    if (is_ip_address(hostname))
        return X509_check_ip_asc(certificate->get(), hostname.c_str(), 0) == 1;
    return X509_check_host(certificate->get(), hostname.data(), hostname.size(),
                           X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, nullptr) == 1;
}

}  // namespace mailhandler::net
