//! Every sample as its type, and what nobody knows kept whole.

use zeroize::Zeroizing;

use super::{
    event::{BatchJob, Change, ChatChange, ChatUpdate, ContactChange, Content, Member, MemberTag},
    *,
};

fn notice(name: &str) -> Notice {
    Notice::read(Zeroizing::new(read(name)))
}

fn of(text: &str) -> Notice {
    Notice::read(Zeroizing::new(text.as_bytes().to_vec()))
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn secret(text: &str) -> Option<Secret> {
    Some(Secret::new(text))
}

#[test]
fn every_sample_has_its_type_and_its_name_is_the_file_s() {
    let mut seen = 0;
    for folder in ["", "events"] {
        for entry in std::fs::read_dir(golden(folder)).unwrap() {
            let path = entry.unwrap().path();
            let file = path.file_name().unwrap().to_str().unwrap().to_owned();
            let Some(name) = file
                .strip_suffix(".xml")
                .filter(|name| !name.starts_with("envelope"))
            else {
                continue;
            };
            let bytes = std::fs::read(&path).unwrap();
            let notice = Notice::read(Zeroizing::new(bytes.clone()));
            assert!(notice.is_known(), "{file}");
            assert_eq!(notice.name(), name.trim_end_matches("-2"), "{file}");
            assert!(notice.created.is_some() && !notice.to.is_empty(), "{file}");
            assert_eq!(notice.raw.expose(), bytes);
            seen += 1;
        }
    }
    assert_eq!(seen, 36);
    assert_eq!(notice("envelope.decrypted.xml").name(), "message.text");
}

#[test]
fn a_notification_says_only_that_there_is_something() {
    let notice = notice("msgaudit_notify.xml");
    assert_eq!(notice.event, Event::RecordsWaiting);
    assert_eq!((notice.to.as_str(), notice.from.as_str()), ("CorpID", "sys"));
    assert_eq!(
        (notice.created, notice.agent.as_deref()),
        (Some(1_629_101_687), Some("2000004"))
    );
}

#[test]
fn contacts_change_in_seven_ways() {
    let state = || text("teststate");
    let welcome_code = || secret("WELCOMECODE");
    for (file, change) in [
        (
            "add_external_contact",
            ContactChange::Added {
                state: state(),
                welcome_code: welcome_code(),
            },
        ),
        (
            "add_half_external_contact",
            ContactChange::HalfAdded {
                state: state(),
                welcome_code: welcome_code(),
            },
        ),
        ("edit_external_contact", ContactChange::Edited { state: state() }),
        (
            "del_external_contact",
            ContactChange::Removed {
                source: text("DELETE_BY_TRANSFER"),
            },
        ),
        ("del_follow_user", ContactChange::Left),
        (
            "transfer_fail",
            ContactChange::TransferFailed {
                reason: text("customer_refused"),
            },
        ),
        (
            "msg_audit_approved",
            ContactChange::ArchiveApproved {
                welcome_code: welcome_code(),
            },
        ),
    ] {
        let Event::ExternalContact(contact) =
            notice(&format!("events/change_external_contact.{file}.xml")).event
        else {
            panic!("{file} is no contact")
        };
        assert_eq!(contact.change, change, "{file}");
        assert_eq!(contact.user, "zhangsan");
        assert!(contact.external.starts_with("woAJ2GCAAAXtWyujaWJHDDGi0mA"));
    }
}

#[test]
fn an_updated_group_tells_who_came_and_a_short_one_does_not() {
    let Event::ExternalChat(chat) = notice("events/change_external_chat.update.xml").event else {
        panic!("no chat")
    };
    assert_eq!(chat.chat, "wrx7HiCQAAqBm6CRvXvbzUNUjvPz1aAAA");
    assert_eq!(
        chat.change,
        ChatChange::Updated(ChatUpdate {
            detail: "add_member".into(),
            join_scene: Some(1),
            quit_scene: Some(0),
            count: Some(2),
            members: vec!["zhangsan".into(), "wmOgQhDgAAuXFJGwbve4g4iXknfOAAAA".into()],
            version_before: text("9c3f97c2ada667dfb5f6d03308d963e1"),
            version_after: text("71217227bbd112ecfe3a49c482195cb4"),
        })
    );
    let Event::ExternalChat(chat) = notice("change_external_chat.update-2.xml").event else {
        panic!("no chat")
    };
    let ChatChange::Updated(update) = chat.change else {
        panic!("no update")
    };
    assert_eq!((update.detail.as_str(), update.members.len()), ("change_name", 0));
    for (file, change) in [
        ("create", ChatChange::Created),
        ("dismiss", ChatChange::Dismissed),
    ] {
        let event = notice(&format!("events/change_external_chat.{file}.xml")).event;
        assert!(
            matches!(event, Event::ExternalChat(chat) if chat.change == change && chat.chat == "CHAT_ID")
        );
    }
}

#[test]
fn the_address_book_changes_in_members_departments_and_tags() {
    let Event::Member(member) = notice("events/change_contact.create_user.xml").event else {
        panic!("no member")
    };
    assert_eq!(
        *member,
        Member {
            user: "zhangsan".into(),
            renamed_to: None,
            name: text("张三"),
            alias: text("zhangsan"),
            departments: vec![1, 2, 3],
            main_department: Some(1),
            leads: vec![true, false, false],
            leaders: vec!["lisi".into(), "wangwu".into()],
            position: text("产品经理"),
            status: Some(1),
            change: Change::Created,
        }
    );
    let Event::Member(member) = notice("events/change_contact.update_user.xml").event else {
        panic!("no member")
    };
    assert_eq!(member.renamed_to.as_deref(), Some("zhangsan001"));
    let Event::Member(member) = notice("events/change_contact.delete_user.xml").event else {
        panic!("no member")
    };
    assert_eq!((member.change, member.name), (Change::Deleted, None));
    let Event::Department(department) = notice("events/change_contact.create_party.xml").event else {
        panic!("no department")
    };
    assert_eq!(
        (
            department.id,
            department.parent,
            department.order,
            department.name
        ),
        (2, Some(1), Some(1), text("研发部"))
    );
    assert_eq!(
        notice("events/change_contact.update_tag.xml").event,
        Event::MemberTag(MemberTag {
            id: 1,
            users_added: vec!["zhangsan".into(), "lisi".into()],
            users_removed: vec!["zhangsan1".into(), "lisi1".into()],
            departments_added: vec![1, 2],
            departments_removed: vec![3, 4],
        })
    );
}

#[test]
fn the_rest_of_the_table_has_types_too() {
    let Event::ExternalTag(tag) = notice("events/change_external_tag.create.xml").event else {
        panic!("no tag")
    };
    assert_eq!(
        (tag.id.as_str(), tag.kind.as_deref(), tag.change),
        ("etXXXXXXXXXX", Some("tag"), Change::Created)
    );
    assert_eq!(
        notice("events/batch_job_result.xml").event,
        Event::BatchJob(BatchJob {
            id: "S0MrnndvRG5fadSlLwiBqiDDbM143UqTmKP3152FZk4".into(),
            kind: text("sync_user"),
            code: Some(0),
            text: text("ok"),
        })
    );
    let service = notice("events/kf_msg_or_event.xml");
    assert_eq!(service.from, "");
    assert!(
        matches!(service.event, Event::CustomerService { token: Some(_), account } if account == "wkxxxxxxx")
    );
    let Event::Message(message) = notice("events/message.location.xml").event else {
        panic!("no message")
    };
    assert_eq!(message.id, Some(1_234_567_890_123_456));
    assert_eq!(
        message.content,
        Content::Location {
            latitude: Secret::new("23.134"),
            longitude: Secret::new("113.358"),
            scale: Some(20),
            label: secret("label"),
        }
    );
    let Event::Message(message) = notice("envelope.decrypted.xml").event else {
        panic!("no message")
    };
    assert_eq!(message.content, Content::Text(Secret::new("x123")));
}

#[test]
fn variants_without_a_sample_are_read_by_their_table() {
    let event = |event: &str, change: &str, rest: &str| {
        of(&format!(
            "<xml><ToUserName>ww1</ToUserName><FromUserName>sys</FromUserName><CreateTime>1</CreateTime>\
             <MsgType>event</MsgType><Event>{event}</Event><ChangeType>{change}</ChangeType>{rest}</xml>"
        ))
    };
    for (name, change, rest) in [
        ("change_external_tag", "update", "<Id>a</Id>"),
        ("change_external_tag", "delete", "<Id>a</Id>"),
        ("change_external_tag", "shuffle", ""),
        ("change_contact", "update_party", "<Id>2</Id>"),
        ("change_contact", "delete_party", "<Id>2</Id>"),
    ] {
        let notice = event(name, change, rest);
        assert!(notice.is_known(), "{name} {change}");
        assert_eq!(notice.name(), format!("{name}.{change}"));
    }
}

#[test]
fn the_json_form_of_an_event_is_the_same_event() {
    let json = of(
        r#"{"tousername":"ww1","fromusername":"sys","createtime":1403610513,"msgtype":"event",
        "event":"change_external_chat","chatid":"wr1","changetype":"update","updatedetail":"add_member",
        "memchangelist":["a","b"],"memchangecnt":"2"}"#,
    );
    let xml = of(
        "<xml><ToUserName>ww1</ToUserName><FromUserName>sys</FromUserName><CreateTime>1403610513</CreateTime>\
        <MsgType>event</MsgType><Event>change_external_chat</Event><ChatId>wr1</ChatId><ChangeType>update</ChangeType>\
        <UpdateDetail>add_member</UpdateDetail><MemChangeList><Item>a</Item><Item>b</Item></MemChangeList>\
        <MemChangeCnt>2</MemChangeCnt></xml>",
    );
    assert!(json.is_known());
    assert_eq!(json.event, xml.event);
    assert_eq!(json.created, xml.created);
}

