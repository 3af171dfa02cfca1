//! Payloads of all kinds, one function per family (messages §4).

use rand::Rng;
use serde_json::{Map, Value, json};

use super::{
    kinds::Kind,
    nested, oddities,
    payload::Scene,
    text::{name, pick, word},
    words::{CITIES, COMPANIES, DOCUMENTS, PLACES, PRODUCTS, TOPICS},
};
use crate::media::Sort;

/// The members a message has besides its envelope.
pub(super) type Body = Map<String, Value>;

/// Beyond the signed 64-bit range, as reported by others (messages §4.18).
const BEYOND_I64: u64 = 11_101_571_002_822_706_744;

/// The payload of a cue.
pub(super) fn of(scene: &mut Scene<'_>) -> Body {
    let value = match scene.cue.kind {
        Kind::Text | Kind::Switch => text(scene.words()),
        Kind::QuoteWecom | Kind::QuoteWechat => quote(scene),
        Kind::ControlBytes | Kind::LoneSurrogate | Kind::RawSurrogate | Kind::EscapedNul => odd_text(scene),
        Kind::Image | Kind::Voice | Kind::Video | Kind::Emotion | Kind::File | Kind::NumbersAsText => {
            file(scene)
        }
        Kind::Timeless => json!({"image": scene.attach.fields(&mut scene.rng, Sort::Jpeg, "filesize")}),
        Kind::MeetingVoiceCall | Kind::VoipDocShare | Kind::VoipDocShareBig => call(scene),
        Kind::Mixed | Kind::Note | Kind::Record1 | Kind::Record2 | Kind::Record3 => nested::of(scene),
        Kind::RevokeAfter | Kind::RevokeBefore | Kind::RevokeLost => {
            json!({"revoke": {"pre_msgid": scene.cue.target.as_deref().unwrap_or_default()}})
        }
        Kind::Link | Kind::Weapp | Kind::Card | Kind::Location | Kind::Sphfeed => card(scene),
        Kind::Meeting | Kind::MeetingBig | Kind::MeetingNotification | Kind::Calendar | Kind::Voiptext => {
            meet(scene)
        }
        Kind::Todo | Kind::Vote | Kind::VoteTop | Kind::Collect | Kind::Docmsg | Kind::Qydiskfile => {
            office(scene)
        }
        Kind::Redpacket | Kind::ExternalRedpacket => redpacket(scene),
        Kind::Markdown | Kind::News | Kind::NewsOld => notice(scene),
        Kind::Agree | Kind::Disagree => consent(scene),
        Kind::Solitaire | Kind::Unknown => unknown(scene),
    };
    match value {
        Value::Object(body) => body,
        other => Map::from_iter([("info".to_owned(), other)]),
    }
}

/// Adds fields in front of others.
pub(super) fn joined(front: Value, back: Body) -> Value {
    let mut all = if let Value::Object(front) = front {
        front
    } else {
        Map::new()
    };
    all.extend(back);
    Value::Object(all)
}

fn text(content: String) -> Value {
    json!({"text": {"content": content}})
}

fn quote(scene: &mut Scene<'_>) -> Value {
    let quoted = match scene.rng.random_range(0..8) {
        0 => word(&mut scene.rng, &["[图片]", "[文件]", "[语音]", "[视频]"]).to_owned(),
        _ => scene.words(),
    };
    let answer = scene.words();
    let who = scene.other().0.to_owned();
    text(match (scene.cue.kind, scene.rng.random_range(0..4)) {
        (Kind::QuoteWechat, _) => format!("「{who}：{quoted}」\n- - - - - - - - - - - - - - -\n{answer}"),
        (_, 0) => format!("This is a quote/reply:\n\"{who}:\n{quoted}\"\n------\n{answer}"),
        (_, 1) => format!("这是一条引用/回复消息：\n“{who}：\n{quoted}”\n------\n{answer}"),
        _ => format!("这是一条引用/回复消息：\n\"{who}：\n{quoted}\"\n------\n{answer}"),
    })
}

