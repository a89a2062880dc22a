//! What is done to one pipeline.

use std::sync::Arc;

use catchwater_engine::plan::Plan;
use catchwater_engine::topology::Topology;

use super::plan::Edit;
use super::{Described, Origin, Server, Wanted};
use crate::wrong::Wrong;

impl Server {
    /// Makes a pipeline out of its document and keeps it on disk. `wanted` says whether it starts.
    pub async fn create(&self, text: String, wanted: Wanted) -> Result<Described, Wrong> {
        self.undisturbed(move |server, topology| {
            Box::pin(async move {
                let name = server.name_in(&text)?;
                if server.view().pipelines.contains_key(&name) {
                    return Err(Wrong::Exists(name));
                }
                server.put(topology, name, text, wanted).await
            })
        })
        .await
    }

    /// Puts another document in the place of a pipeline's, or makes the pipeline.
    pub async fn replace(&self, name: &str, text: String) -> Result<Described, Wrong> {
        let name = name.to_owned();
        self.undisturbed(move |server, topology| {
            Box::pin(async move {
                let within = server.name_in(&text)?;
                if within != name {
                    return Err(Wrong::Malformed(format!("the document is of pipeline `{within}`, not of `{name}`")));
                }
                server.own_or_new(&name)?;
                server.put(topology, name, text, Wanted::Running).await
            })
        })
        .await
    }

    /// Stops a pipeline and forgets it; what was committed stays committed.
    pub async fn delete(&self, name: &str) -> Result<(), Wrong> {
        let name = name.to_owned();
        self.undisturbed(move |server, topology| {
            Box::pin(async move {
                server.get(&name)?;
                server.own_or_new(&name)?;
                let edit = Edit { gone: vec![name], ..Edit::default() };
                let intended = server.intend_edit(&edit)?;
                server.carry_out(topology, &edit, intended).await.map(drop)
            })
        })
        .await
    }

    /// Stops it for now.
    pub async fn pause(&self, name: &str) -> Result<Described, Wrong> {
        self.want(name, Wanted::Paused).await
    }

    /// Lets it run.
    pub async fn resume(&self, name: &str) -> Result<Described, Wrong> {
        self.want(name, Wanted::Running).await
    }

    /// Stops it until it is resumed.
    pub async fn stop(&self, name: &str) -> Result<Described, Wrong> {
        self.want(name, Wanted::Stopped).await
    }

    /// Stops it and starts it from where it was; also one that waits to be tried again, or that has ended. One that could not be
    /// planned is planned again.
    pub async fn restart(&self, name: &str) -> Result<Described, Wrong> {
        let name = name.to_owned();
        self.undisturbed(move |server, topology| {
            Box::pin(async move {
                let before = server.get(&name)?;
                if before.wanted != Wanted::Running {
                    let state = before.state();
                    return Err(Wrong::Conflict(format!("pipeline `{name}` is {state}; resume it instead")));
                }
                match server.sound(&name) {
                    Some(_) => topology.restart(&name).await,
                    None => server.try_again(topology).await?,
                }
                server.get(&name)
            })
        })
        .await
    }

    async fn want(&self, name: &str, wanted: Wanted) -> Result<Described, Wrong> {
        let name = name.to_owned();
        self.undisturbed(move |server, topology| {
            Box::pin(async move {
                let wanted = wanted.after(server.get(&name)?.wanted);
                server.wish(&name, wanted)?;
                server.turn(topology, &name, wanted).await;
                server.get(&name)
            })
        })
        .await
    }

    /// Starts or stops what is known already, whatever has become of the files meanwhile.
    async fn turn(&self, topology: &mut Topology, name: &str, wanted: Wanted) {
        if let Some(shown) = self.view().pipelines.get_mut(name) {
            shown.wanted = wanted;
        }
        let plan = {
            let view = self.view();
            let running = view.pipelines.values().filter(|shown| shown.wanted == Wanted::Running);
            let pipelines = running.filter_map(|shown| shown.runs().map(Arc::clone)).collect();
            Plan { pipelines, destinations: Vec::new() }
        };
        topology.apply(&plan).await;
    }

    /// Keeps a document once it was planned; `wanted` is for one that is new.
    async fn put(
        &self,
        topology: &mut Topology,
        name: String,
        text: String,
        wanted: Wanted,
    ) -> Result<Described, Wrong> {
        let edit = Edit { documents: [(name.clone(), text)].into(), ..Edit::default() };
        let intended = self.intend_edit(&edit)?;
        self.wish_at_first(&name, wanted)?;
        self.carry_out(topology, &edit, intended).await?;
        self.get(&name)
    }

    /// The name of the one pipeline in a document.
    fn name_in(&self, text: &str) -> Result<String, Wrong> {
        let path = std::path::Path::new("request");
        let plan = catchwater_engine::plan::plan_texts(&[(path, text)], &self.0.registry)?;
        match (plan.pipelines.as_slice(), plan.destinations.as_slice()) {
            ([planned], []) => Ok(planned.spec.name.clone()),
            _ => Err(Wrong::Malformed("a request makes one pipeline: send one document".into())),
        }
    }

    pub(super) fn own_or_new(&self, name: &str) -> Result<(), Wrong> {
        match self.view().pipelines.get(name).map(|shown| &shown.origin) {
            Some(Origin::File(file)) => Err(Wrong::FromFile { name: name.to_owned(), file: file.clone() }),
            Some(Origin::Api) | None => Ok(()),
        }
    }

    /// Of what is new: one of that name that is gone may have been stopped.
    pub(super) fn wish_at_first(&self, name: &str, wanted: Wanted) -> Result<(), Wrong> {
        let is_new = !self.view().pipelines.contains_key(name);
        if is_new { self.wish(name, wanted.after(Wanted::Stopped)) } else { Ok(()) }
    }

    pub(super) fn wish(&self, name: &str, wanted: Wanted) -> Result<(), Wrong> {
        let mut wishes = self.0.store.wishes()?;
        let before = match wanted {
            Wanted::Running => wishes.remove(name),
            other => wishes.insert(name.to_owned(), other),
        };
        if before.unwrap_or_default() != wanted {
            self.0.store.keep_wishes(&wishes)?;
        }
        Ok(())
    }
}
