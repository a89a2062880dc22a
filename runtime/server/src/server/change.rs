//! What is done to one pipeline.

use std::sync::Arc;

use catchwater_engine::plan::Plan;
use catchwater_engine::topology::Topology;

use super::plan::Edit;
use super::turns::to_the_end;
use super::{Described, Origin, Reloaded, Server, Wanted};
use crate::wrong::Wrong;

impl Server {
    /// Makes a pipeline out of its document and keeps it on disk. `wanted` says whether it starts.
    pub async fn create(&self, text: String, wanted: Wanted) -> Result<Described, Wrong> {
        let name = self.name_in(&text)?;
        let is_new = |server: &Server, name: &str| match server.view().pipelines.contains_key(name) {
            true => Err(Wrong::Exists(name.to_owned())),
            false => Ok(()),
        };
        let edit = Edit { documents: [(name.clone(), text)].into(), ..Edit::default() };
        self.edit(&name, edit, wanted, is_new).await?;
        self.get(&name)
    }

    /// Puts another document in the place of a pipeline's, or makes the pipeline.
    pub async fn replace(&self, name: &str, text: String) -> Result<Described, Wrong> {
        let (name, within) = (name.to_owned(), self.name_in(&text)?);
        if within != name {
            return Err(Wrong::Malformed(format!("the document is of pipeline `{within}`, not of `{name}`")));
        }
        let edit = Edit { documents: [(name.clone(), text)].into(), ..Edit::default() };
        self.edit(&name, edit, Wanted::Running, Server::own_or_new).await?;
        self.get(&name)
    }

    /// Stops a pipeline and forgets it; what was committed stays committed.
    pub async fn delete(&self, name: &str) -> Result<(), Wrong> {
        let edit = Edit { gone: vec![name.to_owned()], ..Edit::default() };
        let is_own = |server: &Server, name: &str| server.get(name).and_then(|_| server.own_or_new(name));
        self.edit(name, edit, Wanted::Running, is_own).await
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
        let (server, name) = (self.clone(), name.to_owned());
        to_the_end(async move {
            if !server.undisturbed_of(&name, |server, part, name| Box::pin(server.begin_again(part, name))).await? {
                server.undisturbed(|server, topology| Box::pin(server.try_again(topology))).await?;
            }
            server.get(&name)
        })
        .await
    }

    /// Answers whether it is sound enough.
    async fn begin_again(&self, part: &mut Topology, name: &str) -> Result<bool, Wrong> {
        let before = self.get(name)?;
        if before.wanted != Wanted::Running {
            let state = before.state();
            return Err(Wrong::Conflict(format!("pipeline `{name}` is {state}; resume it instead")));
        }
        let is_sound = self.sound(name).is_some();
        if is_sound {
            part.restart(name).await;
        }
        Ok(is_sound)
    }

    async fn want(&self, name: &str, wanted: Wanted) -> Result<Described, Wrong> {
        self.undisturbed_of(name, move |server, part, name| {
            Box::pin(async move {
                let wanted = wanted.after(server.get(name)?.wanted);
                server.wish(name, wanted)?;
                server.turn(part, name, wanted).await;
                server.get(name)
            })
        })
        .await
    }

    /// Starts or stops what is known already, whatever has become of the files meanwhile.
    async fn turn(&self, part: &mut Topology, name: &str, wanted: Wanted) {
        let runs = self.view().pipelines.get_mut(name).and_then(|shown| {
            shown.wanted = wanted;
            shown.runs().filter(|_| wanted == Wanted::Running).map(Arc::clone)
        });
        part.apply(&Plan { pipelines: runs.into_iter().collect(), destinations: Vec::new() }).await;
    }

    /// Changes one pipeline, if that is allowed; `wanted` is for one that is new. Planned is one change at a time, beside what was
    /// planned before; made so are many at once.
    async fn edit(
        &self,
        name: &str,
        edit: Edit,
        wanted: Wanted,
        is_allowed: fn(&Server, &str) -> Result<(), Wrong>,
    ) -> Result<(), Wrong> {
        let (server, name) = (self.clone(), name.to_owned());
        to_the_end(async move {
            let change = server.undisturbed_of(&name, move |server, part, name| {
                Box::pin(server.change(part, name, edit, wanted, is_allowed))
            });
            change.await?;
            let was_refused = server.view().found.pipelines.is_some();
            match was_refused {
                true => server.undisturbed(|server, topology| Box::pin(server.try_again(topology))).await,
                false => Ok(()),
            }
        })
        .await
    }

    async fn change(
        &self,
        part: &mut Topology,
        name: &str,
        edit: Edit,
        wanted: Wanted,
        is_allowed: fn(&Server, &str) -> Result<(), Wrong>,
    ) -> Result<Reloaded, Wrong> {
        let planning = self.0.planning.lock().await;
        is_allowed(self, name)?;
        let intended = self.intend_edit(&edit)?;
        self.wish_at_first(name, wanted)?;
        self.promise(part, &edit, &intended)?;
        drop(planning);
        self.fulfil(part, &edit, intended).await
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
        let _wishing = self.wishing();
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
