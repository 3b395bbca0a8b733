#include "net/spf.hpp"

#include <algorithm>
#include <ares.h>
#include <boost/asio/ip/address.hpp>
#include <cstring>
#include <map>
#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <optional>

extern "C" {  // libspf2's headers do not say so themselves
#include <spf2/spf.h>
#include <spf2/spf_dns.h>
}

#include "net/dns_answer.hpp"

namespace mailhandler::net {

namespace {

// A question to the DNS.
using Asked = std::pair<std::string, int>;  // name, type
using Answers = std::map<Asked, DnsAnswer>;

struct RequestFree {
    void operator()(SPF_request_t* request) const { SPF_request_free(request); }
};
struct ResponseFree {
    void operator()(SPF_response_t* response) const { SPF_response_free(response); }
};
using Request = std::unique_ptr<SPF_request_t, RequestFree>;
using Response = std::unique_ptr<SPF_response_t, ResponseFree>;

std::string lower(std::string text) {
    for (char& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return text;
}

// An SPF record without its exp= modifier: the explanation would be one more lookup, and nobody
// reads it. Other texts as they are.
std::string without_explanation(const std::string& text) {
    const std::string small = lower(text);
    if (!small.starts_with("v=spf1")) return text;
    const auto at = small.find(" exp=");
    if (at == small.npos) return text;
    return text.substr(0, at) + text.substr(std::min(text.find(' ', at + 1), text.size()));
}

// libspf2 keeps addresses as such, and names and texts as C strings.
std::string stored_form(const DnsRecord& record, ns_type type) {
    if (type == ns_t_a || type == ns_t_aaaa) return record.data;
    std::string text = record.data.substr(0, record.data.find('\0'));
    if (type == ns_t_txt) text = without_explanation(text);
    return text + '\0';
}

int herrno_of(const DnsAnswer& answer) {
    if (answer.status == ARES_SUCCESS) return answer.records.empty() ? NO_DATA : NETDB_SUCCESS;
    if (answer.status == ARES_ENODATA) return NO_DATA;
    // A name that cannot be asked for (too long, an empty label) does not exist.
    if (answer.status == ARES_ENOTFOUND || answer.status == ARES_EBADNAME) return HOST_NOT_FOUND;
    return TRY_AGAIN;
}

SPF_dns_rr_t* records_of(SPF_dns_server_t* layer, const char* name, ns_type type,
                         const DnsAnswer& answer) {
    SPF_dns_rr_t* made = SPF_dns_rr_new_init(layer, name, type, 0, herrno_of(answer));
    if (!made) return nullptr;
    for (const DnsRecord& record : answer.records) {
        const std::string data = stored_form(record, type);
        const int at = made->num_rr;
        if (SPF_dns_rr_buf_realloc(made, at, data.size()) != SPF_E_SUCCESS) break;
        std::memcpy(made->rr[at], data.data(), data.size());
        made->num_rr = at + 1;
    }
    return made;
}

std::string name_of(SPF_result_t result) {
    switch (result) {
        case SPF_RESULT_NEUTRAL:
            return "neutral";
        case SPF_RESULT_PASS:
            return "pass";
        case SPF_RESULT_FAIL:
            return "fail";
        case SPF_RESULT_SOFTFAIL:
            return "softfail";
        case SPF_RESULT_NONE:
            return "none";
        case SPF_RESULT_PERMERROR:
            return "permerror";
        default:
            return "temperror";
    }
}

// The result where there was no record to evaluate. libspf2 says "no SPF record" also of one that is
// malformed; what was wrong with it stands among its complaints.
std::string name_of(SPF_errcode_t error, SPF_response_t* response) {
    if (error == SPF_E_DNS_ERROR || error == SPF_E_NO_MEMORY) return "temperror";
    if (error != SPF_E_NOT_SPF) return "permerror";
    for (int i = 0; i < SPF_response_messages(response); ++i) {
        SPF_error_t* complaint = SPF_response_message(response, i);
        if (SPF_error_errorp(complaint) && SPF_error_code(complaint) != SPF_E_NOT_SPF)
            return "permerror";
    }
    return "none";
}

// RFC 7208 section 4.3: a domain that is none, or that has no dot in it, has no policy.
bool has_policy(const std::string& domain) {
    return domain.size() <= 253 && domain.find('.') != domain.npos && domain.front() != '.' &&
           domain.find("..") == domain.npos && domain.front() != '[';
}

// One check under way. It may end with the Loop, after the checker has gone.
class Count {
  public:
    explicit Count(std::shared_ptr<std::size_t> number) : number_(std::move(number)) { ++*number_; }
    ~Count() { --*number_; }
    Count(const Count&) = delete;
    Count& operator=(const Count&) = delete;

  private:
    const std::shared_ptr<std::size_t> number_;
};

}  // namespace

// libspf2 with a DNS that only knows what it was told.
class SpfChecker::Policy {
  public:
    Policy() {
        layer_.destroy = nullptr;  // shared: it is ours
        layer_.lookup = look;
        layer_.name = "known answers";
        layer_.hook = this;
        server_ = SPF_server_new_dns(&layer_, 0);
        if (!server_) throw std::bad_alloc();
    }
    ~Policy() { SPF_server_free(server_); }
    Policy(const Policy&) = delete;
    Policy& operator=(const Policy&) = delete;

