//! What an instance may do outside of itself: what its plugin wants and its pipeline grants.

use std::sync::Arc;

use catchwater_sdk::clock::Clock;
use catchwater_sdk::{Context, Result};

use crate::bindings::egress::{Request, Response, Trouble};
use crate::egress::{Budget, Egress};
use crate::grants::Grants;
use crate::keyed::Keyed;
use crate::wants::Wants;

/// So many random bytes at once.
const RANDOM_BYTES_MAX: u32 = 64 << 10;

/// Nothing, unless it is granted.
#[derive(Clone, Default)]
pub(crate) struct Outside {
    clock: Option<Arc<dyn Clock>>,
    random: bool,
    egress: Option<(Arc<Egress>, Budget)>,
    keyed: Option<Keyed>,
}

// === impl Outside ===

impl Outside {
    /// What is wanted of what is granted; an error says which grant cannot work.
    pub(crate) fn new(wants: Wants, grants: &Grants, context: &Context) -> Result<Outside> {
        let egress = match wants.egress {
            true => Some((Arc::new(Egress::new(grants)?), Budget::default())),
            false => None,
        };
        let clock = (wants.clock && grants.clock).then(|| Arc::clone(&context.clock));
        let keyed = (wants.state && grants.state).then(|| Keyed::new(grants.state_max.most.as_usize()));
        Ok(Outside { clock, random: wants.random && grants.random, egress, keyed })
    }

    /// A call begins: what is bounded for each is full again.
    pub(crate) fn begin_call(&mut self) {
        if let Some((egress, budget)) = &mut self.egress {
            *budget = egress.budget();
        }
    }

    /// Requests that are under way end, and none is sent any more.
    pub(crate) fn stop(&self) {
        if let Some((egress, _)) = &self.egress {
            egress.stop();
        }
    }

    /// The values that it keeps, where it may.
    pub(crate) fn keyed(&self) -> Option<&Keyed> {
        self.keyed.as_ref()
    }

    /// Goes on with the values that an instance was opened with, which may have changed them.
    pub(crate) fn with_values(self, values: Option<&Keyed>) -> Outside {
        Outside { keyed: values.cloned(), ..self }
    }

    /// An attempt has ended, well or not.
    pub(crate) fn settle(&self, is_well: bool) {
        self.keyed.iter().for_each(|keyed| keyed.settle(is_well));
    }

    pub(crate) fn state(&self) -> wasmtime::Result<&Keyed> {
        self.keyed.as_ref().ok_or_else(|| ungranted("state"))
    }

    pub(crate) fn now(&self) -> wasmtime::Result<i64> {
        self.clock.as_ref().map(|clock| clock.now_micros()).ok_or_else(|| ungranted("clock"))
    }

    pub(crate) fn random(&self, count: u32) -> wasmtime::Result<Vec<u8>> {
        if !self.random {
            return Err(ungranted("random"));
        }
        if count > RANDOM_BYTES_MAX {
            let text = format!("it asks for {count} random bytes at once, and {RANDOM_BYTES_MAX} may be");
            return Err(wasmtime::Error::msg(text));
        }
        let mut bytes = vec![0; count as usize];
        getrandom::fill(&mut bytes).map_err(|error| wasmtime::Error::msg(error.to_string()))?;
        Ok(bytes)
    }

    pub(crate) fn send(&mut self, request: Request) -> wasmtime::Result<std::result::Result<Response, Trouble>> {
        let (egress, budget) = self.egress.as_mut().ok_or_else(|| ungranted("egress"))?;
        Ok(egress.send(request, budget))
    }
}

/// Also what is granted is not to be had while a plugin describes itself or checks its configuration.
fn ungranted(want: &str) -> wasmtime::Error {
    wasmtime::Error::msg(format!("it asks for `{want}`, which it does not have here"))
}
