//! What a person types. One file per verb, each of the same shape: an `Args` whose doc comments are the help,
//! and a `run` that parses, calls a room, prints, and names an exit code.
//!
//! Must not hold business rules: a verb is parse, call, print. Only this room prints (through `out`), reads the
//! environment and turns configuration into the rooms' options.

// First, because macros are in scope only behind their definition.
#[macro_use]
mod out;

mod alert;
mod api;
mod backup;
mod bench;
mod chat;
mod completeness;
mod completions;
mod config;
mod consent;
mod context;
mod count;
mod damage;
mod demo;
mod digest;
mod directory;
mod doctor;
mod door;
mod each;
mod gathered;
mod guard;
mod heard;
mod init;
mod keys;
mod media;
mod mock;
mod names;
mod outcome;
mod part;
mod place;
mod portrait;
mod progress;
mod pull;
mod reindex;
mod render;
mod repair;
mod restore;
mod retry;
mod run;
mod runs;
mod search;
mod shelf;
mod show;
mod signals;
mod stats;
mod understood;
mod verify;
mod waiting;
mod words;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

pub use door::main;

use crate::message::Language;

/// 史官: archives a company's WeCom conversations (会话内容存档), alters nothing, loses nothing.
#[derive(Debug, Parser)]
#[command(name = "shiguan", version, max_term_width = 110)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

/// Options of every command.
#[derive(Debug, Clone, clap::Args)]
pub struct Global {
    /// The archive's configuration
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "SHIGUAN_CONFIG",
        default_value = "shiguan.toml",
        hide_env_values = true
    )]
    pub config: PathBuf,

    /// Override one configuration value for this command, e.g. --set pull.limit=200
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,

    /// Language of what auditors read (default: the configuration's `archive.language`)
    #[arg(long, global = true, value_name = "LANGUAGE")]
    pub language: Option<Tongue>,

    /// Log more (twice: everything); the configuration's `log.level` otherwise
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// A language on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Tongue {
    /// 中文
    Zh,
    /// English
    En,
}

impl From<Tongue> for Language {
    fn from(tongue: Tongue) -> Self {
        match tongue {
            Tongue::Zh => Self::Chinese,
            Tongue::En => Self::English,
        }
    }
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show the whole way of a record on made-up conversations: no account, no network
    Demo(demo::Args),
    /// Write a commented configuration and its folders
    Init(init::Args),
    /// Check library, keys, store, files, disk and clock; every finding with its likely cause and what to do
    Doctor(doctor::Args),
    /// Pull everything new once, open it, store it
    Pull(pull::Args),
    /// Stay and pull on the configured interval or cron line until stopped
    Run(run::Args),
    /// Find messages by what they say, who said it, where and when
    Search(search::Args),
    /// Count the messages of any question by person, day, conversation, type, month, hour or company
    Count(count::Args),
    /// Show one message and the conversation around it
    Show(show::Args),
    /// Read a conversation, or list all of them
    Chat(chat::Args),
    /// Count messages by day, type, person or chat, and what is still waiting
    Stats(stats::Args),
    /// List runs, their calls, and the ranges of the stream that were not seen, with their explanation
    Runs(runs::Args),
    /// List records that are kept but not open yet, and why
    Waiting(waiting::Args),
    /// Try waiting records again
    Retry(retry::Args),
    /// Who agreed to being archived: ask WeCom, show, report
    Consent(consent::Args),
    /// Compare WeCom's own counts with what the archive holds, and find customer groups of which it holds nothing
    ///
    /// Ends with exit code 3 when a difference or a missing group is not explained, or when nothing of a company could be
    /// compared.
    Completeness(completeness::Args),
    /// List what WeCom told by itself (callbacks), and what is still to be read again because of it
    Events(heard::Args),
    /// Try out who is told when something needs attention, and list what there was to tell
    Alert(alert::Args),
    /// List, fetch and take out the files that hang on messages
    Media(media::Args),
    /// Make, add, list and check the private keys
    Keys(keys::Args),
    /// Show what is configured and where each value comes from
    Config(config::Args),
    /// Who people and rooms were and are: ask WeCom, show, list
    Directory(directory::Args),
    /// Call WeCom's server API by name, for debugging; secrets are never shown
    Api(api::Args),
    /// Derive again what an older program wrote by older rules of reading and search; `run` does it by itself
    ///
    /// Can be stopped or killed at any time and goes on where it stood; a pull beside it goes on. Ends with exit code 3 when it
    /// was stopped before the end.
    Reindex(reindex::Args),
    /// Back the archive up while it is in use: only what is new, checked; list, verify and prune backups
    Backup(backup::Args),
    /// Make an archive from a backup, in a new folder, as of any generation
    Restore(restore::Args),
    /// Read the whole archive again: rows, bodies, originals, search index, files; name what is not what was written
    ///
    /// Reads only, beside a running pull. Ends with exit code 3 when something is damaged, 1 when not everything could be
    /// looked at.
    Verify(verify::Args),
    /// Repair what is damaged and has a source left: a sealed original, the bodies, WeCom; nothing is deleted
    Repair(repair::Args),
    /// Print the hash of the archive's content: equal archives, equal hashes
    Digest(digest::Args),
    /// Measure this machine
    Bench(bench::Args),
    /// Make corpora for the mock library
    Mock(mock::Args),
    /// Print a completion script for a shell
    Completions(completions::Args),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_commands_are_well_formed() {
        super::Cli::command().debug_assert();
    }
}
