//! Questions that only an agent can answer whose session is with another replica.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use causeway_api::MemberName;
use causeway_api::exchange::FromTaker;
use causeway_api::peer::FromPeer;
use causeway_api::session::DiffEntry;
use tokio::sync::oneshot;

use super::Elsewhere;
use crate::replica::sessions::lock;
use crate::replica::shared::Shared;

/// How long the home and its agent may take together.
const LIMIT: Duration = Duration::from_secs(20);

pub(super) type Answer = Result<Vec<DiffEntry>, String>;

/// Questions that wait for an answer.
#[derive(Default)]
pub(super) struct Questions {
    inner: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    next: u64,
    answers: BTreeMap<u64, oneshot::Sender<Answer>>,
}

impl Questions {
    fn ask(&self) -> (u64, oneshot::Receiver<Answer>) {
        let (tell, answer) = oneshot::channel();
        let mut waiting = lock(&self.inner);
        let id = waiting.next;
        waiting.next += 1;
        waiting.answers.insert(id, tell);
        (id, answer)
    }

    pub(super) fn answered(&self, id: u64, answer: Answer) {
        let tell = lock(&self.inner).answers.remove(&id);
        if let Some(tell) = tell {
            let _ = tell.send(answer);
        }
    }
}

impl Shared {
    /// Asks a member's home for the exact difference between view and mesh.
    ///
    /// # Errors
    /// Why there is no answer, as a sentence.
    pub(crate) async fn ask_home(&self, member: &MemberName, home: &Elsewhere) -> Answer {
        let home = home.home;
        let sender = {
            let inner = self.exchange.inner();
            let of_home = inner.taking.values().find(|(peer, _)| *peer == home);
            of_home.map(|(_, sender)| sender.clone())
        };
        let Some(sender) = sender else {
            return Err(format!(
                "member {member} has its session with replica {home}, which is out of reach from here: ask {home} itself"
            ));
        };
        let (id, answer) = self.exchange.questions.ask();
        let question = FromTaker::AskDiff {
            id,
            member: member.clone(),
        };
        let asked = async {
            if sender.send(FromPeer::Facts(question)).await.is_err() {
                return Err(format!("the link to replica {home} ended: ask again"));
            }
            answer
                .await
                .unwrap_or_else(|_| Err(format!("the link to replica {home} ended: ask again")))
        };
        let answer = self.env.timeout(LIMIT, asked).await;
        lock(&self.exchange.questions.inner).answers.remove(&id);
        answer.unwrap_or_else(|elapsed| Err(format!("replica {home}, home of {member}: {elapsed}")))
    }

    /// Answers another replica.
    pub(super) async fn answer_diff(&self, member: &MemberName) -> Answer {
        match self.sessions.of(member) {
            Some(session) => session.diff(&self.env).await,
            None => Err(format!(
                "the agent of member {member} has no session with replica {} any more: ask again",
                self.id
            )),
        }
    }
}
