//! What a code means, who must act, and what to tell them (token-and-errors §2, §3).
//!
//! Must not know: HTTP, calls.

use std::net::IpAddr;

/// What a code asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Class {
    /// The platform is busy: again, at most three times.
    Busy,
    /// The token is not good any more: another one, and the call once more.
    Token,
    /// Too often: this call rests for the whole window, others go on.
    Rate,
    /// Too many at once: fewer, and a little later.
    Parallel,
    /// Not yet: seconds or a minute later.
    Later,
    /// Too much in one call: ask for less.
    Narrow,
    /// There is nothing there, which is an answer.
    Empty,
    /// It will never be there: remember that.
    Gone,
    /// Somebody has to set something right; asking again changes nothing.
    Config,
    /// The request is wrong: our mistake.
    Bug,
    /// This item cannot be had or done; others can.
    Item,
    /// A code nobody wrote down: as [`Class::Item`].
    Unknown,
}

/// Who must act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Actor {
    /// Nobody: it is data.
    Nobody,
    /// This program, later or otherwise.
    Program,
    /// Whoever runs it.
    Operator,
    /// Whoever wrote it.
    Developer,
}

impl Class {
    /// Who must act on it.
    pub fn actor(self) -> Actor {
        match self {
            Self::Empty | Self::Gone | Self::Item | Self::Unknown => Actor::Nobody,
            Self::Busy | Self::Token | Self::Rate | Self::Parallel | Self::Later | Self::Narrow => {
                Actor::Program
            }
            Self::Config => Actor::Operator,
            Self::Bug => Actor::Developer,
        }
    }
}

/// The class of a code.
pub fn class(code: i64) -> Class {
    match code {
        -1 => Class::Busy,
        40014 | 42001 | 41001 | 40082 | 42009 | 42012 => Class::Token,
        45009 => Class::Rate,
        45033 => Class::Parallel,
        41063 | 6000 | 90507 | 40100 => Class::Later,
        81017 | 45029 | 301058 | 301060 | 301061 | 830002 | 81014 | 82002 | 82003 => Class::Narrow,
        46003 | 46004 | 84061 => Class::Empty,
        49008 | 90501 | 90509 | 86001 | 86003 | 40050 | 301059 | 60123 | 60003 | 60136 | 92002 | 40007
        | 301048 | 40089 => Class::Gone,
        40001
        | 40013
        | 40091
        | 40056
        | 40084
        | 40085
        | 41002
        | 41004
        | 43012
        | 45024
        | 48001..=48006
        | 50001
        | 50003
        | 60020
        | 301042
        | 301002
        | 301007
        | 301052
        | 301053
        | 84074
        | 610014..=610016
        | 845_001..=845_003
        | 670_001
        | 701_008
        | 701_099
        | 80001
        | 93000
        | 93004
        | 93008
        | 95011
        | 95012
        | 95017 => Class::Config,
        40035
        | 40058
        | 40063
        | 40093
        | 41000..=41047
        | 44000..=44099
        | 45001
        | 45002
        | 45007
        | 45008
        | 49004
        | 81012
        | 82001 => Class::Bug,
        40003
        | 40029
        | 40031
        | 40068
        | 40070..=40072
        | 40096..=40098
        | 41048
        | 41050
        | 41051
        | 41053
        | 41054
        | 41055
        | 41065
        | 41094
        | 41096
        | 42003
        | 42022
        | 43004
        | 50002
        | 60001..=60011
        | 60021
        | 60102..=60106
        | 60111
        | 60140
        | 81001..=81003
        | 81011
        | 81013
        | 84014
        | 84015
        | 84084
        | 86004..=86008
        | 86201..=86224
        | 90500
        | 90502
        | 90508
        | 90511
        | 95000
        | 95004
        | 95007
        | 302_003..=302_006
        | 830_001
        | 830_003 => Class::Item,
        _ => Class::Unknown,
    }
}

/// What to do about a code, where a person has to do it.
pub fn advice(code: i64) -> Option<&'static str> {
    Some(match code {
        40001 => {
            "copy the Secret again from the app's page in the admin console; after a reset the old one is dead"
        }
        40013 => "compare corpid with 企业ID on the page 我的企业",
        40056 | 301_002 => "agentid and secret must come from the same app",
        40084 | 48004 => "the company has cancelled the authorisation; it must authorise the suite again",
        40085 => "the provider's callback must be reachable, so that a new suite_ticket arrives",
        40091 => "the secret belongs to another company; check that corpid and secret are a pair",
        43012 => "set a callback address on the app's page 接收消息",
        45024 => "enlarge the number of seats",
        48001 => "enable the feature for this app in the admin console",
        48002 => {
            "this secret may not make this call: archive calls need the secret of 会话内容存档, address book changes \
             that of 通讯录同步, customer calls an app entered under 客户联系 → API → 可调用接口的应用; addresses added \
             to 通讯录同步 after 2022-08-15 may not read members with it"
        }
        48003 => "suite id and token do not belong together",
        48005 => "this call was retired; use its successor (transfer_customer, transfer_result)",
        48006 => {
            "the permission was withdrawn because it was not used; an administrator must enable it again"
        }
        50001 => "enter the domain under 网页授权可信域名",
        50003 => "enable the app under 应用管理",
        60011 => "widen 可见范围 of the app, or use the app that made the tag",
        60020 => {
            "add this address under 应用管理 → the app → 企业可信IP (通讯录同步 has a page of its own); it takes about \
             a minute"
        }
        301_042 => "add this address on the page 会话内容存档 → 可信IP; it takes about a minute",
        301_007 => "the company is dismissed or banned; ask WeCom",
        301_052 => "renew the licence of 会话内容存档: nothing is recorded meanwhile",
        301_053 => "switch 会话内容存档 on in the admin console",
        80001 => "the domain needs its ICP registration or proof of ownership",
        81013 => "every receiver is invalid or outside 可见范围; correct the list of receivers",
        84074 => "give the member or the app the right to 客户联系",
        610_014..=610_016 | 845_001..=845_003 => "bind the same subject to both sides",
        670_001 => "share the app with the upstream or downstream company",
        701_008 | 701_099 => "the provider must activate an interface licence for this account",
        93000 | 93004 | 93008 => "make a new robot in the group and configure its key",
        95011 | 95012 => "微信客服 runs in the other mode; change it there",
        95017 => "switch the API on in 微信客服",
        _ => return None,
    })
}

/// What `errmsg` says besides the text (wecom-api §1 rule 2). The text itself is for people; nothing depends on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// The text before the hint.
    pub text: String,
    /// The digits to give to WeCom's support.
    pub hint: Option<String>,
    /// The address the call came from, as the platform saw it.
    pub ip: Option<IpAddr>,
}

/// Takes `errmsg` apart.
pub fn told(errmsg: &str) -> Told {
    let after = |mark: &str| errmsg.split_once(mark).map(|(_, rest)| rest.trim_start());
    let end = [", hint:", ", from ip:", ", more info at"]
        .iter()
        .filter_map(|mark| errmsg.find(mark))
        .min()
        .unwrap_or(errmsg.len());
    let digits = |text: &str| -> Option<String> {
        let digits: String = text
            .trim_start_matches('[')
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        (!digits.is_empty()).then_some(digits)
    };
    let address = |text: &str| {
        text.split([',', ' '])
            .next()
            .and_then(|word| word.trim_matches(['[', ']']).parse().ok())
    };
    Told {
        text: errmsg[..end].trim().to_owned(),
        hint: after("hint:").and_then(digits),
        ip: after("from ip:").and_then(address),
    }
}
