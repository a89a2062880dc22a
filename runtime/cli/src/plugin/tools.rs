//! What makes a component of a plugin in an interpreted language: of the versions that its SDK names, installed once into the
//! user's cache folder.

use std::env;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use catchwater_sdk::{Error, Result, ResultExt};
use catchwater_wasm::digest;

use super::language::Language;
use crate::output::note;

/// A language's tools, and the script of its SDK that uses them.
struct Tools {
    sdk: PathBuf,
    script: &'static str,
    /// What the SDK says is to be installed; the folder is named by its digest.
    pinned: &'static [&'static str],
    name: &'static str,
    language: Language,
}

/// Has the project's SDK make a component of it.
pub(super) fn interpret(language: Language, project: &Path, to: &Path) -> Result<()> {
    let tools = Tools::of(language, project)?;
    let folder = tools.install()?;
    let absolute = |path: &Path| std::path::absolute(path).or_refused(|| format!("find {}", path.display()));
    let mut command = match language {
        Language::Python => Command::new(folder.join("bin/python")),
        _ => Command::new("node"),
    };
    command.arg(absolute(&tools.sdk.join(tools.script))?).arg(absolute(project)?).arg(absolute(to)?);
    run(command.current_dir(&folder), &format!("build {}", project.display()))
}

// === impl Tools ===

impl Tools {
    fn of(language: Language, project: &Path) -> Result<Tools> {
        let (folder, script, pinned, name): (_, _, &[_], _) = match language {
            Language::Python => ("guest-python", "build.py", &["requirements.txt"], "Python"),
            _ => ("guest-js", "build.js", &["package-lock.json", "package.json"], "JavaScript"),
        };
        let sdk = project.join("catchwater").join(folder);
        if !sdk.join(script).exists() {
            let text = format!("there is no SDK in {}: `catchwater plugin new` puts it into a project", sdk.display());
            return Err(Error::config(text));
        }
        Ok(Tools { sdk, script, pinned, name, language })
    }

    /// The folder in which they are.
    fn install(&self) -> Result<PathBuf> {
        let first = self.sdk.join(self.pinned[0]);
        let key = digest(&fs::read(&first).or_refused(|| format!("read {}", first.display()))?);
        let cache = cache()?;
        let folder = cache.join(format!("{}-{}", self.name.to_lowercase(), &key[..12]));
        let doing = || format!("create {}", folder.display());
        fs::create_dir_all(&cache).or_refused(doing)?;
        // Another build waits meanwhile; one that is ended leaves a folder that is made anew.
        let lock = File::create(cache.join(format!("{}.lock", self.name.to_lowercase()))).or_refused(doing)?;
        lock.lock().or_refused(doing)?;
        let complete = folder.join(".complete");
        if !complete.exists() {
            note(&format!("installing what builds plugins in {} into {}", self.name, folder.display()));
            let _ = fs::remove_dir_all(&folder); // most often it is not there
            fs::create_dir_all(&folder).or_refused(doing)?;
            self.fetch(&folder)?;
            fs::write(&complete, "").or_refused(doing)?;
        }
        Ok(folder)
    }

    fn fetch(&self, folder: &Path) -> Result<()> {
        for file in self.pinned {
            let to = folder.join(file);
            fs::copy(self.sdk.join(file), &to).or_refused(|| format!("write {}", to.display()))?;
        }
        if self.language == Language::Python {
            run(Command::new("python3").args(["-m", "venv"]).arg(folder), "make a virtual environment")?;
            let mut pip = Command::new(folder.join("bin/python"));
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]);
            return run(
                pip.arg("--requirement").arg(folder.join(self.pinned[0])),
                "install what requirements.txt names",
            );
        }
        let npm = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"];
        run(Command::new("npm").args(npm).current_dir(folder), "install what package-lock.json names")
    }
}

/// Runs a tool, which says itself above the error what is wrong.
fn run(command: &mut Command, doing: &str) -> Result<()> {
    let tool = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    match output {
        Ok(output) if output.status.success() => Ok(()),
        Ok(_) if tool == "python3" => Err(Error::refused(format!("{doing}: {}", needed(&tool)))),
        Ok(_) => Err(Error::refused(format!("{doing}: it failed, see above"))),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(Error::refused(format!("{doing}: there is no {tool}; {}", needed(&tool))))
        }
        Err(error) => Err(Error::refused(format!("{doing}: run {tool}")).because(error)),
    }
}

/// Where a tool comes from.
fn needed(tool: &str) -> &'static str {
    match tool {
        "python3" => "a plugin in Python needs Python 3.10 or later with venv (Debian: apt-get install python3-venv)",
        _ => "a plugin in JavaScript needs Node.js 18 or later and npm (Debian: apt-get install nodejs npm)",
    }
}

fn cache() -> Result<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    let folder = folder.ok_or_else(|| Error::config("there is no cache folder: set XDG_CACHE_HOME"))?;
    Ok(folder.join("catchwater").join("plugin-tools"))
}