#[test]
fn what_nobody_knows_is_kept_whole() {
    let text = "<xml><ToUserName>ww1</ToUserName><MsgType>event</MsgType><Event>of_tomorrow</Event>\
                <ChangeType>grow</ChangeType><A><B>1</B><B>2</B></A></xml>";
    let notice = of(text);
    assert_eq!(notice.name(), "of_tomorrow.grow");
    assert_eq!(notice.raw.expose(), text.as_bytes());
    let Event::Unknown { fields } = &notice.event else {
        panic!("it was known")
    };
    assert_eq!(fields.len(), 5);
    let inner: Vec<&str> = fields[4].children.iter().map(|b| b.text.as_str()).collect();
    assert_eq!(inner, ["1", "2"]);
}

#[test]
fn an_event_that_does_not_say_whom_it_is_about_is_unknown_but_keeps_its_name() {
    for (text, name) in [
        (
            "<xml><MsgType>event</MsgType><Event>change_external_contact</Event><ChangeType>msg_audit_approved</ChangeType><UserID>a</UserID></xml>",
            "change_external_contact.msg_audit_approved",
        ),
        (
            "<xml><MsgType>event</MsgType><Event>change_external_chat</Event><ChangeType>update</ChangeType></xml>",
            "change_external_chat.update",
        ),
        (
            "<xml><SuiteId>s</SuiteId><InfoType>suite_ticket</InfoType></xml>",
            "suite_ticket",
        ),
        ("<xml><MsgType>hologram</MsgType></xml>", "message.hologram"),
        ("no tree", "unreadable"),
    ] {
        let notice = of(text);
        assert!(!notice.is_known(), "{text}");
        assert_eq!(notice.name(), name);
        assert_eq!(notice.raw.expose(), text.as_bytes());
    }
}

