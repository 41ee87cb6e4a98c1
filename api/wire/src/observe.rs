//! What an agent is asked to observe.

use causeway_api::facts::GatewayAddress;
use causeway_api::probe::{GatewayProbe, Observed};

use crate::error::WireError;
use crate::proto::{self, observed::How};
use crate::read::{At, sentence};

impl From<&Observed> for proto::Observed {
    fn from(value: &Observed) -> Self {
        let address = |(address, port): &(GatewayAddress, u16)| proto::GatewayEndpoint {
            address: Some(address.into()),
            port: (*port).into(),
        };
        let how = match &value.how {
            GatewayProbe::Tcp => None,
            GatewayProbe::Tls { names } => Some(How::Tls(proto::TlsProbe {
                names: names.clone(),
            })),
            GatewayProbe::Http { port, path } => Some(How::Http(proto::HttpProbe {
                port: (*port).into(),
                path: sentence(path),
            })),
        };
        Self {
            subject: value.subject.to_string(),
            addresses: value.addresses.iter().map(address).collect(),
            place: sentence(&value.place),
            how,
        }
    }
}

impl TryFrom<proto::Observed> for Observed {
    type Error = WireError;
    fn try_from(wire: proto::Observed) -> Result<Self, WireError> {
        let at = |field| At("Observed", field);
        let address = |wire: proto::GatewayEndpoint| {
            let place = |field| At("GatewayEndpoint", field);
            let address = place("address").needed(wire.address)?;
            Ok((address, place("port").port(wire.port)?))
        };
        let addresses = at("addresses").items(wire.addresses, address)?;
        Ok(Self {
            subject: at("subject").name(&wire.subject)?,
            addresses: addresses.into_iter().collect(),
            place: at("place").sentence(wire.place)?,
            how: match wire.how {
                None => GatewayProbe::Tcp,
                Some(How::Tls(tls)) => GatewayProbe::Tls {
                    names: at("tls").items(tls.names, |name| at("tls").sentence(name))?,
                },
                Some(How::Http(http)) => GatewayProbe::Http {
                    port: at("http").port(http.port)?,
                    path: at("http").sentence(http.path)?,
                },
            },
        })
    }
}
