//! The words for consent on an auditor's screen.

use crate::{
    cli::{render, words::Words},
    consent::{AtSending, How, Standing, State, Subject, Talk},
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
pub(super) fn state(words: Words, state: &State) -> String {
    let known = standing(words, state.standing());
    match state {
        State::Other(word) if !word.is_empty() => format!("{known} ({})", render::tame(word)),
        _ => known.to_owned(),
    }
}

/// The state of a message.
pub(super) fn at_sending(words: Words, at: &AtSending) -> String {
    match &at.span {
        Some(span) => state(words, &span.state),
        None => standing(words, at.standing).to_owned(),
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
pub(super) fn talk(words: Words, subject: &Subject) -> String {
    match &subject.talk {
        Talk::Room(id) => format!("{} {id}", words.say("群聊", "group")),
        Talk::With(id) => format!("{} {id}", words.say("成员", "member")),
    }
}