fn odd_text(scene: &mut Scene<'_>) -> Value {
    let (before, after) = (scene.short(12), scene.short(9));
    let odd = match scene.cue.kind {
        Kind::ControlBytes => format!("{}{}", oddities::RAW_TAB, oddities::RAW_ONE),
        Kind::LoneSurrogate => oddities::ESCAPED_HALF.to_string(),
        Kind::RawSurrogate => oddities::RAW_HALF.to_string(),
        _ => oddities::ESCAPED_NUL.to_string(),
    };
    text(format!("{before}{odd}{after}"))
}

/// The payload of a single file type by its plain name; also used inside nested documents.
pub(super) fn single_file(scene: &mut Scene<'_>, kind: &str) -> Value {
    let (rng, attach) = (&mut scene.rng, &mut scene.attach);
    match kind {
        "voice" => {
            let mut fields = attach.fields(rng, Sort::Amr, "voice_size");
            fields.insert("play_length".into(), rng.random_range(1..60).into());
            Value::Object(fields)
        }
        "video" => {
            let mut fields = attach.fields(rng, Sort::Mp4, "filesize");
            fields.insert("play_length".into(), rng.random_range(3..300).into());
            Value::Object(fields)
        }
        "emotion" => {
            let gif = rng.random_bool(0.7);
            let side: u32 = rng.random_range(60..320);
            let fields = attach.fields(rng, if gif { Sort::Gif } else { Sort::Png }, "imagesize");
            joined(
                json!({"type": if gif { 1 } else { 2 }, "width": side, "height": side}),
                fields,
            )
        }
        "file" => {
            let (extension, sort) = *pick(
                rng,
                &[
                    ("pdf", Sort::Pdf),
                    ("docx", Sort::Zip),
                    ("xlsx", Sort::Zip),
                    ("zip", Sort::Zip),
                    ("PDF", Sort::Pdf),
                    ("", Sort::Zip),
                ],
            );
            let title = word(rng, DOCUMENTS);
            let filename = match rng.random_range(0..12) {
                _ if extension.is_empty() => title.to_owned(),
                0 => format!("../{title}.{extension}"),
                1 => format!("{title} ({}).{extension}", rng.random_range(1..9)),
                _ => format!("{title}_{}.{extension}", word(rng, COMPANIES)),
            };
            let fields = attach.fields(rng, sort, "filesize");
            joined(json!({"filename": filename, "fileext": extension}), fields)
        }
        _ => Value::Object(attach.fields(rng, Sort::Jpeg, "filesize")),
    }
}

fn file(scene: &mut Scene<'_>) -> Value {
    let kind = scene.cue.kind.msgtype();
    let mut payload = single_file(scene, kind);
    // Some pipelines hand numbers over as texts (messages, type notation).
    if scene.cue.kind == Kind::NumbersAsText
        && let Some(size) = payload.get_mut("filesize")
    {
        *size = Value::String(size.to_string());
    }
    json!({ kind: payload })
}

fn call(scene: &mut Scene<'_>) -> Value {
    let ends = scene.cue.time / 1000 + scene.rng.random_range(20..3000);
    let id = format!("gr{:032x}", scene.rng.random::<u128>());
    if scene.cue.kind == Kind::MeetingVoiceCall {
        let who = scene.other().1.to_owned();
        let file = scene.attach.bare(&mut scene.rng, Sort::Mp3);
        let mut call = json!({"endtime": ends, "sdkfileid": file});
        if scene.rng.random_bool(0.5) {
            call["demofiledata"] = json!([{"filename": format!("{}.docx", word(&mut scene.rng, DOCUMENTS)),
                "demooperator": who, "starttime": ends - 18, "endtime": ends - 2}]);
            call["sharescreendata"] = json!([{"share": who, "starttime": ends - 12, "endtime": ends - 5}]);
        }
        return json!({"voiceid": id, "meeting_voice_call": call});
    }
    let mut share = scene.attach.fields(&mut scene.rng, Sort::Pdf, "filesize");
    if scene.cue.kind == Kind::VoipDocShareBig {
        share.insert("filesize".into(), BEYOND_I64.into());
    }
    let filename = format!("{}.pdf.pdf", word(&mut scene.rng, DOCUMENTS));
    json!({"voipid": id, "voip_doc_share": joined(json!({"filename": filename}), share)})
}

