//! What `--otlp` begins: nothing in a binary that was built without OpenTelemetry, which refuses the flag.

use std::io;

use super::output::SpanLayer;
use super::settings::Settings;
use crate::http::View;
#[cfg(feature = "otel")]
use crate::otel::Export;

/// An export of metrics and spans, if one is wanted, until it is dropped.
#[derive(Debug, Default)]
pub(super) struct Exports {
    #[cfg(feature = "otel")]
    export: Option<Export>,
}

impl Exports {
    /// Begins what `settings` want.
    ///
    /// # Errors
    /// What the system says when it has no thread for it.
    #[cfg_attr(not(feature = "otel"), expect(unused_variables))]
    pub(super) fn start(settings: &Settings) -> io::Result<Exports> {
        Ok(Exports {
            #[cfg(feature = "otel")]
            export: match &settings.otlp {
                Some(endpoint) => Export::start(endpoint, settings.name.as_str())?,
                None => None,
            },
        })
    }

    /// Where spans come in.
    pub(super) fn spans(&self) -> Option<SpanLayer> {
        #[cfg(feature = "otel")]
        if let Some(export) = &self.export {
            return Some(export.layer());
        }
        None
    }

    /// Exports what `view` sees from now on.
    #[cfg_attr(not(feature = "otel"), expect(unused_variables))]
    pub(super) fn watch(&mut self, view: &View) {
        #[cfg(feature = "otel")]
        if let Some(export) = &mut self.export {
            export.watch(view.clone());
        }
    }
}
