//! What the SDK's numbers mean: the functions' return codes (finance-sdk §4) and the `errcode`s of the envelope
//! inside a returned page (finance-sdk §5.2). Two number spaces that must not be mixed.
//!
//! Enters: a number. Leaves: its cause, whether trying again can help, and what an operator should do.
//! Must not know: who asks, how often a retry is made.

use std::fmt;

/// A non-zero return code. `Unknown` keeps what no document names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// 10000 参数错误.
    BadParameter,
    /// 10001 网络错误.
    Network,
    /// 10002 数据解析失败.
    Unparsable,
    /// 10003 系统失败.
    System,
    /// 10004 密钥错误导致加密失败; deprecated, never seen.
    KeyError,
    /// 10005 fileid 错误.
    BadFileId,
    /// 10006 解密失败.
    Decrypt,
    /// 10007 找不到消息加密版本的私钥; deprecated, never seen.
    NoKeyOfVersion,
    /// 10008 解析 encrypt_key 出错.
    BadEncryptKey,
    /// 10009 ip 非法.
    BadIp,
    /// 10010 数据过期.
    Expired,
    /// 10011 证书错误.
    Certificate,
    /// [`Code::NO_OBJECT`]: made by this fence, not by the vendor.
    NoObject,
    /// [`Code::OVERSIZE`]: made by this fence, not by the vendor.
    Oversize,
    /// [`Code::IMPLAUSIBLE`]: made by this fence, not by the vendor.
    Implausible,
    /// Anything else.
    Unknown(i32),
}

impl Code {
    /// The library could not allocate its answer object, so no call was made.
    pub const NO_OBJECT: i32 = -101;
    /// The answer was larger than a frame may be (`wire::MAX_PAYLOAD`) and was dropped in the child.
    pub const OVERSIZE: i32 = -102;
    /// The call returned 0, and what came with it contradicts itself: a negative length, a length without bytes, a mark that
    /// is neither yes nor no.
    pub const IMPLAUSIBLE: i32 = -103;

    /// `None` for 0, which is success of the call (not yet of the request: see [`Errcode`]).
    pub fn from_raw(code: i32) -> Option<Self> {
        Some(match code {
            0 => return None,
            10000 => Self::BadParameter,
            10001 => Self::Network,
            10002 => Self::Unparsable,
            10003 => Self::System,
            10004 => Self::KeyError,
            10005 => Self::BadFileId,
            10006 => Self::Decrypt,
            10007 => Self::NoKeyOfVersion,
            10008 => Self::BadEncryptKey,
            10009 => Self::BadIp,
            10010 => Self::Expired,
            10011 => Self::Certificate,
            Self::NO_OBJECT => Self::NoObject,
            Self::OVERSIZE => Self::Oversize,
            Self::IMPLAUSIBLE => Self::Implausible,
            other => Self::Unknown(other),
        })
    }

    /// The number itself.
    pub fn raw(self) -> i32 {
        match self {
            Self::BadParameter => 10000,
            Self::Network => 10001,
            Self::Unparsable => 10002,
            Self::System => 10003,
            Self::KeyError => 10004,
            Self::BadFileId => 10005,
            Self::Decrypt => 10006,
            Self::NoKeyOfVersion => 10007,
            Self::BadEncryptKey => 10008,
            Self::BadIp => 10009,
            Self::Expired => 10010,
            Self::Certificate => 10011,
            Self::NoObject => Self::NO_OBJECT,
            Self::Oversize => Self::OVERSIZE,
            Self::Implausible => Self::IMPLAUSIBLE,
            Self::Unknown(other) => other,
        }
    }

