//! The table's flags, as clap reads them.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use zeroize::Zeroizing;

use super::table::{self, Setting, Shape};

/// What the command line says about settings.
#[derive(Default)]
pub(crate) struct Flags {
    given: HashMap<&'static str, Vec<Zeroizing<String>>>,
    pub(super) config: Option<PathBuf>,
    pub(super) env_file: Option<PathBuf>,
}

impl Flags {
    pub(super) fn get(&self, setting: &Setting) -> Option<&[Zeroizing<String>]> {
        self.given.get(setting.flag).map(Vec::as_slice)
    }

    /// The same without these.
    pub(super) fn without(&self, settings: &[&Setting]) -> Flags {
        let kept = |flag: &&str| settings.iter().all(|setting| setting.flag != *flag);
        let given = self.given.iter().filter(|(flag, _)| kept(flag));
        Flags {
            given: given.map(|(flag, texts)| (*flag, texts.clone())).collect(),
            config: self.config.clone(),
            env_file: self.env_file.clone(),
        }
    }
}

/// The flags of a command that knows these settings only.
pub(crate) trait Subset {
    const SETTINGS: &'static [&'static Setting];
}

/// What the command line says about some of the settings.
pub(crate) struct Only<S> {
    pub(crate) flags: Flags,
    of: PhantomData<S>,
}

impl<S: Subset> clap::Args for Only<S> {
    fn augment_args(command: Command) -> Command {
        augmented(command, S::SETTINGS)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Only::<S>::augment_args(command)
    }
}

impl<S: Subset> clap::FromArgMatches for Only<S> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Only<S>, clap::Error> {
        Ok(Only {
            flags: given(matches, S::SETTINGS),
            of: PhantomData,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Only::from_arg_matches(matches)?;
        Ok(())
    }
}

impl clap::Args for Flags {
    fn augment_args(command: Command) -> Command {
        augmented(command, table::ALL)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Flags::augment_args(command)
    }
}

fn augmented(command: Command, settings: &'static [&'static Setting]) -> Command {
    let file = |name, help| {
        Arg::new(name)
            .long(name)
            .value_name("PATH")
            .value_parser(value_parser!(PathBuf))
            .help(help)
    };
    command
        .arg(file(
            "config",
            "Read settings from this TOML file [env: BEAMLINK_CONFIG]",
        ))
        .arg(file(
            "env-file",
            "Read environment variables that are not set from this file, as docker compose does, \
                 `$` taken as it stands [env: BEAMLINK_ENV_FILE]",
        ))
        .args(settings.iter().map(|setting| flag(setting)))
}

impl clap::FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Flags, clap::Error> {
        Ok(given(matches, table::ALL))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Flags::from_arg_matches(matches)?;
        Ok(())
    }
}

fn given(matches: &ArgMatches, settings: &[&'static Setting]) -> Flags {
    let given = settings.iter().filter_map(|setting| {
        let texts = matches.get_many::<String>(setting.flag)?;
        Some((setting.flag, texts.cloned().map(Zeroizing::new).collect()))
    });
    Flags {
        given: given.collect(),
        config: matches.get_one("config").cloned(),
        env_file: matches.get_one("env-file").cloned(),
    }
}

fn flag(setting: &'static Setting) -> Arg {
    let arg = Arg::new(setting.flag)
        .long(setting.flag)
        .help(help(setting))
        .help_heading(setting.heading);
    match setting.shape {
        Shape::Value(name) | Shape::Secret(name) => arg.value_name(name),
        Shape::List(name) => arg.value_name(name).action(ArgAction::Append),
        // `--hidden=false` overrules an environment or a file that says true.
        Shape::Switch => arg
            .value_name("true|false")
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true"),
    }
}

fn help(setting: &Setting) -> String {
    let default = setting.default.map(|text| format!(" [default: {text}]"));
    format!(
        "{}{} [env: {}]",
        setting.help,
        default.unwrap_or_default(),
        setting.env.join(", ")
    )
}
