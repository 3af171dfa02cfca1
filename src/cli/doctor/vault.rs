//! Where files are kept: a folder that can be written and is private, and the bucket when there is one. Nothing stays
//! behind: the folder is tried with a file without a name, the bucket is only asked.

use std::{fs, io, os::unix::fs::MetadataExt, path::Path};

use super::{Finding, PATIENCE};
use crate::{
    cli::context::Context,
    media::{Place, private},
    source::Filter,
};

pub(super) fn look(context: &Context, runtime: &tokio::runtime::Runtime) -> Vec<Finding> {
    if !context.fetches_files() {
        return Vec::new();
    }
    let mut findings = folder(&context.config.media.folder);
    findings.extend(room(context));
    findings.extend(bucket(context, runtime));
    findings.extend(silk(context));
    findings
}

/// Room on the disk of the files, where that is another than the archive's, which is looked at by itself.
fn room(context: &Context) -> Option<Finding> {
    let device = |folder: &Path| {
        let there = folder.ancestors().find(|path| path.exists())?;
        Some(fs::metadata(there).ok()?.dev())
    };
    let config = &context.config;
    if device(&config.media.folder) == device(&config.archive.folder) {
        return None;
    }
    let meanwhile = "; files wait, records go on";
    super::room_at(
        "media disk",
        &config.media.folder,
        context,
        meanwhile,
        "media.folder",
    )
}

fn silk(context: &Context) -> Option<Finding> {
    let line = context.config.media.silk_decoder.as_deref()?;
    let found = Filter::parse(line).and_then(|program| program.found());
    Some(match found {
        Some(program) => Finding::good("SILK decoder", program.display().to_string()),
        None => Finding::warning(
            "SILK decoder",
            line,
            "there is no such program; voices in SILK are kept and have no form that browsers play",
            "install it, or correct media.silk_decoder; then: shiguan media get SEQ for each such voice",
        ),
    })
}

/// With a bucket, too: what is being fetched lies in it.
fn folder(folder: &Path) -> Vec<Finding> {
    let shown = folder.display().to_string();
    let unusable = |error: io::Error| {
        Finding::bad(
            "media folder",
            shown.clone(),
            format!("nothing can be written there: {error}"),
            "give it to the user that runs shiguan, or set media.folder to a folder of that user's",
        )
    };
    let found = match fs::metadata(folder) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // The first file makes it, in what is there of the path.
            let there = folder.ancestors().skip(1).find(|path| path.exists());
            return vec![match writable(there.unwrap_or(Path::new("/"))) {
                Ok(()) => Finding::good(
                    "media folder",
                    format!("{shown}: none yet; the first file makes it"),
                ),
                Err(error) => unusable(error),
            }];
        }
        Err(error) => return vec![unusable(error)],
    };
    if let Err(error) = writable(folder) {
        return vec![unusable(error)];
    }
    let mode = found.mode() & 0o777;
    let private = if mode & 0o077 == 0 {
        Finding::good("media permissions", format!("{mode:o}"))
    } else {
        Finding::warning(
            "media permissions",
            format!("{mode:o}"),
            "others on this machine can reach the files of conversations",
            format!("chmod 700 {shown}"),
        )
    };
    let mut findings = vec![
        Finding::good("media folder", format!("{shown}: can be written")),
        private,
    ];
    findings.extend(open_files(folder));
    findings
}

/// What earlier versions, or a copy, left open in it.
fn open_files(folder: &Path) -> Option<Finding> {
    let open = private::open_to_others(folder);
    let first = open.first?;
    Some(Finding::warning(
        "media files",
        format!(
            "{} folders and {} files in them have permissions for others, the first: {}",
            open.folders,
            open.files,
            first.display()
        ),
        "an earlier version of shiguan made them so, or they were copied here",
        format!(
            "shiguan media get closes what belongs to this user; for the rest: chmod -R go= {}",
            folder.display()
        ),
    ))
}

/// Permissions alone do not tell: the file system may be read-only or full, the user may be root.
fn writable(folder: &Path) -> io::Result<()> {
    tempfile::tempfile_in(folder).map(drop)
}

fn bucket(context: &Context, runtime: &tokio::runtime::Runtime) -> Option<Finding> {
    let configured = context.config.media.bucket.as_ref()?;
    let value = match &configured.endpoint {
        Some(endpoint) => format!("{} at {endpoint}", configured.name),
        None => format!("{} at Amazon's, {}", configured.name, configured.region),
    };
    let bucket = match context.place() {
        Ok(Place::Bucket(bucket)) => bucket,
        Ok(Place::Folder) => return None,
        Err(failure) => {
            return Some(Finding::bad(
                "media bucket",
                value,
                failure.to_string(),
                "write the secret access key into the file that media.s3_secret_key_file names, chmod 600",
            ));
        }
    };
    let asked = runtime.block_on(async { tokio::time::timeout(PATIENCE, bucket.probe()).await });
    let cause = match asked {
        Ok(Ok(())) => {
            return Some(Finding::good(
                "media bucket",
                format!("{value}: answers, and takes the credentials"),
            ));
        }
        // Services answer in XML of several lines.
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {} s", PATIENCE.as_secs()),
    };
    Some(Finding::bad(
        "media bucket",
        value,
        cause,
        "check media.s3_endpoint, s3_bucket, s3_region and both halves of the access key, which must be allowed to list, \
         read and write; what is fetched meanwhile waits in media.folder",
    ))
}