    /// Where it really comes from.
    pub fn cause(self) -> &'static str {
        match self {
            Self::BadParameter => "bad request parameter",
            Self::Network => "network error: DNS, connect, TLS, timeout, or the proxy refused",
            Self::Unparsable => "the reply of the server or proxy could not be parsed",
            Self::System => "failure inside the SDK",
            Self::KeyError => "wrong key (a code said to be no longer in use)",
            Self::BadFileId => "malformed sdkfileid",
            Self::Decrypt => "decryption failed",
            Self::NoKeyOfVersion => "no private key of that version (a code said to be no longer in use)",
            Self::BadEncryptKey => "the message key cannot be parsed or belongs to another message",
            Self::BadIp => "the caller's public IP address is not in the trusted list",
            Self::Expired => "the data or file is past WeCom's retention",
            Self::Certificate => "the server's TLS certificate could not be verified",
            Self::NoObject => "the SDK could not allocate memory for an answer",
            Self::Oversize => "the answer is larger than this program accepts",
            Self::Implausible => "the answer contradicts itself",
            Self::Unknown(_) => "a code no document names",
        }
    }

    /// Whether the same call can succeed later without anything being changed: 10001, 10002, 10003, nothing else.
    pub fn retryable(self) -> bool {
        matches!(self, Self::Network | Self::Unparsable | Self::System)
    }

    /// What an operator should do.
    pub fn hint(self) -> &'static str {
        match self {
            Self::BadParameter => {
                "check that corpid and secret are set and that the limit is between 1 and 1000; retrying unchanged \
                 cannot help"
            }
            Self::Network => {
                "check the way to qyapi.weixin.qq.com:443 (try curl through the same proxy), the proxy's address, \
                 user and password, and the timeout"
            }
            Self::Unparsable => {
                "usually passes; if it stays, look at what the proxy answers in the server's place"
            }
            Self::System => "usually passes; if it stays, restart and report the SDK build to WeCom",
            Self::KeyError | Self::NoKeyOfVersion | Self::BadEncryptKey => {
                "the private key is not the one of this record's publickey_ver; add the right one with `shiguan keys add`"
            }
            Self::BadFileId => "permanent for this file: its sdkfileid is damaged",
            Self::Decrypt => "permanent for this key; for media, try again a little later",
            Self::BadIp => {
                "enter this server's public (NAT) address under 会话内容存档 → 可信IP in the admin console"
            }
            Self::Expired => "permanent: WeCom keeps data for 5 days; pull more often",
            Self::Certificate => {
                "do not intercept TLS to qyapi.weixin.qq.com on the way (company proxy), or update the SDK library"
            }
            Self::NoObject => "give the machine more memory",
            Self::Oversize => "pull with a smaller limit",
            Self::Implausible => "usually passes; if it stays, try another SDK build",
            Self::Unknown(_) => {
                "look the code up in WeCom's documentation (path 91552) and update the SDK library"
            }
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.raw(), self.cause())
    }
}

/// WeCom's own `errcode` inside a page, possibly behind a return code of 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Errcode(pub i64);

impl Errcode {
    /// The answer is larger than WeCom sends: ask again with a smaller limit.
    pub const TOO_LARGE: Self = Self(301_058);

    /// What it means, as far as it concerns the archive.
    pub fn cause(self) -> &'static str {
        match self.0 {
            -1 => "WeCom is busy",
            40001 | 40091 => "wrong secret",
            40013 => "wrong corpid",
            40014 | 42001 => "the SDK's access token is no longer valid",
            45009 => "called too often",
            48001 | 48002 => "this secret may not use the archive",
            60020 | 301_042 => "the caller's public IP address is not in the trusted list",
            301_048 => "the file is missing or expired",
            301_052 => "the company's archive service has expired",
            301_053 => "the company's archive service is not switched on",
            301_058 => "the answer would be too large",
            _ => "an error of WeCom's server",
        }
    }

    /// Whether the same request can succeed later without anything being changed: -1 and 45009.
    pub fn retryable(self) -> bool {
        matches!(self.0, -1 | 45009)
    }

    /// What an operator should do.
    pub fn hint(self) -> &'static str {
        match self.0 {
            -1 => "usually passes within minutes",
            40001 | 40091 => {
                "copy the secret again from 管理工具 → 会话内容存档; repeated wrong secrets block the address for an hour"
            }
            40013 => "copy the corpid from 我的企业 → 企业信息",
            40014 | 42001 => "restart; the SDK fetches a new token",
            45009 => "wait a minute and pull less often; one call per second is plenty",
            48001 | 48002 => {
                "use the archive's own secret (管理工具 → 会话内容存档), not that of another app"
            }
            60020 | 301_042 => {
                "enter this server's public (NAT) address under 会话内容存档 → 可信IP in the admin console"
            }
            301_048 => "permanent: download media soon after the message arrives",
            301_052 => "renew the archive in the admin console at once: nothing is being recorded",
            301_053 => "switch 会话内容存档 on in the admin console",
            301_058 => "ask again with a smaller limit",
            _ => "look the errcode up at developer.work.weixin.qq.com (全局错误码)",
        }
    }
}

impl fmt::Display for Errcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.0, self.cause())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_survives_the_way_through_the_enum() {
        for raw in (-200..=200).chain(9_900..10_100) {
            assert_eq!(Code::from_raw(raw).map_or(0, Code::raw), raw);
        }
    }

    #[test]
    fn a_retry_is_offered_for_three_codes_and_two_errcodes_only() {
        let codes: Vec<_> = (-200..20_000)
            .filter(|raw| Code::from_raw(*raw).is_some_and(Code::retryable))
            .collect();
        assert_eq!(codes, [10001, 10002, 10003]);
        let errcodes: Vec<_> = (-10..400_000).filter(|raw| Errcode(*raw).retryable()).collect();
        assert_eq!(errcodes, [-1, 45009]);
    }
}
