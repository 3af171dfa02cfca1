//! Two calls of the WeChat open platform, on another host with another token (wecom-api OP-1, OP-2).
//!
//! Must not know: mini programs.

use super::{
    super::{declare::endpoints, row::TokenKind},
    shapes::Done,
};

endpoints! {
    /// Registers a mini program for a company.
    "OP-1" fast_register_weapp_create FastRegisterWeappCreate C "wx open: fastregisterweapp" "快速注册企业小程序"
    POST "https://api.weixin.qq.com/cgi-bin/component/fastregisterweapp?action=create&component_access_token="
    [token(TokenKind::Component)]
    {
        name: String,
        code: String,
        /// 1 unified social credit code, 2 organisation code, 3 business licence.
        code_type: i64,
        legal_persona_wechat: String,
        legal_persona_name: String,
        component_phone: String,
    }
    => Done

    /// Asks what became of it.
    "OP-2" fast_register_weapp_search FastRegisterWeappSearch C "wx open: fastregisterweapp" "查询快速注册企业小程序任务状态"
    POST "https://api.weixin.qq.com/cgi-bin/component/fastregisterweapp?action=search&component_access_token="
    [token(TokenKind::Component) repeatable()]
    { name: String, legal_persona_wechat: String, legal_persona_name: String }
    => Done
}
