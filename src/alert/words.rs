//! The texts: what happened, since when, what to do next. Chinese first, English on request.

use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use super::{Alert, Expiring, Held, Incident, Kind, Notice, Part, What};
use crate::{
    clock::By,
    ids::Millis,
    message::Language,
    sanitize::{Line, value},
};

/// Bytes of a text message (wecom-api §3.1: longer ones are cut, in the middle of a character if need be).
const LONGEST: usize = 2_000;

/// How texts are spoken.
#[derive(Debug, Clone)]
pub struct Speech {
    /// In which language.
    pub language: Language,
    /// In which zone times are told.
    pub zone: TimeZone,
}

/// A message in the forms that targets take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composed {
    /// For people, at most 2000 bytes.
    pub text: String,
    /// For programs.
    pub json: Value,
}

/// One message of everything that is due. Notices must not be empty.
pub fn compose(notices: &[Notice], speech: &Speech, now: Millis) -> Composed {
    let texts: Vec<String> = notices.iter().map(|notice| speech.notice(notice, now)).collect();
    let list: Vec<Value> = notices
        .iter()
        .zip(&texts)
        .map(|(notice, text)| {
            let incident = &notice.incident;
            json!({
                "what": notice.what.as_str(),
                "incident": incident.id,
                "company": incident.company,
                "kind": incident.kind.as_str(),
                "subject": incident.subject,
                "since": speech.stamp(incident.since()),
                "ended": incident.ended.map(|at| speech.stamp(at)),
                "acknowledged": incident.acknowledged.as_ref().map(|one| json!({
                    "by": one.by, "at": speech.stamp(one.at), "note": one.note,
                })),
                "facts": serde_json::to_value(&incident.alert).ok().and_then(|facts| match facts {
                    Value::Object(fields) => fields.into_iter().next().map(|(_, facts)| facts),
                    _ => None,
                }),
                "text": text,
            })
        })
        .collect();
    Composed {
        text: speech.join(&texts),
        json: json!({"type": "alert", "sent": speech.stamp(now), "notices": list}),
    }
}

/// What `shiguan alert test` sends.
pub fn test_message(target: &str, speech: &Speech, now: Millis) -> Composed {
    let at = speech.time(now);
    let text = speech.say(
        format!(
            "【史官测试】这是一条测试消息，目标：{target}，时间：{at}。收到即表示告警可以送达，无需处理。"
        ),
        format!(
            "[Shiguan test] A test message for target {target}, sent {at}. Alerts reach you; nothing to do."
        ),
    );
    Composed {
        json: json!({"type": "test", "sent": speech.stamp(now), "notices": [], "text": text}),
        text,
    }
}

impl Speech {
    fn say<T>(&self, chinese: T, english: T) -> T {
        match self.language {
            Language::Chinese => chinese,
            Language::English => english,
        }
    }

    fn time(&self, at: Millis) -> String {
        Timestamp::from_millisecond(at.0).map_or_else(
            |_| "-".to_owned(),
            |at| {
                at.to_zoned(self.zone.clone())
                    .strftime("%Y-%m-%d %H:%M:%S")
                    .to_string()
            },
        )
    }

    /// RFC 3339.
    fn stamp(&self, at: Millis) -> Option<String> {
        let at = Timestamp::from_millisecond(at.0).ok()?;
        Some(
            at.to_zoned(self.zone.clone())
                .strftime("%Y-%m-%dT%H:%M:%S%:z")
                .to_string(),
        )
    }

    fn span(&self, ms: i64) -> String {
        let minutes = ms.max(0) / 60_000;
        match (minutes / 60, minutes % 60) {
            (0, 0) => self.say("不到 1 分钟", "less than a minute").to_owned(),
            (0, minutes) => self.say(format!("{minutes} 分钟"), format!("{minutes} min")),
            (hours, minutes) => self.say(
                format!("{hours} 小时 {minutes} 分钟"),
                format!("{hours} h {minutes} min"),
            ),
        }
    }

    /// All of them as far as they fit, and how many did not.
    fn join(&self, texts: &[String]) -> String {
        let rest = |count: usize| {
            self.say(
                format!("\n\n……另有 {count} 项，详见 shiguan alert list"),
                format!("\n\n… and {count} more: shiguan alert list"),
            )
        };
        let room = LONGEST - rest(usize::MAX).len();
        let mut whole = String::new();
        for (index, text) in texts.iter().enumerate() {
            let text = if text.len() > room {
                &text[..text.floor_char_boundary(room)]
            } else {
                text
            };
            if index > 0 && whole.len() + 2 + text.len() > room {
                return whole + &rest(texts.len() - index);
            }
            if index > 0 {
                whole += "\n\n";
            }
            whole += text;
        }
        whole
    }

