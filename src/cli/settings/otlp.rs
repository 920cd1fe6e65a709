//! `--otlp`: where metrics and traces go.

use super::error::SettingsError;
use super::resolve::Resolver;
#[cfg(not(feature = "otel"))]
use super::source::Origin;
use super::table;

impl Resolver<'_> {
    /// The collector, if one is given. A text that is no address is not repeated: it may hold a password.
    #[cfg(feature = "otel")]
    pub(super) fn otlp(&mut self) -> Result<Option<crate::otel::Endpoint>, SettingsError> {
        let setting = &table::OTLP;
        let Some(found) = self.find(setting)? else {
            self.report.unset(setting);
            return Ok(None);
        };
        match found.text().parse::<crate::otel::Endpoint>() {
            Ok(endpoint) => {
                self.report
                    .note(setting, &endpoint.to_string(), found.origin);
                Ok(Some(endpoint))
            }
            Err(error) => Err(SettingsError::Value {
                origin: found.origin,
                problem: error.into(),
            }),
        }
    }

    /// Whoever asks for an export hears that there is none; a variable that other programs read as well is no such wish.
    #[cfg(not(feature = "otel"))]
    pub(super) fn no_otlp(&mut self) -> Result<(), SettingsError> {
        self.report.unset(&table::OTLP);
        let Some(found) = self.find(&table::OTLP)? else {
            return Ok(());
        };
        let error = SettingsError::NoOtel {
            origin: found.origin,
        };
        match &error {
            SettingsError::NoOtel {
                origin: Origin::Env(name) | Origin::EnvFile { name, .. },
            } if name.starts_with("OTEL_") => {
                self.warnings.push(error.to_string());
                Ok(())
            }
            _ => Err(error),
        }
    }
}
