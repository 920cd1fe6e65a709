//! I/O: `beamlink.toml`, flattened to the table's keys.

use std::collections::HashMap;
use std::path::Path;

use toml::Value;
use zeroize::Zeroizing;

use super::error::{Problem, SettingsError};
use super::source::Origin;
use super::table::{self, Setting, Shape};

/// What a configuration file says, by the setting's key.
pub(super) type Config = HashMap<&'static str, Vec<Zeroizing<String>>>;

pub(super) fn read(path: &Path) -> Result<Config, SettingsError> {
    let text = std::fs::read_to_string(path).map(Zeroizing::new);
    let text = text.map_err(|error| SettingsError::Unreadable {
        path: path.into(),
        error,
    })?;
    // The error's own text quotes the line, which may hold a secret: only its message and place go on.
    let root: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| SettingsError::Toml {
            path: path.into(),
            line: line_of(&text, error.span().map_or(0, |span| span.start)),
            message: error.message().to_owned(),
        })?;
    let mut config = Config::new();
    for (key, value) in root {
        match value {
            Value::Table(inner) if key == "gossip" => {
                for (inner_key, value) in inner {
                    add(&mut config, path, format!("gossip.{inner_key}"), value)?;
                }
            }
            _ if key == "gossip" => {
                let origin = Origin::Config {
                    path: path.into(),
                    key: "gossip",
                };
                return Err(SettingsError::Value {
                    origin,
                    problem: Problem::NotTable,
                });
            }
            value => add(&mut config, path, key, value)?,
        }
    }
    Ok(config)
}

fn add(config: &mut Config, path: &Path, key: String, value: Value) -> Result<(), SettingsError> {
    let Some(setting) = table::ALL.iter().find(|setting| setting.key == key) else {
        return Err(SettingsError::UnknownKey {
            path: path.into(),
            nearest: nearest(&key),
            key,
        });
    };
    let texts = texts(setting, value).map_err(|problem| SettingsError::Value {
        origin: Origin::Config {
            path: path.into(),
            key: setting.key,
        },
        problem,
    })?;
    config.insert(setting.key, texts);
    Ok(())
}

fn texts(setting: &Setting, value: Value) -> Result<Vec<Zeroizing<String>>, Problem> {
    match (setting.shape, value) {
        (Shape::List(_), Value::Array(values)) => values.into_iter().map(text).collect(),
        (Shape::Secret(_), value @ Value::String(_)) => Ok(vec![text(value)?]),
        (Shape::Secret(_), _) => Err(Problem::Quotes),
        (_, value) => Ok(vec![text(value)?]),
    }
}

fn text(value: Value) -> Result<Zeroizing<String>, Problem> {
    match value {
        Value::String(text) => Ok(Zeroizing::new(text)),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) => {
            Ok(Zeroizing::new(value.to_string()))
        }
        Value::Datetime(_) | Value::Array(_) | Value::Table(_) => {
            Err(Problem::Shape(value.type_str()))
        }
    }
}

/// The key of the same name in the other table, else the one spelt most alike.
fn nearest(key: &str) -> &'static str {
    let last = |key: &'static str| key.rsplit('.').next().unwrap_or(key);
    let keys = || {
        table::ALL
            .iter()
            .map(|setting| setting.key)
            .chain(["gossip"])
    };
    let moved = keys().find(|ours| last(ours) == key.rsplit('.').next().unwrap_or(key));
    moved
        .or_else(|| keys().min_by_key(|ours| strsim::osa_distance(ours, key)))
        .unwrap_or("name")
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text
        .bytes()
        .take(offset)
        .filter(|byte| *byte == b'\n')
        .count()
}
