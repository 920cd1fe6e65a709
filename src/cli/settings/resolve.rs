//! From texts in sources to checked values, each noted in the report with its origin.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use beamlink::gossip::Gossip;
use beamlink::{Cookie, GossipSecret, NodeName};
use serde::Serialize;
use tracing_subscriber::EnvFilter;
use zeroize::Zeroizing;

use super::cookie_file::{self, Access, SecretFileError};
use super::error::{Problem, SettingsError};
use super::flags::Flags;
use super::report::Report;
use super::source::{Found, Origin, Sources, Surroundings};
use super::table::{self, Setting};
use super::{EpmdMode, LogFormat, Peer, host};

/// Sorts after the names that real clusters use, and Swarm leaves `.+_maint_.+` alone (EXESDB.md, 2).
const DEFAULT_NAME: &str = "zz_maint_beamlink";

pub(super) struct Resolver<'a> {
    sources: Sources<'a>,
    surroundings: &'a Surroundings,
    pub(super) report: Report,
    pub(super) warnings: Vec<String>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(
        flags: &'a Flags,
        surroundings: &'a Surroundings,
    ) -> Result<Resolver<'a>, SettingsError> {
        Ok(Resolver {
            sources: Sources::read(flags, surroundings)?,
            surroundings,
            report: Report::default(),
            warnings: Vec::new(),
        })
    }

    /// A setting that may stay unset.
    pub(super) fn optional<T: Serialize>(
        &mut self,
        setting: &'static Setting,
        parse: fn(&str) -> Option<T>,
    ) -> Result<Option<T>, SettingsError> {
        let found = self.find(setting)?;
        let Some(found) = found else {
            self.report.unset(setting);
            return Ok(None);
        };
        let text = found.text();
        match parse(text) {
            Some(value) => {
                self.report.note(setting, &value, found.origin);
                Ok(Some(value))
            }
            None => Err(bad_text(setting, text.into(), found.origin)),
        }
    }

    /// A setting whose default stands in the table.
    pub(super) fn with_default<T: Serialize>(
        &mut self,
        setting: &'static Setting,
        parse: fn(&str) -> Option<T>,
    ) -> Result<T, SettingsError> {
        if let Some(value) = self.optional(setting, parse)? {
            return Ok(value);
        }
        let text = setting.default.unwrap_or_default();
        let value = parse(text).ok_or_else(|| bad_text(setting, text.into(), Origin::Default))?;
        self.report.note(setting, &value, Origin::Default);
        Ok(value)
    }

    pub(super) fn peers(&mut self) -> Result<Vec<Peer>, SettingsError> {
        let setting = &table::PEER;
        let Some(found) = self.find(setting)? else {
            self.report.note(setting, &[(); 0], Origin::Default);
            return Ok(Vec::new());
        };
        let texts = found.texts.iter().flat_map(|text| text.split(','));
        let texts = texts.map(str::trim).filter(|text| !text.is_empty());
        let peers: Result<Vec<Peer>, Problem> = texts.map(peer).collect();
        let peers = peers.map_err(|problem| SettingsError::Value {
            origin: found.origin.clone(),
            problem,
        })?;
        let shown: Vec<String> = peers.iter().map(Peer::to_string).collect();
        self.report.note(setting, &shown, found.origin);
        Ok(peers)
    }

    /// The node's name, of the form (short or long) that the given peers have.
    pub(super) fn name(&mut self, peers: &[Peer]) -> Result<NodeName, SettingsError> {
        let wanted_long = self.optional(&table::LONG, switch)?;
        let long =
            wanted_long.unwrap_or_else(|| peers.first().is_some_and(|peer| peer.node.is_long()));
        let (text, origin) = match self.find(&table::NAME)? {
            Some(found) => (found.text().to_owned(), found.origin),
            None => (DEFAULT_NAME.to_owned(), Origin::Default),
        };
        let text = match text.contains('@') {
            true => text,
            false => format!("{text}@{}", self.host(long)?),
        };
        let name = NodeName::new(&text);
        let name = name.map_err(|error| SettingsError::Value {
            origin: origin.clone(),
            problem: error.into(),
        })?;
        if wanted_long == Some(true) && !name.is_long() {
            return Err(SettingsError::NotLong { origin, name });
        }
        if let Some(peer) = peers
            .iter()
            .find(|peer| peer.node.is_long() != name.is_long())
        {
            return Err(SettingsError::Forms {
                name,
                name_origin: origin,
                peer: peer.node.clone(),
                peer_origin: self.origin(&table::PEER),
            });
        }
        if wanted_long.is_none() {
            self.report
                .note(&table::LONG, &name.is_long(), Origin::Default);
        }
        self.report.note(&table::NAME, &name.as_str(), origin);
        Ok(name)
    }

    fn host(&self, long: bool) -> Result<String, SettingsError> {
        let hostname = &self.surroundings.hostname;
        match long {
            false => Ok(host::short(hostname).to_owned()),
            true => host::long(hostname, &self.surroundings.etc)
                .ok_or_else(|| SettingsError::NoDomain(hostname.clone())),
        }
    }

    pub(super) fn cookie(&mut self) -> Result<Cookie, SettingsError> {
        let (cookie, origin) = match self.secret_or_file(&table::COOKIE, &table::COOKIE_FILE)? {
            Some(Given::Text(text, origin)) => match latin1(&text) {
                Some(bytes) => (Cookie::new(bytes), origin),
                None => {
                    return Err(SettingsError::Value {
                        origin,
                        problem: Problem::Cookie,
                    });
                }
            },
            Some(Given::File(path, origin)) => {
                let read = cookie_file::cookie(&path, Access::Any);
                self.read_named_file(read, path, origin)?
            }
            None => {
                let folder = |name| self.surroundings.var(name).map(Path::new);
                let (cookie, path) =
                    cookie_file::default_cookie(folder("HOME"), folder("XDG_CONFIG_HOME"))?;
                (
                    cookie,
                    Origin::File {
                        path: path.into(),
                        named_by: None,
                    },
                )
            }
        };
        self.report
            .note(&table::COOKIE, &cookie.to_string(), origin);
        Ok(cookie)
    }

    /// Where the node notes that it is alive; `None` when it must not.
    pub(super) fn state_dir(&mut self) -> Result<Option<PathBuf>, SettingsError> {
        if let Some(found) = self.find(&table::STATE_DIR)? {
            let folder = PathBuf::from(found.text());
            self.report.note(&table::STATE_DIR, &folder, found.origin);
            return Ok(Some(folder).filter(|folder| folder.as_os_str() != "none"));
        }
        let folder = match self.surroundings.var("XDG_RUNTIME_DIR") {
            Some(folder) => Path::new(folder).join("beamlink"),
            None => std::env::temp_dir().join(format!("beamlink-{}", host::uid())),
        };
        self.report
            .note(&table::STATE_DIR, &folder, Origin::Default);
        Ok(Some(folder))
    }

    pub(super) fn gossip(&mut self) -> Result<Gossip, SettingsError> {
        Ok(Gossip {
            port: self.with_default(&table::GOSSIP_PORT, port)?,
            if_addr: self.with_default(&table::IF_ADDR, parsed)?,
            multicast_if: self.optional(&table::MULTICAST_IF, parsed)?,
            multicast_addr: self.with_default(&table::MULTICAST_ADDR, parsed)?,
            multicast_ttl: self.with_default(&table::MULTICAST_TTL, parsed)?,
            broadcast_only: self.with_default(&table::BROADCAST_ONLY, switch)?,
            secret: self.gossip_secret()?,
            old_secret: self.old_secret()?,
        })
    }

    fn gossip_secret(&mut self) -> Result<Option<GossipSecret>, SettingsError> {
        let (secret, origin) = match self.secret_or_file(&table::SECRET, &table::SECRET_FILE)? {
            Some(Given::Text(text, origin)) => (GossipSecret::new(text.as_bytes()), origin),
            Some(Given::File(path, origin)) => {
                let read = cookie_file::gossip_secret(&path);
                self.read_named_file(read, path, origin)?
            }
            None => {
                self.report.unset(&table::SECRET);
                return Ok(None);
            }
        };
        self.report
            .note(&table::SECRET, &secret.to_string(), origin);
        Ok(Some(secret))
    }

    /// A rotation ends when the file does, or is emptied.
    fn old_secret(&mut self) -> Result<Option<GossipSecret>, SettingsError> {
        let setting = &table::OLD_SECRET_FILE;
        let Some(path) = self.optional(setting, parsed::<PathBuf>)? else {
            return Ok(None);
        };
        let origin = self.origin(setting);
        match cookie_file::gossip_secret(&path) {
            Err(SecretFileError::Empty(_)) => Ok(None),
            Err(SecretFileError::Unreadable { error, .. })
                if error.kind() == std::io::ErrorKind::NotFound =>
            {
                Ok(None)
            }
            read => self
                .read_named_file(read, path, origin)
                .map(|(secret, _)| Some(secret)),
        }
    }

    /// A secret is given as itself or in a file; the source that ranks first decides.
    fn secret_or_file(
        &mut self,
        secret: &'static Setting,
        file: &'static Setting,
    ) -> Result<Option<Given>, SettingsError> {
        let given = self.find(secret)?;
        let in_file = self
            .optional(file, parsed::<PathBuf>)?
            .map(|path| (path, self.origin(file)));
        match (given, in_file) {
            (Some(found), Some((_, second))) if found.origin.rank() == second.rank() => {
                Err(SettingsError::Twice {
                    first: found.origin,
                    second,
                })
            }
            (Some(found), Some((path, origin))) if origin.rank() < found.origin.rank() => {
                Ok(Some(Given::File(path, origin)))
            }
            (None, Some((path, origin))) => Ok(Some(Given::File(path, origin))),
            (Some(found), _) => {
                if let Origin::Flag(flag) = found.origin {
                    self.warnings.push(format!(
                        "--{flag} shows the secret to every user of this host (ps): use --{flag}-file or {}",
                        secret.env[0]
                    ));
                }
                Ok(found
                    .texts
                    .into_iter()
                    .next()
                    .map(|text| Given::Text(text, found.origin)))
            }
            (None, None) => Ok(None),
        }
    }

    fn read_named_file<T>(
        &mut self,
        read: Result<(T, bool), cookie_file::SecretFileError>,
        path: PathBuf,
        origin: Origin,
    ) -> Result<(T, Origin), SettingsError> {
        let (secret, open) = read.map_err(|error| SettingsError::NamedFile {
            origin: origin.clone(),
            error,
        })?;
        if open {
            self.warnings.push(format!(
                "{path:?} can be opened by others than its owner: chmod 400 {path:?}"
            ));
        }
        let path: Arc<Path> = path.into();
        Ok((
            secret,
            Origin::File {
                path,
                named_by: Some(origin.into()),
            },
        ))
    }

    /// Where a setting that is already in the report came from.
    pub(super) fn origin(&self, setting: &Setting) -> Origin {
        self.report.origin(setting).unwrap_or(Origin::Default)
    }

    pub(super) fn find(
        &mut self,
        setting: &'static Setting,
    ) -> Result<Option<Found>, SettingsError> {
        let found = self.sources.find(setting)?;
        if let Some(found) = &found {
            if found.texts.iter().all(|text| text.trim().is_empty()) {
                return Err(SettingsError::Value {
                    origin: found.origin.clone(),
                    problem: Problem::Empty,
                });
            }
            if found.dollar {
                self.warnings.push(format!(
                    "{}: '$' is taken as it stands, docker compose would expand it: write it in single quotes",
                    found.origin
                ));
            }
        }
        Ok(found)
    }
}