    struct Verdict {
        std::string result;
        std::optional<Asked> missing;  // without which the result means nothing
    };

    Verdict evaluate(const SpfSubject& subject, const Answers& known) {
        known_ = &known;
        missing_.reset();
        Verdict verdict;
        verdict.result = judge(subject);
        verdict.missing = std::move(missing_);
        known_ = nullptr;
        return verdict;
    }

  private:
    static SPF_dns_rr_t* look(SPF_dns_server_t* layer, const char* name, ns_type type,
                              int) noexcept {
        return static_cast<Policy*>(layer->hook)->answer(name, type);
    }

    SPF_dns_rr_t* answer(const char* name, ns_type type) {
        static const DnsAnswer nothing{ARES_ENODATA, {}, {}};
        static const DnsAnswer not_now{ARES_ETIMEOUT, {}, {}};
        const bool askable = type == ns_t_a || type == ns_t_aaaa || type == ns_t_mx ||
                             type == ns_t_ptr || type == ns_t_txt;
        if (!askable) return records_of(&layer_, name, type, nothing);
        Asked asked(lower(name), type);
        const auto found = known_->find(asked);
        if (found != known_->end()) return records_of(&layer_, name, type, found->second);
        if (!missing_) missing_ = std::move(asked);
        return records_of(&layer_, name, type, not_now);
    }

    std::string judge(const SpfSubject& subject) {
        const Request request(SPF_request_new(server_));
        if (!request) return "temperror";
        boost::system::error_code error;
        auto ip = boost::asio::ip::make_address(subject.ip, error);
        if (error) return "none";
        if (ip.is_v6() && ip.to_v6().is_v4_mapped())
            ip = boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, ip.to_v6());
        if (ip.is_v4()) {
            in_addr raw{};
            raw.s_addr = htonl(ip.to_v4().to_uint());
            SPF_request_set_ipv4(request.get(), raw);
        } else {
            in6_addr raw{};
            const auto octets = ip.to_v6().to_bytes();
            std::copy(octets.begin(), octets.end(), raw.s6_addr);
            SPF_request_set_ipv6(request.get(), raw);
        }
        SPF_request_set_helo_dom(request.get(), subject.helo.c_str());
        SPF_request_set_env_from(request.get(), subject.sender.c_str());
        // Not SPF_request_query_mailfrom(): it lets loopback pass unasked.
        request->cur_dom = request->env_from_dp;
        const Response response(SPF_response_new(request.get()));
        if (!response) return "temperror";
        SPF_record_t* record = nullptr;
        const SPF_errcode_t found =
            SPF_server_get_record(server_, request.get(), response.get(), &record);
        if (found == SPF_E_SUCCESS && record) {
            response->spf_record_exp = record;
            SPF_record_interpret(record, request.get(), response.get(), 0);
            response->spf_record_exp = nullptr;
        }
        if (record) SPF_record_free(record);
        return found == SPF_E_SUCCESS ? name_of(response->result) : name_of(found, response.get());
    }

    SPF_dns_server_t layer_{};
    SPF_server_t* server_ = nullptr;
    const Answers* known_ = nullptr;
    std::optional<Asked> missing_;
};

SpfChecker::SpfChecker(Loop& loop) : loop_(loop), policy_(std::make_unique<Policy>()) {}
SpfChecker::~SpfChecker() = default;

Task<std::string> SpfChecker::check(std::string server, SpfSubject subject) {
    const std::string& named = subject.sender.empty() ? subject.helo : subject.sender;
    if (!has_policy(named.substr(named.rfind('@') + 1))) co_return "none";
    if (*under_way_ >= most_at_once) co_return "temperror";
    const Count count(under_way_);
    const Instant deadline = std::chrono::steady_clock::now() + patience;
    Answers known;
    for (;;) {
        Policy::Verdict verdict = policy_->evaluate(subject, known);
        if (!verdict.missing) co_return std::move(verdict.result);
        if (known.size() >= most_lookups) co_return "permerror";
        Asked asked = std::move(*verdict.missing);
        DnsAnswer answer =
            co_await ask_dns_through(loop_, server, asked.first, asked.second, deadline);
        known.emplace(std::move(asked), std::move(answer));
    }
}

}  // namespace mailhandler::net