/// The payload of a location; also used inside nested documents.
pub(super) fn location(scene: &mut Scene<'_>) -> Value {
    let (title, address, longitude, latitude) = *pick(&mut scene.rng, PLACES);
    json!({"longitude": longitude, "latitude": latitude, "address": address, "title": title, "zoom": 15})
}

/// The payload of a link; also used inside nested documents.
pub(super) fn link(scene: &mut Scene<'_>) -> Value {
    let description = if scene.rng.random_bool(0.2) {
        String::new()
    } else {
        scene.short(25)
    };
    let number: u32 = scene.rng.random();
    json!({"title": scene.short(14), "description": description,
        "link_url": format!("https://mp.weixin.qq.com/s?__biz=MzA4&mid={number}&idx=1"),
        "image_url": format!("https://wework.qpic.cn/wwpic/{number}_0/0")})
}

fn card(scene: &mut Scene<'_>) -> Value {
    match scene.cue.kind {
        Kind::Link => json!({"link": link(scene)}),
        Kind::Location => json!({"location": location(scene)}),
        Kind::Card => {
            let id = scene.cast.people[scene.rng.random_range(0..scene.cast.people.len())]
                .id
                .as_str();
            let corp = if id.starts_with("wm") {
                "微信联系人"
            } else {
                word(&mut scene.rng, COMPANIES)
            };
            let spelling = if scene.rng.random_bool(0.1) {
                "Userid"
            } else {
                "userid"
            };
            json!({"card": {"corpname": corp, spelling: id}})
        }
        Kind::Sphfeed => {
            let feed = *pick(&mut scene.rng, &[2, 4, 9]);
            let account = format!("{}生活家", word(&mut scene.rng, CITIES));
            json!({"sphfeed": {"feed_type": feed, "sph_name": account,
                "feed_desc": format!("{}\n\n#{}#", scene.short(30), word(&mut scene.rng, PRODUCTS))}})
        }
        _ => {
            let mut weapp = json!({"title": scene.short(12), "description": scene.short(15),
                "username": format!("gh_{:012x}@app", scene.rng.random::<u32>()),
                "displayname": format!("{}小程序", word(&mut scene.rng, COMPANIES))});
            if scene.rng.random_bool(0.4) {
                weapp["appid"] = format!("wx{:016x}", scene.rng.random::<u64>()).into();
                weapp["pagepath"] = "pages/index/index.html?from=chat".into();
            }
            json!({"weapp": weapp})
        }
    }
}

fn meet(scene: &mut Scene<'_>) -> Value {
    let starts = scene.cue.time / 1000 + 1800;
    let topic = word(&mut scene.rng, TOPICS);
    match scene.cue.kind {
        Kind::Calendar => json!({"calendar": {"title": topic, "creatorname": scene.other().0,
            "attendeename": [name(&mut scene.rng), name(&mut scene.rng)], "starttime": starts,
            "endtime": starts + 3600, "place": "三楼会议室", "remarks": ""}}),
        Kind::Voiptext => {
            let (seconds, sort) = (scene.rng.random_range(0..1800), scene.rng.random_range(1..=4));
            json!({"info": {"callduration": seconds, "invitetype": sort}})
        }
        Kind::MeetingNotification => {
            let ended = scene.rng.random_bool(0.5);
            let content = if ended {
                "会议已结束".to_owned()
            } else {
                format!("{}加入了会议", scene.other().0)
            };
            json!({"info": {"content": content, "meeting_id": scene.rng.random_range(1_000_000_000u64..9 << 40),
                "notification_type": if ended { 2 } else { 1 }}})
        }
        Kind::MeetingBig if scene.rng.random_bool(0.5) => {
            json!({"meeting": {"topic": topic, "starttime": starts,
            "address": "", "remarks": "", "meetingtype": 101, "meetingid": BEYOND_I64.to_string()}})
        }
        kind => {
            let handled = scene.rng.random_bool(0.4);
            let id = if kind == Kind::MeetingBig {
                BEYOND_I64
            } else {
                scene.rng.random_range(100_000_000..9 << 30)
            };
            let mut meeting = json!({"topic": topic, "starttime": starts, "endtime": starts + 3600,
                "address": "三楼会议室", "remarks": scene.short(10),
                "meetingtype": if handled { 102 } else { 101 }, "meetingid": id});
            if handled {
                meeting["status"] = scene.rng.random_range(1..=7).into();
            }
            json!({"meeting": meeting})
        }
    }
}