#[test]
fn names_are_harmless_whatever_the_event_calls_itself() {
    let name = of("<xml><Event>a\n\u{1b}[31m b\"{}</Event><ChangeType>密密</ChangeType></xml>").name();
    assert_eq!(name, "a31mb");
    let long = "x".repeat(500);
    let name = of(&format!(
        "<xml><Event>{long}</Event><ChangeType>{long}</ChangeType></xml>"
    ))
    .name();
    assert_eq!(name.len(), 81);
}

#[test]
fn codes_tokens_and_texts_are_not_printed() {
    for text in [
        "<xml><MsgType>event</MsgType><Event>change_external_contact</Event><ChangeType>msg_audit_approved</ChangeType>\
         <UserID>a</UserID><ExternalUserID>b</ExternalUserID><WelcomeCode>CANARY</WelcomeCode></xml>",
        "<xml><MsgType>event</MsgType><Event>kf_msg_or_event</Event><Token>CANARY</Token><OpenKfId>k</OpenKfId></xml>",
        "<xml><MsgType>text</MsgType><Content>CANARY</Content></xml>",
        "<xml><MsgType>link</MsgType><Title>CANARY</Title><Url>CANARY</Url></xml>",
        "<xml><MsgType>event</MsgType><Event>of_tomorrow</Event><Secret>CANARY</Secret></xml>",
    ] {
        let shown = format!("{:?}", of(text));
        assert!(!shown.contains("CANARY"), "{shown}");
    }
}
