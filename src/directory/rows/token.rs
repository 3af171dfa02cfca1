//! Tokens, and the addresses of the platform (wecom-api T-1 to T-8).
//!
//! Must not know: how tokens are kept.

use super::super::{declare::endpoints, row::TokenKind};
use crate::secret::Secret;

endpoints! {
    /// A token of one app of one company. Addresses of this call hold the secret and are never logged.
    ///
    /// Wrong secrets, repeated, get the calling address blocked for about an hour; see
    /// [`TokenHealth`](crate::directory::TokenHealth). Codes: 40001 and 40091 secret, 40013 corpid.
    "T-1" get_token GetToken A "91039" "获取access_token"
    GET "/cgi-bin/gettoken" [no_token() repeatable()]
    { corpid: String, corpsecret: Secret }
    => AppToken {
        /// Up to 512 bytes.
        access_token: Secret,
        /// Seconds, normally 7200; it may be revoked earlier.
        expires_in: i64,
    }

    /// The token of a service provider. The answer may leave out `errcode`.
    "T-2" get_provider_token GetProviderToken C "91200" "获取服务商凭证"
    POST "/cgi-bin/service/get_provider_token" [no_token() repeatable()]
    {
        /// The provider's own company.
        corpid: String,
        provider_secret: Secret,
    }
    => ProviderToken {
        provider_access_token: Secret,
        /// Seconds.
        expires_in: i64,
    }

    /// The token of a suite. Without a current ticket, pushed every ten minutes, there is none (40085).
    "T-3" get_suite_token GetSuiteToken C "90600" "获取第三方应用凭证"
    POST "/cgi-bin/service/get_suite_token" [no_token() repeatable()]
    { suite_id: String, suite_secret: Secret, suite_ticket: Secret }
    => SuiteToken {
        suite_access_token: Secret,
        /// Seconds.
        expires_in: i64,
    }

    /// The token of a company that has authorised a suite. Code: 40084 authorisation cancelled.
    "T-4" get_corp_token GetCorpToken C "90605" "获取企业access_token"
    POST "/cgi-bin/service/get_corp_token?suite_access_token=" [token(TokenKind::Suite) repeatable()]
    { auth_corpid: String, permanent_code: Secret }
    => CorpToken {
        access_token: Secret,
        /// Seconds.
        expires_in: i64,
    }

    /// The stable token of an official account or mini program, on another host; WeCom has none. Without
    /// `force_refresh` it is the current token until shortly before its end, so several processes may ask freely;
    /// with it the previous token dies at once (20 a day, 30 seconds apart).
    "T-5" mp_stable_token MpStableToken C "mp: getStableAccessToken" "获取稳定版接口调用凭据"
    POST "https://api.weixin.qq.com/cgi-bin/stable_token" [no_token() repeatable()]
    {
        /// `client_credential`.
        grant_type: String,
        appid: String,
        secret: Secret,
    }
    optional { force_refresh: bool }
    => StableToken {
        access_token: Secret,
        /// Seconds left, which may be few.
        expires_in: i64,
    }

    /// The ordinary token of an official account, on another host.
    "T-6" mp_access_token MpAccessToken C "mp: getAccessToken" "获取接口调用凭据"
    GET "https://api.weixin.qq.com/cgi-bin/token" [no_token() repeatable()]
    {
        /// `client_credential`.
        grant_type: String,
        appid: String,
        secret: Secret,
    }
    => MpToken {
        access_token: Secret,
        /// Seconds.
        expires_in: i64,
    }

    /// Addresses of the platform's own hosts, for firewalls on the way out. Ask about daily.
    "T-7" get_api_domain_ip GetApiDomainIp B "92520" "获取企业微信接口IP段"

    GET "/cgi-bin/get_api_domain_ip" [archive() repeatable()]
    {}
    => ApiDomainIp {
        /// Addresses or CIDR blocks.
        ip_list: Vec<String>,
    }

    /// Addresses callbacks come from, for firewalls on the way in. Ask about daily.
    "T-8" get_callback_ip GetCallbackIp B "90930" "获取企业微信回调IP段"

    GET "/cgi-bin/getcallbackip" [archive() repeatable()]
    {}
    => CallbackIp {
        /// Addresses, CIDR blocks, or wildcards such as `101.226.103.*`.
        ip_list: Vec<String>,
    }
}