/// A secret, or where it is.
enum Given {
    Text(Zeroizing<String>, Origin),
    File(PathBuf, Origin),
}

impl Found {
    /// The one value, without the blanks around it; of a flag clap lets only one through.
    pub(super) fn text(&self) -> &str {
        self.texts.first().map_or("", |text| text.trim())
    }
}

fn bad_text(setting: &Setting, text: String, origin: Origin) -> SettingsError {
    let problem = Problem::Text {
        text,
        expects: setting.expects,
    };
    SettingsError::Value { origin, problem }
}

pub(super) fn parsed<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

pub(super) fn port(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port| *port != 0)
}

/// `127.0.0.1:4000`, or a port alone for loopback.
pub(crate) fn http_address(text: &str) -> Option<SocketAddr> {
    match port(text) {
        Some(port) => Some((Ipv4Addr::LOCALHOST, port).into()),
        None => text.parse().ok(),
    }
}

pub(super) fn switch(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// Up to a year, so that it can be added to any point in time. A bare number is one of seconds.
pub(super) fn seconds(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 4] = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    let with_unit = |(unit, seconds)| text.strip_suffix(unit).map(|number| (number, seconds));
    let (number, unit) = UNITS.into_iter().find_map(with_unit).unwrap_or((text, 1.0));
    let number: f64 = number.trim_end().parse().ok()?;
    Some(number * unit).filter(|seconds| *seconds > 0.0 && *seconds <= 31_536_000.0)
}

pub(super) fn epmd_mode(text: &str) -> Option<EpmdMode> {
    text.parse().ok()
}

pub(super) fn log_filter(text: &str) -> Option<String> {
    EnvFilter::builder()
        .parse(text)
        .ok()
        .map(|_| text.to_owned())
}

pub(super) fn log_format(text: &str) -> Option<LogFormat> {
    match text {
        "text" => Some(LogFormat::Text),
        "json" => Some(LogFormat::Json),
        _ => None,
    }
}

pub(super) fn peer(text: &str) -> Result<Peer, Problem> {
    let (node, port) = match text.split_once('=') {
        Some((node, digits)) => match port(digits) {
            Some(port) => (node, Some(port)),
            None => {
                return Err(Problem::Text {
                    text: text.into(),
                    expects: table::PEER.expects,
                });
            }
        },
        None => (text, None),
    };
    Ok(Peer {
        node: NodeName::new(node)?,
        port,
    })
}

/// A cookie is the name of an atom, and the handshake digests it as latin-1.
fn latin1(text: &str) -> Option<Vec<u8>> {
    let bytes: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(c).ok()).collect();
    bytes.filter(|bytes| (1..=255).contains(&bytes.len()))
}
