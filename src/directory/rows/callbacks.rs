//! What the platform asks of us (wecom-api CB-1, CB-2, §5.1): declared so that the surface is whole, answered by a
//! listener. A call of these rows is refused.
//!
//! Must not know: signatures, keys.

use super::super::{declare::endpoints, row::TokenKind};

endpoints! {
    /// The check of an address: answered with the decrypted `echostr` as it is, within a second.
    "CB-1" callback_verify CallbackVerify A "90930" "回调URL验证"
    GET "(own listener)" [token(TokenKind::Listener)]
    { msg_signature: String, timestamp: String, nonce: String, echostr: String }
    => EchoText {}

    /// An event: 200 and an empty body within 5 seconds, or it comes again, three times in all.
    "CB-2" callback_receive CallbackReceive A "90930" "接收事件"
    POST "(own listener)" [token(TokenKind::Listener)]
    {
        msg_signature: String,
        timestamp: String,
        nonce: String,
        to_user_name = "ToUserName": String,
        encrypt = "Encrypt": String,
    }
    optional { agent_id = "AgentID": String }
    => NoAnswer {}
}