fn office(scene: &mut Scene<'_>) -> Value {
    let title = word(&mut scene.rng, DOCUMENTS);
    match scene.cue.kind {
        Kind::Todo => json!({"todo": {"title": scene.short(12), "content": scene.short(25)}}),
        Kind::Docmsg => json!({"doc": {"title": title, "doc_creator": scene.other().1,
            "link_url": format!("https://doc.weixin.qq.com/txdoc/excel?docid={:x}", scene.rng.random::<u64>())}}),
        Kind::Qydiskfile => json!({"info": {"filename": format!("{title}.xlsx")}}),
        Kind::Collect => json!({"collect": {"room_name": "客户服务群", "creator": scene.other().1,
            "create_time": "2025-09-01 11:21:22", "title": format!("{title}登记"), "details": [
                {"id": BEYOND_I64, "ques": "姓名", "type": "Text"},
                {"id": "2", "ques": "数量", "type": "Number"},
                {"id": 3, "ques": "到货日期", "type": "Date"},
                {"id": 4, "ques": "时间", "type": "Time"}]}}),
        kind => {
            let took_part = scene.rng.random_bool(0.5);
            let vote = json!({"votetitle": "团建去哪里", "voteitem": ["爬山", "露营", "密室", "都可以"],
                "votetype": if took_part { 102 } else { 101 },
                "voteid": scene.rng.random_range(1_600_000_000u32..1_700_000_000).to_string()});
            // Both places have been met (messages §4.15).
            if kind == Kind::VoteTop {
                vote
            } else {
                json!({"vote": vote})
            }
        }
    }
}

fn redpacket(scene: &mut Scene<'_>) -> Value {
    let (sort, count) = (scene.rng.random_range(1..=2), scene.rng.random_range(1..20));
    let fen = scene.rng.random_range(100..20_000) * count;
    json!({"redpacket": {"type": sort, "wish": "恭喜发财，大吉大利", "totalcnt": count, "totalamount": fen}})
}

fn notice(scene: &mut Scene<'_>) -> Value {
    let (title, words) = (scene.short(12), scene.short(30));
    let article = json!({"title": title, "description": words, "url": "https://example.com/news/1",
        "picurl": "https://example.com/news/1.jpg"});
    match scene.cue.kind {
        Kind::News => json!({"info": {"item": [article]}}),
        Kind::NewsOld => json!({"info": article}),
        _ => json!({"info": {"content": format!("# {title}\n> {words}\n**请前往系统查看**，谢谢。")}}),
    }
}

fn consent(scene: &mut Scene<'_>) -> Value {
    let (id, time) = (scene.cast.people[scene.cue.from].id.as_str(), scene.cue.time);
    match scene.cue.kind {
        Kind::Agree => json!({"agree": {"userid": id, "agree_time": time}}),
        _ => json!({"disagree": {"userid": id, "disagree_time": time}}),
    }
}

/// Types whose fields nobody knows: whatever comes must be kept whole.
fn unknown(scene: &mut Scene<'_>) -> Value {
    let words = scene.short(15);
    match scene.cue.kind {
        Kind::Solitaire => {
            json!({"solitaire": {"title": words, "entries": [scene.short(8), scene.short(8)]}})
        }
        kind => {
            json!({kind.msgtype(): {"summary": words, "score": 0.870, "confidence": 12345678901234567890u64,
            "source": null, "labels": ["售后", "退款"]}})
        }
    }
}
