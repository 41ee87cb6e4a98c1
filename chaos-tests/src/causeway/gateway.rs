//! The outside of an east-west gateway: an address at which a connection is accepted, or refused.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::{net::TcpListener, task::JoinHandle};

use super::DEADLINE;
use crate::{eventually, port::Port};

/// A listener that can be closed and opened again at the same address.
#[derive(Debug)]
pub struct GatewayDoor {
    port: Port,
    open: Option<JoinHandle<()>>,
}

impl GatewayDoor {
    /// Opens one at 127.0.1.`last`, at a port of the system's choice.
    ///
    /// # Errors
    /// If the address can't be had.
    pub async fn open_at(last: u8) -> anyhow::Result<Self> {
        let port = Port::on(IpAddr::V4(Ipv4Addr::new(127, 0, 1, last)))?;
        let mut door = Self { port, open: None };
        door.open().await?;
        Ok(door)
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Refuses connections from now on.
    pub async fn close(&mut self) {
        if let Some(task) = self.open.take() {
            task.abort();
            // The listener is gone once the task is.
            let _ = task.await;
        }
    }

    /// Accepts connections from now on.
    ///
    /// # Errors
    /// If the address stays taken.
    pub async fn open(&mut self) -> anyhow::Result<()> {
        self.close().await;
        let address = self.port.address();
        // A process that is just being started beside us holds a copy of a listener that was closed here, until it executes
        // its program.
        let what = format!("the gateway at {address} opens");
        let listener = eventually(DEADLINE, &what, || async {
            Ok(TcpListener::bind(address).await?)
        })
        .await?;
        self.open = Some(tokio::spawn(async move {
            // A probe wants the handshake alone.
            while listener.accept().await.is_ok() {}
        }));
        Ok(())
    }
}

impl Drop for GatewayDoor {
    fn drop(&mut self) {
        if let Some(task) = &self.open {
            task.abort();
        }
    }
}
