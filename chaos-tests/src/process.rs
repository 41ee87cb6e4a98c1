//! Child processes that end with us.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Mutex, OnceLock, mpsc},
    thread,
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};

use crate::{eventually, scratch::note_trouble};

/// A program with its arguments, running or not. It's killed when this value is dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(String, String)>,
    folder: PathBuf,
    log: PathBuf,
    child: Option<Child>,
}

impl Process {
    /// Describes a process; `folder` becomes its working folder and gets its log, `<name>.log`.
    #[must_use]
    pub fn new(name: &str, program: PathBuf, folder: &Path) -> Self {
        Self {
            name: name.to_owned(),
            program,
            arguments: Vec::new(),
            environment: Vec::new(),
            folder: folder.to_owned(),
            log: folder.join(format!("{name}.log")),
            child: None,
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<I: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = I>) -> Self {
        self.arguments.extend(
            arguments
                .into_iter()
                .map(|argument| argument.as_ref().to_owned()),
        );
        self
    }

    /// Gives another value to a flag that it has, for its next start.
    pub fn set_flag(&mut self, flag: &str, value: &str) {
        let at = self.arguments.iter().position(|argument| argument == flag);
        if let Some(old) = at.and_then(|at| self.arguments.get_mut(at + 1)) {
            *old = value.into();
        }
    }

    /// Sets an environment variable. Apart from these there are just PATH and HOME.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same for one that is described already: from its next start on.
    pub fn set_env(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Starts it, or starts it again with the same arguments.
    ///
    /// # Errors
    /// If it runs already or can't be started.
    pub fn start(&mut self) -> anyhow::Result<()> {
        ensure!(self.child.is_none(), "{} runs already", self.name);
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)
            .with_context(|| format!("opening {}", self.log.display()))?;
        // setpriv (util-linux) has the kernel kill the process when the thread that made it ends.
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--"])
            .arg(&self.program)
            .args(&self.arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.folder)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        self.child = Some(
            spawn(command).with_context(|| format!("starting {} through setpriv", self.name))?,
        );
        Ok(())
    }

    /// Its process id, if it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Where its output goes.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Kills it at once (SIGKILL) and waits until it's gone. Does nothing if it doesn't run.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Fails only if it ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Asks it to end (SIGTERM) and waits; kills it after a minute.
    ///
    /// # Errors
    /// If it had to be killed.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        if self.child.is_none() {
            return Ok(());
        }
        self.signal("TERM")?;
        for _ in 0..3_000 {
            if self.ended()?.is_some() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.kill();
        bail!(
            "{} didn't end within a minute of SIGTERM; its log is {}",
            self.name,
            self.log.display()
        );
    }

    /// Stops its clock: it keeps its connections and answers nothing (SIGSTOP).
    ///
    /// # Errors
    /// If it doesn't run.
    pub fn pause(&self) -> anyhow::Result<()> {
        self.signal("STOP")
    }

    /// Undoes [`Self::pause`] (SIGCONT).
    ///
    /// # Errors
    /// If it doesn't run.
    pub fn resume(&self) -> anyhow::Result<()> {
        self.signal("CONT")
    }

    fn signal(&self, signal: &str) -> anyhow::Result<()> {
        let id = self
            .id()
            .with_context(|| format!("{} doesn't run", self.name))?;
        // The shell's own kill: the program of that name isn't installed everywhere.
        let status = Command::new("sh")
            .args(["-c", &format!("kill -{signal} {id}")])
            .status()?;
        ensure!(
            status.success(),
            "sending SIG{signal} to {} failed",
            self.name
        );
        Ok(())
    }

    /// How it ended, if it did so by itself.
    ///
    /// # Errors
    /// If the system won't say.
    pub fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        let Some(child) = &mut self.child else {
            return Ok(None);
        };
        let status = child.try_wait()?;
        if status.is_some() {
            self.child = None;
        }
        Ok(status)
    }

    /// Waits until `look` gives `Ok`; gives up at the deadline or when the process ends.
    ///
    /// # Errors
    /// In both cases, with the end of the log.
    pub async fn ready<Look, Answer>(
        &mut self,
        deadline: Duration,
        mut look: Look,
    ) -> anyhow::Result<()>
    where
        Look: FnMut() -> Answer,
        Answer: Future<Output = anyhow::Result<()>>,
    {
        let what = format!("{} is ready", self.name);
        let process = Mutex::new(&mut *self);
        let outcome = eventually(deadline, &what, || {
            // An end is final: it goes out as success of the waiting.
            let ended = process
                .lock()
                .map(|mut process| process.ended())
                .unwrap_or(Ok(None));
            let answer = look();
            async move {
                match ended? {
                    Some(status) => Ok(Some(status)),
                    None => answer.await.map(|()| None),
                }
            }
        })
        .await;
        match outcome {
            Ok(None) => Ok(()),
            Ok(Some(status)) => {
                note_trouble();
                bail!("{} ended with {status}; {}", self.name, self.log_tail())
            }
            Err(error) => bail!("{error:#}; {}", self.log_tail()),
        }
    }

    /// The log's path and last lines, for messages.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let text = String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned();
        let lines: Vec<_> = text.lines().collect();
        let last = lines
            .get(lines.len().saturating_sub(15)..)
            .unwrap_or_default()
            .join("\n");
        format!("the end of {}:\n{last}", self.log.display())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

type Order = (Command, mpsc::Sender<io::Result<Child>>);

/// Starts a child from a thread that lives as long as this process: a test's own thread would
/// take along, at its end, what another test still uses.
fn spawn(command: Command) -> anyhow::Result<Child> {
    static SPAWNER: OnceLock<mpsc::Sender<Order>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (orders, incoming) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, answer) in incoming {
                // Nobody listens if the test was cancelled meanwhile: then the child must not stay.
                if let Err(mpsc::SendError(Ok(mut child))) = answer.send(command.spawn()) {
                    let _ = child.kill();
                    let _ = child.wait();
                }
            }
        });
        orders
    });
    let (answer, result) = mpsc::channel();
    spawner
        .send((command, answer))
        .ok()
        .context("the thread that starts processes is gone")?;
    Ok(result.recv()??)
}

#[cfg(test)]
#[path = "process_tests.rs"]
mod tests;
