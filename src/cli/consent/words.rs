//! The words for consent on an auditor's screen.

use crate::{
    cli::words::Words,
    consent::{AtSending, How, Standing, State, Subject, Talk},
    line,
    sanitize::{Line, value},
};

/// 已同意 / 默认同意 / 不同意 / 未知
pub(super) fn standing(words: Words, standing: Standing) -> &'static str {
    match standing {
        Standing::Agreed => words.say("已同意", "agreed"),
        Standing::Default => words.say("默认同意", "agreed by default"),
        Standing::Refused => words.say("不同意", "refused"),
        Standing::Unknown => words.say("未知", "unknown"),
    }
}

/// A word of WeCom's that nobody wrote down is shown as it came.
pub(super) fn state(words: Words, state: &State) -> Line {
    let known = standing(words, state.standing());
    match state {
        State::Other(word) if !word.is_empty() => line!("{} ({})", known, value(word)),
        _ => known.into(),
    }
}

/// The state of a message.
pub(super) fn at_sending(words: Words, at: &AtSending) -> Line {
    match &at.span {
        Some(span) => state(words, &span.state),
        None => standing(words, at.standing).into(),
    }
}

pub(super) fn how(words: Words, how: How) -> &'static str {
    match how {
        How::Asked => words.say("询问", "asked"),
        How::Event => words.say("事件", "event"),
        How::Message => words.say("消息", "message"),
    }
}

/// `群聊 wr…` or `成员 zhangsan`.
pub(super) fn talk(words: Words, subject: &Subject) -> Line {
    match &subject.talk {
        Talk::Room(id) => line!("{} {}", words.say("群聊", "group"), value(id)),
        Talk::With(id) => line!("{} {}", words.say("成员", "member"), value(id)),
    }
}
