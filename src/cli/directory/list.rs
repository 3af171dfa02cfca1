//! `shiguan directory list`: everybody and everything known, as it is now.

use serde_json::Value;

use super::super::{
    Global,
    context::{Context, Quiet},
    out::Page,
    outcome::{Exit, Failure},
    render::Table,
    words::Words,
};
use crate::{
    line,
    people::{Aspect, Class},
    sanitize::{Line, value},
    store::{
        Reader,
        contract::people::{Dossier, Standing},
    },
};

/// Read from the archive at once.
const PAGE: usize = 500;

/// Arguments of `directory list`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to list
    #[arg(value_enum)]
    what: What,
    /// Only this company
    #[arg(long, value_name = "NAME")]
    company: Option<String>,
    /// One JSON object per line, with everything known now
    #[arg(long)]
    json: bool,
    /// Lines to show
    #[arg(long, value_name = "N", default_value_t = 200)]
    limit: usize,
    /// All of them
    #[arg(long, conflicts_with = "limit")]
    all: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// Members, external contacts, robots
    People,
    /// Groups, internal ones and those with customers
    Rooms,
    /// Departments
    Departments,
    /// Tags of members and of customers
    Tags,
}

impl What {
    fn classes(self) -> &'static [Class] {
        match self {
            Self::People => &[Class::Person],
            Self::Rooms => &[Class::Room],
            Self::Departments => &[Class::Department],
            Self::Tags => &[Class::MemberTag, Class::CustomerTag],
        }
    }
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    let context = Context::begin(global, Quiet::Warnings)?;
    let reader = context.reader()?;
    let company = match &args.company {
        None => None,
        Some(name) => Some(
            reader
                .company_id(name)?
                .ok_or_else(|| Failure::usage(line!("the archive has no company {}", value(name))))?,
        ),
    };
    let words = Words(context.language);
    let mut out = Page::begin();
    let mut table = Table::new(words.say(
        ["ID", "名称", "类别", "说明", "状态"],
        ["id", "name", "kind", "more", "standing"],
    ));
    let mut left = if args.all { usize::MAX } else { args.limit };
    let mut more = false;
    for class in args.what.classes() {
        let mut after = 0;
        loop {
            let page = reader.dossier_page(company, *class, after, PAGE)?;
            let Some(last) = page.last() else { break };
            after = last.row;
            for dossier in &page {
                if left == 0 {
                    more = true;
                    break;
                }
                left -= 1;
                if args.json {
                    let mut shown = super::head_json(dossier, &reader)?;
                    shown.insert("now".to_owned(), super::now_json(dossier));
                    out.json(&Value::Object(shown))?;
                } else {
                    table.row(row(dossier, words));
                }
            }
            if more {
                break;
            }
        }
    }
    if !args.json {
        out.table(&table)?;
        out.flush()?;
    }
    end(&reader, args, words, more)
}

fn row(dossier: &Dossier, words: Words) -> [Line; 5] {
    let history = &dossier.history;
    let now = |aspect| {
        history
            .now(aspect, "")
            .map(|span| span.value.as_str())
            .filter(|text| !text.is_empty())
            .map(value)
    };
    let count = |aspect| history.of(aspect).filter(|span| span.until.is_none()).count();
    let mut more = Vec::new();
    match dossier.subject.class {
        Class::Person => {
            more.extend(now(Aspect::Company));
            more.extend(now(Aspect::Position));
            if count(Aspect::Follower) > 0 {
                let followers = count(Aspect::Follower);
                more.push(words.say(
                    line!("{} 名成员跟进", followers),
                    line!("{} followers", followers),
                ));
            }
        }
        Class::Room => {
            let members = count(Aspect::Member);
            more.push(words.say(line!("{} 人", members), line!("{} members", members)));
        }
        Class::Department => more.extend(now(Aspect::Parent).map(|id| line!("↑ {}", id))),
        Class::MemberTag | Class::CustomerTag => more.extend(now(Aspect::Group)),
    }
    let standing = match dossier.standing {
        Standing::Unknown => words.say("尚未查询", "not asked about yet").into(),
        Standing::Known => words.say("已获知", "known").into(),
        Standing::NotAvailable => words.say(
            line!("无法获取：{}", Line::sentence(&dossier.why)),
            line!("not available: {}", Line::sentence(&dossier.why)),
        ),
    };
    [
        value(&dossier.subject.spelt),
        history.name_now().map_or("-".into(), |span| value(&span.value)),
        words.subject(super::kind_word(dossier)).into(),
        Line::join(more, "，"),
        standing,
    ]
}

fn end(reader: &Reader, args: &Args, words: Words, more: bool) -> Result<Exit, Failure> {
    if more {
        errln!("{}", words.say("还有更多：--all", "there are more: --all"));
    }
    for class in args.what.classes() {
        let count = reader.headcount(None, *class)?;
        if matches!(class, Class::Person | Class::Room) {
            errln!(
                "{}",
                words.say(
                    format!(
                        "消息与通讯录中：已获知 {}，尚未查询 {}，无法获取 {}",
                        count.known, count.unknown, count.not_available
                    ),
                    format!(
                        "in messages and the address book: {} known, {} not asked about yet, {} not available",
                        count.known, count.unknown, count.not_available
                    ),
                )
            );
        }
    }
    Ok(Exit::Well)
}
