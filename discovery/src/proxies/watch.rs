//! Asks for ever, and says what came of it in the member's own row.

use super::places::Places;
use super::reader::Reader;
use crate::Observer;

/// Asks until it is dropped. `places` says what the hosts of proxies are, as it is known then.
pub async fn watch(mut reader: Reader, observer: Observer, places: impl Fn() -> Places + Send) {
    loop {
        let places = places();
        let ejected = reader.round(&places).await;
        for (proxy, sentence) in reader.problems() {
            observer.set_problem(&format!("proxies at {proxy}"), sentence);
        }
        observer.set_ejected(ejected);
        reader.pause().await;
    }
}
