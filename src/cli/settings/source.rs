//! The places a setting may come from, and which of them wins.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::config::{self, Config};
use super::env_file;
use super::error::{Problem, SettingsError};
use super::flags::Flags;
use super::table::Setting;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It has no other source.
    Argument(&'static str),
    Flag(&'static str),
    Env(&'static str),
    EnvFile {
        path: Arc<Path>,
        line: usize,
        name: &'static str,
    },
    Config {
        path: Arc<Path>,
        key: &'static str,
    },
    /// A secret's file, and what named it (nothing: it is where OTP looks).
    File {
        path: Arc<Path>,
        named_by: Option<Box<Origin>>,
    },
    Default,
}

impl Origin {
    /// Lower wins. Variables of one program rank alike, whichever environment they stand in.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Origin::Argument(_) | Origin::Flag(_) => 0,
            Origin::Env(name) | Origin::EnvFile { name, .. } => match *name {
                name if name.starts_with("BEAMLINK_") => 1,
                name if name.starts_with("RELEASE_") || name.starts_with("ERL_") => 2,
                _ => 3,
            },
            Origin::Config { .. } => 4,
            Origin::File { named_by, .. } => named_by.as_ref().map_or(5, |origin| origin.rank()),
            Origin::Default => 5,
        }
    }

    /// The kind of source in one word, for programs.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Origin::Argument(_) => "argument",
            Origin::Flag(_) => "flag",
            Origin::Env(_) => "env",
            Origin::EnvFile { .. } => "env-file",
            Origin::Config { .. } => "config",
            Origin::File { .. } => "file",
            Origin::Default => "default",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Argument(name) => f.write_str(name),
            Origin::Flag(flag) => write!(f, "flag --{flag}"),
            Origin::Env(name) => write!(f, "env {name}"),
            Origin::EnvFile { path, line, name } => {
                write!(f, "env-file {}:{line} {name}", path.display())
            }
            Origin::Config { path, key } => write!(f, "config {} {key}", path.display()),
            Origin::File {
                path,
                named_by: None,
            } => write!(f, "file {}", path.display()),
            Origin::File {
                path,
                named_by: Some(origin),
            } => {
                write!(f, "file {} ({origin})", path.display())
            }
            Origin::Default => f.write_str("default"),
        }
    }
}

/// What a source holds for a setting, still as text.
pub(super) struct Found {
    pub(super) texts: Vec<Zeroizing<String>>,
    pub(super) origin: Origin,
    /// See [`env_file::Entry::dollar`].
    pub(super) dollar: bool,
}

/// The machine around the process: its environment and what the host is called.
pub(crate) struct Surroundings {
    pub(super) vars: HashMap<String, OsString>,
    pub(super) hostname: String,
    /// `/etc`.
    pub(super) etc: PathBuf,
}

impl Surroundings {
    /// The real ones.
    pub(crate) fn of_this_process() -> Surroundings {
        let vars =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        let hostname = hostname::get().unwrap_or_default();
        Surroundings {
            vars: vars.collect(),
            hostname: hostname.to_string_lossy().into_owned(),
            etc: "/etc".into(),
        }
    }

    /// An environment variable; an empty one counts as not set, as docker compose makes them empty
    /// when it is told to pass on a variable that is not there.
    pub(super) fn var(&self, name: &str) -> Option<&OsString> {
        self.vars.get(name).filter(|value| !value.is_empty())
    }
}

/// All sources, read.
pub(super) struct Sources<'a> {
    flags: &'a Flags,
    surroundings: &'a Surroundings,
    env_file: Option<(Arc<Path>, HashMap<String, env_file::Entry>)>,
    config: Option<(Arc<Path>, Config)>,
}

impl<'a> Sources<'a> {
    /// Reads the two files, if there are such.
    pub(super) fn read(
        flags: &'a Flags,
        surroundings: &'a Surroundings,
    ) -> Result<Sources<'a>, SettingsError> {
        let path = |flag: &Option<PathBuf>, var| {
            let path = flag
                .clone()
                .or_else(|| surroundings.var(var).map(PathBuf::from));
            path.map(Arc::<Path>::from)
        };
        let mut sources = Sources {
            flags,
            surroundings,
            env_file: None,
            config: None,
        };
        if let Some(path) = path(&flags.env_file, "BEAMLINK_ENV_FILE") {
            let entries = read_env_file(&path)?;
            sources.env_file = Some((path, entries));
        }
        if let Some(path) = path(&flags.config, "BEAMLINK_CONFIG") {
            let config = config::read(&path)?;
            sources.config = Some((path, config));
        }
        Ok(sources)
    }

    /// What the first source that knows `setting` says.
    pub(super) fn find(&self, setting: &'static Setting) -> Result<Option<Found>, SettingsError> {
        if let Some(texts) = self.flags.get(setting) {
            let origin = Origin::Flag(setting.flag);
            return Ok(Some(Found {
                texts: texts.to_vec(),
                origin,
                dollar: false,
            }));
        }
        for name in setting.env {
            if let Some(found) = self.find_variable(name)? {
                return Ok(Some(found));
            }
        }
        let Some((path, config)) = &self.config else {
            return Ok(None);
        };
        Ok(config.get(setting.key).map(|texts| Found {
            texts: texts.clone(),
            origin: Origin::Config {
                path: path.clone(),
                key: setting.key,
            },
            dollar: false,
        }))
    }

    /// A variable of the environment, or of the file that stands for what is not set there.
    fn find_variable(&self, name: &'static str) -> Result<Option<Found>, SettingsError> {
        if let Some(value) = self.surroundings.var(name) {
            let origin = Origin::Env(name);
            let Some(text) = value.to_str() else {
                return Err(SettingsError::Value {
                    origin,
                    problem: Problem::NotUtf8,
                });
            };
            let texts = vec![Zeroizing::new(text.to_owned())];
            return Ok(Some(Found {
                texts,
                origin,
                dollar: false,
            }));
        }
        let Some((path, entries)) = &self.env_file else {
            return Ok(None);
        };
        let entry = entries.get(name).filter(|entry| !entry.text.is_empty());
        Ok(entry.map(|entry| Found {
            texts: vec![entry.text.clone()],
            origin: Origin::EnvFile {
                path: path.clone(),
                line: entry.line,
                name,
            },
            dollar: entry.dollar,
        }))
    }
}

fn read_env_file(path: &Path) -> Result<HashMap<String, env_file::Entry>, SettingsError> {
    let text = std::fs::read_to_string(path).map(Zeroizing::new);
    let text = text.map_err(|error| SettingsError::Unreadable {
        path: path.into(),
        error,
    })?;
    env_file::parse(&text).map_err(|(line, fault)| SettingsError::EnvFile {
        path: path.into(),
        line,
        fault,
    })
}
