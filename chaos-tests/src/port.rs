//! Ports of the operating system's choice, that stay ours.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::Context as _;
use tokio::net::TcpSocket;

/// A TCP port on a loopback address. While this value lives, the system gives the port to nobody
/// who asks for just any, neither to listen on nor to connect from; the component that
/// it's meant for can take it by its number, and again after a restart.
///
/// It holds a bound socket that never listens: Linux lets others bind beside such a one if all set
/// `SO_REUSEADDR`, which servers in Go and Envoy do, but doesn't pick its port by itself.
#[derive(Debug)]
pub struct Port {
    address: SocketAddr,
    _held: TcpSocket,
}

impl Port {
    /// Some free port on 127.0.0.1.
    ///
    /// # Errors
    /// If there is none.
    pub fn any() -> anyhow::Result<Self> {
        Self::on(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }

    /// Some free port on this address of the machine.
    ///
    /// # Errors
    /// If there is none, or the address is not the machine's.
    pub fn on(address: IpAddr) -> anyhow::Result<Self> {
        let held = match address {
            IpAddr::V4(_) => TcpSocket::new_v4(),
            IpAddr::V6(_) => TcpSocket::new_v6(),
        }?;
        held.set_reuseaddr(true)?;
        held.bind(SocketAddr::new(address, 0))
            .with_context(|| format!("finding a free port on {address}"))?;
        Ok(Self {
            address: held.local_addr()?,
            _held: held,
        })
    }

    /// The port's number.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.address.port()
    }

    /// Address and number.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::Duration;

    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::wait::eventually;

    #[tokio::test]
    async fn a_server_can_take_the_port_twice_while_it_is_held() {
        let port = Port::any().unwrap();
        for _ in 0..2 {
            // A process that another test is just starting holds a copy of the listener that was
            // dropped here, until it executes its program.
            let listener = eventually(Duration::from_secs(30), "the port is taken", || async {
                Ok(TcpListener::bind(port.address()).await?)
            })
            .await
            .unwrap();
            let _client = TcpStream::connect(port.address()).await.unwrap();
            drop(listener);
        }
    }
}