    fn notice(&self, notice: &Notice, now: Millis) -> String {
        let incident = &notice.incident;
        let whose = match incident.company.as_str() {
            "" => self.say("档案库", "archive"),
            company => company,
        };
        let title = self.title(incident.kind);
        let since = incident.since();
        let zone = self.zone.iana_name().unwrap_or("UTC");
        let at = format!("{} ({zone})", self.time(since));
        if notice.what == What::AllClear {
            let lasted = self.span(incident.ended.unwrap_or(now).0 - since.0);
            if let Some(acknowledged) = &incident.acknowledged {
                let by = value(&acknowledged.by);
                return self.say(
                    format!("【史官确认】{whose}：{title}，已由 {by} 确认\n起始：{at}，历时 {lasted}"),
                    format!("[Shiguan acknowledged] {whose}: {title}: noted by {by}\nsince {at}, it lasted {lasted}"),
                );
            }
            return self.say(
                format!("【史官恢复】{whose}：{title}，已恢复正常\n起始：{at}，历时 {lasted}"),
                format!("[Shiguan all-clear] {whose}: {title}: over\nsince {at}, it lasted {lasted}"),
            );
        }
        let lasts = self.span(now.0 - since.0);
        let head = match notice.what {
            What::Reminder => self.say("【史官提醒】", "[Shiguan reminder] "),
            _ => self.say("【史官告警】", "[Shiguan alert] "),
        };
        let (seen, next) = (self.seen(incident), self.next(&incident.alert));
        self.say(
            format!("{head}{whose}：{title}\n起始：{at}，已持续 {lasts}\n情况：{seen}\n处理：{next}"),
            format!("{head}{whose}: {title}\nsince {at}, for {lasts}\nseen: {seen}\nnext: {next}"),
        )
    }

