//! The demo's directory: a stand-in for WeCom's server API on this machine, whose people are those of the made-up
//! conversations, asked by the same pass that `shiguan run` makes.

use sdk_mock::generate::Plan;
use wecom_mock::{Town, WeCom, town};

use super::super::{
    consent, context::Context, directory::settings, out::Page, outcome::Failure, render, search::View,
    signals,
};
use crate::{
    archive::{self, ConsentPass, Directory, Pass},
    consent::Standing,
    directory::{Access, Client, Credential, Options},
    people::{Aspect, Class},
    secret::Secret,
    store::{
        Reader,
        contract::{Filter, Group, Order},
    },
};

/// Secrets of the stand-in; they open nothing else.
const ARCHIVE: &str = "demo-archive";
const APP: &str = "demo-app";

/// Starts the stand-in, asks it about everybody, and lets it end.
pub(super) fn ask(context: &Context, plan: &Plan) -> Result<(Pass, ConsentPass), Failure> {
    let company = context.companies(None)?[0];
    let server = WeCom::of(&company.corpid, ARCHIVE, APP);
    Town::new(town::Company::of(plan)).open(&server);
    let credential = |secret| Some(Credential::Secret(Secret::new(secret)));
    let options = Options {
        host: server.url(),
        ..Options::default()
    };
    let access = Access {
        corpid: company.corpid.clone(),
        archive: credential(ARCHIVE),
        app: credential(APP),
        ..Access::default()
    };
    let directory = Directory {
        client: Client::new(options, access)?,
        ..settings(context, company)?
    };
    let client = directory.client.clone();
    let desk = context.desk()?;
    let whole = context.runtime()?.block_on(async {
        let stop = signals::stop()?;
        let mut whole = Pass::default();
        loop {
            let pass = archive::refresh(&desk, &directory, false, &stop).await?;
            let over = pass.left == 0 || pass.troubled() || pass.stopped || pass.answered == 0;
            whole.met += pass.met;
            whole.calls += pass.calls;
            whole.answered += pass.answered;
            whole.refused += pass.refused;
            whole.failure = pass.failure;
            if over {
                break;
            }
        }
        let (name, corpid) = (company.name.clone(), company.corpid.clone());
        let id = desk.ask(move |store| store.company(&name, &corpid)).await??;
        let options = consent::task::options(company);
        let consents = archive::consent_pass(&desk, &client, id, options, &stop).await?;
        Ok::<_, Failure>((whole, consents))
    })?;
    desk.close();
    Ok(whole)
}

/// What the directory told, and how messages look with it.
pub(super) fn summary(
    reader: &Reader,
    context: &Context,
    (pass, consents): &(Pass, ConsentPass),
) -> Result<(), Failure> {
    let people = reader.headcount(None, Class::Person)?;
    let rooms = reader.headcount(None, Class::Room)?;
    outln!(
        "   names    {} people and {} rooms, told in {} calls",
        render::number(people.known),
        render::number(rooms.known),
        render::number(pass.calls),
    );
    let standings: Vec<String> = Standing::ALL
        .into_iter()
        .map(|standing| {
            let count = reader.count(&Filter::Consent(standing))?;
            Ok(format!("{} {}", standing.as_str(), render::number(count)))
        })
        .collect::<Result<_, Failure>>()?;
    outln!(
        "   consent  {} conversations asked about in {} calls; external messages: {}",
        render::number(consents.answered + consents.failed),
        render::number(consents.calls as u64),
        standings.join(", "),
    );
    let view = View::new(context, reader, Vec::new());
    let mut out = Page::begin();
    for filter in [Filter::Group, Filter::And(vec![Filter::Single, Filter::External])] {
        let hits = reader.find(&filter, Order::NewestFirst, None, 1)?;
        view.look(&hits, false)?;
        for hit in &hits {
            view.hit(&mut out, hit)?;
        }
    }
    view.zone(&mut out, false)?;
    Ok(())
}

/// About whoever wrote most: everything, and the files that went outside. With the name and the id, because others may have
/// that name.
pub(super) fn questions(reader: &Reader, context: &Context) -> Result<Vec<String>, Failure> {
    let mut people = reader.stats(Group::Person, &context.zone)?;
    people.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.key.cmp(&b.key)));
    for person in people.iter().take(5) {
        let found = reader.dossiers(None, Class::Person, &[&person.key], &[Aspect::Name])?;
        let label = found.iter().find_map(|dossier| {
            let name = dossier.history.name_now()?;
            Some(format!("{}({})", name.value, dossier.subject.spelt))
        });
        if let Some(label) = label {
            return Ok(vec![
                format!("from:{label}"),
                format!("from:{label} is:outbound type:file"),
            ]);
        }
    }
    Ok(Vec::new())
}
