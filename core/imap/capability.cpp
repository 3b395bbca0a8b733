// What the session can do, as CAPABILITY names it.
#include "imap/server_session.hpp"

namespace mailhandler::imap {

// IMAP4rev1 RFC 3501, IMAP4rev2 RFC 9051, LITERAL+ RFC 7888, SASL-IR RFC 4959, ID RFC 2971, ENABLE
// RFC 5161, IDLE RFC 2177, NAMESPACE RFC 2342, CHILDREN RFC 3348, SPECIAL-USE RFC 6154,
// LIST-EXTENDED RFC 5258, LIST-STATUS RFC 5819, STATUS=SIZE RFC 8438, UIDPLUS RFC 4315, MOVE
// RFC 6851, UNSELECT RFC 3691, ESEARCH RFC 4731, SEARCHRES RFC 5182, SORT and THREAD RFC 5256,
// CONDSTORE and QRESYNC RFC 7162, BINARY RFC 3516, MULTIAPPEND RFC 3502, QUOTA RFC 9208,
// APPENDLIMIT RFC 7889, UTF8=ACCEPT RFC 6855, METADATA RFC 5464, COMPRESS RFC 4978.
std::string ServerSession::capabilities() const {
    std::string text = "CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR ID ENABLE";
    if (phase_ != Phase::authenticated) {
        if (settings_.tls_offered && !secure()) text += " STARTTLS";
        text += may_log_in() ? " AUTH=PLAIN" : " LOGINDISABLED";
        return text;
    }
    text +=
        " IDLE NAMESPACE CHILDREN SPECIAL-USE CREATE-SPECIAL-USE LIST-EXTENDED LIST-STATUS"
        " STATUS=SIZE UIDPLUS MOVE UNSELECT ESEARCH SEARCHRES SORT THREAD=ORDEREDSUBJECT"
        " THREAD=REFERENCES CONDSTORE QRESYNC BINARY MULTIAPPEND QUOTA QUOTA=RES-STORAGE"
        " UTF8=ACCEPT METADATA APPENDLIMIT=";
    append_number(text, settings_.message_size);
    if (settings_.compression && !compressed_) text += " COMPRESS=DEFLATE";
    return text;
}

}  // namespace mailhandler::imap