    /// What kind of trouble, in a few words.
    pub fn title(&self, kind: Kind) -> &'static str {
        match kind {
            Kind::PullFailing => self.say("拉取持续失败", "pulls keep failing"),
            Kind::WindowInDanger => self.say("五天窗口即将用尽", "WeCom's five days run out"),
            Kind::UnknownKeyVersion => {
                self.say("有记录使用未知的密钥版本", "records of an unknown key version")
            }
            Kind::RecordsWaiting => self.say("未解密记录过多", "many records are not open"),
            Kind::PoisonRecord => self.say("有记录使 SDK 崩溃", "records crash the SDK"),
            Kind::MediaExpiring => self.say("媒体文件即将过期", "files are about to expire"),
            Kind::ConsentRefused => self.say("有客户不同意会话存档", "customers refused to be archived"),
            Kind::DiskBelowHeadroom => self.say("磁盘空间不足", "the disk is nearly full"),
            Kind::AddressNotTrusted => self.say("本机 IP 不在可信名单", "this address is not trusted"),
            Kind::ServiceExpired => self.say("会话内容存档服务已停止", "the archive service has ended"),
            Kind::WindowMissed => self.say("已错过五天窗口，可能丢失记录", "WeCom's five days were missed"),
            Kind::RecordUnreadable => self.say("有记录解密后没有内容", "records opened to no message"),
            Kind::StrayItems => self.say("有数据项缺少可用的 seq", "items came without a usable seq"),
            Kind::Unpullable => self.say("有记录无法拉取", "records cannot be pulled"),
            Kind::RecordsLost => self.say("有记录已无法取得", "records are lost"),
            Kind::CursorHeld => self.say("拉取位置暂停前移", "the cursor waits"),
            Kind::ClockDoubtful => self.say("本机时钟可疑", "the clock is in doubt"),
            Kind::LeaseStuck => self.say("拉取权被长期占用", "the lease of the puller is stuck"),
            Kind::CompanyUnusable => self.say("企业配置无法使用", "a company's configuration cannot be used"),
            Kind::StoreUnwritable => self.say("档案库无法写入", "the archive cannot be written"),
            Kind::ArchiveDamaged => self.say("档案库有损坏", "the archive is damaged"),
            Kind::LibraryChanged => self.say("SDK 库文件已被更换", "the SDK's library was replaced"),
        }
    }

    /// What exactly was seen, on one line: causes hold what servers and libraries say.
    pub fn seen(&self, incident: &Incident) -> Line {
        Line::sentence(self.seen_as_told(incident))
    }

    fn seen_as_told(&self, incident: &Incident) -> String {
        match &incident.alert {
            Alert::PullFailing { cause, .. } => {
                self.say(format!("最近一次：{cause}"), format!("the last one: {cause}"))
            }
            Alert::WindowInDanger {
                covered_until,
                is_certain: false,
                ..
            } => {
                let until = self.time(*covered_until);
                self.say(
                    format!("记录的拉取时间与本机时钟矛盾，无法确定五天窗口还剩多少；只能确定 {until} 之前的记录已入库"),
                    format!(
                        "the times of past pulls contradict this machine's clock, so nobody knows what is left of WeCom's five \
                         days; only what was said before {until} is surely archived"
                    ),
                )
            }
            Alert::WindowInDanger {
                left_ms,
                covered_until,
                is_certain: true,
            } if *left_ms >= 0 => {
                let (until, left) = (self.time(*covered_until), self.span(*left_ms));
                self.say(
                    format!("{until} 之后的记录尚未入库，{left}后企业微信开始删除"),
                    format!("nothing after {until} is archived; WeCom begins to delete in {left}"),
                )
            }
            Alert::WindowInDanger {
                left_ms,
                covered_until,
                is_certain: true,
            } => {
                let (until, ago) = (self.time(*covered_until), self.span(-left_ms));
                self.say(
                    format!("{until} 之后的记录尚未入库，企业微信已从 {ago}前开始删除"),
                    format!("nothing after {until} is archived; WeCom began to delete {ago} ago"),
                )
            }
            Alert::UnknownKeyVersion { version, records } => self.say(
                format!("密钥版本 {version} 没有私钥，{records} 条记录在等待"),
                format!("no private key of version {version}; {records} records wait for it"),
            ),
            Alert::RecordsWaiting { records, threshold } => self.say(
                format!("{records} 条记录已保存但未能解密（阈值 {threshold}）"),
                format!("{records} records are kept and not open (threshold {threshold})"),
            ),
            Alert::PoisonRecord { records } => self.say(
                format!("{records} 条记录已隔离，其他记录不受影响"),
                format!("{records} records are set aside; the others are not affected"),
            ),
            Alert::MediaExpiring { files, soonest } => {
                let soonest = soonest.map_or_else(|| "-".to_owned(), |at| self.time(at));
                let least = if *files < Expiring::MANY { "" } else { "≥ " };
                self.say(
                    format!("{least}{files} 个文件尚未下载，最早于 {soonest} 过期"),
                    format!("{least}{files} files are not fetched; the first is gone at {soonest}"),
                )
            }
            Alert::ConsentRefused { pairs } => self.say(
                format!("{pairs} 对员工与客户的会话不同意存档"),
                format!("{pairs} pairs of a member and a customer"),
            ),
            Alert::DiskBelowHeadroom { free_mib, wanted_mib } => self.say(
                format!("剩余 {free_mib} MiB，低于 store.disk_headroom_mib = {wanted_mib}"),
                format!("{free_mib} MiB are free, below store.disk_headroom_mib = {wanted_mib}"),
            ),
            Alert::AddressNotTrusted { code, address } => {
                let address = address.as_deref().unwrap_or("-");
                self.say(
                    format!("企业微信返回 {code}，调用来自 {address}"),
                    format!("WeCom answered {code} to a call from {address}"),
                )
            }
            Alert::ServiceExpired { code } => self.say(
                format!("企业微信返回 {code}，在此期间的会话不会被记录"),
                format!("WeCom answered {code}; nothing is recorded meanwhile"),
            ),
            Alert::WindowMissed {
                from,
                to,
                hours_beyond,
            } => {
                let (from, to) = (self.time(*from), self.time(*to));
                self.say(
                    format!("{from} 至 {to}（{hours_beyond} 小时）之间的记录在拉取之前可能已被企业微信删除"),
                    format!(
                        "WeCom may have deleted records of {from} to {to} ({hours_beyond} h) before they were pulled"
                    ),
                )
            }
            Alert::LibraryChanged { at, was, now, .. } => {
                let at = self.time(*at);
                self.say(
                    format!("自 {at} 起由另一个库文件应答；原 SHA-256 {was}，现 {now}"),
                    format!("since {at} another file answers: SHA-256 {was} before, {now} now"),
                )
            }
            Alert::RecordUnreadable { records } => self.say(
                format!("SDK 对 {records} 条记录返回成功，但没有给出消息；原文已保留"),
                format!("the SDK returned success for {records} records and gave no message; the originals are kept"),
            ),
            Alert::StrayItems { items } => self.say(
                format!("{items} 项已原样保存，尚无人查看"),
                format!("{items} items are kept as they came; nobody has looked at them"),
            ),
            Alert::Unpullable {
                records,
                first,
                last,
            } => self.say(
                format!("{records} 条记录 GetChatData 无法给出，首段 seq {first}-{last}；其余记录不受影响"),
                format!(
                    "GetChatData cannot deliver {records} records, first seq {first} to {last}; the others are not affected"
                ),
            ),
            Alert::RecordsLost {
                first, last, cause, ..
            } => self.say(
                format!("seq {first}-{last} 的记录未能拉取，企业微信已将其删除；原因：{cause}"),
                format!("the records of seq {first} to {last} were not pulled before WeCom deleted them: {cause}"),
            ),
            Alert::CursorHeld {
                seq,
                cursor,
                held: Held::Ahead,
            } => self.say(
                format!("收到异常大的 seq {seq}，拉取位置停在 {cursor}，待后续数据确认"),
                format!("seq {seq} is implausibly far ahead; the cursor stays at {cursor} until later pages confirm it"),
            ),
            Alert::CursorHeld {
                seq,
                cursor,
                held: Held::Below,
            } => self.say(
                format!("数据流的 seq {seq} 低于拉取位置 {cursor}，企业微信可能已重新编号"),
                format!("the stream is at seq {seq}, below the cursor {cursor}; WeCom may count anew"),
            ),
            Alert::ClockDoubtful {
                ours,
                witness,
                why,
            } => {
                let ours = self.time(*ours);
                let witness = match witness {
                    By::Server => self.say("企业微信服务器的时间", "WeCom's server"),
                    By::Records => self.say("最新记录的时间", "the newest records"),
                    By::LastAgreement => self.say("上一次核对一致的时间", "the time at which it last agreed"),
                };
                self.say(
                    format!("本机时间 {ours} 与{witness}不符 ({why})；在一致之前不按时间删除任何数据"),
                    format!(
                        "this machine's time, {ours}, is contradicted by {witness}: {why}; nothing is deleted by age until they agree"
                    ),
                )
            }
            Alert::LeaseStuck { holder, since, until } => {
                let (since, until) = (self.time(*since), self.time(*until));
                self.say(
                    format!("自 {since} 起被 {holder} 占用（声明至 {until}），本进程无法拉取该企业"),
                    format!("held by {holder} since {since} (it says until {until}); this process cannot pull the company"),
                )
            }
            Alert::CompanyUnusable { part, cause } => {
                let part = match part {
                    Part::Pull => self.say("拉取", "pulling"),
                    Part::Callback => self.say("回调", "callbacks"),
                };
                self.say(
                    format!("{part}：{cause}；其他企业不受影响"),
                    format!("{part}: {cause}; other companies are not affected"),
                )
            }
            Alert::StoreUnwritable { cause } => self.say(
                format!("{cause}；本告警来自内存"),
                format!("{cause}; this is told from memory"),
            ),
            Alert::ArchiveDamaged { found, at } => {
                let at = self.time(*at);
                self.say(
                    format!("{found} 处与写入时不符（最近检查：{at}）；损坏的内容不会当作真实内容显示"),
                    format!("{found} findings are not what was written (last looked at {at}); nothing damaged is shown as genuine"),
                )
            }
        }
    }

    fn next(&self, alert: &Alert) -> &'static str {
        match alert {
            Alert::PullFailing { .. } => self.say(
                "运行 shiguan doctor 查看原因；五天内恢复即不会丢失记录",
                "run shiguan doctor; within five days nothing is lost",
            ),
            Alert::WindowInDanger { .. } => self.say(
                "立即运行 shiguan pull，并确认 shiguan run 持续运行",
                "run shiguan pull now, then keep shiguan run going",
            ),
            Alert::UnknownKeyVersion { .. } => self.say(
                "找到该版本的私钥：shiguan keys add 文件 --version 版本号，随后自动补解",
                "find its private key: shiguan keys add FILE --version N; the records open by themselves",
            ),
            Alert::RecordsWaiting { .. } => self.say(
                "运行 shiguan waiting 查看各类原因与办法",
                "shiguan waiting tells the reasons and what helps",
            ),
            Alert::PoisonRecord { .. } => self.say(
                "运行 shiguan waiting --reason poison；更换 SDK 版本后会自动重试",
                "shiguan waiting --reason poison; another SDK build tries them again",
            ),
            Alert::MediaExpiring { .. } => self.say(
                "确认媒体下载在运行且磁盘充足",
                "see that media is being fetched and the disk has room",
            ),
            Alert::ConsentRefused { .. } => self.say(
                "请按公司制度处理该客户的会话",
                "treat these conversations as your rules demand",
            ),
            Alert::DiskBelowHeadroom { .. } => self.say(
                "清理磁盘，或将 archive.folder 移到更大的磁盘",
                "free space, or move archive.folder to a larger disk",
            ),
            Alert::AddressNotTrusted { code: 301_042, .. } => self.say(
                "在管理后台 会话内容存档 → 可信IP 中添加该地址，约一分钟后生效",
                "add this address on the page 会话内容存档 → 可信IP; it takes about a minute",
            ),
            Alert::AddressNotTrusted { .. } => self.say(
                "在管理后台 应用管理 → 该应用 → 企业可信IP 中添加该地址，约一分钟后生效",
                "add this address under 应用管理 → the app → 企业可信IP; it takes about a minute",
            ),
            Alert::ServiceExpired { code: 301_053 } => self.say(
                "在管理后台开启会话内容存档",
                "switch 会话内容存档 on in the admin console",
            ),
            Alert::ServiceExpired { .. } => self.say(
                "立即续费会话内容存档",
                "renew the licence of 会话内容存档 at once",
            ),
            Alert::WindowMissed { .. } => self.say(
                "用 shiguan completeness 核对缺失，然后确认：shiguan alert ack 编号 --by 姓名",
                "see what is missing with shiguan completeness, then shiguan alert ack ID --by NAME",
            ),
            Alert::LibraryChanged { .. } => self.say(
                "如非本人更换，请立即查明；确认无误后写入 sdk.sha256，并运行：shiguan alert ack 编号 --by 姓名",
                "if you did not replace it, find out who did; then pin it with sdk.sha256, and shiguan alert ack ID --by NAME",
            ),
            Alert::RecordUnreadable { .. } => self.say(
                "运行 shiguan waiting --reason unreadable；更换 SDK 版本后会自动重试",
                "shiguan waiting --reason unreadable; another SDK build tries them again",
            ),
            Alert::StrayItems { .. } => self.say(
                "运行 shiguan waiting 查看，并保留供腾讯排查",
                "shiguan waiting lists them; keep them for WeCom's support",
            ),
            Alert::Unpullable { .. } => self.say(
                "五天内会自动重试；更换 SDK 版本，或向腾讯反馈该 seq",
                "they are tried again for five days; try another SDK build, or report the seq to WeCom",
            ),
            Alert::RecordsLost { .. } => self.say(
                "运行 shiguan runs 查看原因，然后确认：shiguan alert ack 编号 --by 姓名",
                "see why with shiguan runs, then shiguan alert ack ID --by NAME",
            ),
            Alert::CursorHeld { .. } => self.say(
                "记录仍会入库；运行 shiguan runs 查看，必要时联系腾讯确认 seq",
                "records are archived all the same; see shiguan runs, and ask WeCom about the seq",
            ),
            Alert::ClockDoubtful { .. } => self.say(
                "用 NTP 校准本机时钟，然后运行 shiguan doctor",
                "set the clock by NTP, then run shiguan doctor",
            ),
            Alert::LeaseStuck { .. } => self.say(
                "停止占用的进程；若它已不存在，下次拉取会自动接管",
                "stop that process; if it is gone, the next pulls take the lease over by themselves",
            ),
            Alert::CompanyUnusable {
                part: Part::Callback, ..
            } => self.say(
                "运行 shiguan doctor 查看原因并修正，然后重启 shiguan run；定时拉取不受影响",
                "shiguan doctor tells the cause; set it right and restart shiguan run; pulling goes on by its interval",
            ),
            Alert::CompanyUnusable { .. } => self.say(
                "运行 shiguan doctor 查看原因并修正，无需重启",
                "shiguan doctor tells the cause; set it right, no restart is needed",
            ),
            Alert::StoreUnwritable { .. } => self.say(
                "检查磁盘空间与 archive.folder 的权限；恢复后会自动继续拉取",
                "check disk space and the permissions of archive.folder; pulling goes on by itself",
            ),
            Alert::ArchiveDamaged { .. } => self.say(
                "运行 shiguan verify 查看全部，shiguan repair 修复；并检查磁盘",
                "shiguan verify lists all of it, shiguan repair mends what has a source; test the disk",
            ),
        }
    }
}
