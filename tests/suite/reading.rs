//! Every sample message and what is derived from it, side by side: `NAME.json` is what the SDK returns,
//! `NAME.snap` what `message::read` makes of it. A changed reading shows up as a changed golden.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use shiguan::message::{self, Chat, Kind, Language, Media, Message};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/messages")
}

/// Names of the files with that extension.
fn names(extension: &str) -> BTreeSet<String> {
    let files = fs::read_dir(folder())
        .expect("the golden folder")
        .map(|file| file.unwrap().path());
    let of_kind = files.filter(|path| path.extension().is_some_and(|found| found == extension));
    of_kind
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect()
}

fn sample(name: &str) -> Message {
    message::read(&fs::read(folder().join(name).with_extension("json")).expect("a sample"))
}

fn media(file: &Media) -> String {
    let shown = |value: Option<String>| value.unwrap_or_else(|| "-".into());
    format!(
        "{} depth={} size={} md5={} name={} seconds={}\n    {}",
        file.kind,
        file.depth,
        shown(file.size.map(|size| size.to_string())),
        shown(file.md5.clone()),
        shown(file.filename.clone()),
        shown(file.seconds.map(|seconds| seconds.to_string())),
        file.sdkfileid.expose(),
    )
}

/// The whole derived view, as a page to read.
fn page(message: &Message) -> String {
    let mut out = String::new();
    let chat = match &message.chat {
        Some(Chat::Room(id)) => format!("room {id}"),
        Some(Chat::People(people)) => format!("people {}", people.join(" ")),
        None => "none".into(),
    };
    writeln!(out, "msgid:     {}", message.msgid).unwrap();
    writeln!(out, "type:      {} ({})", message.msgtype, message.action).unwrap();
    writeln!(out, "from:      {}", message.from).unwrap();
    writeln!(out, "to:        {}", message.to.join(" ")).unwrap();
    writeln!(out, "people:    {}", message.people().join(" ")).unwrap();
    writeln!(out, "time:      {:?}", message.time.map(|time| time.0)).unwrap();
    writeln!(out, "chat:      {chat}").unwrap();
    writeln!(out, "scope:     {:?}, {:?}", message.scope, message.direction).unwrap();
    writeln!(out, "recalls:   {:?}", message.recalls).unwrap();
    writeln!(out, "consent:   {:?}", message.consent).unwrap();
    writeln!(out, "has link:  {}", message.has_link).unwrap();
    writeln!(out, "flaws:     {:?}", message.flaws).unwrap();
    writeln!(out, "summary:   {}", message.summary(Language::Chinese)).unwrap();
    writeln!(out, "           {}", message.summary(Language::English)).unwrap();
    writeln!(out, "segments:").unwrap();
    for segment in &message.segments {
        let places: Vec<_> = segment.places.iter().map(|place| place.as_str()).collect();
        writeln!(out, "  {}: {:?}", places.join("+"), segment.text).unwrap();
    }
    writeln!(out, "media:").unwrap();
    for file in &message.media {
        writeln!(out, "  {}", media(file)).unwrap();
    }
    writeln!(
        out,
        "payload: {}",
        serde_json::to_string_pretty(&message.payload).unwrap()
    )
    .unwrap();
    out
}

#[test]
fn every_sample_reads_as_its_golden_says() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder());
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for name in names("json") {
            insta::assert_snapshot!(name.as_str(), page(&sample(&name)));
        }
    });
}

#[test]
fn samples_and_goldens_come_in_pairs() {
    assert_eq!(names("json"), names("snap"));
}

#[test]
fn every_known_type_has_a_sample() {
    let sampled: BTreeSet<String> = names("json").iter().map(|name| sample(name).msgtype).collect();
    let known = Kind::ALL.iter().map(|kind| kind.word().to_owned());
    // messages §4.33: the fields of `solitaire` could not be established, so there is nothing to sample.
    let expected: BTreeSet<String> = known.filter(|word| word != "solitaire").collect();
    assert_eq!(sampled, expected);
}

#[test]
fn no_sample_is_read_with_a_flaw_or_shows_a_handle() {
    for name in names("json") {
        let message = sample(&name);
        assert_eq!(message.flaws, message::Flaws::default(), "{name}");
        let shown = format!(
            "{message:?} {} {}",
            serde_json::to_string(&message.payload).unwrap(),
            message.summary(Language::Chinese)
        );
        for file in &message.media {
            assert!(!shown.contains(file.sdkfileid.expose()), "{name} shows a handle");
        }
    }
}

/// messages §4.1: what is typed is found, so the text of a text message is a segment as a whole.
#[test]
fn the_content_of_a_text_is_searchable_whole() {
    for name in ["text", "text-2"] {
        let body = fs::read(folder().join(name).with_extension("json")).unwrap();
        let raw: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let content = raw["text"]["content"].as_str().unwrap();
        assert!(
            message::read(&body)
                .segments
                .iter()
                .any(|segment| segment.text == content),
            "{name}"
        );
    }
}
